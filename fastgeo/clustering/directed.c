#include "clustering/directed.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/fenv.h"

typedef struct {
    fg_nearest_call *call;
    int64_t rows;          /* per chunk */
    void *centroids;       /* (n_directed, d) */
    int32_t *index;        /* (n_directed,) which of the call's centroids each of them is */
    int64_t n_directed;
    int32_t undirected;    /* the lowest index of the others */
    int32_t *labels;       /* (n,) by the directed ones alone, */
    void *distances;       /* (n,) and how far; the call's own, if it wants any */
    int64_t *changed;      /* per chunk */
} directed_job;

static int is_directed(const fg_points *points, const void *centroids, int64_t j)
{
    for (int64_t l = j * points->d; l < (j + 1) * points->d; l++)
        if (points->is_f64 ? ((const double *)centroids)[l] != 0 : ((const float *)centroids)[l] != 0)
            return 1;
    return 0;
}

int fg_all_directed(const fg_points *points, const void *centroids, int64_t k)
{
    for (int64_t j = 0; j < k; j++)
        if (!is_directed(points, centroids, j))
            return 0;
    return 1;
}

static void gather_directed(directed_job *job)
{
    const fg_nearest_call *call = job->call;
    const size_t bytes = (size_t)call->points->d * (call->points->is_f64 ? sizeof(double) : sizeof(float));
    job->undirected = -1;
    for (int64_t j = 0; j < call->k; j++) {
        if (is_directed(call->points, call->centroids, j)) {
            memcpy((char *)job->centroids + (size_t)job->n_directed * bytes, (const char *)call->centroids + (size_t)j * bytes,
                   bytes);
            job->index[job->n_directed++] = (int32_t)j;
        } else if (job->undirected < 0)
            job->undirected = (int32_t)j;
    }
}

/* Compares what was found of some points with the centroids that have no direction. */
static void compare_chunk(void *job_, int64_t chunk, int slot)
{
    (void)slot;
    const directed_job *job = job_;
    fg_nearest_call *call = job->call;
    const fg_points *points = call->points;
    const int64_t end = (chunk + 1) * job->rows < points->n ? (chunk + 1) * job->rows : points->n;
    for (int64_t i = chunk * job->rows; i < end; i++) {
        double distance = points->is_f64 ? ((double *)job->distances)[i] : (double)((float *)job->distances)[i];
        int32_t label = job->n_directed ? job->index[job->labels[i]] : job->undirected;
        if (job->n_directed == 0 || distance > 1 || (distance == 1 && job->undirected < label)) {
            label = job->undirected;
            distance = 1;
        }
        label = points->scale[i] > 0 ? label : 0;
        job->changed[chunk] += label != call->labels[i];
        call->labels[i] = label;
        if (points->is_f64)
            ((double *)job->distances)[i] = distance;
        else
            ((float *)job->distances)[i] = (float)distance;
        if (call->bounds) {
            call->bounds->upper[i] = INFINITY;
            call->bounds->lower[i] = 0;
        }
    }
}

static int find_directed(const fg_team *team, directed_job *job, int64_t n_chunks)
{
    fg_nearest_call *call = job->call;
    const fg_points *points = call->points;
    gather_directed(job);
    fg_nearest_call directed = {.points = points, .centroids = job->centroids, .k = job->n_directed,
                                .labels = job->labels, .distances = job->distances};
    int status = job->n_directed ? fg_nearest(team, &directed) : FG_OK;
    fg_fenv saved = fg_fenv_enter();
    if (status == FG_OK)
        status = team->parallel(n_chunks, fg_threads_for(team, 8 * (double)points->n), compare_chunk, job);
    fg_fenv_leave(saved);
    call->n_changed = 0;
    call->n_searched = points->n;
    for (int64_t c = 0; c < n_chunks; c++)
        call->n_changed += job->changed[c];
    if (status == FG_OK && call->sums)
        status = fg_sums_add_all(team, call->sums, call->labels);
    return status;
}

int fg_nearest_directed(const fg_team *team, fg_nearest_call *call)
{
    const fg_points *points = call->points;
    const size_t size = points->is_f64 ? sizeof(double) : sizeof(float), n = (size_t)points->n, k = (size_t)call->k;
    directed_job job = {.call = call, .rows = fg_chunk_rows(team, points->n, 8)};
    const int64_t n_chunks = fg_chunk_count(points->n, job.rows);
    void *distances = call->distances ? NULL : malloc((n + 1) * size);
    job.distances = call->distances ? call->distances : distances;
    job.labels = calloc(n + 1, sizeof(int32_t));
    job.centroids = malloc(k * (size_t)points->d * size);
    job.index = malloc(k * sizeof(int32_t));
    job.changed = calloc((size_t)n_chunks + 1, sizeof(int64_t));
    int status = FG_NO_MEMORY;
    if (job.distances && job.labels && job.centroids && job.index && job.changed)
        status = find_directed(team, &job, n_chunks);
    free(distances);
    free(job.labels);
    free(job.centroids);
    free(job.index);
    free(job.changed);
    return status;
}
