/* Grouped lanes: a vector holds neighbouring output channels, of several groups where these are small, and a tile of
   output pixels stays in registers. The strip of a block holds every cell spread out, so that each lane finds its own
   input: value c * out_channels + o of a cell is channel c of the group that output o belongs to. */
#include <string.h>

#include "convolution/common_body.h"

#include "convolution/gather_body.h"

#include "convolution/blocks_body.h"

#define TILE FG_LANE_TILE(LANES * FG_REAL_BITS)

/* `n` cells of so many groups: each of a group's `channels` values `outputs` times, once for each of its outputs. */
FG_INLINE void FG_NAME(spread_groups)(const real *restrict from, int64_t n, int64_t groups, const int64_t channels,
                                      const int64_t outputs, real *restrict to)
{
    for (int64_t i = 0; i < n; i++, from += groups * channels)
        for (int64_t c = 0; c < channels; c++, to += groups * outputs)
            for (int64_t g = 0; g < groups; g++)
                for (int64_t o = 0; o < outputs; o++)
                    to[g * outputs + o] = from[g * channels + c];
}

/* Constants let compilers make shuffles of the common sizes. */
static void FG_NAME(spread_cells)(const fg_conv_job *job, const real *line, int64_t n, real *to)
{
    const int64_t channels = job->plan->as.lanes.group_channels, outputs = job->plan->as.lanes.group_outputs;
    const int64_t groups = job->call->groups;
    if (channels == 1 && outputs == 2)
        FG_NAME(spread_groups)(line, n, groups, 1, 2, to);
    else if (channels == 1 && outputs == 4)
        FG_NAME(spread_groups)(line, n, groups, 1, 4, to);
    else if (channels == 2 && outputs == 2)
        FG_NAME(spread_groups)(line, n, groups, 2, 2, to);
    else if (channels == 4 && outputs == 4)
        FG_NAME(spread_groups)(line, n, groups, 4, 4, to);
    else
        FG_NAME(spread_groups)(line, n, groups, channels, outputs, to);
}

/* One vector of outputs of a tile. */
typedef struct {
    const real *weights, *start; /* NULL: from 0 */
    const int64_t *offsets;      /* of the values of the chain from the first one of a pixel */
    int64_t depth, step;         /* step: from pixel to pixel, where they lie in a row */
    int64_t output, part;        /* first channel; how many there are, 0: a whole vector */
    int relu;
    const fg_team *team;
    int slot;
} FG_NAME(lanes);

#define VECTOR FG_NAME(lanes)

FG_INLINE vreal FG_NAME(load_lanes)(const real *at, int64_t part) { return part ? v_load_part(at, part) : v_load(at); }

/* `origins` of the TILE pixels, of which `pixels` are stored. In a row, two pointers and four distances reach all of them.
   Long chains poll on the way. */
FG_INLINE void FG_NAME(lanes_tile)(const VECTOR *vector, const real *const *origins, real *const *outs, int64_t pixels,
                                   int64_t part, const int in_row)
{
    vreal sum[TILE];
    const vreal start = vector->start ? FG_NAME(load_lanes)(vector->start, part) : v_set1(0);
    FG_UNROLL for (int p = 0; p < TILE; p++) sum[p] = start;
    const int64_t step = vector->step * (int64_t)sizeof(real), three = 3 * step, five = 5 * step, seven = 7 * step;
    const int64_t distance[9] = {0, step, 2 * step, three, 4 * step, five, 2 * three, seven, 8 * step};
    const real *weights = vector->weights, *const first = origins[0] + vector->output;
    int64_t steps = 0;
    for (int64_t k = 0; k < vector->depth; k++, weights += 2 * LANES) {
        const vreal w = v_load(weights);
        const char *near = (const char *)(first + vector->offsets[k]), *far = TILE > 9 ? near + 9 * step : near;
        FG_UNROLL for (int p = 0; p < TILE; p++)
        {
            const real *at = in_row ? (const real *)(const void *)((p < 9 ? near : far) + distance[p % 9])
                                    : origins[p] + vector->output + vector->offsets[k];
            sum[p] = v_fma(FG_NAME(load_lanes)(at, part), w, sum[p]);
        }
        if (++steps < FG_POLL_STEPS)
            continue;
        steps = 0;
        if (vector->team->stopped(vector->slot))
            return;
    }
    FG_UNROLL for (int p = 0; p < TILE; p++)
    {
        const vreal y = FG_ACTIVATED(vector->relu, sum[p]);
        if (p < pixels && part)
            v_store_part(outs[p] + vector->output, y, part);
        else if (p < pixels)
            v_store(outs[p] + vector->output, y);
    }
}

static void FG_NAME(tile_in_row)(const VECTOR *vector, const real *const *origins, real *const *outs)
{
    if (vector->part)
        FG_NAME(lanes_tile)(vector, origins, outs, TILE, vector->part, 1);
    else
        FG_NAME(lanes_tile)(vector, origins, outs, TILE, 0, 1);
}

