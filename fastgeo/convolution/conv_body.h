/* Convolution: a tile of P output pixels by V vectors of output channels stays in registers while the whole chain of
   (kernel row, kernel column, channel) runs through it. Every input value is broadcast against V vectors of weights.
   A padded zero is not multiplied: what a run of them adds depends on the weights alone and is packed with these. */
#include "convolution/conv_job.h"

#if LANES * FG_REAL_BITS == 512
#define TILE 14 /* 31 of 32 */
#define NARROW_TILE 14
#elif LANES * FG_REAL_BITS == 256
#define TILE 6 /* 15 of 16 */
#define NARROW_TILE 12 /* where one vector holds all output channels */
#elif LANES * FG_REAL_BITS == 128
#define TILE 10 /* 23 of 32 */
#define NARROW_TILE 12
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
#if FG_X86
/* The compiler takes both for new values, so that it makes no pointers of its own from them. */
#define FG_KEEP(a, b) __asm__ volatile("" : "+r"(a), "+r"(b))
#else
#define FG_KEEP(a, b) ((void)0)
#endif
#define FG_PREFETCH_OUT(p) __builtin_prefetch(p, 1)
/* How input values meet weights: one value against a vector of output channels; or channel by channel, in whole
   vectors or with a last one in part. */
enum { BROADCAST, DEPTHWISE, DEPTHWISE_PART };
enum { MOST_PIXELS = 14 }; /* of any tile */
#endif

/* The weights of a panel, one row of two vectors of outputs for each (kernel row, column, channel). */
static void FG_NAME(pack_weights)(const conv_job *job, const void *kernel, int64_t output, int64_t n, real *to)
{
    const fg_conv_call *call = job->call;
    const int64_t taps = call->kernel_height * call->kernel_width, channels = job->depth / taps;
    if (!call->planar) {
        const real *from = (const real *)kernel + output;
        if (n == 2 * LANES)
            for (int64_t k = 0; k < job->depth; k++, from += call->out_channels, to += 2 * LANES) {
                v_store(to, v_load(from));
                v_store(to + LANES, v_load(from + LANES));
            }
        else
            for (int64_t k = 0; k < job->depth; k++)
                memcpy(to + k * 2 * LANES, from + k * call->out_channels, (size_t)n * sizeof(real));
        return;
    }
    for (int64_t o = 0; o < n; o++) {
        const real *from = (const real *)kernel + (output + o) * job->depth;
        for (int64_t channel = 0; channel < channels; channel++)
            for (int64_t tap = 0; tap < taps; tap++)
                to[(tap * channels + channel) * 2 * LANES + o] = from[channel * taps + tap];
    }
}

/* 0 * weight, summed over each run that meets padded cells as a whole. */
static void FG_NAME(pack_padded)(const conv_job *job, const real *weights, real *to)
{
    const int64_t run = job->padded_rows ? job->depth / job->padded_rows : 0;
    for (int64_t row = 0; row < job->padded_rows; row++, to += 2 * LANES) {
        vreal sum0 = v_set1((real)-0.0), sum1 = sum0;
        for (int64_t k = 0; k < run; k++, weights += 2 * LANES) {
            sum0 = v_fma(v_set1(0), v_load(weights), sum0);
            sum1 = v_fma(v_set1(0), v_load(weights + LANES), sum1);
        }
        v_store(to, sum0);
        v_store(to + LANES, sum1);
    }
}

static void FG_NAME(pack_panel)(void *job_, int64_t panel, int slot)
{
    const conv_job *job = job_;
    const int64_t first = panel % job->panels_per_group * 2 * LANES, left = job->group_outputs - first;
    const int64_t n = left < 2 * LANES ? left : 2 * LANES;
    const int64_t output = panel / job->panels_per_group * job->group_outputs + first;
    real *to = (real *)(void *)job->weights + panel * job->panel_rows * 2 * LANES;
    (void)slot;
    if (n < 2 * LANES)
        memset(to, 0, (size_t)job->depth * 2 * LANES * sizeof(real));
    FG_NAME(pack_weights)(job, job->call->kernel, output, n, to);
    FG_NAME(pack_padded)(job, to, to + job->depth * 2 * LANES);
}

