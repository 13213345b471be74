/* The nearest centroid of every point. */
#ifndef FG_NEAREST_H
#define FG_NEAREST_H

#include "clustering/exact.h"

/* Hamerly's bounds, kept from one assignment to the next: how far a point is at most from the centroid of its label and
   at least from every other. They are rounded outward by more than the distance kernel can err, so that a point which
   they settle has the label that the search would give it. */
typedef struct {
    float *upper, *lower;  /* (n,) */
    float *moved;          /* (k,) how far each centroid moved since the last assignment, rounded up */
    float *half_gap;       /* (k,) half the distance to the nearest other centroid, rounded down; or 0 */
    float largest_move, second_move;
    int32_t farthest_mover;
    int valid; /* 0: every point is searched */
    double error; /* relative error of a squared distance */
    double underflow;
    float slack, least; /* settled if upper * slack + least < lower */
} fg_bounds;

/* Sets everything but `upper`, `lower` and `valid`; before is NULL at the first call. Both (k, d), of the points' type.
   Answers as fg_nearest. */
int fg_move_bounds(const fg_team *team, fg_bounds *bounds, const fg_points *points, const void *before,
                   const void *centroids, int64_t k);

typedef struct {
    const fg_points *points;
    const void *centroids; /* (k, d) of the points' type */
    int64_t k;
    int32_t *labels;   /* in: the labels before; out */
    void *distances;   /* (n,) of the points' type, or NULL */
    fg_bounds *bounds; /* or NULL */
    fg_sums *sums;     /* or NULL: the rows are added on the way, block by block */
    int filtered;      /* whether a first look may help; the answer is the same */
    int unchecked;     /* whether fg_check_points has yet to see the points; then FG_BAD_VALUE is an answer too */
    int64_t n_changed; /* out: how many labels differ from those before */
    int64_t n_searched; /* out: how many points the bounds did not settle */
} fg_nearest_call;

/* FG_OK, FG_NO_MEMORY, FG_INTERRUPTED, FG_FORKED or, of unchecked points, FG_BAD_VALUE. */
int fg_nearest(const fg_team *team, fg_nearest_call *call);

#endif
