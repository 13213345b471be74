#include "convolution/plan.h"

#define FG_BODY "convolution/shape_body.h"
#include "runtime/for_each_target.h"

typedef const fg_conv_shape *shape_function(void);
FG_TABLE(shape_function, conv_shape);

const char *const fg_conv_algorithm_names[FG_CONV_ALGORITHMS] = {
    "register_tiles", "grouped_lanes", "depthwise_rows", "plane_stencil", "pixel_vectors", "matrix_vector",
};

static int64_t balanced(int64_t n, int64_t size) { return fg_pieces(n, fg_pieces(n, size)); }
static int64_t group_channels(const fg_conv_call *call) { return call->channels / call->groups; }
static int64_t group_outputs(const fg_conv_call *call) { return call->out_channels / call->groups; }

static int64_t reach(int64_t size, int64_t dilation) { return (size - 1) * dilation + 1; }

static const fg_conv_shape *shape_of(int isa, const fg_conv_call *call)
{
    return conv_shape_table[isa][call->is_f64]();
}

/* Whether a kernel has too few outputs to fill vectors with them where these have so many lanes. */
static int has_few_outputs(const fg_conv_call *call, int64_t lanes)
{
    return call->groups == 1 && call->channels < FG_FEW_CHANNELS && call->kernel_width > 1 &&
           2 * call->out_channels <= 3 * lanes;
}

/* Register tiles of a few output channels fill the narrower vectors better. */
static int tiles_isa(int isa, const fg_conv_call *call)
{
#if FG_X86
    const int64_t lanes = call->is_f64 ? 8 : 16;
    if (isa >= FG_ISA_avx512 && group_channels(call) * group_outputs(call) > 1 && 2 * group_outputs(call) <= lanes &&
        !has_few_outputs(call, lanes))
        return FG_ISA_avx2;
#endif
    (void)call;
    return isa;
}

/* Channel by channel, or groups of so few outputs that tiles would leave most lanes empty. */
static int suits_lanes(const fg_conv_call *call, int64_t lanes)
{
    return call->groups > 1 && (group_channels(call) * group_outputs(call) == 1 ||
                                FG_LANE_SHARE * group_outputs(call) <= lanes);
}

static fg_packing packing_of(int isa, const fg_conv_call *call, int lanewise)
{
    const int64_t positions = call->kernel_height * call->kernel_width;
    fg_packing packing = {.isa = isa, .is_f64 = call->is_f64, .lanewise = lanewise && call->groups > 1};
    packing.lanes = shape_of(isa, call)->lanes;
    packing.groups = lanewise ? 1 : call->groups;
    packing.group_outputs = call->out_channels / packing.groups;
    packing.panels_per_group = fg_pieces(packing.group_outputs, 2 * packing.lanes);
    packing.n_panels = packing.groups * packing.panels_per_group;
    packing.depth = positions * group_channels(call);
    if (!packing.lanewise && group_channels(call) >= FG_FEW_CHANNELS)
        packing.padded_rows = positions;
    else if (call->groups == 1 && call->kernel_width > 1)
        packing.padded_rows = call->kernel_height;
    packing.panel_rows = packing.depth + packing.padded_rows;
    return packing;
}

fg_packing fg_plan_packing(int isa, const fg_conv_call *call)
{
    const int lanewise = suits_lanes(call, shape_of(isa, call)->lanes);
    return packing_of(lanewise ? isa : tiles_isa(isa, call), call, lanewise);
}

/* Every pixel of a pointwise convolution meets one cell of its own: rows, and with the channels last images, are one long
   row. */
static fg_conv_call as_one_row(const fg_conv_call *call)
{
    fg_conv_call row = *call;
    if (call->kernel_height == 1 && call->kernel_width == 1 && call->stride_y == 1 && call->stride_x == 1 &&
        call->pad_top == 0 && call->pad_left == 0 && call->out_height == call->height &&
        call->out_width == call->width) {
        row.batch = call->planar ? call->batch : 1;
        row.width = row.out_width = call->batch / row.batch * call->height * call->width;
        row.height = row.out_height = 1;
    }
    return row;
}

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

static int64_t chunk_work(const fg_conv_plan *plan, int64_t vector_work)
{
    return plan->shape->lanes == 1 ? FG_SCALAR_CHUNK_WORK : vector_work;
}

static int64_t block_pixels(const fg_blocks *blocks)
{
    return blocks->block.images * blocks->block.rows * blocks->block.columns;
}