/* What a tile needs besides its pixels. */
typedef struct {
    const real *weights, *padded, *bias; /* of this panel */
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

/* One channel of the pixels `first` to `end` joins their sums. */
FG_INLINE void FG_NAME(step)(const PANEL *panel, const real *const *cell, int64_t c, const real *weights,
                             vreal sum[][2], const int first, const int end, const int V, const int kind)
{
    const int64_t part = panel->n - (V - 1) * LANES;
    const vreal w0 = v_load(weights), w1 = V > 1 ? v_load(weights + LANES) : w0;
    FG_UNROLL for (int p = first; p < end; p++)
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

/* The run of one tap joins the sums of the pixels `first` to `end`, whose cells lie in steps. Two pointers and four
   distances reach all of them; a pointer each would not fit the general registers. Meanwhile the lines that the tile
   will write come into the cache, a pixel's at a time. */
FG_INLINE void FG_NAME(run_row)(const PANEL *panel, const real *at, const real *weights, real *const *outs,
                                vreal sum[][2], const int first, const int end, const int V)
{
    const real *const stop = weights + panel->run * 2 * LANES;
    real *const *const last_out = outs + (end - first - 1);
    int64_t step = panel->step * (int64_t)sizeof(real), three = 3 * step, five = 5 * step, seven = 7 * step;
    const char *near = (const char *)at, *far = end - first > 9 ? near + 9 * step : near;
    for (; weights < stop; weights += 2 * LANES, near += sizeof(real), far += sizeof(real)) {
        FG_KEEP(near, far);
        FG_KEEP(step, three);
        FG_KEEP(five, seven);
        const int64_t distance[9] = {0, step, 2 * step, three, 4 * step, five, 2 * three, seven, 8 * step};
        const vreal w0 = v_load(weights), w1 = V > 1 ? v_load(weights + LANES) : w0;
        FG_UNROLL for (int p = first; p < end; p++)
        {
            const int i = p - first;
            const vreal x = v_set1(*(const real *)(const void *)((i < 9 ? near : far) + distance[i % 9]));
            sum[p][0] = v_fma(x, w0, sum[p][0]);
            if (V > 1)
                sum[p][1] = v_fma(x, w1, sum[p][1]);
        }
        FG_PREFETCH_OUT(*outs + panel->out_offset);
        if (V > 1)
            FG_PREFETCH_OUT(*outs + panel->out_offset + LANES);
        outs += outs < last_out;
    }
}

/* The same for cells that lie anywhere, or are met channel by channel. */
FG_INLINE void FG_NAME(run_tap)(const PANEL *panel, const conv_tap *tap, const real *weights, real *const *outs,
                                vreal sum[][2], const int first, const int end, const int V, const int kind)
{
    const real *cell[MOST_PIXELS];
    if (tap->kind == TAP_SCATTERED) {
        const real *const *at = tap->at;
        FG_UNROLL for (int p = first; p < end; p++) cell[p] = at[p - first] + panel->offset;
    } else {
        const real *at = (const real *)tap->at + panel->offset;
        if (kind == BROADCAST && TILE == MOST_PIXELS) { /* fewer have a pointer each, which takes fewer instructions */
            FG_NAME(run_row)(panel, at, weights, outs, sum, first, end, V);
            return;
        }
        FG_UNROLL for (int p = first; p < end; p++) cell[p] = at + (p - first) * panel->step;
    }
    const int64_t run = panel->run;
    for (int64_t c = 0; c < run; c++)
        FG_NAME(step)(panel, cell, c, weights + c * 2 * LANES, sum, first, end, V, kind);
}

/* What the run of a tap adds where it meets zeros: the sum of 0 * weight, which is -0, 0 or NaN. */
FG_INLINE void FG_NAME(add_padded)(const real *padded, vreal sum[][2], const int first, const int end, const int V)
{
    const vreal z0 = v_load(padded), z1 = V > 1 ? v_load(padded + LANES) : z0;
    FG_UNROLL for (int p = first; p < end; p++)
    {
        sum[p][0] = v_add(sum[p][0], z0);
        if (V > 1)
            sum[p][1] = v_add(sum[p][1], z1);
    }
}

FG_INLINE void FG_NAME(store_tile)(const PANEL *panel, real *const *outs, vreal sum[][2], const int P, const int V)
{
    const int64_t last = panel->n - (V - 1) * LANES, out_offset = panel->out_offset; /* last: outputs of the last vector */
    if (panel->relu)
        FG_UNROLL for (int p = 0; p < P; p++) FG_UNROLL for (int v = 0; v < V; v++)
            sum[p][v] = v_max(v_set1(0), sum[p][v]); /* 0 > x ? 0 : x keeps NaN */
    if (last == LANES)
        FG_UNROLL for (int p = 0; p < P; p++) FG_UNROLL for (int v = 0; v < V; v++)
            v_store(outs[p] + out_offset + v * LANES, sum[p][v]);
    else
        FG_UNROLL for (int p = 0; p < P; p++)
        {
            if (V > 1)
                v_store(outs[p] + out_offset, sum[p][0]);
            v_store_part(outs[p] + out_offset + (V - 1) * LANES, sum[p][V - 1], last);
        }
}

FG_INLINE void FG_NAME(tile)(const PANEL *panel, const conv_tap *taps, real *const *outs, const int P, const int V,
                             const int kind)
{
    vreal sum[MOST_PIXELS][2];
    const vreal start0 = FG_NAME(start)(panel, 0), start1 = V > 1 ? FG_NAME(start)(panel, 1) : start0;
    FG_UNROLL for (int p = 0; p < P; p++)
    {
        sum[p][0] = start0;
        sum[p][1] = start1;
    }
    const real *weights = panel->weights, *padded = panel->padded;
    for (const conv_tap *tap = taps; tap < taps + panel->taps; tap++) {
        if (kind != BROADCAST || tap->kind <= TAP_SCATTERED)
            FG_NAME(run_tap)(panel, tap, weights, outs, sum, 0, P, V, kind);
        else if (tap->kind == TAP_PADDED)
            FG_NAME(add_padded)(padded, sum, 0, P, V);
        else if (P > 1 && tap->kind == TAP_FIRST_PADDED) {
            FG_NAME(add_padded)(padded, sum, 0, 1, V);
            FG_NAME(run_tap)(panel, tap, weights, outs, sum, 1, P, V, kind);
        } else if (P > 1) {
            FG_NAME(add_padded)(padded, sum, P - 1, P, V);
            FG_NAME(run_tap)(panel, tap, weights, outs, sum, 0, P - 1, V, kind);
        }
        weights += panel->run * 2 * LANES;
        padded += 2 * LANES;
    }
    FG_NAME(store_tile)(panel, outs, sum, P, V);
}

#define TILE_CASE(P) \
    case P: \
        if (P <= (V == 1 ? NARROW_TILE : TILE)) \
            FG_NAME(tile)(panel, taps, outs, P, V, kind); \
        break;

FG_INLINE void FG_NAME(tile_of)(const PANEL *panel, const conv_tap *taps, real *const *outs, int64_t pixels,
                                const int V, const int kind)
{
    switch (pixels) {
        TILE_CASE(1) TILE_CASE(2) TILE_CASE(3) TILE_CASE(4) TILE_CASE(5) TILE_CASE(6)
        TILE_CASE(7) TILE_CASE(8) TILE_CASE(9) TILE_CASE(10) TILE_CASE(11) TILE_CASE(12)
        TILE_CASE(13) TILE_CASE(14)
    }
}

#define TILE_FUNCTION(name, V, kind) \
    static void FG_NAME(name)(const PANEL *panel, const conv_tap *taps, real *const *outs, int64_t pixels) \
    { \
        FG_NAME(tile_of)(panel, taps, outs, pixels, V, kind); \
    }

TILE_FUNCTION(broadcast_1, 1, BROADCAST)
TILE_FUNCTION(broadcast_2, 2, BROADCAST)
TILE_FUNCTION(depthwise_1, 1, DEPTHWISE)
TILE_FUNCTION(depthwise_2, 2, DEPTHWISE)
TILE_FUNCTION(depthwise_part_1, 1, DEPTHWISE_PART)
TILE_FUNCTION(depthwise_part_2, 2, DEPTHWISE_PART)

static void FG_NAME(run_tile)(const conv_job *job, const PANEL *panel, const conv_tap *taps, real *const *outs,
                              int64_t pixels)
{
    const int two = panel->n > LANES;
    if (!job->depthwise)
        (two ? FG_NAME(broadcast_2) : FG_NAME(broadcast_1))(panel, taps, outs, pixels);
    else if (panel->n % LANES == 0)
        (two ? FG_NAME(depthwise_2) : FG_NAME(depthwise_1))(panel, taps, outs, pixels);
    else
        (two ? FG_NAME(depthwise_part_2) : FG_NAME(depthwise_part_1))(panel, taps, outs, pixels);
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
    found.weights = (const real *)(const void *)job->weights + panel * job->panel_rows * 2 * LANES;
    found.padded = found.weights + job->depth * 2 * LANES;
    found.bias = call->bias ? (const real *)call->bias + begin : NULL;
    found.offset = job->depthwise ? begin : group * (call->channels / job->groups);
    found.out_offset = begin - out_origin;
    const int64_t left = (group + 1) * job->group_outputs - begin;
    found.n = left < 2 * LANES ? left : 2 * LANES;
    return found;
}

static void FG_NAME(run_tiles)(const conv_job *job, const PANEL *panel, const BLOCK *block)
{
    const conv_tap *taps = block->taps;
    real *const *outs = block->outs;
    for (int64_t line = 0; line < block->lines; line++)
        for (int64_t tile = 0; tile < block->tiles; tile++) {
            const int64_t n = FG_NAME(tile_size)(block, tile);
            FG_NAME(run_tile)(job, panel, taps, outs, n);
            taps += job->taps;
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
#include "convolution/few_outputs_body.h"
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
