#include "clustering/nearest.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clustering/directed.h"
#include "clustering/plan.h"
#include "clustering/quantized.h"
#include "runtime/fenv.h"

/* What a search finds: one centroid, two, or one by IoU of sizes. */
enum { NEAREST, NEAREST_TWO, SIZES };

/* Points listed at a time, before they are searched in blocks. */
enum { LISTED = 512 };

/* So many rows ahead, the horizontal search prefetches. */
enum { AHEAD = 16 };

typedef struct {
    int64_t changed, searched; /* labels, points */
} nearest_counts;

typedef struct {
    const fg_team *team;
    const fg_assign_plan *plan;
    fg_nearest_call *call;
    const fg_quantizer *quantizer;
    const void *centroids;  /* of the call, or their copy: rows plan->stride values apart */
    void *copied;           /* or NULL */
    char *scratch;          /* per slot: see fg_assign_plan */
    int32_t *starts;        /* (threads, k), if rows are added on the way */
    nearest_counts *counts; /* per chunk */
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
typedef int group_function(void);
FG_DOT_TABLE(fg_chunk, nearest_chunk);
FG_DOT_TABLE(group_function, horizontal_group);
FG_DOT_TABLE(bytes_function, packed_bytes);
FG_DOT_TABLE(bytes_function, table_bytes);

int fg_horizontal_group(int isa) { return horizontal_group_table[isa][0](); }

fg_search_bytes fg_search_memory(int isa, int is_f64, int64_t d, int64_t k)
{
    return (fg_search_bytes){packed_bytes_table[isa][is_f64](d), table_bytes_table[isa][is_f64](k)};
}

static void copy_chunk(void *job_, int64_t chunk, int slot)
{
    (void)slot;
    const nearest_job *job = job_;
    const int64_t k = job->call->k, d = job->call->points->d, size = job->call->points->is_f64 ? 8 : 4;
    const int64_t rows = fg_chunk_rows(job->team, k, d), end = (chunk + 1) * rows < k ? (chunk + 1) * rows : k;
    for (int64_t j = chunk * rows; j < end; j++)
        memcpy((char *)job->copied + j * job->plan->stride * size, (const char *)job->call->centroids + j * d * size,
               (size_t)(d * size));
}

static int spread_centroids(nearest_job *job)
{
    const fg_points *points = job->call->points;
    const int64_t k = job->call->k, size = points->is_f64 ? 8 : 4;
    job->centroids = job->call->centroids;
    if (job->plan->stride == points->d)
        return FG_OK;
    job->copied = malloc((size_t)(k * job->plan->stride * size));
    if (!job->copied)
        return FG_NO_MEMORY;
    job->centroids = job->copied;
    return job->team->parallel(fg_chunk_count(k, fg_chunk_rows(job->team, k, points->d)), job->plan->threads, copy_chunk,
                               job);
}

static int search_all(nearest_job *job)
{
    const fg_assign_plan *plan = job->plan;
    fg_nearest_call *call = job->call;
    void *scratch = malloc((size_t)(plan->threads * plan->scratch_bytes + FG_LINE));
    job->starts = plan->adds_sums ? malloc((size_t)(plan->threads * call->k) * sizeof(int32_t)) : NULL;
    job->counts = malloc((size_t)(plan->n_chunks + 1) * sizeof(nearest_counts));
    int status = FG_NO_MEMORY;
    if (scratch && job->counts && (job->starts || !plan->adds_sums)) {
        job->scratch = fg_at_line(scratch);
        status = job->team->parallel(plan->n_chunks, plan->threads,
                                     nearest_chunk_table[job->team->isa][call->points->is_f64], job);
    }
    call->n_changed = call->n_searched = 0;
    for (int64_t c = 0; status == FG_OK && c < plan->n_chunks; c++) {
        call->n_changed += job->counts[c].changed;
        call->n_searched += job->counts[c].searched;
    }
    free(scratch);
    free(job->starts);
    free(job->counts);
    return status;
}

int fg_nearest_by_plan(const fg_team *team, fg_nearest_call *call, const fg_assign_plan *plan)
{
    fg_quantizer quantizer = {0};
    nearest_job job = {.team = team, .plan = plan, .call = call};
    int status = FG_OK;
    fg_fenv saved = fg_fenv_enter();
    if (plan->algorithm == FG_QUANTIZED) {
        job.quantizer = &quantizer;
        status = fg_quantizer_open(team, &quantizer, call->points, call->centroids, call->k);
    }
    if (status == FG_OK)
        status = spread_centroids(&job);
    if (status == FG_OK)
        status = search_all(&job);
    if (status == FG_OK && call->sums && !plan->adds_sums)
        status = fg_sums_add_all(team, call->sums, call->labels);
    fg_quantizer_close(&quantizer);
    free(job.copied);
    fg_fenv_leave(saved);
    return status;
}

int fg_nearest(const fg_team *team, fg_nearest_call *call)
{
    fg_assign_plan plan;
    if (call->points->metric == FG_COSINE && !fg_all_directed(call->points, call->centroids, call->k))
        return fg_nearest_directed(team, call);
    const int status = fg_plan_assign(team, call, &plan);
    if (status != FG_OK)
        return status;
    fg_ran(team, "assign", fg_assign_names[plan.algorithm], plan.threads);
    if (call->in_kmeans)
        fg_ran(team, "kmeans", fg_kmeans_names[call->bounds ? FG_HAMERLY : FG_LLOYD], plan.threads);
    return fg_nearest_by_plan(team, call, &plan);
}
