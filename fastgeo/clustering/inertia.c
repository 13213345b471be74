#include "clustering/inertia.h"

#include <math.h>
#include <stdlib.h>

#include "runtime/fenv.h"

enum {
    ROW_WORK = 8,            /* what a row costs besides its values, in theirs */
    SUM_CHAINS = 4,          /* partial sums taken side by side: a chain waits for each addition */
    POLLED_ROWS = 1 << 16,   /* rows that a single thread passes between two polls */
    SUM_COST = 4, PICK_COST = 4, /* operations of a row */
};

typedef struct {
    const fg_points *points;
    const void *centroids;
    const int32_t *labels;
    double *distances;
    int64_t rows; /* per chunk */
} own_job;

#define FG_REAL_BITS 64
#define FG_BODY "clustering/inertia_body.h"
#include "runtime/for_each_isa.h"
#undef FG_BODY
#undef FG_REAL_BITS

FG_F64_TABLE(fg_chunk, own_chunk);
FG_F64_TABLE(fg_chunk, own_losses);

int fg_own_distances(const fg_team *team, const fg_points *points, const void *centroids,
                     const int32_t *labels, double *distances)
{
    own_job job = {points, centroids, labels, distances, fg_most_rows(team, points->d + ROW_WORK, FG_SUM_CHUNK)};
    fg_chunk *const *table = points->metric == FG_BOX_IOU ? own_losses_table : own_chunk_table;
    fg_fenv saved = fg_fenv_enter();
    int status = team->parallel(fg_chunk_count(points->n, job.rows),
                                   fg_threads_for(team, 4.0 * (double)points->n * (double)(points->d + ROW_WORK)),
                                   table[team->isa], &job);
    fg_fenv_leave(saved);
    return status;
}

typedef struct {
    const double *distances, *weights;
    int64_t n;
    double *sums; /* of each FG_SUM_CHUNK points */
} sum_job;

/* A chunk of the job is SUM_CHAINS partial sums. */
static void sum_chunk(void *job_, int64_t chunk, int slot)
{
    (void)slot;
    const sum_job *job = job_;
    const double *weights = job->weights;
    const int64_t begin = chunk * SUM_CHAINS * FG_SUM_CHUNK;
    double *sums = job->sums + chunk * SUM_CHAINS;
    if (!weights && begin + SUM_CHAINS * FG_SUM_CHUNK <= job->n) {
        double sum[SUM_CHAINS] = {0};
        for (int64_t i = begin; i < begin + FG_SUM_CHUNK; i++)
            for (int c = 0; c < SUM_CHAINS; c++)
                sum[c] += job->distances[i + c * FG_SUM_CHUNK];
        for (int c = 0; c < SUM_CHAINS; c++)
            sums[c] = sum[c];
        return;
    }
    for (int64_t first = begin; first < job->n && first < begin + SUM_CHAINS * FG_SUM_CHUNK; first += FG_SUM_CHUNK) {
        const int64_t end = first + FG_SUM_CHUNK < job->n ? first + FG_SUM_CHUNK : job->n;
        double sum = 0;
        for (int64_t i = first; i < end; i++)
            sum += weights ? weights[i] * job->distances[i] : job->distances[i];
        *sums++ = sum;
    }
}

int fg_ordered_sum(const fg_team *team, const double *distances, const double *weights, int64_t n, double *sum)
{
    const int64_t n_sums = fg_chunk_count(n, FG_SUM_CHUNK);
    sum_job job = {distances, weights, n, malloc((size_t)(n_sums + 1) * sizeof(double))};
    if (!job.sums)
        return FG_NO_MEMORY;
    fg_fenv saved = fg_fenv_enter();
    int status = team->parallel(fg_chunk_count(n_sums, SUM_CHAINS), fg_threads_for(team, SUM_COST * (double)n), sum_chunk,
                                &job);
    *sum = 0;
    for (int64_t c = 0; status == FG_OK && c < n_sums; c++)
        *sum += job.sums[c];
    fg_fenv_leave(saved);
    free(job.sums);
    return status;
}

