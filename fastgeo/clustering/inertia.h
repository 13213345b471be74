/* What each point adds to the inertia, its sum, and the refilling of empty clusters: float64 in a fixed order, bit for bit
   as the reference. */
#ifndef FG_INERTIA_H
#define FG_INERTIA_H

#include "clustering/points.h"

/* Points per partial sum of distances. */
enum { FG_SUM_CHUNK = 4096 };

/* Squared distance of every point from the centroid of its label; 2 where one of them has no direction (FG_COSINE);
   1 - IoU (FG_BOX_IOU). Unweighted. */
int fg_own_distances(const fg_team *team, const fg_points *points, const void *centroids, const int32_t *labels,
                     double *distances);

/* *sum of n distances, times weights (n,) unless NULL: chunk by chunk, each in index order. */
int fg_ordered_sum(const fg_team *team, const double *distances, const double *weights, int64_t n, double *sum);

/* Gives each cluster of no weight the point farthest from its centroid, the lowest index of equals, out of a cluster that
   keeps another one; only points of positive weight that lie off their centroids. Uses up the distances. */
int fg_refill(const fg_team *team, const fg_points *points, const double *cluster_weights, int64_t k, double *distances,
              int32_t *labels);

#endif
