/* Counts or weights of positives and negatives by bin of the score. */
#ifndef FG_HISTOGRAM_H
#define FG_HISTOGRAM_H

#include "ranking/labels.h"
#include "runtime/runtime.h"

typedef struct {
    const void *labels, *scores; /* (n,) */
    const double *weights;       /* (n,), or null */
    int64_t *counts;             /* (n_bins, 2): negatives and positives, added to; without weights */
    double *sums;                /* (n_bins, 2): the same of the weights */
    int64_t n, n_bins;
    double low, high, width;
    int label_kind;
    int is_f64; /* scores */
    int keep_counts; /* whether a call that fails leaves the counts as before; that takes as long again as what it undoes */
} fg_histogram_call;

/* Widths between which no step of a quotient by way of the reciprocal over- or underflows. */
#define FG_SAFE_WIDTH 0x1p-900
static inline int fg_is_safe_width(double width) { return FG_SAFE_WIDTH <= width && width <= 0x1p+900; }

/* FG_OK, FG_NO_MEMORY, FG_BAD_VALUE, FG_INTERRUPTED or FG_FORKED. */
int fg_histogram(const fg_team *team, const fg_histogram_call *call);

#endif
