/* Plans of the algorithms that cut the outputs into blocks and copy the cells of each. */
#include "convolution/planners.h"

static int64_t greatest_divisor(int64_t a, int64_t b)
{
    while (b) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* The one of the two kinds of strip that copies less for a run of outputs. */
static fg_strip_axis strip_axis(int64_t size, int64_t stride, int64_t dilation, int64_t outputs)
{
    const int64_t step = size > 1 ? greatest_divisor(stride, dilation) : stride, run = fg_least(outputs, 64);
    const fg_strip_axis dense = {size, stride, dilation, step, stride / step, size > 1 ? dilation / step : 1};
    const fg_strip_axis windows = {size, stride, dilation, 0, size, 1};
    return fg_strip_length(&dense, run) <= fg_strip_length(&windows, run) ? dense : windows;
}

/* The cells of the image itself. */
static fg_strip_axis image_axis(int64_t size, int64_t stride, int64_t dilation)
{
    return (fg_strip_axis){size, stride, dilation, 1, stride, dilation};
}

static int64_t block_pixels(const fg_blocks *blocks)
{
    return blocks->block.images * blocks->block.rows * blocks->block.columns;
}

/* A block of about so many pixels. */
static void shape_block(const fg_conv_call *call, fg_blocks *blocks, int64_t pixels)
{
    blocks->block.columns = fg_balanced(call->out_width, fg_least(pixels, call->out_width));
    blocks->block.rows = fg_balanced(call->out_height, fg_clip(pixels / call->out_width, 1, call->out_height));
    blocks->block.images = fg_clip(pixels / (call->out_width * call->out_height), 1, call->batch);
    blocks->blocks.columns = fg_pieces(call->out_width, blocks->block.columns);
    blocks->blocks.rows = fg_pieces(call->out_height, blocks->block.rows);
    blocks->blocks.images = fg_pieces(call->batch, blocks->block.images);
}

/* Bytes of the strip of a block, of its columns' indices, and of `line` values for each of these. */
static void size_strip(const fg_conv_call *call, fg_blocks *blocks, int64_t line)
{
    const int64_t rows = fg_strip_length(&blocks->y, blocks->block.rows);
    const int64_t columns = fg_strip_length(&blocks->x, blocks->block.columns);
    const size_t value = fg_value_size(call);
    blocks->columns_bytes = fg_aligned((size_t)columns * sizeof(int64_t));
    blocks->line_bytes = fg_aligned((size_t)(columns * line) * value);
    blocks->strip_bytes = fg_aligned((size_t)(blocks->block.images * rows * columns * blocks->cell_pitch) * value);
}

/* Register tiles ------------------------------------------------------------------------------------------------- */

static void size_tiles(fg_conv_plan *plan)
{
    const fg_conv_call *call = &plan->call;
    fg_tiles_plan *tiles = &plan->as.tiles;
    fg_blocks *blocks = &tiles->blocks;
    const int64_t pixels = block_pixels(blocks), lanes = plan->shape->lanes;
    const int64_t work = pixels * plan->packing.depth * 2 * lanes;
    /* Every chunk of panels copies the strip anew. */
    const int64_t most = fg_chunk_work(plan, FG_CHUNK_WORK) * (tiles->strip ? 2 * FG_STRIP_CHUNKS : 1);
    const int64_t n_panels = plan->packing.n_panels;
    tiles->panels_per_chunk = fg_balanced(n_panels, fg_clip(most / work, 1, n_panels));
    tiles->panel_chunks = fg_pieces(n_panels, tiles->panels_per_chunk);
    const int64_t line = blocks->in_rows ? blocks->block.columns : pixels;
    const size_t n_tiles = (size_t)(pixels / line * fg_pieces(line, blocks->tile));
    blocks->lists_bytes = fg_aligned(n_tiles * (size_t)tiles->taps * 2 * sizeof(void *) +
                                     (size_t)(pixels * (tiles->taps + 1)) * sizeof(void *));
    blocks->columns_bytes = blocks->strip_bytes = 0;
    if (tiles->strip)
        size_strip(call, blocks, 0);
    plan->slot_bytes = blocks->lists_bytes + blocks->columns_bytes + blocks->strip_bytes;
    if (call->planar)
        plan->slot_bytes += fg_aligned((size_t)(pixels * tiles->panels_per_chunk * 2 * lanes) * fg_value_size(call));
}

static void plan_tile_blocks(fg_conv_plan *plan)
{
    const fg_conv_call *call = &plan->call;
    fg_tiles_plan *tiles = &plan->as.tiles;
    const int64_t depth = plan->packing.depth, lanes = plan->shape->lanes, tile = tiles->blocks.tile;
    const int64_t work = fg_chunk_work(plan, FG_CHUNK_WORK) * (tiles->strip ? FG_STRIP_CHUNKS : 1);
    const int64_t at_least = fg_clip(8 * work / (depth * 2 * lanes), tile, 16 * tile);
    int64_t pixels = fg_clip(work / (depth * call->out_channels), tiles->strip ? 4 * tile : at_least, FG_BLOCK_PIXELS);
    for (;; pixels = fg_pieces(pixels, 2)) {
        shape_block(call, &tiles->blocks, pixels);
        size_tiles(plan);
        if (plan->slot_bytes <= FG_SCRATCH_LIMIT || pixels == 1)
            break;
    }
    const fg_extent *blocks = &tiles->blocks.blocks;
    plan->chunks = blocks->images * blocks->rows * blocks->columns * tiles->panel_chunks;
}

const char *fg_plan_register_tiles(const fg_team *team, fg_conv_plan *plan)
{
    fg_conv_call *call = &plan->call;
    fg_tiles_plan *tiles = &plan->as.tiles;
    plan->packing = fg_packing_of(fg_tiles_isa(team->isa, call), call, 0);
    plan->shape = fg_shape_of(plan->packing.isa, call);
    *call = fg_as_one_row(call);
    const int64_t value = (int64_t)fg_value_size(call), step = call->channels * value;
    tiles->blocks.tile = fg_group_outputs(call) <= plan->shape->lanes ? plan->shape->narrow_tile : plan->shape->tile;
    tiles->blocks.y = strip_axis(call->kernel_height, call->stride_y, call->dilation_y, call->out_height);
    tiles->blocks.x = strip_axis(call->kernel_width, call->stride_x, call->dilation_x, call->out_width);
    tiles->merged = call->groups == 1 && call->kernel_width > 1 && call->channels < FG_FEW_CHANNELS &&
                    tiles->blocks.x.dilation == 1;
    /* Merged rows lie side by side: no gap between their cells. */
    const int crowded = !tiles->merged && step * call->stride_x % FG_CROWDED == 0 && step % FG_CACHE_LINE == 0;
    tiles->blocks.cell_pitch = call->channels + (crowded ? FG_CACHE_LINE / value : 0);
    tiles->strip = call->planar || tiles->merged || crowded;
    if (!tiles->strip) {
        tiles->blocks.y = image_axis(call->kernel_height, call->stride_y, call->dilation_y);
        tiles->blocks.x = image_axis(call->kernel_width, call->stride_x, call->dilation_x);
    }
    tiles->tap_columns = tiles->merged ? 1 : call->kernel_width;
    tiles->taps = call->kernel_height * tiles->tap_columns;
    tiles->run = plan->packing.depth / tiles->taps;
    tiles->skips_padding = plan->packing.padded_rows == tiles->taps && call->padding_mode == FG_PAD_ZEROS;
    /* Rows that fill their tiles at least by half. */
    const int64_t tile = tiles->blocks.tile;
    tiles->blocks.in_rows = 2 * call->out_width >= tile * fg_pieces(call->out_width, tile);
    plan->zeros = tiles->run > call->channels ? tiles->run : call->channels;
    plan_tile_blocks(plan);
    return NULL;
}

/* Grouped lanes -------------------------------------------------------------------------------------------------- */

static void size_lanes(fg_conv_plan *plan)
{
    const fg_conv_call *call = &plan->call;
    fg_blocks *blocks = &plan->as.lanes.blocks;
    const int64_t pixels = block_pixels(blocks);
    blocks->lists_bytes = fg_aligned((size_t)(2 * pixels) * sizeof(void *) +
                                     (size_t)plan->packing.depth * sizeof(int64_t));
    size_strip(call, blocks, call->channels);
    plan->slot_bytes = blocks->lists_bytes + blocks->columns_bytes + blocks->line_bytes + blocks->strip_bytes;
    if (call->planar)
        plan->slot_bytes += fg_aligned((size_t)(pixels * call->out_channels) * fg_value_size(call));
}

const char *fg_plan_grouped_lanes(const fg_team *team, fg_conv_plan *plan)
{
    const fg_conv_call *call = &plan->call;
    fg_lanes_plan *lanes = &plan->as.lanes;
    plan->packing = fg_packing_of(team->isa, call, 1);
    plan->shape = fg_shape_of(team->isa, call);
    lanes->group_channels = fg_group_channels(call);
    lanes->group_outputs = fg_group_outputs(call);
    lanes->blocks.tile = plan->shape->lane_tile;
    lanes->blocks.cell_pitch = lanes->group_channels * call->out_channels;
    lanes->blocks.y = strip_axis(call->kernel_height, call->stride_y, call->dilation_y, call->out_height);
    lanes->blocks.x = strip_axis(call->kernel_width, call->stride_x, call->dilation_x, call->out_width);
    const int64_t work = fg_chunk_work(plan, FG_CHUNK_WORK) * FG_STRIP_CHUNKS;
    int64_t pixels = fg_clip(work / (plan->packing.depth * call->out_channels), 4 * lanes->blocks.tile, FG_BLOCK_PIXELS);
    for (;; pixels = fg_pieces(pixels, 2)) {
        shape_block(call, &lanes->blocks, pixels);
        size_lanes(plan);
        if (plan->slot_bytes <= FG_SCRATCH_LIMIT)
            break;
        if (pixels == 1)
            return "the spread cells of one window exceed the scratch memory of a thread";
    }
    lanes->blocks.in_rows = lanes->blocks.block.columns >= lanes->blocks.tile;
    const fg_extent *blocks = &lanes->blocks.blocks;
    plan->chunks = blocks->images * blocks->rows * blocks->columns;
    return NULL;
}
