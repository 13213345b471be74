/* How a convolution is computed. fg_plan_conv() is a pure function of team and call, and the only place that compares
   sizes with the constants of tuning.h; the drivers below read the plan and decide nothing.

   Scratch memory of a call:

     | shared: a row of zeros | slot of thread 0 | slot of thread 1 | …

   and of a slot, by algorithm (each part begins at a multiple of 64 bytes):

     register tiles   | taps, pointers, outs | columns | strip | tile (NCHW) |
     grouped lanes    | origins, outs, tap offsets | columns | line | strip | tile (NCHW) |
     depthwise rows   | pointers to the cells of a run |
     plane stencil    | pointers to the input rows of a band |
     pixel vectors    | tap offsets | columns | line | split rows |
     matrix–vector    | columns, then sums |; the windows of all pixels lie in the shared part */
#ifndef FG_CONV_PLAN_H
#define FG_CONV_PLAN_H

#include "convolution/conv2d.h"
#include "convolution/tuning.h"
#include "runtime/plan.h"

enum {
    FG_REGISTER_TILES,
    FG_GROUPED_LANES,
    FG_DEPTHWISE_ROWS,
    FG_PLANE_STENCIL,
    FG_PIXEL_VECTORS,
    FG_MATRIX_VECTOR,
    FG_CONV_ALGORITHMS
};
extern const char *const fg_conv_algorithm_names[FG_CONV_ALGORITHMS];

/* What one instruction set has: values of a vector, and the tiles of tuning.h. */
typedef struct {
    int64_t lanes, tile, narrow_tile, lane_tile;
} fg_conv_shape;

typedef struct {
    int64_t images, rows, columns;
} fg_extent;

/* How weights are packed. They lie in panels of two vectors of output channels: panel, kernel row, kernel column, channel,
   output channel; at the end of a panel one row for each run that may meet padded zeros as a whole, what these add to the
   sums there. Missing output channels are zeros. Lanewise, the outputs of all groups lie side by side, as if they were
   those of one group. */
typedef struct {
    int isa, is_f64, lanewise;
    int64_t lanes;
    int64_t groups, group_outputs, panels_per_group, n_panels; /* groups as packed */
    int64_t depth;                                             /* length of a chain */
    int64_t padded_rows, panel_rows;                           /* rows of a panel after the weights; all its rows */
} fg_packing;

/* One axis of the cells that a block of outputs reads, as its strip holds them: every `step` cells from the first on, or,
   where windows lie so far apart that this would copy more, the cells of each window by themselves (step 0). In the
   strip, windows lie `stride` apart and their cells `dilation`. */
typedef struct {
    int64_t size, call_stride, call_dilation; /* of the window */
    int64_t step, stride, dilation;
} fg_strip_axis;

/* A block of output pixels, a rectangle of several images where these are small, and how many there are. */
typedef struct {
    fg_extent block, blocks;
    fg_strip_axis y, x;
    int in_rows;              /* no tile goes on from one row of outputs to the next */
    int64_t tile;             /* pixels of a tile, at most */
    int64_t cell_pitch;       /* values from one cell to the next in the strip or image */
    size_t lists_bytes, columns_bytes, line_bytes, strip_bytes;
} fg_blocks;

typedef struct {
    fg_blocks blocks;
    int strip;                /* the cells of a block are copied, padding included */
    int merged;               /* the cells of a kernel row lie side by side and are read in one run */
    int skips_padding;        /* what padded zeros add is packed for each tap */
    int64_t taps, tap_columns, run; /* kernel positions of a chain, of one kernel row; values side by side at each */
    int64_t panels_per_chunk, panel_chunks;
} fg_tiles_plan;

typedef struct {
    fg_blocks blocks;
    int64_t group_channels, group_outputs; /* every cell is spread to group_channels rows of out_channels values */
} fg_lanes_plan;

/* Whole rows of outputs. */
typedef struct {
    int64_t rows, row_blocks;
} fg_rows_plan;

typedef struct {
    int64_t rows, columns, row_blocks, column_blocks;
    size_t offsets_bytes, columns_bytes, line_bytes;
} fg_pixels_plan;

typedef struct {
    int64_t pixels, outputs; /* outputs of a chunk */
} fg_product_plan;

typedef struct {
    int algorithm;
    fg_conv_call call; /* as it is computed: images of a pointwise convolution as one long row */
    fg_packing packing; /* n_panels 0: weights are read where they are */
    const fg_conv_shape *shape;
    int threads;
    int64_t chunks;
    int64_t zeros;               /* values of the row of zeros */
    size_t shared_bytes, slot_bytes;
    const char *reason;
    union {
        fg_tiles_plan tiles;
        fg_lanes_plan lanes;
        fg_rows_plan rows;
        fg_pixels_plan pixels;
        fg_product_plan product;
    } as;
} fg_conv_plan;

/* `packed`: the weights are packed already. FG_OK or FG_REFUSED. */
int fg_plan_conv(const fg_team *team, const fg_conv_call *call, int packed, fg_conv_plan *plan);

/* How a layer packs its weights before it has seen an image. */
fg_packing fg_plan_packing(int isa, const fg_conv_call *call);

/* What the chunks of every algorithm get. */
typedef struct {
    const fg_team *team;
    const fg_conv_plan *plan;
    const fg_conv_call *call; /* the plan's */
    const char *weights;
    char *shared, *slots;
} fg_conv_job;

/* The drivers: each runs the chunks of its plan. */
int fg_run_register_tiles(const fg_conv_job *job);
int fg_run_grouped_lanes(const fg_conv_job *job);
int fg_run_depthwise_rows(const fg_conv_job *job);
int fg_run_plane_stencil(const fg_conv_job *job);
int fg_run_pixel_vectors(const fg_conv_job *job);
int fg_run_matrix_vector(const fg_conv_job *job);

static inline int64_t fg_least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t fg_clip(int64_t a, int64_t low, int64_t high) { return a < low ? low : fg_least(a, high); }
static inline int64_t fg_pieces(int64_t n, int64_t size) { return (n + size - 1) / size; }
static inline size_t fg_aligned(size_t size) { return (size + 63) & ~(size_t)63; }
static inline size_t fg_value_size(const fg_conv_call *call) { return call->is_f64 ? sizeof(double) : sizeof(float); }

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

/* Cells of a strip along one axis for so many outputs, and the distance of cell i from the first. */
static inline int64_t fg_strip_length(const fg_strip_axis *axis, int64_t outputs)
{
    return axis->step ? (outputs - 1) * axis->stride + (axis->size - 1) * axis->dilation + 1 : outputs * axis->size;
}
static inline int64_t fg_strip_cell(const fg_strip_axis *axis, int64_t i)
{
    return axis->step ? i * axis->step : i / axis->size * axis->call_stride + i % axis->size * axis->call_dilation;
}

/* Counts the work of a chunk and polls for Ctrl-C now and then. */
typedef struct {
    const fg_team *team;
    int slot;
    int64_t left;
} fg_meter;

/* Whether to leave the rest of the chunk undone. */
static inline int fg_spend(fg_meter *meter, int64_t work)
{
    meter->left -= work;
    if (meter->left >= 0)
        return 0;
    meter->left = FG_POLL_WORK;
    return meter->team->stopped(meter->slot);
}

#endif
