/* Samples by group and score: what there is at each distinct score. */
#ifndef FG_RANK_H
#define FG_RANK_H

#include "ranking/keys.h"
#include "ranking/labels.h"
#include "runtime/runtime.h"

typedef struct {
    const void *labels, *scores; /* (n,) */
    const void *groups;          /* (n,) int64 or uint64 ids, or null */
    const double *weights;       /* (n,), or null */
    int64_t n;
    int label_kind, score_kind, group_kind;
    /* Out, room for n rows each: one row for each distinct score, ascending, group after group. */
    int64_t *counts; /* (n, 2): negatives and positives there; without weights */
    double *sums;    /* (n, 2): the same of the weights, added in index order */
    void *distinct;  /* (n,): the score, of the type of scores */
    int64_t *first;  /* (n,): index of the first sample there */
    int64_t *starts; /* (n,): where each group begins */
    int64_t n_rows, n_groups;
} fg_rank_call;

/* FG_OK, FG_NO_MEMORY, FG_BAD_VALUE (a label, score or weight breaks the contract), FG_INTERRUPTED or FG_FORKED. */
int fg_rank(const fg_runtime *runtime, fg_rank_call *call);

/* AUC of sums of weights by ascending score, a sum of 0 among either class excluded. */
double fg_weighted_auc(const double *sums, int64_t n);

#endif
