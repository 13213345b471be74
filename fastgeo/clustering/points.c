#include "clustering/points.h"

#include <math.h>
#include <stdlib.h>

#include "runtime/fenv.h"

/* A multiple of every block of points, so that only the last block of a call is ragged. */
enum { ROW_UNIT = 64, CHUNK_WORK = 1 << 22 };

int64_t fg_chunk_rows(int64_t n, int64_t work)
{
    int64_t rows = CHUNK_WORK / (work > 0 ? work : 1) / ROW_UNIT * ROW_UNIT;
    rows = rows > ROW_UNIT ? rows : ROW_UNIT;
    return rows < n || n == 0 ? rows : n;
}

typedef struct {
    const fg_points *points;
    double low, high;
    int64_t rows;
    char *bad; /* per chunk */
    double *scale;
} points_job;

#define FG_BODY "clustering/points_body.h"
#include "runtime/for_each_target.h"

FG_TABLE(fg_chunk, check_chunk);
FG_TABLE(fg_chunk, scale_chunk);

int fg_check_points(const fg_runtime *runtime, const fg_points *points)
{
    const double limit = points->is_f64 ? 0x1p240 : 0x1p50;
    points_job job = {.points = points, .low = points->metric == FG_BOX_IOU ? 0 : -limit, .high = limit};
    job.rows = fg_chunk_rows(points->n, points->d);
    const int64_t n_chunks = fg_chunk_count(points->n, job.rows);
    job.bad = calloc((size_t)n_chunks + 1, 1);
    if (!job.bad)
        return FG_NO_MEMORY;
    fg_fenv saved = fg_fenv_enter();
    int status = runtime->parallel(n_chunks, fg_threads_for(points, (double)points->n * (double)points->d),
                                   check_chunk_table[runtime->isa][points->is_f64], &job);
    fg_fenv_leave(saved);
    for (int64_t c = 0; status == FG_OK && c < n_chunks; c++)
        if (job.bad[c])
            status = FG_BAD_VALUE;
    free(job.bad);
    return status;
}

int fg_row_scales(const fg_runtime *runtime, const fg_points *points, double *scale)
{
    points_job job = {.points = points, .rows = fg_chunk_rows(points->n, points->d), .scale = scale};
    fg_fenv saved = fg_fenv_enter();
    int status = runtime->parallel(fg_chunk_count(points->n, job.rows),
                                   fg_threads_for(points, (double)points->n * (double)points->d),
                                   scale_chunk_table[runtime->isa][points->is_f64], &job);
    fg_fenv_leave(saved);
    return status;
}
