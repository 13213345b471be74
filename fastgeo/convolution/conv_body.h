/* Convolution: a tile of P output pixels by V vectors of output channels stays in registers while the whole chain of
   (kernel row, kernel column, channel) runs through it. Every input value is broadcast against V vectors of weights. */
#include "convolution/conv_job.h"

#if LANES * FG_REAL_BITS == 512
#define TILE 14 /* 28 sums, 2 vectors of weights, 1 input: 31 of 32 registers */
#define NARROW_TILE 14
#elif LANES * FG_REAL_BITS == 256
#define TILE 6 /* 15 of 16 */
#define NARROW_TILE 12 /* where one vector holds all output channels */
#elif LANES * FG_REAL_BITS == 128
#define TILE 12 /* 27 of 32 */
#define NARROW_TILE 14
#else
#define TILE 4
#define NARROW_TILE 4
#endif

#ifndef FG_UNROLL
#ifdef __clang__
#define FG_UNROLL _Pragma("unroll")
#else
#define FG_UNROLL _Pragma("GCC unroll 16")
#endif
#define FG_INLINE static inline __attribute__((always_inline))
/* How input values meet weights: one value against a vector of output channels; or channel by channel, in whole
   vectors or with a last one in part. */
enum { BROADCAST, DEPTHWISE, DEPTHWISE_PART };
#endif

static void FG_NAME(pack_panel)(void *job_, int64_t panel, int slot)
{
    const conv_job *job = job_;
    const fg_conv_call *call = job->call;
    const int64_t taps = call->kernel_height * call->kernel_width, channels = job->depth / taps;
    const int64_t first = panel % job->panels_per_group * 2 * LANES, left = job->group_outputs - first;
    const int64_t n = left < 2 * LANES ? left : 2 * LANES;
    const int64_t output = panel / job->panels_per_group * job->group_outputs + first;
    real *to = (real *)(void *)job->weights + panel * job->depth * 2 * LANES;
    (void)slot;
    if (n < 2 * LANES)
        memset(to, 0, (size_t)job->depth * 2 * LANES * sizeof(real));
    if (!call->planar) {
        const real *from = (const real *)call->kernel + output;
        for (int64_t k = 0; k < job->depth; k++)
            memcpy(to + k * 2 * LANES, from + k * call->out_channels, (size_t)n * sizeof(real));
        return;
    }
    for (int64_t o = 0; o < n; o++) {
        const real *from = (const real *)call->kernel + (output + o) * job->depth;
        for (int64_t channel = 0; channel < channels; channel++)
            for (int64_t tap = 0; tap < taps; tap++)
                to[(tap * channels + channel) * 2 * LANES + o] = from[channel * taps + tap];
    }
}

/* What a tile needs besides its pixels. */
typedef struct {
    const real *weights, *bias; /* of this panel */
    int64_t taps, run;
    int64_t step;               /* from one pixel's cell to the next one's, where all lie in one row */
    int64_t offset;             /* of the panel's first input channel in a cell */
    int64_t out_offset, n;      /* of its first output channel in an output pixel; how many there are */
    int relu;
} FG_NAME(panel);

#define PANEL FG_NAME(panel)

FG_INLINE vreal FG_NAME(start)(const PANEL *panel, int v)
{
    const int64_t left = panel->n - v * LANES;
    if (!panel->bias)
        return v_set1(0);
    return left >= LANES ? v_load(panel->bias + v * LANES) : v_load_part(panel->bias + v * LANES, left);
}

FG_INLINE vreal FG_NAME(finish)(const PANEL *panel, vreal sum)
{
    return panel->relu ? v_max(v_set1(0), sum) : sum; /* 0 > x ? 0 : x keeps NaN */
}

