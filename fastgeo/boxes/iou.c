#include "boxes/iou.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "boxes/column_cells.h"
#include "boxes/parts.h"
#include "boxes/plan.h"
#include "boxes/tuning.h"
#include "runtime/fenv.h"

/* A tile is ROWS × COLUMNS pairs, whose columns stay in the first-level cache. Its rows go in groups of GROUP, of which
   AT_ONCE are filled together. Pair by pair, a chunk goes in blocks of BLOCK. */
enum { COLUMNS = 1024, GROUP = 16, AT_ONCE = 4, BLOCK = 64 };

/* Where the rows of a chunk can overlap more than one column in so many, the chunk is filled by tiles. */
enum { CROWDED = 8 };

/* Scratch of a small call, on the stack. */
enum { SMALL_BYTES = 16384 };

/* How many values measures_body.h reads of a box, and one case for each kind. */
enum { MOST_RUNS = 9 };
static const int runs_of_kind[] = {
    [FG_IOU] = 5, [FG_GIOU] = 5, [FG_DIOU] = 7, [FG_CIOU] = 8, [FG_SIOU] = 9, [FG_IOA] = 5, [FG_IOU_CROWD] = 6,
};
#define FG_KINDS \
    FG_KIND(FG_IOU) FG_KIND(FG_GIOU) FG_KIND(FG_DIOU) FG_KIND(FG_CIOU) FG_KIND(FG_SIOU) FG_KIND(FG_IOA) \
    FG_KIND(FG_IOU_CROWD)

/* Overlaps of one row that are collected before they are written. */
enum { FOUND = 256 };

/* The grid of screening_body.h is CELLS wide and high: its coordinates fit int16. Tiles of fewer pairs go without. */
enum { CELLS = INT16_MAX, LEAST_PAIRS = 1024 };

/* Whether the measure of two boxes that are apart is 0. */
static inline int zero_apart(int kind) { return kind == FG_IOU || kind == FG_IOU_CROWD || kind == FG_IOA; }

typedef struct {
    const fg_team *team;
    const fg_iou_call *call;
    void *soa1, *soa2;
    atomic_int bad; /* some chunk has met a value that breaks the contract */
    fg_iou_plan plan;
    column_cells cells; /* of boxes2, if the plan says so */
} iou_job;

/* Chunks that run at the same time lie far apart, so that two threads seldom fault in the same large page. */
static inline int64_t first_row(const iou_job *job, int64_t band)
{
    return (band % APART_BANDS * job->plan.bands + band / APART_BANDS) * ROWS;
}

typedef struct {
    const fg_iou_call *call;
    atomic_int bad; /* some chunk met a value that breaks the contract */
} paired_job;

#define FG_BODY "boxes/iou_body.h"
#include "runtime/for_each_target.h"

typedef int64_t stride_function(int64_t n);
FG_TABLE(stride_function, soa_stride);
typedef int sort_function(const void *soa, int64_t m, int runs, column_cells *cells);
FG_TABLE(sort_function, sort_columns);
FG_TABLE(fg_chunk, load_chunk);
FG_TABLE(fg_chunk, iou_chunk);
FG_TABLE(fg_chunk, cells_chunk);
FG_TABLE(fg_chunk, paired_chunk);

/* A small call loads its two parts on the caller's thread. */
static int load_both(const fg_team *team, iou_job *job)
{
    const fg_iou_call *call = job->call;
    fg_chunk *load = load_chunk_table[team->isa][call->is_f64];
    const int64_t parts = fg_count_parts(call->n, call->m, LOADED);
    int status = FG_OK;
    if (parts > 2)
        status = team->parallel(parts, fg_plan_loading(team, parts), load, job);
    else
        for (int64_t part = 0; part < parts; part++)
            load(job, part, 0);
    return status == FG_OK && atomic_load(&job->bad) ? FG_BAD_VALUE : status;
}

/* Makes the plan, and shows it to fastgeo.explain. */
static int plan(const fg_team *team, iou_job *job, size_t scratch_bytes)
{
    fg_iou_plan *plan = &job->plan;
    const int status = fg_plan_iou(team, job->call, plan);
    if (status != FG_OK)
        return status;
    const fg_plan shown = {.choice = "box_iou",
                           .algorithm = fg_iou_algorithms[plan->algorithm],
                           .reason = plan->reason,
                           .threads = plan->threads,
                           .chunks = plan->chunks,
                           .scratch_bytes = (int64_t)scratch_bytes};
    return fg_planned(team, &shown);
}

static int fill_table(const fg_team *team, iou_job *job)
{
    const fg_iou_call *call = job->call;
    const fg_iou_plan *plan = &job->plan;
    const int isa = team->isa, is_f64 = call->is_f64;
    if (plan->algorithm == FG_TILES) {
        fg_ran(team, "box_iou", "tiles", plan->threads);
        return team->parallel(plan->chunks, plan->threads, iou_chunk_table[isa][is_f64], job);
    }
    if (!sort_columns_table[isa][is_f64](job->soa2, call->m, runs_of_kind[call->kind], &job->cells))
        return FG_NO_MEMORY;
    fg_ran(team, "box_iou", "column_cells", plan->threads);
    const int status = team->parallel(plan->chunks, plan->threads, cells_chunk_table[isa][is_f64], job);
    free(job->cells.memory);
    return status;
}

int fg_pairwise_iou(const fg_team *team, const fg_iou_call *call)
{
    const int isa = team->isa, is_f64 = call->is_f64;
    const size_t run_bytes = (size_t)runs_of_kind[call->kind] * (is_f64 ? sizeof(double) : sizeof(float));
    const size_t bytes1 = run_bytes * (size_t)soa_stride_table[isa][is_f64](call->n);
    const size_t bytes2 = run_bytes * (size_t)soa_stride_table[isa][is_f64](call->m);
    _Alignas(64) char small[SMALL_BYTES];
    char *soa = bytes1 + bytes2 <= SMALL_BYTES ? small : malloc(bytes1 + bytes2);
    if (!soa)
        return FG_NO_MEMORY;
    fg_fenv saved = fg_fenv_enter();
    iou_job job = {.team = team, .call = call, .soa1 = soa, .soa2 = soa + bytes1};
    int status = load_both(team, &job);
    if (status == FG_OK && call->n && call->m)
        status = plan(team, &job, bytes1 + bytes2);
    if (status == FG_OK && call->n && call->m)
        status = fill_table(team, &job);
    fg_fenv_leave(saved);
    if (soa != small)
        free(soa);
    return status;
}

int fg_paired_iou(const fg_team *team, const fg_iou_call *call)
{
    fg_fenv saved = fg_fenv_enter();
    paired_job job = {.call = call};
    const int threads = fg_plan_paired(team, call->n);
    int status = team->parallel(fg_pieces(call->n, PAIRS), threads, paired_chunk_table[team->isa][call->is_f64], &job);
    fg_fenv_leave(saved);
    return status == FG_OK && atomic_load(&job.bad) ? FG_BAD_VALUE : status;
}
