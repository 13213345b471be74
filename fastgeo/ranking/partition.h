/* Labelled scores by intervals of their keys: counted, or cut into ranges that can be compared apart. */
#ifndef FG_PARTITION_H
#define FG_PARTITION_H

#include "ranking/sort.h"

/* The counts of one class in one bin. The complement of the lowest key: zeroed memory is then an empty bin. */
typedef struct {
    int64_t count;
    uint64_t not_low, high;
} fg_bin;

typedef struct {
    fg_samples samples;
    const uint64_t *lasts; /* (n_lasts,) ascending: bin i ends with lasts[i], one more bin holds what lies beyond; or null */
    int64_t n_lasts;
    int digit_bits;      /* without `lasts` a bin is what shares these leading bits */
    int64_t n_bins;      /* out, with all below */
    int64_t occupied[2]; /* bins that hold negatives, and positives */
    fg_bin *bins;        /* (n_bins, 2); to be freed */
    uint8_t *touched;    /* of each group of bins whether any holds something; to be freed */
} fg_count_call;

/* Both answer FG_OK, FG_NO_MEMORY, FG_BAD_VALUE (a label or score breaks the contract), FG_INTERRUPTED or FG_FORKED. */
int fg_count_by_key(const fg_runtime *runtime, fg_count_call *call);

/* The occupied bins of one class in ascending order. */
void fg_list_bins(const fg_count_call *call, int label, int32_t *numbers, int64_t *counts, uint64_t *lows,
                  uint64_t *highs);

typedef struct {
    fg_samples samples;
    const uint64_t *lows, *highs; /* (n_intervals,) disjoint and ascending, both ends included */
    const int64_t *ends;          /* (n_ranges,): the interval after the last of each range */
    int64_t n_intervals, n_ranges;
    int64_t *starts;     /* out: (n_ranges + 1,) where the rows of each range begin */
    uint8_t *labels_out; /* (samples.n,), of which starts[n_ranges] are written */
    void *scores_out;    /* the same, of the type of the scores */
} fg_cut_call;

int fg_cut_by_key(const fg_runtime *runtime, fg_cut_call *call);

#endif
