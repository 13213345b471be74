/* What the calls of this family run, and on how many threads: pure functions of team and call. Nothing else chooses. */
#ifndef FG_MASKS_PLAN_H
#define FG_MASKS_PLAN_H

#include "masks/overlap.h"
#include "runtime/plan.h"

/* Two masks are compared run by run, or column by column where both have an outline (profile.h). */
enum { FG_RUNS, FG_OUTLINES, FG_MASK_IOU_ALGORITHMS };

extern const char *const fg_mask_iou_algorithms[FG_MASK_IOU_ALGORITHMS];

typedef struct {
    int algorithm, threads;
    int64_t scratch_bytes; /* at most */
    const char *reason;
} fg_mask_iou_plan;

void fg_plan_mask_iou(const fg_team *team, const fg_mask_iou_call *call, fg_mask_iou_plan *plan);

/* The layers of a mask with at most `most` runs in a column, or 0: it is left to its runs. */
int fg_plan_layers(int64_t most, int64_t width, int64_t n_runs);

enum fg_mask_work {
    FG_MEASURED_COUNTS,
    FG_MERGED_COUNTS,
    FG_BOUNDARY_COUNTS,
    FG_CORNERS,
    FG_ENCODED_PIXELS,
    FG_DECODED_PIXELS,
    FG_PASTED_PIXELS,
    FG_PAIRS
};

/* How many threads take part in so much work of n pieces. */
int fg_plan_mask_threads(const fg_team *team, enum fg_mask_work work, int64_t n, int64_t in_each);

#endif
