/* The sort that all exact functions stand on. */
#ifndef FG_SORT_H
#define FG_SORT_H

#include "ranking/keys.h"
#include "ranking/labels.h"
#include "runtime/runtime.h"

typedef struct {
    const void *labels, *scores; /* (n,) */
    int64_t n;
    int label_kind, score_kind;
} fg_samples;

/* Samples as sorted words: a score becomes an unsigned key of the same order, the top bit of the key gives way to the
   label in the lowest bit. Where the top bit is clear comes first, words[0 … front), then where it is set. So the
   negatives of one score stand before its positives. */
typedef struct {
    void *words; /* (n,): uint32_t for float32 scores, otherwise uint64_t; to be freed, null or not */
    int64_t n, front, positives;
} fg_words;

/* All answer FG_OK, FG_NO_MEMORY, FG_INTERRUPTED or FG_FORKED; the first also FG_BAD_VALUE, if a label or score breaks
   the contract. `cut`: by leading digit first; there is a sample then. */
int fg_sort_samples(const fg_team *team, const fg_samples *samples, int cut, fg_words *out);

/* Of a sample's word. */
static inline int64_t fg_word_bytes(const fg_samples *samples) { return samples->score_kind == FG_SCORE_F32 ? 4 : 8; }

/* Words of one part of the keys, in which the top bit is the same, by way of `spare` of the same length. */
int fg_sort_words(const fg_team *team, void *words, void *spare, int64_t n, int narrow);

typedef struct {
    uint64_t key;
    int64_t index;
} fg_record;

/* Stable, by key, by way of `spare` of the same length. */
int fg_sort_records(const fg_team *team, fg_record *records, fg_record *spare, int64_t n);

#endif
