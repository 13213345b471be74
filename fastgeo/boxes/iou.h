/* Overlap of two sets of boxes, every pair or pair by pair. */
#ifndef FG_IOU_H
#define FG_IOU_H

#include "boxes/measures.h"
#include "runtime/box_format.h"
#include "runtime/runtime.h"

typedef struct {
    const void *boxes1, *boxes2; /* (n, 4), (m, 4) */
    const uint8_t *iscrowd;      /* (m,), FG_IOU_CROWD only */
    void *out;                   /* (n, m), or (n,) pair by pair */
    int64_t n, m;
    int is_f64;
    int out_is_zero; /* `out` holds zeros so far: those of the result need no writing */
    int kind, fmt, offset;
} fg_iou_call;

/* FG_OK, FG_NO_MEMORY, FG_BAD_VALUE (a box breaks the contract), FG_INTERRUPTED or FG_FORKED. */
int fg_pairwise_iou(const fg_team *team, const fg_iou_call *call);

/* The same with n = m, for the pairs (i, i). */
int fg_paired_iou(const fg_team *team, const fg_iou_call *call);

#endif
