/* Precision, recall and scores of matched detections. */
#ifndef FG_EVALUATION_ACCUMULATE_H
#define FG_EVALUATION_ACCUMULATE_H

#include "evaluation/records.h"

typedef struct {
    int64_t n_detections, n_classes, n_thresholds, n_ranges, n_limits, n_recalls;
    const fg_ranked *ranked; /* these four as fg_order_detections() gives them */
    const uint32_t *rank;
    const int64_t *starts, *counts;
    const double *found_scores; /* of the detections */
    const uint64_t *hits, *counted; /* these three as fg_match_detections() gives them */
    const int64_t *positives;
    const int64_t *limits;    /* (n_limits,): of detections in an image and class, ascending */
    const double *recalls;    /* (n_recalls,): where precision is read off, ascending */
    const int64_t *place;     /* (n_recalls,): which of them each point of the answer is */
    double *precision, *scores; /* (n_thresholds, n_recalls, n_classes, n_ranges, n_limits) */
    double *recall;             /* (n_thresholds, n_classes, n_ranges, n_limits) */
    double *areas;              /* the same: of the whole area under each curve; or NULL */
    double margin;              /* added to the denominator of precision */
} fg_accumulate_call;

/* FG_OK, FG_NO_MEMORY, FG_INTERRUPTED or FG_FORKED. */
int fg_accumulate(const fg_team *team, const fg_accumulate_call *call);

#endif
