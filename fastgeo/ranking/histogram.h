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
} fg_histogram_call;

/* FG_OK, FG_NO_MEMORY, FG_BAD_VALUE, FG_INTERRUPTED or FG_FORKED; after all but the first, counts are as before. */
int fg_histogram(const fg_team *team, const fg_histogram_call *call);

/* AUC of counts by ascending bin; -1 where a class is absent. */
double fg_counted_auc(const int64_t *counts, int64_t n_bins);

/* Pairs won and pairs within one bin, two words each, the high one first. */
void fg_count_pairs(const int64_t *counts, int64_t n_bins, uint64_t out[4]);

#endif
