/* Greedy non-maximum suppression of rotated boxes. */
#ifndef FG_ROTATED_NMS_H
#define FG_ROTATED_NMS_H

#include "runtime/runtime.h"

typedef struct {
    const void *boxes;  /* (n, 5): cx, cy, w, h, degrees */
    const void *scores; /* (n,) */
    int64_t n;
    int boxes_f64, scores_f64;
    double iou_threshold;
    int has_score_threshold;
    double score_threshold;
    int64_t max_output; /* -1: no limit */
    int64_t *keep;      /* (n,): receives the kept boxes by descending score */
    int64_t n_keep;     /* receives how many */
} fg_rotated_nms_call;

/* FG_OK, FG_NO_MEMORY, FG_BAD_VALUE (a score is NaN) or FG_INTERRUPTED. The boxes have been checked. */
int fg_rotated_nms(const fg_team *team, fg_rotated_nms_call *call);

#endif
