/* Two-dimensional pooling. */
#ifndef FG_POOLING_H
#define FG_POOLING_H

#include "runtime/runtime.h"

enum { FG_MAX_POOL, FG_AVG_POOL, FG_LP_POOL };

typedef struct {
    const void *input;
    void *output;
    int64_t *indices; /* max pooling only; may be NULL */
    int64_t batch, height, width, channels;
    int64_t out_height, out_width;
    int64_t size_y, size_x, stride_y, stride_x, dilation_y, dilation_x;
    int64_t pad_top, pad_bottom, pad_left, pad_right;
    double p;
    int is_f64, kind;
    int planar; /* NCHW instead of NHWC */
    int count_include_pad;
} fg_pool_call;

/* FG_OK, FG_NO_MEMORY, FG_INTERRUPTED or FG_FORKED. */
int fg_pool2d(const fg_team *team, const fg_pool_call *call);

#endif