typedef struct {
    const fg_points *points;
    const int32_t *labels;
    double *distances;
    int64_t *members;  /* (k,) points of positive weight */
    int64_t *farthest; /* of each chunk, the first of equals; -1 if none may go */
} refill_job;

static int may_go(const refill_job *job, int64_t i)
{
    return job->distances[i] > 0 && job->members[job->labels[i]] > 1;
}

static void farthest_chunk(void *job_, int64_t chunk, int slot)
{
    (void)slot;
    refill_job *job = job_;
    const int64_t end = (chunk + 1) * FG_SUM_CHUNK < job->points->n ? (chunk + 1) * FG_SUM_CHUNK : job->points->n;
    int64_t farthest = -1;
    for (int64_t i = chunk * FG_SUM_CHUNK; i < end; i++)
        if ((farthest < 0 || job->distances[i] > job->distances[farthest]) && may_go(job, i))
            farthest = i;
    job->farthest[chunk] = farthest;
}

/* Counts the members of each cluster; points of no weight stay where they are. */
static int count_members(const fg_team *team, const refill_job *job)
{
    const double *weights = job->points->weights;
    for (int64_t i = 0; i < job->points->n; i++) {
        if (weights && !(weights[i] > 0))
            job->distances[i] = 0;
        else
            job->members[job->labels[i]]++;
        if (i % POLLED_ROWS == 0 && team->stopped(0))
            return FG_INTERRUPTED;
    }
    return FG_OK;
}

/* The farthest point that may go, or -1. A chunk whose farthest point may no longer go, since the last of its cluster has
   to stay, is searched anew: once for every cluster at most. */
static int64_t next_farthest(refill_job *job, int64_t n_chunks)
{
    for (;;) {
        int64_t farthest = -1;
        for (int64_t c = 0; c < n_chunks; c++) {
            const int64_t i = job->farthest[c];
            if (i >= 0 && (farthest < 0 || job->distances[i] > job->distances[farthest]))
                farthest = i;
        }
        if (farthest < 0 || may_go(job, farthest))
            return farthest;
        farthest_chunk(job, farthest / FG_SUM_CHUNK, 0);
    }
}

static int refill(const fg_team *team, refill_job *job, const double *cluster_weights, int64_t k, int32_t *labels)
{
    const int64_t n = job->points->n, n_chunks = fg_chunk_count(n, FG_SUM_CHUNK);
    int status = count_members(team, job);
    if (status == FG_OK)
        status = team->parallel(n_chunks, fg_threads_for(team, PICK_COST * (double)n), farthest_chunk, job);
    for (int64_t j = 0; status == FG_OK && j < k; j++) {
        if (cluster_weights[j] > 0)
            continue;
        const int64_t i = next_farthest(job, n_chunks);
        if (i < 0)
            break;
        job->members[labels[i]]--;
        job->members[j]++;
        labels[i] = (int32_t)j;
        job->distances[i] = 0;
        farthest_chunk(job, i / FG_SUM_CHUNK, 0);
        if (team->stopped(0))
            status = FG_INTERRUPTED;
    }
    return status;
}

int fg_refill(const fg_team *team, const fg_points *points, const double *cluster_weights, int64_t k, double *distances,
              int32_t *labels)
{
    refill_job job = {.points = points, .labels = labels, .distances = distances};
    job.members = calloc((size_t)k, sizeof(int64_t));
    job.farthest = malloc((size_t)(fg_chunk_count(points->n, FG_SUM_CHUNK) + 1) * sizeof(int64_t));
    int status = FG_NO_MEMORY;
    if (job.members && job.farthest)
        status = refill(team, &job, cluster_weights, k, labels);
    free(job.members);
    free(job.farthest);
    return status;
}
