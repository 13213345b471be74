/* Which search a call of this family runs: pure functions of call, team and what has been measured on the way. */
#ifndef FG_SUPPRESSION_PLAN_H
#define FG_SUPPRESSION_PLAN_H

#include <stddef.h>

#include "runtime/plan.h"

/* How greedy suppression finds the boxes that a kept one suppresses; none changes the answer.
     scan      each box is compared with the kept ones
     grid      a kept box searches the cells around its centre
     tree      a kept box descends into the hulls that may hold a box it suppresses
     adaptive  scan, until an index over the boxes left pays; a grid if one suits them, until a tree pays
     best_first  drops what the best boxes suppress, then goes on as adaptive; for one group, without owners */
#define FG_NMS_ALGORITHMS(ROW) \
    ROW(scan, SCAN) ROW(grid, GRID) ROW(tree, TREE) ROW(adaptive, ADAPTIVE) ROW(best_first, BEST_FIRST)
#define FG_NMS_ENUM(name, NAME) FG_NMS_##NAME,
enum { FG_NMS_ALGORITHMS(FG_NMS_ENUM) FG_NMS_COUNT };
/* Runs are counted under the choice, and those that an adaptive search came to under this name. */
#define FG_NMS_CHOICE "nms"
#define FG_NMS_SEARCH "nms search"

extern const char *const fg_nms_names[FG_NMS_COUNT];

/* Of n boxes whose values take `value` bytes, in groups or not; by multiclass_nms, in `sets` runs. */
typedef struct {
    int64_t n, sets;
    int is_grouped, has_owners;
    size_t value;
} fg_nms_size;

typedef struct {
    int status;    /* FG_OK, FG_EXPLAINED or FG_REFUSED */
    int algorithm; /* FG_NMS_SCAN … */
    int may_be_best_first; /* if the boxes lie deep */
    int threads;
    fg_plan shown;
} fg_nms_plan;

/* The choice, shown to whoever asks for it. */
fg_nms_plan fg_plan_nms(const fg_team *team, fg_nms_size size);

/* Whether to go from comparing with the kept boxes to an index over those left: `work` comparisons in a window of `boxes`
   boxes of n, of which `left` are left. */
int fg_nms_index_pays(int algorithm, int64_t work, int64_t boxes, int64_t left, int64_t n);

/* Whether a grid suits n boxes, `small` of which are much smaller than the largest, and that lie in so many cells. */
int fg_nms_grid_suits(int algorithm, int64_t n, int64_t small, double cells);

/* The comparisons in a grid after which a tree over the `left` boxes would have been better. */
int64_t fg_nms_tree_work(int algorithm, int64_t left);

/* Whether to begin with the best of boxes that lie so deep; whether n_best of n are few enough for that, and suppress
   enough if n_kept of them stay. */
int fg_nms_is_deep(int algorithm, double depth);
int fg_nms_best_are_few(int algorithm, int64_t n, int64_t n_best);
int fg_nms_best_suppress(int algorithm, int64_t n_best, int64_t n_kept);

#endif
