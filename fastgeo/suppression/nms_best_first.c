#include "suppression/nms_best_first.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "runtime/large_memory.h"
#include "suppression/nms_adaptive.h"
#include "suppression/nms_grid.h"
#include "suppression/tuning.h"

/* Boxes of a chunk: about a millisecond. It lays out BLOCK of them at a time, which stay in the first-level cache. */
enum { CHUNK = 1 << 15, BLOCK = 256 };

/* Each kept box is copied into every cell whose boxes it is likely to suppress, so that a box is compared with the copies in
   its own cell alone. A suppression missed here costs time and no more: the box goes on to the exact search. */
typedef struct {
    nms_grid grid;
    void *boxes; /* cell by cell, in whole vectors, value after value */
} kept_cells;

typedef struct {
    fg_nms_crowd *crowd;
    int64_t n_best, n_kept;
    uint32_t *kept; /* positions among the best */
    void *values;   /* of the kept boxes, five together */
    uint8_t *is_dropped; /* by box of the input */
    kept_cells cells;
    int status;
} best_first_job;

#define FG_BODY "suppression/nms_best_first_body.h"
#include "runtime/for_each_target.h"

typedef void sample_function(const fg_nms_crowd *crowd, nms_grid *range);
typedef int fill_function(best_first_job *job);
typedef void drop_function(const best_first_job *job, int64_t begin, int64_t end);
FG_TABLE(sample_function, measure_sample);
FG_TABLE(fill_function, fill_cells);
FG_TABLE(drop_function, drop_others);

double fg_nms_depth(const fg_nms_crowd *crowd)
{
    nms_grid range;
    measure_sample_table[crowd->team->isa][crowd->call->boxes_f64](crowd, &range);
    const double width = range.greatest[0] - range.least[0], height = range.greatest[1] - range.least[1];
    const double largest_w = range.greatest[2], largest_h = range.greatest[3];
    const int is_wide = width > HEAP_WIDTH * largest_w && height > HEAP_WIDTH * largest_h;
    return is_wide ? (double)crowd->n * largest_w * largest_h / (width * height) : 0;
}

static uint32_t score_key(fg_ranked entry) { return (uint32_t)(entry >> 32); }

/* Lists the best boxes in the scratch: about one of BEST_SHARE, above a quantile of a sample of the scores. */
static void list_best(best_first_job *job)
{
    const fg_nms_crowd *crowd = job->crowd;
    const fg_nms_call *call = crowd->call;
    fg_ranked sample[SCORE_SAMPLE], scratch[SCORE_SAMPLE];
    const int64_t n = crowd->n < SCORE_SAMPLE ? crowd->n : SCORE_SAMPLE;
    for (int64_t k = 0; k < n; k++)
        sample[k] = crowd->entries[k * crowd->n / n];
    fg_sort_ranked(crowd->team, 0, sample, scratch, n, call->scores, call->scores_f64);
    const uint32_t last = score_key(sample[n / BEST_SHARE]);
    for (int64_t k = 0; k < crowd->n; k++) {
        if (k % CHUNK == 0 && crowd->team->stopped(0))
            job->status = FG_INTERRUPTED;
        crowd->scratch[job->n_best] = crowd->entries[k];
        job->n_best += score_key(crowd->entries[k]) <= last;
    }
}

/* Suppression among the best, unless they are too many to be worth it. */
static void run_best(void *argument, int64_t chunk, int slot)
{
    (void)chunk;
    best_first_job *job = argument;
    const fg_nms_crowd *crowd = job->crowd;
    const fg_nms_call *call = crowd->call;
    list_best(job);
    if (job->status != FG_OK || !fg_nms_best_are_few(crowd->plan->algorithm, crowd->n, job->n_best))
        return;
    fg_ranked *best = crowd->scratch;
    job->status = fg_sort_ranked(crowd->team, slot, best, best + job->n_best, job->n_best, call->scores, call->scores_f64);
    if (job->status != FG_OK)
        return;
    const fg_nms_group group = fg_nms_run_group(crowd->team, slot, FG_NMS_ADAPTIVE, call, best, best + job->n_best,
                                                crowd->runs, job->n_best);
    job->status = group.status;
    job->n_kept = group.n_kept;
    job->kept = group.kept;
}

static void build_cells(void *argument, int64_t chunk, int slot)
{
    (void)chunk, (void)slot;
    best_first_job *job = argument;
    const fg_nms_crowd *crowd = job->crowd;
    measure_sample_table[crowd->team->isa][crowd->call->boxes_f64](crowd, &job->cells.grid);
    job->cells.grid.threshold = crowd->call->iou_threshold;
    job->values = crowd->runs;
    cut_cells(&job->cells.grid, job->n_kept);
    job->status = fill_cells_table[crowd->team->isa][crowd->call->boxes_f64](job);
}

static void drop_chunk(void *argument, int64_t chunk, int slot)
{
    (void)slot;
    const best_first_job *job = argument;
    const int64_t begin = chunk * CHUNK, left = job->crowd->n - begin;
    drop_others_table[job->crowd->team->isa][job->crowd->call->boxes_f64](job, begin, begin + (left < CHUNK ? left : CHUNK));
}

/* Lists the boxes that were not dropped. The best that were kept are dropped by themselves or others, but stay. */
static void list_others(void *argument, int64_t chunk, int slot)
{
    (void)chunk, (void)slot;
    best_first_job *job = argument;
    fg_nms_crowd *crowd = job->crowd;
    int64_t n = 0;
    for (int64_t k = 0; k < job->n_kept; k++)
        job->is_dropped[fg_ranked_index(crowd->scratch[job->kept[k]])] = 0;
    for (int64_t k = 0; k < crowd->n; k++) {
        if (k % CHUNK == 0 && crowd->team->stopped(0))
            return;
        crowd->entries[n] = crowd->entries[k];
        n += !job->is_dropped[fg_ranked_index(crowd->entries[k])];
    }
    crowd->n = n;
}

static int run_stage(best_first_job *job, int64_t n_chunks, int threads, fg_chunk *stage)
{
    const int status = job->crowd->team->parallel(n_chunks, threads, stage, job);
    return status == FG_OK ? job->status : status;
}

int fg_nms_drop_suppressed(fg_nms_crowd *crowd)
{
    best_first_job job = {.crowd = crowd};
    int status = run_stage(&job, 1, 1, run_best);
    if (status == FG_OK && job.kept && fg_nms_best_suppress(crowd->plan->algorithm, job.n_best, job.n_kept)) {
        fg_ran(crowd->team, FG_NMS_SEARCH, fg_nms_names[FG_NMS_BEST_FIRST], crowd->plan->threads);
        job.is_dropped = calloc((size_t)crowd->call->n, 1);
        status = job.is_dropped ? run_stage(&job, 1, 1, build_cells) : FG_NO_MEMORY;
        if (status == FG_OK)
            status = run_stage(&job, (crowd->n + CHUNK - 1) / CHUNK, crowd->plan->threads, drop_chunk);
        if (status == FG_OK)
            status = run_stage(&job, 1, 1, list_others);
    }
    free(job.is_dropped);
    free(job.cells.grid.starts);
    free(job.cells.boxes);
    return status;
}
