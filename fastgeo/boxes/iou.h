/* Pairwise overlap of two sets of boxes. */
#ifndef FG_IOU_H
#define FG_IOU_H

#include "runtime/box_format.h"
#include "runtime/runtime.h"

enum { FG_IOU, FG_GIOU };

typedef struct {
    const void *boxes1, *boxes2; /* (n, 4), (m, 4) */
    void *out;                   /* (n, m) */
    int64_t n, m;
    int is_f64;
    int kind, fmt, offset;
    int n_threads;
} fg_iou_call;

/* FG_OK, FG_NO_MEMORY, FG_BAD_VALUE (a box breaks the contract), FG_INTERRUPTED or FG_FORKED. */
int fg_pairwise_iou(const fg_runtime *runtime, const fg_iou_call *call);

#endif