/* One channel of P cells joins the sums. */
FG_INLINE void FG_NAME(step)(const PANEL *panel, const real *const *cell, int64_t c, const real *weights,
                             vreal sum[][2], const int P, const int V, const int kind)
{
    const int64_t part = panel->n - (V - 1) * LANES;
    const vreal w0 = v_load(weights), w1 = V > 1 ? v_load(weights + LANES) : w0;
    FG_UNROLL for (int p = 0; p < P; p++)
    {
        vreal x0, x1;
        if (kind == BROADCAST) {
            x0 = x1 = v_set1(cell[p][c]);
        } else {
            x0 = V == 1 && kind == DEPTHWISE_PART ? v_load_part(cell[p], part) : v_load(cell[p]);
            x1 = V == 1 ? x0 : kind == DEPTHWISE_PART ? v_load_part(cell[p] + LANES, part) : v_load(cell[p] + LANES);
        }
        sum[p][0] = v_fma(x0, w0, sum[p][0]);
        if (V > 1)
            sum[p][1] = v_fma(x1, w1, sum[p][1]);
    }
}

/* cells[tap * P + p] is where pixel p reads at that tap; NULL for the second: all follow the first in steps. */
FG_INLINE void FG_NAME(tile)(const PANEL *panel, const real *const *cells, real *const *outs, const int P, const int V,
                             const int kind)
{
    vreal sum[NARROW_TILE][2];
    const vreal start0 = FG_NAME(start)(panel, 0), start1 = V > 1 ? FG_NAME(start)(panel, 1) : start0;
    FG_UNROLL for (int p = 0; p < P; p++)
    {
        sum[p][0] = start0;
        sum[p][1] = start1;
    }
    const real *weights = panel->weights;
    const int64_t run = panel->run;
    for (int64_t tap = 0; tap < panel->taps; tap++, cells += P) {
        const real *cell[NARROW_TILE];
        if (P > 1 && !cells[1]) {
            FG_UNROLL for (int p = 0; p < P; p++) cell[p] = cells[0] + panel->offset + p * panel->step;
        } else {
            FG_UNROLL for (int p = 0; p < P; p++) cell[p] = cells[p] + panel->offset;
        }
        for (int64_t c = 0; c < run; c++, weights += 2 * LANES)
            FG_NAME(step)(panel, cell, c, weights, sum, P, V, kind);
    }
    const int64_t last = panel->n - (V - 1) * LANES; /* outputs of the last vector */
    FG_UNROLL for (int p = 0; p < P; p++)
    {
        real *out = outs[p] + panel->out_offset;
        if (V > 1)
            v_store(out, FG_NAME(finish)(panel, sum[p][0]));
        if (last == LANES)
            v_store(out + (V - 1) * LANES, FG_NAME(finish)(panel, sum[p][V - 1]));
        else
            v_store_part(out + (V - 1) * LANES, FG_NAME(finish)(panel, sum[p][V - 1]), last);
    }
}

#define TILE_CASE(P) \
    case P: \
        FG_NAME(tile)(panel, cells, outs, P, V, kind); \
        break;

FG_INLINE void FG_NAME(tile_of)(const PANEL *panel, const real *const *cells, real *const *outs, int64_t pixels,
                                const int V, const int kind)
{
    switch (pixels) {
        TILE_CASE(1) TILE_CASE(2) TILE_CASE(3) TILE_CASE(4)
#if TILE > 4
        TILE_CASE(5) TILE_CASE(6)
#endif
    default:
        if (V == 2 && TILE <= 6)
            return;
        switch (pixels) {
#if NARROW_TILE > 6
            TILE_CASE(7) TILE_CASE(8) TILE_CASE(9) TILE_CASE(10) TILE_CASE(11) TILE_CASE(12)
#endif
#if NARROW_TILE > 12
            TILE_CASE(13) TILE_CASE(14)
#endif
        }
    }
}

#define TILE_FUNCTION(name, V, kind) \
    static void FG_NAME(name)(const PANEL *panel, const real *const *cells, real *const *outs, int64_t pixels) \
    { \
        FG_NAME(tile_of)(panel, cells, outs, pixels, V, kind); \
    }

