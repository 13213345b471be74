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
int fg_auc(const fg_runtime *runtime, fg_auc_call *call);

#endif
