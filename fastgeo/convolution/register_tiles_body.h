/* Register tiles: P output pixels by V vectors of output channels stay in registers while the whole chain of (kernel row,
   kernel column, channel) runs through them. Every input value is broadcast against V vectors of weights. A padded zero is
   not multiplied: what a run of them adds depends on the weights alone and is packed with these. */
#include <string.h>

#include "convolution/common_body.h"

#include "convolution/gather_body.h"

#include "convolution/blocks_body.h"

#include "convolution/taps_body.h"

#define TILE FG_TILE(LANES * FG_REAL_BITS)
#define NARROW_TILE FG_NARROW_TILE(LANES * FG_REAL_BITS) /* where one vector holds all output channels */

/* What a tile needs besides its pixels. */
typedef struct {
    const real *weights, *padded, *bias; /* of this panel */
    int64_t taps, run;
    int64_t piece; /* of a run, between two polls of a long chain; the whole run of others */
    int is_long;
    int64_t step;          /* from one pixel's cell to the next one's, where all lie in one row */
    int64_t offset;        /* of the panel's first input channel in a cell */
    int64_t out_offset, n; /* of its first output channel in an output pixel; how many there are */
    int relu;
    const fg_team *team;
    int slot;
} FG_NAME(panel);

#define PANEL FG_NAME(panel)

FG_INLINE vreal FG_NAME(start)(const PANEL *panel, int v)
{
    const int64_t left = panel->n - v * LANES;
    if (!panel->bias)
        return v_set1(0);
    return left >= LANES ? v_load(panel->bias + v * LANES) : v_load_part(panel->bias + v * LANES, left);
}

/* `n` channels of one tap join the sums of the pixels `first` to `end`, whose cells lie in steps. Two pointers and four
   distances reach all of them; a pointer each would not fit the general registers. Meanwhile the lines that the tile
   will write come into the cache, a pixel's at a time. */
