#include "clustering/exact.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fenv.h"

enum {
    SUM_STRIP = 1024,         /* columns of one chunk of sums */
    FG_MAX_CANDIDATES = 48, /* 2 + ln k is below this for any k */
};

typedef struct {
    const fg_points *points;
    const int32_t *labels;
    int64_t k, blocks, strips;
    double *partial, *partial_counts; /* (blocks, k, d), (blocks, k) */
} sums_job;

typedef struct {
    const fg_points *points;
    const void *centroids;
    const int32_t *labels;
    double *distances;
} own_job;

typedef struct {
    const fg_points *points;
    int64_t n_chunks, n_candidates;
    int update;
    double *candidates; /* (n_candidates, d), scaled */
    double *closest;    /* (n,) squared distance from the nearest centre so far */
    double *potential;  /* (n_candidates, n_chunks) */
    char *scratch;
    int64_t scratch_bytes;
} plusplus_job;

#define FG_REAL_BITS 64
#define FG_BODY "clustering/exact_body.h"
#include "runtime/for_each_isa.h"
#undef FG_BODY
#undef FG_REAL_BITS

typedef int64_t bytes_function(int64_t d);
#define F64_ROW(isa, function) [FG_ISA_##isa] = function##_##isa##_f64,
#define F64_TABLE(type, function) static type *const function##_table[FG_ISA_COUNT] = {FG_ISA_LIST(F64_ROW, function)}
F64_TABLE(fg_chunk, sums_chunk);
F64_TABLE(fg_chunk, own_chunk);
F64_TABLE(fg_chunk, plusplus_chunk);
F64_TABLE(bytes_function, plusplus_bytes);

/* total[i] = partial[0][i] + partial[1][i] + … */
static void reduce(const double *partial, int64_t blocks, int64_t size, double *total)
{
    memcpy(total, partial, (size_t)size * sizeof(double));
    for (int64_t b = 1; b < blocks; b++)
        for (int64_t i = 0; i < size; i++)
            total[i] += partial[b * size + i];
}

int fg_cluster_sums(const fg_runtime *runtime, const fg_points *points, const int32_t *labels, int64_t k,
                    int64_t blocks, double *sums, double *counts)
{
    const int64_t d = points->d;
    sums_job job = {points, labels, k, blocks, fg_chunk_count(d, SUM_STRIP), NULL, NULL};
    job.partial = malloc((size_t)(blocks * k * (d + 1)) * sizeof(double));
    if (!job.partial)
        return FG_NO_MEMORY;
    job.partial_counts = job.partial + blocks * k * d;
    fg_fenv saved = fg_fenv_enter();
    int status = runtime->parallel(blocks * job.strips, fg_threads_for(points, 4.0 * (double)points->n * (double)d),
                                   sums_chunk_table[runtime->isa], &job);
    if (status == FG_OK) {
        reduce(job.partial, blocks, k * d, sums);
        reduce(job.partial_counts, blocks, k, counts);
    }
    fg_fenv_leave(saved);
    free(job.partial);
    return status;
}

int fg_own_distances(const fg_runtime *runtime, const fg_points *points, const void *centroids,
                     const int32_t *labels, double *distances)
{
    own_job job = {points, centroids, labels, distances};
    fg_fenv saved = fg_fenv_enter();
    int status = runtime->parallel(fg_chunk_count(points->n, FG_SUM_CHUNK),
                                   fg_threads_for(points, 4.0 * (double)points->n * (double)points->d),
                                   own_chunk_table[runtime->isa], &job);
    fg_fenv_leave(saved);
    return status;
}

double fg_ordered_sum(const fg_points *points, const double *distances)
{
    double total = 0;
    for (int64_t first = 0; first < points->n; first += FG_SUM_CHUNK) {
        const int64_t end = first + FG_SUM_CHUNK < points->n ? first + FG_SUM_CHUNK : points->n;
        double sum = 0;
        for (int64_t i = first; i < end; i++)
            sum += points->weights ? points->weights[i] * distances[i] : distances[i];
        total += sum;
    }
    return total;
}

static double total_of(const double *potential, int64_t n_chunks)
{
    double total = 0;
    for (int64_t c = 0; c < n_chunks; c++)
        total += potential[c];
    return total;
}

static double potential_of(const plusplus_job *job, int64_t i)
{
    return job->points->weights ? job->points->weights[i] * job->closest[i] : job->closest[i];
}

/* The first point at which the running potential exceeds `draw` of the total; -1 if all potentials are 0. */
static int64_t pick(const plusplus_job *job, double draw)
{
    const double goal = draw * total_of(job->potential, job->n_chunks);
    double before = 0, running = 0;
    int64_t chunk = -1;
    for (int64_t c = 0; c < job->n_chunks; c++) {
        if (job->potential[c] > 0) {
            chunk = c;
            before = running;
        }
        running += job->potential[c];
        if (running > goal)
            break;
    }
    if (chunk < 0)
        return -1;
    const int64_t begin = chunk * FG_SUM_CHUNK;
    const int64_t end = begin + FG_SUM_CHUNK < job->points->n ? begin + FG_SUM_CHUNK : job->points->n;
    int64_t last = -1;
    for (int64_t i = begin; i < end; i++) {
        const double potential = potential_of(job, i);
        before += potential;
        last = potential > 0 ? i : last;
        if (before > goal && potential > 0)
            break;
    }
    return last;
}

