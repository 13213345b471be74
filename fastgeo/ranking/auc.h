/* Exact AUC by sorting. */
#ifndef FG_AUC_H
#define FG_AUC_H

#include "ranking/sort.h"

typedef struct {
    fg_samples samples;
    int64_t positives; /* out */
    double auc;        /* out: -1 where a class is absent */
} fg_auc_call;

/* FG_OK, FG_NO_MEMORY, FG_BAD_VALUE (a label or score breaks the contract), FG_INTERRUPTED or FG_FORKED. */
int fg_auc(const fg_team *team, fg_auc_call *call);

/* Words that were cut into parts, of one chunk of rows. */
typedef struct {
    const void *words;
    const int64_t *starts; /* (n_parts + 1,) where those of each part begin */
} fg_piece;

typedef struct {
    const fg_piece *pieces; /* (n_pieces,) */
    int64_t n_pieces, n_parts;
    int narrow;           /* words are of 32 bits */
    int64_t n, positives; /* out: in all pieces */
    uint64_t twice_wins_high, twice_wins_low; /* out: twice the pairs that positives win, in two halves */
} fg_compare_call;

/* Pairs won among all rows of these pieces: FG_OK, FG_NO_MEMORY, FG_INTERRUPTED or FG_FORKED. */
int fg_compare_pieces(const fg_team *team, fg_compare_call *call);

#endif