FG_INLINE void FG_NAME(run_row)(const PANEL *panel, const real *at, const real *weights, int64_t n, real *const *outs,
                                vreal sum[][2], const int first, const int end, const int V)
{
    const real *const stop = weights + n * 2 * LANES;
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

/* The same for `n` channels of any tap, from `channel` on. */
FG_INLINE void FG_NAME(run_tap)(const PANEL *panel, const fg_tap *tap, int64_t channel, int64_t n, const real *weights,
                                real *const *outs, vreal sum[][2], const int first, const int end, const int V)
{
    const real *cell[FG_MOST_PIXELS];
    if (tap->kind == TAP_SCATTERED) {
        const real *const *at = tap->at;
        FG_UNROLL for (int p = first; p < end; p++) cell[p] = at[p - first] + panel->offset + channel;
    } else {
        const real *at = (const real *)tap->at + panel->offset + channel;
        if (TILE == FG_MOST_PIXELS) { /* fewer have a pointer each, which takes fewer instructions */
            FG_NAME(run_row)(panel, at, weights, n, outs, sum, first, end, V);
            return;
        }
        FG_UNROLL for (int p = first; p < end; p++) cell[p] = at + (p - first) * panel->step;
    }
    for (int64_t c = 0; c < n; c++, weights += 2 * LANES) {
        const vreal w0 = v_load(weights), w1 = V > 1 ? v_load(weights + LANES) : w0;
        FG_UNROLL for (int p = first; p < end; p++)
        {
            const vreal x = v_set1(cell[p][c]);
            sum[p][0] = v_fma(x, w0, sum[p][0]);
            if (V > 1)
                sum[p][1] = v_fma(x, w1, sum[p][1]);
        }
    }
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
            sum[p][v] = FG_ACTIVATED(1, sum[p][v]);
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

/* `n` channels of one tap, from `channel` on; padded runs are whole. */
FG_INLINE void FG_NAME(take_tap)(const PANEL *panel, const fg_tap *tap, int64_t channel, int64_t n, const real *weights,
                                 const real *padded, real *const *outs, vreal sum[][2], const int P, const int V)
{
    if (tap->kind <= TAP_SCATTERED) {
        FG_NAME(run_tap)(panel, tap, channel, n, weights, outs, sum, 0, P, V);
        return;
    }
    const int whole = channel == 0; /* what the run adds is added with its first channels */
    if (tap->kind == TAP_PADDED) {
        if (whole)
            FG_NAME(add_padded)(padded, sum, 0, P, V);
    } else if (P > 1 && tap->kind == TAP_FIRST_PADDED) {
        if (whole)
            FG_NAME(add_padded)(padded, sum, 0, 1, V);
        FG_NAME(run_tap)(panel, tap, channel, n, weights, outs, sum, 1, P, V);
    } else if (P > 1) {
        if (whole)
            FG_NAME(add_padded)(padded, sum, P - 1, P, V);
        FG_NAME(run_tap)(panel, tap, channel, n, weights, outs, sum, 0, P - 1, V);
    }
}

/* Whether a long chain is to be left; `steps` are those since the last poll. */
FG_INLINE int FG_NAME(poll_chain)(const PANEL *panel, int64_t *steps, int64_t n)
{
    *steps += n;
    if (*steps < FG_POLL_STEPS)
        return 0;
    *steps = 0;
    return panel->team->stopped(panel->slot);
}

FG_INLINE void FG_NAME(tile)(const PANEL *panel, const fg_tap *taps, real *const *outs, const int P, const int V)
{
    vreal sum[FG_MOST_PIXELS][2];
    const vreal start0 = FG_NAME(start)(panel, 0), start1 = V > 1 ? FG_NAME(start)(panel, 1) : start0;
    FG_UNROLL for (int p = 0; p < P; p++)
    {
        sum[p][0] = start0;
        sum[p][1] = start1;
    }
    const real *weights = panel->weights, *padded = panel->padded;
    int64_t steps = 0;
    for (const fg_tap *tap = taps; tap < taps + panel->taps; tap++, padded += 2 * LANES)
        for (int64_t channel = 0, n = panel->piece; n > 0; n = fg_least(panel->piece, panel->run - channel)) {
            FG_NAME(take_tap)(panel, tap, channel, n, weights, padded, outs, sum, P, V);
            weights += n * 2 * LANES;
            channel += n;
            if (!panel->is_long)
                break;
            if (FG_NAME(poll_chain)(panel, &steps, n))
                return;
        }
    FG_NAME(store_tile)(panel, outs, sum, P, V);
}

#define TILE_CASE(P) \
    case P: \
        if (P <= (V == 1 ? NARROW_TILE : TILE)) \
            FG_NAME(tile)(panel, taps, outs, P, V); \
        break;

FG_INLINE void FG_NAME(tile_of)(const PANEL *panel, const fg_tap *taps, real *const *outs, int64_t pixels, const int V)
{
    switch (pixels) {
        TILE_CASE(1) TILE_CASE(2) TILE_CASE(3) TILE_CASE(4) TILE_CASE(5) TILE_CASE(6)
        TILE_CASE(7) TILE_CASE(8) TILE_CASE(9) TILE_CASE(10) TILE_CASE(11) TILE_CASE(12)
        TILE_CASE(13) TILE_CASE(14)
    }
}

static void FG_NAME(tile_of_one)(const PANEL *panel, const fg_tap *taps, real *const *outs, int64_t pixels)
{
    FG_NAME(tile_of)(panel, taps, outs, pixels, 1);
}

static void FG_NAME(tile_of_two)(const PANEL *panel, const fg_tap *taps, real *const *outs, int64_t pixels)
{
    FG_NAME(tile_of)(panel, taps, outs, pixels, 2);
}

/* First output channel of a panel. */
static int64_t FG_NAME(panel_begin)(const fg_packing *packing, int64_t panel)
{
    return panel / packing->panels_per_group * packing->group_outputs + panel % packing->panels_per_group * 2 * LANES;
}

static PANEL FG_NAME(panel_of)(const fg_conv_job *job, const BLOCK *block, int64_t panel, int64_t out_origin, int slot)
{
    const fg_conv_call *call = job->call;
    const fg_packing *packing = &job->plan->packing;
    const int64_t begin = FG_NAME(panel_begin)(packing, panel), group = panel / packing->panels_per_group;
    PANEL found = {.taps = job->plan->as.tiles.taps, .run = job->plan->as.tiles.run, .relu = call->relu};
    found.team = job->team;
    found.slot = slot;
    found.is_long = found.taps * found.run > FG_POLL_STEPS;
    found.piece = fg_least(found.run, FG_POLL_STEPS);
    found.step = block->pixel_step;
    found.weights = (const real *)(const void *)job->weights + panel * packing->panel_rows * 2 * LANES;
    found.padded = found.weights + packing->depth * 2 * LANES;
    found.bias = call->bias ? (const real *)call->bias + begin : NULL;
    found.offset = group * (call->channels / packing->groups);
    found.out_offset = begin - out_origin;
    found.n = fg_least((group + 1) * packing->group_outputs - begin, 2 * LANES);
    return found;
}

/* The weights of a panel stay in the cache while all tiles of the block pass. Returns whether to leave the rest. */
static int FG_NAME(run_panel)(const PANEL *panel, const TAP_LISTS *lists, fg_meter *meter)
{
    const BLOCK *block = &lists->block;
    const fg_tap *taps = lists->taps;
    real *const *outs = block->outs;
    for (int64_t line = 0; line < block->lines; line++)
        for (int64_t tile = 0; tile < block->tiles; tile++) {
            const int64_t n = FG_NAME(tile_size)(block, tile);
            (panel->n > LANES ? FG_NAME(tile_of_two) : FG_NAME(tile_of_one))(panel, taps, outs, n);
            if (fg_spend(meter, n * panel->taps * panel->run * panel->n))
                return 1;
            taps += panel->taps;
            outs += n;
        }
    return 0;
}

/* The block of a chunk, its cells and their taps laid out in the slot's scratch memory. */
static TAP_LISTS FG_NAME(open_lists)(const fg_conv_job *job, int64_t index, int64_t out_channels, char *scratch)
{
    const fg_tiles_plan *plan = &job->plan->as.tiles;
    TAP_LISTS lists = {.block = FG_NAME(open_block)(job->call, &plan->blocks, index)};
    BLOCK *block = &lists.block;
    const int64_t pixels = FG_NAME(pixels_of)(block);
    lists.taps = (fg_tap *)(void *)scratch;
    lists.pointers = (const real **)(void *)(lists.taps + block->lines * block->tiles * plan->taps);
    block->outs = (real **)(void *)(lists.pointers + pixels * plan->taps);
    scratch += plan->blocks.lists_bytes;
    int64_t *columns = (int64_t *)(void *)scratch;
    scratch += plan->blocks.columns_bytes;
    real *strip = (real *)(void *)scratch;
    block->tile = (real *)(void *)(scratch + plan->blocks.strip_bytes);
    if (plan->strip)
        FG_NAME(read_strip)(job, &plan->blocks, block, strip, columns, NULL, NULL);
    else
        FG_NAME(read_image)(job->call, &plan->blocks, block);
    FG_NAME(find_taps)(job, &lists);
    FG_NAME(find_outs)(job->call, block, out_channels);
    return lists;
}

static void FG_NAME(tiles_chunk)(void *job_, int64_t chunk, int slot)
{
    const fg_conv_job *job = job_;
    const fg_conv_call *call = job->call;
    const fg_tiles_plan *plan = &job->plan->as.tiles;
    const fg_packing *packing = &job->plan->packing;
    const int64_t n_blocks = job->plan->chunks / plan->panel_chunks;
    const int64_t first = chunk / n_blocks * plan->panels_per_chunk;
    const int64_t last = fg_least(first + plan->panels_per_chunk, packing->n_panels);
    const int64_t out_begin = FG_NAME(panel_begin)(packing, first);
    const int64_t out_end = last < packing->n_panels ? FG_NAME(panel_begin)(packing, last) : call->out_channels;
    fg_meter meter = {job->team, slot, FG_POLL_WORK};
    TAP_LISTS lists = FG_NAME(open_lists)(job, chunk % n_blocks, out_end - out_begin,
                                          job->slots + (size_t)slot * job->plan->slot_bytes);
    for (int64_t i = first; i < last; i++) {
        const PANEL panel = FG_NAME(panel_of)(job, &lists.block, i, call->planar ? out_begin : 0, slot);
        if (FG_NAME(run_panel)(&panel, &lists, &meter))
            return;
    }
    if (call->planar)
        FG_NAME(store_planes)(call, &lists.block, out_begin, out_end);
}

#undef FG_ACTIVATED
#undef TILE
#undef NARROW_TILE
#undef PANEL
#undef PLACE
#undef BLOCK
#undef TAP_LISTS
#undef TILE_CASE
