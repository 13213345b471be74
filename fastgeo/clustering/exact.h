/* The float64 side of k-means: sums, inertia and k-means++ in a fixed order, bit for bit as the reference. */
#ifndef FG_EXACT_H
#define FG_EXACT_H

#include "clustering/points.h"

/* Points per partial sum of distances. */
enum { FG_SUM_CHUNK = 4096 };

/* sums (k, d) and counts (k,): weighted sums of the rows of each label, in `blocks` runs of rows. */
int fg_cluster_sums(const fg_runtime *runtime, const fg_points *points, const int32_t *labels, int64_t k,
                    int64_t blocks, double *sums, double *counts);

/* Squared distance of every point from the centroid of its label; for FG_BOX_IOU, 1 - IoU. Unweighted. */
int fg_own_distances(const fg_runtime *runtime, const fg_points *points, const void *centroids,
                     const int32_t *labels, double *distances);

/* Weighted sum of distances, chunk by chunk. */
double fg_ordered_sum(const fg_points *points, const double *distances);

/* Greedy k-means++: draws (k, trials) in [0, 1) decide; indices (k,) come out. */
int fg_plusplus(const fg_runtime *runtime, const fg_points *points, int64_t k, int64_t trials, const double *draws,
                int64_t *indices);

#endif
