/* How an evaluation numbers its ids. */
#ifndef FG_EVALUATION_PLAN_H
#define FG_EVALUATION_PLAN_H

#include "runtime/runtime.h"

/* Whether a table over the range [low, high] of the ids of n rows is the way, rather than a sort. */
int fg_plan_id_table(int64_t n, int64_t low, int64_t high);

#endif