static void set_candidate(plusplus_job *job, int64_t place, int64_t i)
{
    const fg_points *points = job->points;
    for (int64_t l = 0; l < points->d; l++) {
        const int64_t at = i * points->d + l;
        const double x = points->is_f64 ? ((const double *)points->x)[at] : (double)((const float *)points->x)[at];
        job->candidates[place * points->d + l] = points->scale ? x * points->scale[i] : x;
    }
}

static int score(const fg_runtime *runtime, plusplus_job *job, int64_t n_candidates, int update)
{
    const fg_points *points = job->points;
    job->n_candidates = n_candidates;
    job->update = update;
    return runtime->parallel(
        job->n_chunks, fg_threads_for(points, (double)points->n * (double)(points->d * n_candidates)),
        plusplus_chunk_table[runtime->isa], job);
}

/* The lowest point of positive weight that is not among the first `count` centres: all potentials are 0. */
static int64_t lowest_unused(const fg_points *points, const int64_t *indices, int64_t count)
{
    for (int64_t i = 0; i < points->n; i++) {
        int used = points->weights && !(points->weights[i] > 0);
        for (int64_t j = 0; j < count && !used; j++)
            used = indices[j] == i;
        if (!used)
            return i;
    }
    return indices[0];
}

/* Tries some candidates and takes the one that leaves the least potential, the first of equals. */
static int next_centre(const fg_runtime *runtime, plusplus_job *job, int64_t trials, const double *draws,
                       const int64_t *indices, int64_t count, int64_t *chosen)
{
    int64_t candidates[FG_MAX_CANDIDATES];
    for (int64_t t = 0; t < trials; t++) {
        candidates[t] = pick(job, draws[t]);
        if (candidates[t] < 0) {
            *chosen = lowest_unused(job->points, indices, count);
            return FG_OK;
        }
        set_candidate(job, t, candidates[t]);
    }
    int status = trials > 1 ? score(runtime, job, trials, 0) : FG_OK;
    if (status != FG_OK)
        return status;
    int64_t best = 0;
    double least = INFINITY;
    for (int64_t t = 0; trials > 1 && t < trials; t++) {
        const double left = total_of(job->potential + t * job->n_chunks, job->n_chunks);
        if (left < least) {
            least = left;
            best = t;
        }
    }
    *chosen = candidates[best];
    set_candidate(job, 0, *chosen);
    return score(runtime, job, 1, 1);
}

static int plusplus(const fg_runtime *runtime, plusplus_job *job, int64_t k, int64_t trials, const double *draws,
                    int64_t *indices)
{
    const fg_points *points = job->points;
    /* The first centre is drawn by weight alone: as if every distance were 1. */
    for (int64_t c = 0; c < job->n_chunks; c++)
        job->potential[c] = 0;
    for (int64_t i = 0; i < points->n; i++) {
        job->closest[i] = 1;
        job->potential[i / FG_SUM_CHUNK] += potential_of(job, i);
    }
    indices[0] = pick(job, draws[0]);
    for (int64_t i = 0; i < points->n; i++)
        job->closest[i] = INFINITY;
    set_candidate(job, 0, indices[0]);
    int status = score(runtime, job, 1, 1);
    for (int64_t j = 1; j < k && status == FG_OK; j++)
        status = next_centre(runtime, job, trials, draws + j * trials, indices, j, indices + j);
    return status;
}

int fg_plusplus(const fg_runtime *runtime, const fg_points *points, int64_t k, int64_t trials, const double *draws,
                int64_t *indices)
{
    const int slots = runtime->slots(points->n_threads);
    plusplus_job job = {.points = points, .n_chunks = fg_chunk_count(points->n, FG_SUM_CHUNK)};
    job.scratch_bytes = plusplus_bytes_table[runtime->isa](points->d);
    job.candidates = malloc((size_t)(trials * points->d) * sizeof(double));
    job.closest = malloc((size_t)points->n * sizeof(double));
    job.potential = malloc((size_t)(trials * job.n_chunks) * sizeof(double));
    job.scratch = malloc((size_t)(slots * job.scratch_bytes));
    int status = FG_NO_MEMORY;
    if (job.candidates && job.closest && job.potential && job.scratch) {
        fg_fenv saved = fg_fenv_enter();
        status = plusplus(runtime, &job, k, trials, draws, indices);
        fg_fenv_leave(saved);
    }
    free(job.candidates);
    free(job.closest);
    free(job.potential);
    free(job.scratch);
    return status;
}
