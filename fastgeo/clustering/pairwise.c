#include "clustering/pairwise.h"

#include <float.h>
#include <stdlib.h>

#include "clustering/plan.h"
#include "runtime/fenv.h"

/* Half a square below NEAR of what it is the difference of is taken by differences; the reference states the same. */
#define NEAR 0.125

/* Vectors of near pairs whose differences are taken side by side. */
enum { TOGETHER = 4 };

/* A row of a panel and a vector of the tile's columns; a bit for each pair that is near. */
typedef struct {
    int32_t row, column;
    unsigned lanes;
} near_vector;

typedef struct {
    const fg_points *rows, *columns;
    int kind;
    void *out;
    fg_pairwise_plan plan;
    /* With products, of the points' type: of half the square of each row and column the part NEAR; the whole, and with it
       what crossed products add. Half a square that differences find below `surely` times the sum of the former, less
       `underflow`, products find near too. */
    void *lengths, *row_near, *row_lift, *column_near, *column_lift;
    int64_t row_chunks;
    double surely, underflow;
    char *scratch; /* per slot: the list of near vectors, the packed columns, the rows of a panel */
    int64_t near_bytes, scratch_bytes;
} pairwise_job;

#define FG_BODY "clustering/pairwise_body.h"
#include "runtime/for_each_target.h"

FG_TABLE(fg_chunk, pairwise_tile);
FG_TABLE(fg_chunk, lengths_chunk);

static void set_scratch(pairwise_job *job)
{
    const fg_pairwise_plan *plan = &job->plan;
    const int64_t d = job->rows->d, value = job->rows->is_f64 ? 8 : 4;
    const int64_t spread_rows = job->rows->scale || plan->row_stride > d ? plan->panel_rows : 0;
    job->near_bytes = fg_whole_lines(2 * plan->panel_rows * (int64_t)sizeof(near_vector));
    job->scratch_bytes =
        job->near_bytes + fg_whole_lines((plan->tile_columns * d + spread_rows * plan->row_stride) * value);
}

/* Products are off by (8/3 d + 24) roundings of both halves at most, differences of near pairs by (d + 2) / 8. */
static void set_errors(pairwise_job *job)
{
    const int is_f64 = job->rows->is_f64;
    const double part = 1 - (4 * (double)job->rows->d + 32) / NEAR * (is_f64 ? 0x1p-53 : 0x1p-24);
    job->surely = part > 0 ? part : 0;
    job->underflow = (double)(job->rows->d + 3) * (is_f64 ? DBL_MIN : (double)FLT_MIN);
}

static int set_lengths(const fg_team *team, pairwise_job *job)
{
    const int64_t n = job->rows->n, beyond = job->columns->n + FG_PAIRWISE_COLUMNS; /* where the last vectors reach */
    const int is_f64 = job->rows->is_f64, value = is_f64 ? 8 : 4;
    char *at = job->lengths = calloc((size_t)(2 * (n + beyond)), (size_t)value);
    if (!at)
        return FG_NO_MEMORY;
    job->row_near = at;
    job->row_lift = at + n * value;
    job->column_near = at + 2 * n * value;
    job->column_lift = at + (2 * n + beyond) * value;
    const int64_t measured = job->plan.measured_rows, column_chunks = fg_chunk_count(job->columns->n, measured);
    job->row_chunks = fg_chunk_count(n, measured);
    return team->parallel(job->row_chunks + column_chunks, job->plan.threads, lengths_chunk_table[team->isa][is_f64], job);
}

int fg_pairwise_distance(const fg_team *team, const fg_points *rows, const fg_points *columns, int kind,
                         void *out)
{
    if (rows->n == 0 || columns->n == 0)
        return FG_OK;
    pairwise_job job = {.rows = rows, .columns = columns, .kind = kind, .out = out};
    job.plan = fg_plan_pairwise(team, rows, columns);
    set_scratch(&job);
    set_errors(&job);
    void *scratch = malloc((size_t)(job.plan.threads * job.scratch_bytes + FG_LINE));
    if (!scratch)
        return FG_NO_MEMORY;
    job.scratch = fg_at_line(scratch);
    fg_fenv saved = fg_fenv_enter();
    int status = job.plan.by_products ? set_lengths(team, &job) : FG_OK;
    if (status == FG_OK)
        status = team->parallel(fg_chunk_count(rows->n, job.plan.tile_rows) * job.plan.column_tiles, job.plan.threads,
                                pairwise_tile_table[team->isa][rows->is_f64], &job);
    fg_fenv_leave(saved);
    free(job.lengths);
    free(scratch);
    return status;
}
