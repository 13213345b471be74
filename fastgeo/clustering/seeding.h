/* Greedy k-means++: float64 in a fixed order, so that the points chosen are the reference's. */
#ifndef FG_SEEDING_H
#define FG_SEEDING_H

#include "clustering/inertia.h"

/* draws (k, trials) in [0, 1) decide; indices (k,) come out, all different. Points that coincide with others, then those
   of no weight, come last and in index order. */
int fg_plusplus(const fg_team *team, const fg_points *points, int64_t k, int64_t trials, const double *draws,
                int64_t *indices);

#endif
