/* Weighted boxes fusion: clusters of overlapping boxes become their mean, weighted by score. */
#ifndef FG_FUSION_H
#define FG_FUSION_H

#include "runtime/runtime.h"

typedef struct {
    const double *boxes;    /* (n, 4), with x1 <= x2 and y1 <= y2 */
    const double *scores;   /* (n,): already multiplied by the weight of the model */
    const int64_t *labels;  /* (n,): 0 … n_labels - 1 */
    const uint8_t *skip;    /* (n,): boxes that take no part */
    int64_t n, n_labels;
    double iou_threshold;
    int64_t n_models;
    double total_weight;
    double *out_boxes;    /* (n, 4): one for each cluster, by descending score */
    double *out_scores;   /* (n,) */
    int64_t *out_labels;  /* (n,) */
    int64_t n_out;        /* receives how many */
} fg_fusion_call;

/* FG_OK, FG_NO_MEMORY or FG_INTERRUPTED. */
int fg_weighted_boxes_fusion(const fg_team *team, fg_fusion_call *call);

#endif
