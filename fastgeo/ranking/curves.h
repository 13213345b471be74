/* From rows of samples by score to curves and areas: the arithmetic of curves.py, row by row in its order. */
#ifndef FG_CURVES_H
#define FG_CURVES_H

#include "ranking/keys.h"
#include "runtime/runtime.h"

/* What there is at each distinct score, ascending. */
typedef struct {
    const int64_t *counts; /* (n, 2): negatives and positives, or null */
    const double *sums;    /* (n, 2): the same of weights, if there are no counts */
    const void *distinct;  /* (n,): the scores; only curves ask for them */
    int64_t n;
    int score_kind;
} fg_rows;

/* All answer FG_OK, FG_INTERRUPTED or FG_FORKED. */

/* How many negatives and positives there are, or what they weigh, added up by ascending score. */
int fg_row_totals(const fg_team *team, const fg_rows *rows, double totals[2]);

/* AUC of weights. Sums of 0 among either class are excluded. */
int fg_weighted_auc(const fg_team *team, const fg_rows *rows, const double totals[2], double *auc);

enum { FG_ROC, FG_PRECISION_RECALL };

typedef struct {
    fg_rows rows;
    int kind;
    int drop_intermediate;
    int64_t n_points; /* of kept thresholds, their number */
    double false_positives, true_positives; /* at the lowest threshold */
    /* One more than n_points: rates of false and true positives, or precision and recall. */
    double *x, *y;
    void *thresholds; /* ROC: one more than n_points, floats (float32 as scores are); else n_points, as scores are */
} fg_curve_call;

/* Fills n_points and the numbers at the lowest threshold; then, by these, the arrays. */
int fg_curve_size(const fg_team *team, fg_curve_call *call);
int fg_curve_points(const fg_team *team, fg_curve_call *call);

int fg_average_precision(const fg_team *team, const fg_rows *rows, double *precision);

/* Area under the ROC curve up to a rate of false positives below 1. */
int fg_area_up_to(const fg_team *team, const fg_curve_call *sized, double max_fpr, double *area);

/* Sums of the squared distances of placements from the area, of negatives and of positives (DeLong 1988). */
int fg_placement_squares(const fg_team *team, const fg_rows *rows, const double totals[2], double area,
                         double squares[2]);

#endif