static void FG_NAME(tile_anywhere)(const VECTOR *vector, const real *const *origins, real *const *outs, int64_t pixels)
{
    const real *at[TILE];
    for (int64_t p = 0; p < TILE; p++)
        at[p] = origins[fg_least(p, pixels - 1)];
    if (vector->part)
        FG_NAME(lanes_tile)(vector, at, outs, pixels, vector->part, 0);
    else
        FG_NAME(lanes_tile)(vector, at, outs, pixels, 0, 0);
}

/* All pixels of a block. The last tile of a row is moved back over the one before: the same values twice. */
static void FG_NAME(lanes_block)(const VECTOR *vector, const BLOCK *block, int in_rows, const real *const *origins)
{
    const int64_t line = in_rows ? block->size.columns : FG_NAME(pixels_of)(block);
    const int64_t lines = in_rows ? block->size.images * block->size.rows : 1;
    real *const *outs = block->outs;
    for (int64_t i = 0; i < lines; i++, origins += line, outs += line)
        for (int64_t x = 0; x < line; x += TILE) {
            const int64_t at = in_rows ? fg_least(x, line - TILE) : x;
            if (in_rows && at >= 0)
                FG_NAME(tile_in_row)(vector, origins + at, outs + at);
            else
                FG_NAME(tile_anywhere)(vector, origins + x, outs + x, fg_least(TILE, line - x));
        }
}

/* Where the windows of the block's pixels begin, and where in one its values lie, in the order of the chain. */
static void FG_NAME(find_origins)(const fg_conv_call *call, const BLOCK *block, int64_t group_channels,
                                  const real **origins, int64_t *offsets)
{
    PLACE at = block->first;
    for (int64_t p = 0; p < FG_NAME(pixels_of)(block); p++) {
        origins[p] = block->source + (at.image * block->image_pitch + at.y * block->line_step +
                                      at.x * block->pixel_step - block->origin);
        FG_NAME(advance)(block, &at, 1);
    }
    for (int64_t i = 0; i < call->kernel_height; i++)
        for (int64_t j = 0; j < call->kernel_width; j++)
            for (int64_t c = 0; c < group_channels; c++)
                *offsets++ = i * block->tap_row_step + j * block->tap_column_step + c * call->out_channels;
}

static void FG_NAME(lanes_chunk)(void *job_, int64_t chunk, int slot)
{
    const fg_conv_job *job = job_;
    const fg_conv_call *call = job->call;
    const fg_lanes_plan *plan = &job->plan->as.lanes;
    const fg_packing *packing = &job->plan->packing;
    BLOCK block = FG_NAME(open_block)(call, &plan->blocks, chunk);
    const int64_t pixels = FG_NAME(pixels_of)(&block);
    char *scratch = job->slots + (size_t)slot * job->plan->slot_bytes;
    const real **origins = (const real **)(void *)scratch;
    block.outs = (real **)(void *)(origins + pixels);
    int64_t *offsets = (int64_t *)(void *)(block.outs + pixels);
    int64_t *columns = (int64_t *)(void *)(scratch += plan->blocks.lists_bytes);
    real *line = (real *)(void *)(scratch += plan->blocks.columns_bytes);
    real *strip = (real *)(void *)(scratch += plan->blocks.line_bytes);
    block.tile = (real *)(void *)(scratch + plan->blocks.strip_bytes);
    const int spread = plan->group_channels * plan->group_outputs > 1;
    FG_NAME(read_strip)(job, &plan->blocks, &block, strip, columns, line, spread ? FG_NAME(spread_cells) : NULL);
    FG_NAME(find_origins)(call, &block, plan->group_channels, origins, offsets);
    FG_NAME(find_outs)(call, &block, call->out_channels);
    fg_meter meter = {job->team, slot, FG_POLL_WORK};
    VECTOR vector = {.offsets = offsets, .depth = packing->depth, .step = block.pixel_step, .relu = call->relu};
    vector.team = job->team;
    vector.slot = slot;
    for (int64_t o = 0; o < call->out_channels; o += LANES) {
        vector.output = o;
        vector.part = o + LANES <= call->out_channels ? 0 : call->out_channels - o;
        vector.start = call->bias ? (const real *)call->bias + o : NULL;
        vector.weights = (const real *)(const void *)job->weights +
                         o / (2 * LANES) * packing->panel_rows * 2 * LANES + o % (2 * LANES);
        FG_NAME(lanes_block)(&vector, &block, plan->blocks.in_rows, origins);
        if (fg_spend(&meter, pixels * packing->depth * LANES))
            return;
    }
    if (call->planar)
        FG_NAME(store_planes)(call, &block, 0, call->out_channels);
}

#undef FG_ACTIVATED
#undef TILE
#undef VECTOR
#undef PLACE
#undef BLOCK
