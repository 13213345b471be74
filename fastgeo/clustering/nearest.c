#include "clustering/nearest.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clustering/directed.h"
#include "clustering/quantized.h"
#include "runtime/fenv.h"

/* What a search looks for. */
enum { NEAREST, NEAREST_TWO, SIZES };

/* Points listed at a time, before they are searched in blocks; points of a block, at most. */
enum { LISTED = 512, BLOCK = 32 };

/* Points of more columns are searched so many at a time. */
enum { DEEP = 128 };

/* So many rows on, a look along the rows asks for the next. */
enum { AHEAD = 16 };

/* What a point costs besides its distances, in their operations. */
enum { ROW_WORK = 200 };

/* So much of the rows stays in the second cache while they are labelled and added. */
enum { CACHED_BYTES = 1 << 19 };

/* For so many points copying the centroids pays, where their rows would fall into the same sets of a cache. */
enum { SPREADING = 128 };

typedef struct {
    int64_t changed, searched; /* labels, points */
} nearest_counts;

typedef struct {
    fg_nearest_call *call;
    int64_t rows;     /* points per chunk */
    int64_t group;    /* centroids that are compared with a block of points at a time: a few ms */
    const fg_team *team;
    int32_t *starts;     /* (slots, k) with sums */
    const fg_sums *sums; /* or NULL; then every chunk is one of its blocks */
    char *scratch;    /* per slot: packed rows, then the filter's scores and hits */
    int64_t packed_bytes, scratch_bytes;
    nearest_counts *counts; /* per chunk */
    fg_filter *filter; /* or NULL; a first look in integers */
    int along;         /* a first look with the lanes along the rows */
    const void *centroids; /* of the call, or their copy: rows `stride` values apart */
    int64_t stride;
    void *copied; /* or NULL */
} nearest_job;

/* A centroid within reach of some points of a block, a bit each. */
typedef struct {
    int32_t centroid;
    unsigned points;
} hit;

#define FG_DOT_BODY
#define FG_BODY "clustering/nearest_body.h"
#include "runtime/for_each_target.h"

typedef int64_t bytes_function(int64_t d);
typedef int suits_function(int64_t d, int64_t k);
FG_DOT_TABLE(fg_chunk, nearest_chunk);
FG_DOT_TABLE(suits_function, along_suits);
FG_DOT_TABLE(bytes_function, packed_bytes);
FG_DOT_TABLE(bytes_function, filter_bytes);

/* Whether a chunk may be a whole block of the sums: enough of them for the threads, and none too long for Ctrl-C. */
static int blocks_suit(const fg_team *team, const fg_nearest_call *call)
{
    const double most = team->isa == FG_ISA_scalar ? 0x1p22 : 0x1p27;
    const double work = (double)call->points->n * (double)call->points->d * (double)call->k;
    return call->sums->blocks >= 16 && work / (double)call->sums->blocks < most;
}

static void copy_chunk(void *job_, int64_t chunk, int slot)
{
    (void)slot;
    const nearest_job *job = job_;
    const int64_t k = job->call->k, d = job->call->points->d, size = job->call->points->is_f64 ? 8 : 4;
    const int64_t rows = fg_chunk_rows(job->team, k, d), end = (chunk + 1) * rows < k ? (chunk + 1) * rows : k;
    for (int64_t j = chunk * rows; j < end; j++)
        memcpy((char *)job->copied + j * job->stride * size, (const char *)job->call->centroids + j * d * size,
               (size_t)(d * size));
}

/* Short rows need no copy: a tile reads them one after the other. */
static int spread_centroids(nearest_job *job, int n_threads)
{
    const fg_points *points = job->call->points;
    const int64_t k = job->call->k, d = points->d, size = points->is_f64 ? 8 : 4, stride = fg_spread_stride(d, size);
    job->centroids = job->call->centroids;
    job->stride = d;
    if (stride == d || d <= DEEP || points->n < SPREADING)
        return FG_OK;
    job->copied = malloc((size_t)(k * stride * size));
    if (!job->copied)
        return FG_NO_MEMORY;
    job->centroids = job->copied;
    job->stride = stride;
    return job->team->parallel(fg_chunk_count(k, fg_chunk_rows(job->team, k, d)), n_threads, copy_chunk, job);
}

static int search_all(const fg_team *team, nearest_job *job, int n_threads)
{
    fg_nearest_call *call = job->call;
    const int isa = team->isa, is_f64 = call->points->is_f64;
    const int64_t n_chunks = job->sums ? job->sums->blocks : fg_chunk_count(call->points->n, job->rows);
    const int64_t d = call->points->d;
    job->packed_bytes = packed_bytes_table[isa][is_f64](job->filter || job->along || d < DEEP ? d : DEEP);
    job->scratch_bytes = job->packed_bytes;
    if (job->filter || job->along || d > DEEP)
        job->scratch_bytes += filter_bytes_table[isa][is_f64](call->k);
    void *scratch = malloc((size_t)(n_threads * job->scratch_bytes + FG_LINE));
    job->starts = job->sums ? malloc((size_t)(n_threads * call->k) * sizeof(int32_t)) : NULL;
    job->counts = malloc((size_t)(n_chunks + 1) * sizeof(nearest_counts));
    int status = FG_NO_MEMORY;
    if (scratch && job->counts && (job->starts || !job->sums)) {
        job->scratch = fg_at_line(scratch);
        status = team->parallel(n_chunks, n_threads, nearest_chunk_table[isa][is_f64], job);
    }
    call->n_changed = call->n_searched = 0;
    for (int64_t c = 0; status == FG_OK && c < n_chunks; c++) {
        call->n_changed += job->counts[c].changed;
        call->n_searched += job->counts[c].searched;
    }
    free(scratch);
    free(job->starts);
    free(job->counts);
    return status;
}

int fg_nearest(const fg_team *team, fg_nearest_call *call)
{
    const fg_points *points = call->points;
    const int n_threads = fg_threads_for(team, (double)points->n * (double)points->d * (double)call->k);
    if (points->metric == FG_COSINE && !fg_all_directed(points, call->centroids, call->k))
        return fg_nearest_directed(team, call);
    fg_filter filter = {0};
    nearest_job job = {.call = call, .team = team};
    int status = FG_OK;
    job.rows = fg_chunk_rows(team, points->n, points->d * call->k + ROW_WORK);
    job.group = fg_most_rows(team, BLOCK * (points->d < DEEP ? points->d : DEEP), INT64_MAX);
    fg_fenv saved = fg_fenv_enter();
    if (call->screened && !call->distances && team->isa != FG_ISA_scalar) {
        if (fg_filter_suits(points, call->k)) {
            job.filter = &filter;
            status = fg_filter_open(team, &filter, points, call->centroids, call->k);
        } else
            job.along = points->metric != FG_BOX_IOU &&
                        along_suits_table[team->isa][points->is_f64](points->d, call->k);
    }
    if (call->sums && blocks_suit(team, call))
        job.sums = call->sums;
    if (status == FG_OK)
        status = spread_centroids(&job, n_threads);
    if (status == FG_OK)
        status = search_all(team, &job, n_threads);
    if (status == FG_OK && call->sums && !job.sums)
        status = fg_sums_add_all(team, call->sums, call->labels);
    fg_filter_close(&filter);
    free(job.copied);
    fg_fenv_leave(saved);
    return status;
}
