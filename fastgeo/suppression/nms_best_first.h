/* Greedy suppression of very many crowded boxes: the best among themselves, then all others beside what those left. */
#ifndef FG_NMS_BEST_FIRST_H
#define FG_NMS_BEST_FIRST_H

#include "suppression/nms_many.h"

/* The best boxes suppress most others, and which they are needs no order of these. The few that are left stay undecided:
   whether they are kept depends on nothing but each other. FG_OK, FG_NO_MEMORY, FG_INTERRUPTED, FG_FORKED, or
   FG_NMS_UNSUITED if the boxes are not crowded, or too many are equally good. */
int fg_nms_run_best_first(const fg_team *team, const fg_nms_many *many);

#endif
