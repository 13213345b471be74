/* The nearest centroid of every point, and all pairwise distances: the same tiles. */
#ifndef FG_NEAREST_H
#define FG_NEAREST_H

#include "clustering/points.h"

typedef struct {
    const fg_points *points;
    const void *centroids; /* (k, d) of the points' type */
    int64_t k;
    int32_t *labels;   /* in: the labels before; out */
    void *distances;   /* (n,) of the points' type, or NULL */
    int64_t n_changed; /* out: how many labels differ from those before */
} fg_nearest_call;

/* FG_OK, FG_NO_MEMORY, FG_INTERRUPTED or FG_FORKED. */
int fg_nearest(const fg_runtime *runtime, fg_nearest_call *call);

enum { FG_KIND_EUCLIDEAN, FG_KIND_SQEUCLIDEAN, FG_KIND_COSINE };

/* out (n, m): the distance of every row from every column's point. */
int fg_pairwise_distance(const fg_runtime *runtime, const fg_points *rows, const fg_points *columns, int kind,
                         void *out);

#endif
