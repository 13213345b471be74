#include "suppression/nms_best_first.h"

#include <math.h>
#include <stdlib.h>

#include "runtime/large_memory.h"

/* An eighth of the boxes are the best, as a sample says: enough to suppress nearly all others, few enough to sort. */
enum { SAMPLE = 1024, BEST_SHARE = 8, MOST_SHARE = 4 };

/* Boxes that a thread looks at before others get their turn: about a millisecond. */
enum { LOOK_BOXES = 1 << 15 };

/* A kept box lies in this many cells at most, on average. */
enum { MOST_COPIES = 16 };

/* The side of a cell in windows of a kept box: cells hold few of these, and few of these lie in many. */
enum { SIDE = 2, MOST_CELLS_A_SIDE = 1 << 15 };

/* How many boxes ahead the kept ones are fetched. */
enum { AHEAD = 8 };

/* The kept boxes, each in every cell where the centre of a box may lie that it suppresses: to look at one cell is enough. */
typedef struct {
    fg_box_grid index; /* one level */
    int64_t count;     /* cells */
    uint32_t *starts;  /* of each cell, and of the end */
    void *boxes;       /* cell by cell, in whole vectors, value after value */
} kept_cells;

typedef struct {
    const fg_nms_many *many;
    int isa;
    fg_nms_set best;
    void *kept; /* the kept boxes, the five values of each together */
    kept_cells cells;
} best_first_job;

#define FG_BODY "suppression/nms_best_first_body.h"
#include "runtime/for_each_target.h"

typedef void measure_function(const best_first_job *job, double mean[2]);
typedef int fill_function(best_first_job *job);
typedef void look_function(const best_first_job *job, int64_t begin, int64_t end);
FG_TABLE(measure_function, measure_windows);
FG_TABLE(fill_function, fill_cells);
FG_TABLE(look_function, look_at_others);

static uint32_t score_key(fg_ranked entry) { return (uint32_t)(entry >> 32); }

/* About one box of BEST_SHARE has a key up to the one returned. */
static uint32_t last_of_the_best(const fg_nms_many *many)
{
    fg_ranked sample[SAMPLE], scratch[SAMPLE];
    const int64_t n = many->n < SAMPLE ? many->n : SAMPLE;
    for (int64_t k = 0; k < n; k++)
        sample[k] = many->entries[k * many->n / n];
    fg_sort_ranked(sample, scratch, n, many->call->scores, many->call->scores_f64);
    return score_key(sample[n / BEST_SHARE]);
}

/* Lists the best boxes in the scratch, sorted; returns how many, or 0 if they are too many to be worth it. */
static int64_t list_best(const fg_nms_many *many)
{
    const uint32_t last = last_of_the_best(many);
    int64_t n = 0;
    for (int64_t k = 0; k < many->n; k++) {
        many->scratch[n] = many->entries[k];
        n += score_key(many->entries[k]) <= last;
    }
    if (n > many->n / MOST_SHARE)
        return 0;
    fg_sort_ranked(many->scratch, many->scratch + n, n, many->call->scores, many->call->scores_f64);
    return n;
}

/* How many cells there should be along `length`. */
static double cells_along(double length, double side)
{
    const double cells = length / side;
    return cells > 1 ? cells < MOST_CELLS_A_SIDE ? cells : MOST_CELLS_A_SIDE : 1; /* NaN: 1 */
}

/* Cells of `side`, or larger ones if those are more than a few for each kept box. */
static void cut_cells(kept_cells *cells, const double side[2], int64_t kept)
{
    fg_grid_level *level = cells->index.levels;
    const double width = level->max_x - level->min_x, height = level->max_y - level->min_y;
    const double most = 4 * (double)kept + 64;
    double columns = cells_along(width, side[0]), rows = cells_along(height, side[1]);
    if (columns * rows > most) {
        const double scale = sqrt(most / (columns * rows));
        columns = fg_greater(columns * scale, 1);
        rows = fg_greater(fg_lesser(rows * scale, most / columns), 1);
    }
    cells->count = fg_grid_cut(level, (int64_t)columns, (int64_t)rows);
}

static int build_cells(best_first_job *job)
{
    const fg_nms_many *many = job->many;
    const fg_nms_call *call = many->call;
    kept_cells *cells = &job->cells;
    fg_grid_open(&cells->index, many->range.consistent ? call->iou_threshold : 0, call->kind == FG_NMS_IOA);
    fg_grid_single_level(&cells->index, &many->range.all);
    double mean[2];
    measure_windows_table[job->isa][call->boxes_f64](job, mean);
    const double side[2] = {SIDE * mean[0], SIDE * mean[1]};
    cut_cells(cells, side, job->best.n_kept);
    return fill_cells_table[job->isa][call->boxes_f64](job);
}

static void look_chunk(void *argument, int64_t chunk, int slot)
{
    (void)slot;
    const best_first_job *job = argument;
    const int64_t begin = chunk * LOOK_BOXES, end = begin + LOOK_BOXES;
    look_at_others_table[job->isa][job->many->call->boxes_f64](job, begin, end < job->many->n ? end : job->many->n);
}

static int look(const fg_team *team, best_first_job *job)
{
    const fg_nms_many *many = job->many;
    const int64_t chunks = (many->n + LOOK_BOXES - 1) / LOOK_BOXES;
    const int status = team->parallel(chunks, team->size, look_chunk, job);
    for (int64_t k = 0; status == FG_OK && k < job->best.n_kept; k++)
        many->verdict[fg_ranked_index(job->best.entries[job->best.kept[k]])] = FG_NMS_KEPT;
    return status;
}

int fg_nms_run_best_first(const fg_team *team, const fg_nms_many *many)
{
    best_first_job job = {.many = many, .isa = team->isa};
    const int64_t n = list_best(many);
    if (n == 0)
        return FG_NMS_UNSUITED;
    job.best = (fg_nms_set){many->call, many->scratch, many->scratch + n, many->soa, n, NULL, 0};
    int status = fg_nms_run_sets(team, &job.best, 1, 1);
    if (status == FG_OK && job.best.n_kept > n / 2 && many->call->method == FG_NMS_AUTO)
        status = FG_NMS_UNSUITED;
    job.kept = many->soa;
    if (status == FG_OK)
        status = build_cells(&job);
    if (status == FG_OK)
        status = look(team, &job);
    free(job.cells.starts);
    free(job.cells.boxes);
    return status;
}
