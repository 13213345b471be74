/* Greedy non-maximum suppression, of all boxes together or group by group. */
#ifndef FG_NMS_H
#define FG_NMS_H

#include "runtime/box_format.h"
#include "runtime/runtime.h"
#include "suppression/score_order.h"

/* In the order of KINDS in arguments.py. */
enum { FG_NMS_IOU, FG_NMS_DIOU, FG_NMS_IOA };

typedef struct {
    const void *boxes;     /* (n, 4) */
    const void *scores;    /* (n,) */
    const int64_t *groups; /* (n,): boxes suppress only inside one group; NULL: all are one group */
    int64_t n;
    int64_t repeat; /* consecutive scores that share one box; 1 but for multiclass_nms */
    int boxes_f64, scores_f64;
    double iou_threshold;
    int has_score_threshold;
    double score_threshold; /* a box takes part if its score is above */
    int64_t max_output;     /* -1: no limit */
    int kind, fmt, offset;
    int64_t *keep;   /* (n,): receives the kept boxes by descending score */
    int64_t *owner;  /* (n,) or NULL: receives the box that kept or suppressed each box, or -1 */
    int64_t n_keep;  /* receives how many */
} fg_nms_call;

/* FG_OK, FG_NO_MEMORY, FG_BAD_VALUE (a box or score breaks the contract), FG_INTERRUPTED, FG_FORKED or
   FG_EXPLAINED. */
int fg_nms(const fg_team *team, fg_nms_call *call);

/* For the other entries of this family: FG_OK, or FG_BAD_VALUE if one of the 4n values breaks the contract. */
int fg_check_boxes(int isa, const void *boxes, int is_f64, int64_t n);

#endif
