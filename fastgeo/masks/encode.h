/* Dense masks to run lengths. */
#ifndef FG_MASKS_ENCODE_H
#define FG_MASKS_ENCODE_H

#include "masks/runs.h"

/* (n, height, width) pixels of one byte each, foreground where they are not 0, with any strides. */
typedef struct {
    const uint8_t *pixels;
    int64_t n, height, width;
    int64_t mask_stride, row_stride, column_stride;
} fg_encode_call;

int fg_encode(const fg_team *team, const fg_encode_call *call, fg_runs *runs);

#endif
