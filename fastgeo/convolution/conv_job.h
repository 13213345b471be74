/* How a convolution is cut into work; shared by conv.c and the bodies it compiles. */

#ifndef FG_CONV_JOB_H
#define FG_CONV_JOB_H

#include <stdatomic.h>

#include "convolution/conv.h"

/* The register tile of one instruction set: `pixels` output pixels by two vectors of `lanes` output channels. */
typedef struct {
    int64_t lanes, pixels;
    int64_t narrow; /* pixels of a tile where one vector holds all output channels */
    int64_t run;    /* output pixels of a depthwise tile */
} conv_shape;

/* Where the pixels of a tile find their cells of one kernel position. A run of padded zeros is not multiplied. */
typedef struct {
    const void *at; /* the first cell that is no padding, others follow in steps; scattered: an array of pointers */
    int64_t kind;
} conv_tap;

enum { TAP_ROW, TAP_SCATTERED, TAP_PADDED, TAP_FIRST_PADDED, TAP_LAST_PADDED };

/* Weights lie in panels of two vectors of output channels: panel, kernel row, kernel column, channel, output channel;
   at the end of a panel one row for each tap, what padded zeros add to the sums there. Missing output channels are
   zeros. A depthwise kernel is packed as if its channels were outputs of one channel. */
struct fg_packed {
    int isa, is_f64;
    void *memory; /* as malloc gave it */
    char *weights;
    atomic_flag scratch_taken;
    void *scratch;
    size_t scratch_size;
};

typedef struct {
    int64_t images, rows, columns;
} conv_extent;

typedef struct {
    const fg_conv_call *call;
    int isa;
    const conv_shape *shape;
    int64_t tile; /* pixels of a tile, at most */
    char *weights;
    int depthwise;
    int merged;                                /* the cells of a kernel row lie side by side and are read in one run */
    int64_t taps, run;                         /* kernel positions of a chain; values side by side at each */
    int64_t tap_columns;                       /* taps of a kernel row */
    int skips_padding;                         /* what padded zeros add is known for each tap */
    int tiles_in_rows;                         /* no tile goes on from one row of outputs to the next */
    int strip;                                 /* the cells of a block are copied to a strip of the thread */
    int64_t cell_pitch;                        /* values from one cell to the next */
    int64_t groups, group_outputs;             /* as packed */
    int64_t panels_per_group, n_panels, depth; /* depth: length of a chain, taps * run */
    int64_t padded_rows, panel_rows;           /* rows of a panel after the weights; all its rows */
    conv_extent block, blocks;                 /* output pixels of a chunk; how many such blocks */
    int64_t panels_per_chunk, panel_chunks;
    const void *zeros;
    int64_t *tap_offsets;
    char *slots; /* scratch memory of each thread */
    size_t slot_size, cells_size, strip_size, tile_size;
} conv_job;

static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* Where padding leads: an index inside the image, or -1 for a zero. */
static inline int64_t fg_padded_index(int64_t i, int64_t n, int padding_mode)
{
    if (i >= 0 && i < n)
        return i;
    if (padding_mode == FG_PAD_ZEROS)
        return -1;
    if (padding_mode == FG_PAD_REPLICATE)
        return i < 0 ? 0 : n - 1;
    return i < 0 ? -i : 2 * (n - 1) - i;
}

#endif
