/* Samples by group and score: what there is at each distinct score. */
#ifndef FG_RANK_H
#define FG_RANK_H

#include "ranking/sort.h"

typedef struct {
    fg_samples samples;
    const void *groups;    /* (n,) int64 or uint64 ids, or null */
    const double *weights; /* (n,), or null */
    int group_kind;
    /* Out, of n rows each: one row for each distinct score, ascending, group after group. */
    int64_t *counts; /* (n, 2): negatives and positives there; without weights */
    double *sums;    /* (n, 2): the same of the weights, added in index order */
    void *distinct;  /* (n,): the score, of the type of scores; +0 for either zero */
    int64_t *starts; /* (n,): with groups, the row at which each begins */
    int64_t *first;  /* (n,): and the index of its first sample */
    int64_t n_rows, n_groups;
} fg_rank_call;

/* FG_OK, FG_NO_MEMORY, FG_BAD_VALUE (a label, score or weight breaks the contract), FG_INTERRUPTED or FG_FORKED. */
int fg_rank(const fg_team *team, fg_rank_call *call);

#endif
