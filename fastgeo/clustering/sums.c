#include "clustering/sums.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fenv.h"

enum {
    SUM_STRIP = 1024,     /* columns of one chunk of sums */
    TOTAL_WORK = 1 << 16, /* values of one chunk of totals */
};

/* Some rows in the order of their labels, and of their index inside one: runs of rows whose sum can stay in registers. */
enum { FG_ORDERED = 4096, ROWS_AHEAD = 6 };
typedef struct {
    int64_t first, n_runs;
    int32_t labels[FG_ORDERED], ends[FG_ORDERED]; /* of each run */
    int16_t order[FG_ORDERED + ROWS_AHEAD];            /* rows, counted from the first; then some of the last */
} fg_ordered_rows;

typedef struct {
    const fg_team *team;
    const fg_sums *sums;
    const int32_t *labels;
    int64_t strips;
    int32_t *starts; /* (slots, k) */
} sums_job;

typedef struct {
    const fg_sums *sums;
    double *totals, *weights;
    int64_t clusters; /* per chunk */
} total_job;

typedef struct {
    const fg_points *points;
    fg_means *means;
    int64_t clusters; /* per chunk */
    double down, up;  /* 2 to the exponent, and its inverse */
} means_job;

#define FG_REAL_BITS 64
#define FG_BODY "clustering/sums_body.h"
#include "runtime/for_each_isa.h"
#undef FG_BODY
#undef FG_REAL_BITS

typedef int64_t stride_function(int64_t d);
typedef void add_rows_function(const fg_sums *sums, const fg_ordered_rows *rows, int64_t block, int64_t column,
                               int64_t column_end);
FG_F64_TABLE(add_rows_function, add_rows);
FG_F64_TABLE(stride_function, sums_stride);
FG_F64_TABLE(fg_chunk, total_chunk);

int fg_sums_open(const fg_team *team, fg_sums *sums, const fg_points *points, int64_t k, int64_t blocks)
{
    sums->points = points;
    sums->k = k;
    sums->blocks = blocks;
    sums->stride = sums_stride_table[team->isa](points->d);
    sums->memory = malloc((size_t)(blocks * k * sums->stride) * sizeof(double) + FG_LINE);
    sums->partial = sums->memory ? fg_at_line(sums->memory) : NULL;
    return sums->partial ? FG_OK : FG_NO_MEMORY;
}

void fg_sums_close(fg_sums *sums)
{
    free(sums->memory);
    sums->memory = sums->partial = NULL;
}

/* A counting sort of rows [first, end), at most FG_ORDERED, by label. */
static void order_rows(const int32_t *labels, int64_t k, int64_t first, int64_t end, int32_t *starts,
                       fg_ordered_rows *rows)
{
    int32_t begin = 0;
    rows->first = first;
    rows->n_runs = 0;
    memset(starts, 0, (size_t)k * sizeof(int32_t));
    for (int64_t i = first; i < end; i++)
        starts[labels[i]]++;
    for (int64_t j = 0; j < k; j++) {
        const int32_t count = starts[j];
        starts[j] = begin;
        if (count == 0)
            continue;
        begin += count;
        rows->labels[rows->n_runs] = (int32_t)j;
        rows->ends[rows->n_runs++] = begin;
    }
    for (int64_t i = first; i < end; i++)
        rows->order[starts[labels[i]]++] = (int16_t)(i - first);
    for (int64_t r = 0; r < ROWS_AHEAD; r++)
        rows->order[end - first + r] = (int16_t)(end - first - 1);
}

void fg_sums_clear(const fg_sums *sums, int64_t block, int64_t first, int64_t end, int64_t column, int64_t column_end)
{
    double *row = sums->partial + (block * sums->k + first) * sums->stride + column;
    for (int64_t j = first; j < end; j++, row += sums->stride)
        memset(row, 0, (size_t)(column_end - column) * sizeof(double));
}

void fg_sums_add(const fg_team *team, const fg_sums *sums, const int32_t *labels, int64_t block, int64_t first,
                 int64_t end, int64_t column, int64_t column_end, int32_t *starts)
{
    fg_ordered_rows rows;
    for (int64_t i = first; i < end; i += FG_ORDERED) {
        order_rows(labels, sums->k, i, i + FG_ORDERED < end ? i + FG_ORDERED : end, starts, &rows);
        add_rows_table[team->isa](sums, &rows, block, column, column_end);
    }
}

