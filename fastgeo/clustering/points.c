#include "clustering/points.h"

#include <math.h>
#include <stdlib.h>

#include "runtime/fenv.h"

static int64_t whole_blocks(const fg_team *team, int64_t rows)
{
    const int64_t block = team->isa == FG_ISA_scalar ? CHUNK_SCALAR_BLOCK : CHUNK_BLOCK;
    return rows > block ? rows / block * block : block;
}

int64_t fg_most_rows(const fg_team *team, int64_t work, int64_t limit)
{
    const int64_t most = team->isa == FG_ISA_scalar ? LEAST_CHUNK_WORK : MOST_CHUNK_WORK;
    const int64_t rows = whole_blocks(team, most / (work > 0 ? work : 1));
    return rows < limit ? rows : limit;
}

int64_t fg_chunk_rows(const fg_team *team, int64_t n, int64_t work)
{
    const int64_t least = LEAST_CHUNK_WORK / (work > 0 ? work : 1);
    int64_t rows = fg_most_rows(team, work, n / CHUNKS);
    rows = whole_blocks(team, rows > least ? rows : least);
    return rows < n || n == 0 ? rows : n;
}

typedef struct {
    const fg_points *points;
    int64_t rows;   /* per chunk */
    double low, high;
    double *largest; /* per chunk: the largest magnitude, or infinity beside a bad value */
    double *scale;
    int64_t *n_short; /* per chunk */
    double factors[2];
    void *out;
} points_job;

#define FG_BODY "clustering/points_body.h"
#include "runtime/for_each_target.h"

FG_TABLE(fg_chunk, check_chunk);
FG_TABLE(fg_chunk, row_scales_chunk);
FG_TABLE(fg_chunk, scale_rows_chunk);
FG_TABLE(fg_chunk, lengthen_chunk);
FG_TABLE(fg_chunk, unit_rows_chunk);

/* Runs a pass over all rows, in the default floating-point environment. */
static int run_over_rows(const fg_team *team, points_job *job, fg_chunk *const (*table)[2])
{
    const fg_points *points = job->points;
    const fg_fenv saved = fg_fenv_enter();
    const int status = team->parallel(fg_chunk_count(points->n, job->rows),
                                      fg_threads_for(team, (double)points->n * (double)points->d),
                                      table[team->isa][points->is_f64], job);
    fg_fenv_leave(saved);
    return status;
}

int fg_check_points(const fg_team *team, const fg_points *points, double *largest)
{
    const double limit = fg_point_limit(points);
    points_job job = {.points = points, .low = points->metric == FG_BOX_IOU ? 0 : -limit, .high = limit};
    job.rows = fg_chunk_rows(team, points->n, points->d);
    const int64_t n_chunks = fg_chunk_count(points->n, job.rows);
    job.largest = calloc((size_t)n_chunks + 1, sizeof(double));
    if (!job.largest)
        return FG_NO_MEMORY;
    int status = run_over_rows(team, &job, check_chunk_table);
    *largest = 0;
    for (int64_t c = 0; status == FG_OK && c < n_chunks; c++)
        *largest = job.largest[c] > *largest ? job.largest[c] : *largest;
    free(job.largest);
    return status == FG_OK && *largest > limit ? FG_BAD_VALUE : status;
}

int fg_scale_rows(const fg_team *team, const fg_points *points, int exponent, void *out)
{
    /* Two factors for float64, since 2 to the exponent may be out of its range. */
    const int half = points->is_f64 ? exponent / 2 : exponent;
    points_job job = {.points = points, .rows = fg_chunk_rows(team, points->n, points->d), .out = out};
    job.factors[0] = ldexp(1, half);
    job.factors[1] = ldexp(1, exponent - half);
    return run_over_rows(team, &job, scale_rows_chunk_table);
}

int fg_row_scales(const fg_team *team, const fg_points *points, double *scale, int64_t *n_short)
{
    points_job job = {.points = points, .rows = fg_chunk_rows(team, points->n, points->d), .scale = scale};
    const int64_t n_chunks = fg_chunk_count(points->n, job.rows);
    job.n_short = calloc((size_t)n_chunks + 1, sizeof(int64_t));
    if (!job.n_short)
        return FG_NO_MEMORY;
    const int status = run_over_rows(team, &job, row_scales_chunk_table);
    *n_short = 0;
    for (int64_t c = 0; c < n_chunks; c++)
        *n_short += job.n_short[c];
    free(job.n_short);
    return status;
}

int fg_lengthen_rows(const fg_team *team, const fg_points *points, void *out)
{
    points_job job = {.points = points, .rows = fg_chunk_rows(team, points->n, points->d), .out = out};
    return run_over_rows(team, &job, lengthen_chunk_table);
}

int fg_unit_rows(const fg_team *team, const fg_points *points, void *out)
{
    points_job job = {.points = points, .rows = fg_chunk_rows(team, points->n, points->d), .out = out};
    return run_over_rows(team, &job, unit_rows_chunk_table);
}