/* A block of about so many pixels. */
static void shape_block(const fg_conv_call *call, fg_blocks *blocks, int64_t pixels)
{
    blocks->block.columns = balanced(call->out_width, fg_least(pixels, call->out_width));
    blocks->block.rows = balanced(call->out_height, fg_clip(pixels / call->out_width, 1, call->out_height));
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
    const int64_t most = chunk_work(plan, FG_CHUNK_WORK) * (tiles->strip ? 2 * FG_STRIP_CHUNKS : 1);
    const int64_t n_panels = plan->packing.n_panels;
    tiles->panels_per_chunk = balanced(n_panels, fg_clip(most / work, 1, n_panels));
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
    const int64_t work = chunk_work(plan, FG_CHUNK_WORK) * (tiles->strip ? FG_STRIP_CHUNKS : 1);
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

static const char *plan_register_tiles(const fg_team *team, fg_conv_plan *plan)
{
    fg_conv_call *call = &plan->call;
    fg_tiles_plan *tiles = &plan->as.tiles;
    plan->packing = packing_of(tiles_isa(team->isa, call), call, 0);
    plan->shape = shape_of(plan->packing.isa, call);
    *call = as_one_row(call);
    const int64_t value = (int64_t)fg_value_size(call), step = call->channels * value;
    tiles->blocks.tile = group_outputs(call) <= plan->shape->lanes ? plan->shape->narrow_tile : plan->shape->tile;
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

static const char *plan_grouped_lanes(const fg_team *team, fg_conv_plan *plan)
{
    const fg_conv_call *call = &plan->call;
    fg_lanes_plan *lanes = &plan->as.lanes;
    plan->packing = packing_of(team->isa, call, 1);
    plan->shape = shape_of(team->isa, call);
    lanes->group_channels = group_channels(call);
    lanes->group_outputs = group_outputs(call);
    lanes->blocks.tile = plan->shape->lane_tile;
    lanes->blocks.cell_pitch = lanes->group_channels * call->out_channels;
    lanes->blocks.y = strip_axis(call->kernel_height, call->stride_y, call->dilation_y, call->out_height);
    lanes->blocks.x = strip_axis(call->kernel_width, call->stride_x, call->dilation_x, call->out_width);
    const int64_t work = chunk_work(plan, FG_CHUNK_WORK) * FG_STRIP_CHUNKS;
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

/* Whole rows of outputs ------------------------------------------------------------------------------------------ */

static void plan_rows(fg_conv_plan *plan, int64_t planes, double row_work)
{
    const int64_t height = plan->call.out_height;
    fg_rows_plan *rows = &plan->as.rows;
    rows->rows = balanced(height, fg_clip((int64_t)((double)chunk_work(plan, FG_ROWS_WORK) / row_work), 4, height));
    rows->row_blocks = fg_pieces(height, rows->rows);
    plan->chunks = planes * rows->row_blocks;
}

static const char *plan_depthwise_rows(const fg_team *team, fg_conv_plan *plan)
{
    const fg_conv_call *call = &plan->call;
    plan->packing = packing_of(team->isa, call, 1);
    plan->shape = shape_of(team->isa, call);
    if (call->groups == 1 || call->groups != call->channels || call->out_channels != call->channels)
        return "every channel has to be a group of its own with one output, and there have to be several";
    if (call->planar)
        return "the channels have to come last";
    if (call->dilation_x != 1 || call->stride_x > 2 || (call->kernel_width != 3 && call->kernel_width != 5))
        return "kernels have to be 3 or 5 wide, with stride 1 or 2 and no dilation";
    if (call->out_width < plan->shape->lane_tile)
        return "rows of outputs are shorter than a tile";
    const int64_t cells = ((plan->shape->lane_tile - 1) * call->stride_x + call->kernel_width) * call->kernel_height;
    plan->slot_bytes = fg_aligned((size_t)cells * sizeof(void *));
    plan->zeros = call->channels;
    plan_rows(plan, call->batch, (double)plan->packing.depth * (double)call->out_width * (double)call->channels);
    return NULL;
}

static const char *plan_plane_stencil(const fg_team *team, fg_conv_plan *plan)
{
    const fg_conv_call *call = &plan->call;
    plan->packing = packing_of(team->isa, call, 1);
    plan->shape = shape_of(team->isa, call);
    const int64_t inside = call->width - (call->kernel_width - 1) * call->dilation_x;
    if (group_channels(call) != 1 || (!call->planar && call->out_channels != 1))
        return "every output has to come from one plane to another";
    if (call->stride_x != 1)
        return "the stride along rows has to be 1";
    if (plan->shape->lanes == 1)
        return "the instruction set has no vectors";
    if (fg_least(inside, call->out_width - call->pad_left) < 2 * plan->shape->lanes)
        return "rows are shorter than two vectors between their borders";
    if (call->width >= FG_PLANE_WIDTH || plan->packing.depth >= FG_PLANE_DEPTH ||
        plan->packing.depth * call->out_width > FG_PLANE_ROW_WORK)
        return "rows or kernels are too large for the scratch memory of a thread";
    plan->slot_bytes = fg_aligned((size_t)(8 * call->kernel_height) * sizeof(void *));
    plan->zeros = call->width;
    plan_rows(plan, call->batch * call->out_channels, (double)(plan->packing.depth * call->out_width));
    return NULL;
}

/* Pixel vectors -------------------------------------------------------------------------------------------------- */

static const char *plan_pixel_vectors(const fg_team *team, fg_conv_plan *plan)
{
    fg_conv_call *call = &plan->call;
    fg_pixels_plan *pixels = &plan->as.pixels;
    plan->packing = packing_of(team->isa, call, 0);
    plan->shape = shape_of(team->isa, call);
    *call = as_one_row(call);
    if (call->groups != 1)
        return "there has to be one group";
    if (plan->shape->lanes == 1)
        return "the instruction set has no vectors";
    if (call->out_width < plan->shape->lanes)
        return "rows of outputs are shorter than a vector";
    if (call->out_width >= FG_PLANE_WIDTH || plan->packing.depth >= FG_PLANE_DEPTH)
        return "rows or kernels are too large for the scratch memory of a thread";
    const int64_t reach_y = reach(call->kernel_height, call->dilation_y);
    const int64_t near = FG_NEAR_BYTES / (plan->packing.depth * (int64_t)fg_value_size(call));
    const int64_t most = call->height == 1 ? fg_clip(near, 6 * plan->shape->lanes, FG_SPLIT_COLUMNS) : FG_SPLIT_COLUMNS;
    pixels->columns = balanced(call->out_width, fg_least(most, call->out_width));
    const int64_t row_work = plan->packing.depth * call->out_channels * pixels->columns;
    const int64_t work = 2 * FG_STRIP_CHUNKS * FG_CHUNK_WORK;
    pixels->rows = balanced(call->out_height, fg_clip(work / row_work, 1, call->out_height));
    const int64_t columns = (pixels->columns - 1) * call->stride_x + reach(call->kernel_width, call->dilation_x);
    const int64_t line = (columns + call->stride_x) * call->channels * (int64_t)fg_value_size(call);
    const int64_t most_rows = FG_SCRATCH_LIMIT / line;
    if (reach_y > most_rows)
        return "the rows of one window exceed the scratch memory of a thread";
    pixels->rows = fg_least(pixels->rows, (most_rows - reach_y) / call->stride_y + 1);
    pixels->column_blocks = fg_pieces(call->out_width, pixels->columns);
    pixels->row_blocks = fg_pieces(call->out_height, pixels->rows);
    pixels->offsets_bytes = fg_aligned((size_t)plan->packing.depth * sizeof(int64_t));
    pixels->columns_bytes = fg_aligned((size_t)(columns + call->stride_x) * sizeof(int64_t));
    pixels->line_bytes = fg_aligned((size_t)line);
    plan->slot_bytes = pixels->offsets_bytes + pixels->columns_bytes + pixels->line_bytes +
                       fg_aligned((size_t)(((pixels->rows - 1) * call->stride_y + reach_y) * line));
    plan->chunks = call->batch * pixels->row_blocks * pixels->column_blocks;
    return NULL;
}

/* Matrix–vector product ------------------------------------------------------------------------------------------ */

static const char *plan_matrix_vector(const fg_team *team, fg_conv_plan *plan)
{
    const fg_conv_call *call = &plan->call;
    fg_product_plan *product = &plan->as.product;
    plan->packing = packing_of(team->isa, call, 0);
    plan->packing.n_panels = 0;
    plan->shape = shape_of(team->isa, call);
    if (call->groups != 1)
        return "there has to be one group";
    if (call->planar && call->kernel_height * call->kernel_width != 1)
        return "with the channels first, the weights of one output are no chain as they lie";
    const int64_t most_pixels = FG_SCRATCH_LIMIT / sizeof(double) / FG_PRODUCT_OUTPUTS;
    if (call->out_width > most_pixels || call->out_height * call->batch > most_pixels / call->out_width)
        return "there are too many output pixels for the scratch memory of a thread";
    product->pixels = call->batch * call->out_height * call->out_width;
    if (plan->packing.depth > INT64_MAX / 16 / product->pixels)
        return "the windows are too large for the memory";
    product->outputs = fg_least(FG_PRODUCT_OUTPUTS, call->out_channels);
    const size_t value = fg_value_size(call);
    plan->shared_bytes = fg_aligned((size_t)(product->pixels * plan->packing.depth) * value);
    const size_t columns = (size_t)call->kernel_width * sizeof(int64_t);
    const size_t sums = (size_t)(product->pixels * product->outputs) * value;
    plan->slot_bytes = fg_aligned(columns > sums ? columns : sums);
    plan->chunks = fg_pieces(call->out_channels, product->outputs);
    return NULL;
}

/* The choice ----------------------------------------------------------------------------------------------------- */

/* Returns why the algorithm cannot serve the call, or NULL. */
typedef const char *planner(const fg_team *team, fg_conv_plan *plan);
static planner *const planners[FG_CONV_ALGORITHMS] = {
    plan_register_tiles, plan_grouped_lanes, plan_depthwise_rows,
    plan_plane_stencil,  plan_pixel_vectors, plan_matrix_vector,
};

/* Fills the rest of the plan in for one algorithm; returns why it cannot serve the call, or NULL. */
static const char *try_algorithm(const fg_team *team, const fg_conv_call *call, int algorithm, fg_conv_plan *plan)
{
    *plan = (fg_conv_plan){.algorithm = algorithm, .call = *call};
    const char *refusal = planners[algorithm](team, plan);
    if (refusal)
        return refusal;
    plan->shared_bytes += fg_aligned((size_t)plan->zeros * fg_value_size(call));
    const double work = (double)call->batch * (double)(call->out_height * call->out_width) *
                        (double)call->out_channels * (double)plan->packing.depth;
    plan->threads = work < FG_THREADED_WORK ? 1 : (int)fg_least(team->size, plan->chunks);
    return NULL;
}

static int has_few_pixels(const fg_conv_call *call)
{
    return call->out_width <= FG_UNPACKED_PIXELS && call->out_height * call->out_width <= FG_UNPACKED_PIXELS &&
           call->batch * call->out_height * call->out_width <= FG_UNPACKED_PIXELS;
}

/* Channels first, register tiles gather and scatter every value, which costs more than it saves where sums are short. */
static int has_short_sums(const fg_conv_call *call, int64_t lanes)
{
    const int is_pointwise = call->kernel_height * call->kernel_width == 1;
    const int64_t most = is_pointwise ? FG_POINTWISE_CHANNELS(lanes) : FG_PLANAR_CHANNELS;
    const int64_t width = as_one_row(call).out_width, filled = fg_pieces(width, lanes) * lanes;
    return call->planar && call->channels <= most && 8 * width >= 7 * filled;
}

/* Rows of pixels leave fewer lanes empty than output channels would, and windows touch, so that no cell is split in vain. */
static int suits_pixel_vectors(const fg_conv_call *call, int64_t lanes)
{
    const int64_t width = call->out_width, outputs = call->out_channels;
    if (call->stride_x > reach(call->kernel_width, call->dilation_x))
        return 0;
    return has_short_sums(call, lanes) ||
           (has_few_outputs(call, lanes) && width * fg_pieces(outputs, lanes) >= outputs * fg_pieces(width, lanes));
}

/* One plane to many is done faster for all of them at once. */
static int suits_planes(const fg_conv_call *call) { return call->groups > 1 || call->out_channels <= FG_PLANE_OUTPUTS; }

/* One row for each algorithm but the last, which serves every call. */
typedef struct {
    int algorithm, suits;
    const char *reason;
} candidate;

static int choose(const fg_team *team, const fg_conv_call *call, int packed, fg_conv_plan *plan)
{
    const int64_t lanes = shape_of(team->isa, call)->lanes;
    const candidate candidates[] = {
        {FG_MATRIX_VECTOR, !packed && has_few_pixels(call), "the weights meet too few output pixels to pay for packing"},
        {FG_DEPTHWISE_ROWS, 1, "a depthwise layer: an input vector meets all the kernel columns that reach it"},
        {FG_PLANE_STENCIL, suits_planes(call), "planes go to planes: neighbouring pixels fill a vector, and a row meets all kernel rows"},
        {FG_PIXEL_VECTORS, suits_pixel_vectors(call, lanes), "few channels: vectors of pixels leave no lane empty, and no plane is transposed"},
        {FG_GROUPED_LANES, suits_lanes(call, lanes), "small groups: the outputs of many share a vector"},
    };
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++)
        if (candidates[i].suits && !try_algorithm(team, call, candidates[i].algorithm, plan)) {
            plan->reason = candidates[i].reason;
            return FG_OK;
        }
    try_algorithm(team, call, FG_REGISTER_TILES, plan);
    plan->reason = "pixels by two vectors of output channels stay in registers for the whole sum";
    return FG_OK;
}

int fg_plan_conv(const fg_team *team, const fg_conv_call *call, int packed, fg_conv_plan *plan)
{
    const int forced = fg_forced(team, "conv2d", fg_conv_algorithm_names, FG_CONV_ALGORITHMS);
    if (forced < 0)
        return choose(team, call, packed, plan);
    const char *refusal = try_algorithm(team, call, forced, plan);
    if (refusal)
        return fg_refuse(team, "conv2d", fg_conv_algorithm_names[forced], refusal);
    plan->reason = "it is forced";
    return FG_OK;
}
