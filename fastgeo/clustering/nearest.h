/* The nearest centroid of every point. */
#ifndef FG_NEAREST_H
#define FG_NEAREST_H

#include "clustering/hamerly.h"
#include "clustering/sums.h"

typedef struct {
    const fg_points *points;
    const void *centroids; /* (k, d) of the points' type */
    int64_t k;
    int32_t *labels;   /* in: the labels before; out */
    void *distances;   /* (n,) of the points' type, or NULL */
    fg_bounds *bounds; /* or NULL */
    fg_sums *sums;     /* or NULL: the rows are added on the way, block by block */
    int in_kmeans;     /* whether this is an assignment of a run of k-means, for the counts of what ran */
    int64_t n_changed; /* out: how many labels differ from those before */
    int64_t n_searched; /* out: how many points the bounds did not settle */
} fg_nearest_call;

/* The nearest centroid of every point, the lowest index of equals. Of FG_COSINE the centroids have length 1, or 0: a
   centroid or a point of zeros has distance 1 from everything, and such a point the label 0. */
int fg_nearest(const fg_team *team, fg_nearest_call *call);

/* The same by a plan that is made already; of FG_COSINE no centroid is of zeros. */
struct fg_assign_plan;
int fg_nearest_by_plan(const fg_team *team, fg_nearest_call *call, const struct fg_assign_plan *plan);

/* Limits of the horizontal search: of the error of a sum, and of the time between two polls. */
enum { FG_HORIZONTAL_MAX_D = 1 << 16, FG_HORIZONTAL_MAX_K = 4096 };

/* Centroids whose sums the horizontal search keeps in registers. */
int fg_horizontal_group(int isa);

/* Bytes of a slot: packed rows of so many columns, or two blocks of them; scores of k centroids and which are in reach. */
typedef struct {
    int64_t packed, table;
} fg_search_bytes;
fg_search_bytes fg_search_memory(int isa, int is_f64, int64_t d, int64_t k);

#endif
