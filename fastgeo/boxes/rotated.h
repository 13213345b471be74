/* Overlap of every rotated box of one set with every rotated box of another. */
#ifndef FG_ROTATED_H
#define FG_ROTATED_H

#include "runtime/runtime.h"

typedef struct {
    const void *boxes1, *boxes2; /* (n, 5), (m, 5) */
    void *out;                   /* (n, m) */
    int64_t n, m;
    int is_f64;
} fg_rotated_call;

/* FG_OK, FG_NO_MEMORY, FG_BAD_VALUE (a box breaks the contract), FG_INTERRUPTED or FG_FORKED. */
int fg_rotated_pairwise_iou(const fg_team *team, const fg_rotated_call *call);

#endif
