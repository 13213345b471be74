#include "clustering/points.h"

#include <math.h>
#include <stdlib.h>

#include "runtime/fenv.h"

/* BLOCK and SCALAR_BLOCK are multiples of every block of points, so that only the last block of a chunk is ragged. A large
   call is cut into MANY chunks, each of LEAST_WORK operations at least and of MOST_WORK at most: a few ms, where the
   operations are vectors; without them a chunk of LEAST_WORK takes as long. */
enum { BLOCK = 32, SCALAR_BLOCK = 2, MANY = 128, LEAST_WORK = 1 << 22, MOST_WORK = 1 << 26 };

static int64_t whole_blocks(const fg_team *team, int64_t rows)
{
    const int64_t block = team->isa == FG_ISA_scalar ? SCALAR_BLOCK : BLOCK;
    return rows > block ? rows / block * block : block;
}

int64_t fg_most_rows(const fg_team *team, int64_t work, int64_t limit)
{
    const int64_t most = team->isa == FG_ISA_scalar ? LEAST_WORK : MOST_WORK;
    const int64_t rows = whole_blocks(team, most / (work > 0 ? work : 1));
    return rows < limit ? rows : limit;
}

int64_t fg_chunk_rows(const fg_team *team, int64_t n, int64_t work)
{
    const int64_t least = LEAST_WORK / (work > 0 ? work : 1);
    int64_t rows = fg_most_rows(team, work, n / MANY);
    rows = whole_blocks(team, rows > least ? rows : least);
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

int fg_check_points(const fg_team *team, const fg_points *points)
{
    const double limit = fg_point_limit(points);
    points_job job = {.points = points, .low = points->metric == FG_BOX_IOU ? 0 : -limit, .high = limit};
    job.rows = fg_chunk_rows(team, points->n, points->d);
    const int64_t n_chunks = fg_chunk_count(points->n, job.rows);
    job.bad = calloc((size_t)n_chunks + 1, 1);
    if (!job.bad)
        return FG_NO_MEMORY;
    fg_fenv saved = fg_fenv_enter();
    int status = team->parallel(n_chunks, fg_threads_for(team, (double)points->n * (double)points->d),
                                   check_chunk_table[team->isa][points->is_f64], &job);
    fg_fenv_leave(saved);
    for (int64_t c = 0; status == FG_OK && c < n_chunks; c++)
        if (job.bad[c])
            status = FG_BAD_VALUE;
    free(job.bad);
    return status;
}

int fg_row_scales(const fg_team *team, const fg_points *points, double *scale)
{
    points_job job = {.points = points, .rows = fg_chunk_rows(team, points->n, points->d), .scale = scale};
    fg_fenv saved = fg_fenv_enter();
    int status = team->parallel(fg_chunk_count(points->n, job.rows),
                                   fg_threads_for(team, (double)points->n * (double)points->d),
                                   scale_chunk_table[team->isa][points->is_f64], &job);
    fg_fenv_leave(saved);
    return status;
}
