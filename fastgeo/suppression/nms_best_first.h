/* The algorithm "best_first", for very many boxes that lie deep: what the best of them suppress is dropped before the
   others are sorted. */
#ifndef FG_NMS_BEST_FIRST_H
#define FG_NMS_BEST_FIRST_H

#include "suppression/nms.h"
#include "suppression/plan.h"

typedef struct {
    const fg_nms_call *call;
    const fg_team *team;
    const fg_nms_plan *plan;
    fg_ranked *entries, *scratch; /* n + 1 each; the former those of the boxes that take part, by ascending index */
    int64_t n;
    char *runs; /* five runs of n values */
} fg_nms_crowd;

/* The depth: how many boxes cover a point on average, were all as large as the largest of a sample. 0 where all lie in one
   place, a few boxes wide: there the few kept boxes suppress the others without help. */
double fg_nms_depth(const fg_nms_crowd *crowd);

/* Drops entries that one of the best boxes suppresses; n falls. The others keep their order. FG_OK, FG_NO_MEMORY,
   FG_INTERRUPTED or FG_FORKED. */
int fg_nms_drop_suppressed(fg_nms_crowd *crowd);

#endif
