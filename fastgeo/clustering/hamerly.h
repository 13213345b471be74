/* Hamerly's bounds, kept from one assignment to the next (G. Hamerly, "Making k-means even faster", SDM 2010): how far a
   point is at most from the centroid of its label and at least from every other. They are rounded outward by more than the
   distance kernel can err, so that a point which they settle has the label that the search would give it. */
#ifndef FG_HAMERLY_H
#define FG_HAMERLY_H

#include <float.h>
#include <math.h>

#include "clustering/points.h"

typedef struct {
    float *upper, *lower;  /* (n,) distances, times `unit` like all below */
    float *moved;          /* (k,) how far each centroid moved since the last assignment, rounded up */
    float *half_gap;       /* (k,) half the distance to the nearest other centroid, rounded down; or 0 */
    float largest_move, second_move;
    int32_t farthest_mover;
    int valid;        /* 0: every point is searched */
    int with_gaps;    /* 0: half_gap is 0 */
    double unit;      /* a power of two that brings distances into the range of float */
    double error;     /* relative error of a squared distance */
    double underflow; /* and what the smallest may lack, not times `unit` */
    float slack, least; /* settled if upper * slack + least < lower */
} fg_bounds;

/* Beyond so many columns roundings outgrow the bounds. */
enum { FG_HAMERLY_MAX_D = 1 << 20 };

/* More than two roundings of a float. */
#define FG_BOUND_ROUNDING 0x1p-21f

/* The two ways to a bound in float. Beyond its range an upper bound says nothing, and a lower bound says no more than the
   largest float, from which moves can be taken away. */
static inline float fg_round_up(double bound)
{
    return bound < 0x1p127 ? (float)(bound * (1 + 0x1p-20)) + FLT_MIN : INFINITY;
}
static inline float fg_round_down(double bound)
{
    return bound > 0 ? (float)((bound < 0x1p127 ? bound : 0x1p127) * (1 - 0x1p-20)) : 0;
}

/* Bounds of the distance whose square the distance kernel has found. */
static inline float fg_upper_bound(const fg_bounds *bounds, double square)
{
    return fg_round_up(sqrt(square * (1 + bounds->error) + bounds->underflow) * bounds->unit);
}
static inline float fg_lower_bound(const fg_bounds *bounds, double square)
{
    const double least = square * (1 - bounds->error) - bounds->underflow;
    return least > 0 ? fg_round_down(sqrt(least) * bounds->unit) : 0;
}

/* Sets everything but `upper`, `lower`, `valid` and `with_gaps`, for points of this largest magnitude; before is NULL at the first
   call. Both (k, d), of the points' type. Answers as fg_nearest. */
int fg_move_bounds(const fg_team *team, fg_bounds *bounds, const fg_points *points, double largest, const void *before,
                   const void *centroids, int64_t k);

#endif
