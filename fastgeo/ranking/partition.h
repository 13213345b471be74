/* Labelled scores by intervals of their keys: counted, or cut into parts that can be compared apart. */
#ifndef FG_PARTITION_H
#define FG_PARTITION_H

#include "ranking/sort.h"

/* The complement of the lowest key: zeroes are then an empty bin. */
typedef struct {
    int64_t counts[2]; /* negatives, positives */
    uint64_t not_low, high;
} fg_bin;

typedef struct {
    fg_samples samples;
    const uint64_t *lasts; /* (n_lasts,) ascending: bin i ends with lasts[i], one more bin holds what lies beyond; or null */
    int64_t n_lasts;
    int digit_bits;      /* without `lasts` a bin is what shares these leading bits */
    int64_t n_bins;      /* out, with all below */
    int64_t occupied;    /* bins that hold keys */
    fg_bin *bins;        /* (n_bins,); to be freed */
    uint8_t *touched;    /* of each group of bins whether any holds something, the others are not initialised; to be freed */
} fg_count_call;

/* Both answer FG_OK, FG_NO_MEMORY, FG_BAD_VALUE (a label or score breaks the contract), FG_INTERRUPTED or FG_FORKED. */
int fg_count_by_key(const fg_team *team, fg_count_call *call);

/* The occupied bins in ascending order; `negatives` and what follows are the columns of their contents. */
void fg_list_bins(const fg_count_call *call, int32_t *numbers, int64_t *negatives, int64_t *positives, uint64_t *lows,
                  uint64_t *highs);

typedef struct {
    fg_samples samples;
    const uint64_t *lows, *highs; /* (n_intervals,) disjoint and ascending, both ends included */
    const int64_t *ends;          /* (n_parts,): the interval after the last of each part */
    int64_t n_intervals, n_parts;
    int narrow;      /* float32 scores become words of 32 bits; all others are of 64 */
    int64_t *starts; /* out: (n_parts + 1,) where the words of each part begin */
    void *words;     /* out: (samples.n,), of which starts[n_parts] are written; words as in sort.h */
} fg_cut_call;

/* The keys of a part must agree in their top bit. */
int fg_cut_by_key(const fg_team *team, fg_cut_call *call);

#endif