TILE_FUNCTION(broadcast_1, 1, BROADCAST)
TILE_FUNCTION(broadcast_2, 2, BROADCAST)
TILE_FUNCTION(depthwise_1, 1, DEPTHWISE)
TILE_FUNCTION(depthwise_2, 2, DEPTHWISE)
TILE_FUNCTION(depthwise_part_1, 1, DEPTHWISE_PART)
TILE_FUNCTION(depthwise_part_2, 2, DEPTHWISE_PART)

static void FG_NAME(run_tile)(const conv_job *job, const PANEL *panel, const real *const *cells, real *const *outs,
                              int64_t pixels)
{
    const int two = panel->n > LANES;
    if (!job->depthwise)
        (two ? FG_NAME(broadcast_2) : FG_NAME(broadcast_1))(panel, cells, outs, pixels);
    else if (panel->n % LANES == 0)
        (two ? FG_NAME(depthwise_2) : FG_NAME(depthwise_1))(panel, cells, outs, pixels);
    else
        (two ? FG_NAME(depthwise_part_2) : FG_NAME(depthwise_part_1))(panel, cells, outs, pixels);
}

#include "convolution/cells_body.h"

/* First output channel of a panel. */
static int64_t FG_NAME(panel_begin)(const conv_job *job, int64_t panel)
{
    if (panel == job->n_panels)
        return job->call->out_channels;
    return panel / job->panels_per_group * job->group_outputs + panel % job->panels_per_group * 2 * LANES;
}

static PANEL FG_NAME(panel_of)(const conv_job *job, int64_t panel, int64_t out_origin)
{
    const fg_conv_call *call = job->call;
    const int64_t begin = FG_NAME(panel_begin)(job, panel), group = panel / job->panels_per_group;
    PANEL found = {.taps = job->taps, .run = job->run, .relu = call->relu};
    found.step = call->stride_x * job->cell_pitch;
    found.weights = (const real *)(const void *)job->weights + panel * job->depth * 2 * LANES;
    found.bias = call->bias ? (const real *)call->bias + begin : NULL;
    found.offset = job->depthwise ? begin : group * (call->channels / job->groups);
    found.out_offset = begin - out_origin;
    const int64_t left = (group + 1) * job->group_outputs - begin;
    found.n = left < 2 * LANES ? left : 2 * LANES;
    return found;
}

static void FG_NAME(run_tiles)(const conv_job *job, const PANEL *panel, const BLOCK *block)
{
    const real *const *cells = block->cells;
    real *const *outs = block->outs;
    for (int64_t tile = 0; tile < block->tiles; tile++) {
        const int64_t n = FG_NAME(tile_size)(block, tile);
        FG_NAME(run_tile)(job, panel, cells, outs, n);
        cells += n * job->taps;
        outs += n;
    }
}

/* The weights of a panel stay in the cache while all tiles of the block pass. */
static void FG_NAME(conv_chunk)(void *job_, int64_t chunk, int slot)
{
    const conv_job *job = job_;
    const int64_t n_blocks = job->blocks.images * job->blocks.rows * job->blocks.columns;
    const int64_t first = chunk / n_blocks * job->panels_per_chunk;
    const int64_t last = first + job->panels_per_chunk < job->n_panels ? first + job->panels_per_chunk : job->n_panels;
    const int64_t out_begin = FG_NAME(panel_begin)(job, first), out_end = FG_NAME(panel_begin)(job, last);
    BLOCK block = FG_NAME(open_block)(job, chunk % n_blocks, slot, out_end - out_begin);
    for (int64_t i = first; i < last; i++) {
        const PANEL panel = FG_NAME(panel_of)(job, i, job->call->planar ? out_begin : 0);
        FG_NAME(run_tiles)(job, &panel, &block);
    }
    if (job->call->planar)
        FG_NAME(store_planes)(job, &block, out_begin, out_end);
}

#include "convolution/depthwise_body.h"
#include "convolution/plane_body.h"

static const conv_shape FG_NAME(conv_shape)[1] = {{LANES, TILE, NARROW_TILE, RUN}};

#undef TILE
#undef NARROW_TILE
#undef RUN
#undef PANEL
#undef BLOCK
#undef PLACE
#undef TILE_CASE
#undef TILE_FUNCTION
