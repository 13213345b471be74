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
    int screened;      /* whether candidates may be screened first; the answer is the same */
    int64_t n_changed; /* out: how many labels differ from those before */
    int64_t n_searched; /* out: how many points the bounds did not settle */
} fg_nearest_call;

/* The nearest centroid of every point, the lowest index of equals. Of FG_COSINE the centroids have length 1, or 0: a
   centroid or a point of zeros has distance 1 from everything, and such a point the label 0. */
int fg_nearest(const fg_team *team, fg_nearest_call *call);

#endif