/* A chunk is one block of rows and one strip of columns; both the clusters and the rows may be very many. */
static void sums_chunk(void *job_, int64_t chunk, int slot)
{
    const sums_job *job = job_;
    const fg_sums *sums = job->sums;
    const int64_t block = chunk / job->strips, column = chunk % job->strips * SUM_STRIP;
    const int64_t column_end = column + SUM_STRIP < sums->stride ? column + SUM_STRIP : sums->stride;
    const int64_t end_row = fg_block_begin(sums, block + 1);
    for (int64_t j = 0; j < sums->k; j += FG_ORDERED) {
        fg_sums_clear(sums, block, j, j + FG_ORDERED < sums->k ? j + FG_ORDERED : sums->k, column, column_end);
        if (job->team->stopped(slot))
            return;
    }
    for (int64_t i = fg_block_begin(sums, block); i < end_row; i += FG_ORDERED) {
        fg_sums_add(job->team, sums, job->labels, block, i, i + FG_ORDERED < end_row ? i + FG_ORDERED : end_row, column,
                    column_end, job->starts + slot * sums->k);
        if (job->team->stopped(slot))
            return;
    }
}

int fg_sums_add_all(const fg_team *team, const fg_sums *sums, const int32_t *labels)
{
    sums_job job = {team, sums, labels, fg_chunk_count(sums->stride, SUM_STRIP), NULL};
    const double work = 4.0 * (double)sums->points->n * (double)sums->points->d;
    const int n_threads = fg_threads_for(team, work);
    job.starts = malloc((size_t)(n_threads * sums->k) * sizeof(int32_t));
    if (!job.starts)
        return FG_NO_MEMORY;
    fg_fenv saved = fg_fenv_enter();
    int status = team->parallel(sums->blocks * job.strips, n_threads, sums_chunk, &job);
    fg_fenv_leave(saved);
    free(job.starts);
    return status;
}

int fg_sums_total(const fg_team *team, const fg_sums *sums, double *totals, double *weights)
{
    const double work = 4.0 * (double)sums->blocks * (double)sums->k * (double)sums->stride;
    const int64_t each = TOTAL_WORK / (sums->blocks * sums->stride);
    total_job job = {sums, totals, weights, each > 1 ? each : 1};
    fg_fenv saved = fg_fenv_enter();
    int status = team->parallel(fg_chunk_count(sums->k, job.clusters), fg_threads_for(team, work),
                                   total_chunk_table[team->isa], &job);
    fg_fenv_leave(saved);
    return status;
}

/* What the mean of cluster j is multiplied by to have length 1; 0 where it has no direction. */
static double direction_scale(const means_job *job, int64_t j, double *lengthening)
{
    const int64_t d = job->points->d;
    const double *total = job->means->totals + j * d, weight = job->means->weights[j];
    *lengthening = 1;
    for (int attempt = 0; attempt < 2; attempt++) {
        double square = 0;
        for (int64_t l = 0; l < d; l++) {
            const double mean = total[l] / weight * *lengthening;
            square += mean * mean;
        }
        if (square >= fg_short_square(1))
            return 1 / sqrt(square);
        *lengthening = fg_lengthening(1);
    }
    return 0;
}

/* Value l of the centroid that cluster j moves to. */
static double mean_value(const means_job *job, int64_t j, int64_t l, double lengthening, double scale)
{
    const double mean = job->means->totals[j * job->points->d + l] / job->means->weights[j];
    return job->points->metric == FG_COSINE ? mean * lengthening * scale : mean * job->down;
}

/* The shift is one chain over all chunks, which run in order. */
static void means_chunk(void *job_, int64_t chunk, int slot)
{
    (void)slot;
    const means_job *job = job_;
    fg_means *means = job->means;
    const int64_t d = job->points->d, begin = chunk * job->clusters;
    const int64_t end = begin + job->clusters < means->k ? begin + job->clusters : means->k;
    double shift = means->shift;
    for (int64_t j = begin; j < end; j++) {
        double lengthening = 1, scale = 1;
        if (job->points->metric == FG_COSINE && means->weights[j] > 0)
            scale = direction_scale(job, j, &lengthening);
        const int stays = !(means->weights[j] > 0 && scale > 0);
        for (int64_t l = 0; l < d; l++) {
            const int64_t at = j * d + l;
            double difference;
            if (job->points->is_f64) {
                const double before = ((const double *)means->before)[at];
                double *moved = (double *)means->moved + at;
                *moved = stays ? before : mean_value(job, j, l, lengthening, scale);
                difference = (*moved - before) * job->up;
            } else {
                const float before = ((const float *)means->before)[at];
                float *moved = (float *)means->moved + at;
                *moved = stays ? before : (float)mean_value(job, j, l, lengthening, scale);
                difference = ((double)*moved - (double)before) * job->up;
            }
            shift += difference * difference;
        }
    }
    means->shift = shift;
}

int fg_set_means(const fg_team *team, const fg_points *points, fg_means *means)
{
    means_job job = {points, means, fg_chunk_rows(team, means->k, points->d), ldexp(1, -means->exponent),
                     ldexp(1, means->exponent)};
    means->shift = 0;
    fg_fenv saved = fg_fenv_enter();
    int status = team->parallel(fg_chunk_count(means->k, job.clusters), 1, means_chunk, &job);
    fg_fenv_leave(saved);
    return status;
}
