/* Cosine distances where some centroids are zeros: these have no direction, and distance 1 from everything. */
#ifndef FG_DIRECTED_H
#define FG_DIRECTED_H

#include "clustering/nearest.h"

/* Whether each of the k centroids has a value that is not 0. */
int fg_all_directed(const fg_points *points, const void *centroids, int64_t k);

/* fg_nearest where not all have: those that have are searched; where the nearest is farther than 1, the first of the
   others wins. Bounds say nothing afterwards. */
int fg_nearest_directed(const fg_team *team, fg_nearest_call *call);

#endif
