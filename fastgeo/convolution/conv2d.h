/* Two-dimensional convolution. */
#ifndef FG_CONV2D_H
#define FG_CONV2D_H

#include "runtime/runtime.h"

/* In the order of PADDING_MODES in geometry.py. */
enum { FG_PAD_ZEROS, FG_PAD_REFLECT, FG_PAD_REPLICATE };

typedef struct {
    const void *input, *kernel, *bias; /* bias may be NULL */
    void *output;
    int64_t batch, height, width, channels;
    int64_t out_height, out_width, out_channels;
    int64_t kernel_height, kernel_width, groups;
    int64_t stride_y, stride_x, dilation_y, dilation_x, pad_top, pad_left;
    int is_f64;
    int planar; /* NCHW and OIHW instead of NHWC and HWIO */
    int padding_mode, relu;
} fg_conv_call;

/* A kernel in the order in which the inner loops of one instruction set read it. Of the call only kernel, out_channels,
   channels, groups, kernel_height, kernel_width, is_f64 and planar are read. The answer is that of fg_conv2d; *packed
   is NULL unless it is FG_OK. */
typedef struct fg_packed fg_packed;
int fg_conv_pack(const fg_team *team, const fg_conv_call *call, fg_packed **packed);
void fg_packed_free(fg_packed *packed);

/* `packed` may be NULL: the kernel is then packed for this call, if it has to be. One made for another instruction set is
   not used. FG_OK, FG_NO_MEMORY, FG_INTERRUPTED, FG_FORKED, or what a probe asks for (runtime/plan.h). */
int fg_conv2d(const fg_team *team, const fg_conv_call *call, fg_packed *packed);

#endif
