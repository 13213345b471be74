/* Pairs of a positive and a negative that counts by ascending score hold: won, and within one row. */
#ifndef FG_PAIRS_H
#define FG_PAIRS_H

#include "runtime/runtime.h"

/* AUC of n rows of counts, negatives and positives; -1 where a class is absent. FG_OK, FG_INTERRUPTED or FG_FORKED. */
int fg_counted_auc(const fg_team *team, const int64_t *counts, int64_t n, double *auc);

/* Pairs won and pairs within one row, two words each, the high one first. As above. */
int fg_count_pairs(const fg_team *team, const int64_t *counts, int64_t n, uint64_t pairs[4]);

#endif
