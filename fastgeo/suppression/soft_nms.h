/* Soft non-maximum suppression: overlapping boxes lose score instead of being dropped. */
#ifndef FG_SOFT_NMS_H
#define FG_SOFT_NMS_H

#include "runtime/box_format.h"
#include "runtime/runtime.h"

/* In the order of SOFT_METHODS in arguments.py. */
enum { FG_SOFT_LINEAR, FG_SOFT_GAUSSIAN };

typedef struct {
    const void *boxes;  /* (n, 4) */
    const void *scores; /* (n,) */
    int64_t n;
    int boxes_f64, scores_f64;
    int method, fmt;
    double sigma, iou_threshold, score_threshold;
    int64_t *keep;      /* (n,): receives the boxes in the order in which they are taken */
    double *new_scores; /* (n,): receives the score of each when it was taken */
    int64_t n_keep;     /* receives how many */
} fg_soft_nms_call;

/* FG_OK, FG_NO_MEMORY, FG_BAD_VALUE (a box or score breaks the contract) or FG_INTERRUPTED. */
int fg_soft_nms(const fg_team *team, fg_soft_nms_call *call);

#endif
