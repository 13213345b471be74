/* Non-maximum suppression of a whole detector head: every class of every image. */
#ifndef FG_MULTICLASS_H
#define FG_MULTICLASS_H

#include "runtime/box_format.h"
#include "runtime/runtime.h"

typedef struct {
    const void *boxes;  /* (batch, n, 4), or (batch, n, n_classes, 4) */
    const void *scores; /* (batch, n, n_classes) */
    int64_t batch, n, n_classes;
    int own_boxes; /* each class has boxes of its own */
    int boxes_f64, scores_f64;
    const double *iou_thresholds;   /* (n_classes,) */
    const double *score_thresholds; /* (n_classes,) */
    int64_t top_k;                  /* -1: no limit */
    int64_t max_output;
    int class_agnostic, fmt;
    void *out_boxes;      /* (batch, max_output, 4), filled with 0 */
    void *out_scores;     /* (batch, max_output), filled with 0 */
    int64_t *out_classes; /* (batch, max_output), filled with -1 */
    int64_t *out_indices; /* (batch, max_output), filled with -1 */
    int64_t *out_counts;  /* (batch,) */
} fg_multiclass_call;

/* FG_OK, FG_NO_MEMORY, FG_BAD_VALUE, FG_INTERRUPTED or FG_FORKED. */
int fg_multiclass_nms(const fg_team *team, const fg_multiclass_call *call);

#endif
