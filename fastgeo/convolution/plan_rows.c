/* Plans of the algorithms that take whole rows of outputs, or the weights as they lie. */
#include "convolution/planners.h"

/* Whole rows of outputs ------------------------------------------------------------------------------------------ */

static void plan_rows(fg_conv_plan *plan, int64_t planes, double row_work)
{
    const int64_t height = plan->call.out_height;
    fg_rows_plan *rows = &plan->as.rows;
    rows->rows = fg_balanced(height, fg_clip((int64_t)((double)fg_chunk_work(plan, FG_ROWS_WORK) / row_work), 4, height));
    rows->row_blocks = fg_pieces(height, rows->rows);
    plan->chunks = planes * rows->row_blocks;
}

const char *fg_plan_depthwise_rows(const fg_team *team, fg_conv_plan *plan)
{
    const fg_conv_call *call = &plan->call;
    plan->packing = fg_packing_of(team->isa, call, 1);
    plan->shape = fg_shape_of(team->isa, call);
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

const char *fg_plan_plane_stencil(const fg_team *team, fg_conv_plan *plan)
{
    const fg_conv_call *call = &plan->call;
    plan->packing = fg_packing_of(team->isa, call, 1);
    plan->shape = fg_shape_of(team->isa, call);
    const int64_t inside = call->width - (call->kernel_width - 1) * call->dilation_x;
    if (fg_group_channels(call) != 1 || (!call->planar && call->out_channels != 1))
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

const char *fg_plan_pixel_vectors(const fg_team *team, fg_conv_plan *plan)
{
    fg_conv_call *call = &plan->call;
    fg_pixels_plan *pixels = &plan->as.pixels;
    plan->packing = fg_packing_of(team->isa, call, 0);
    plan->shape = fg_shape_of(team->isa, call);
    *call = fg_as_one_row(call);
    if (call->groups != 1)
        return "there has to be one group";
    if (plan->shape->lanes == 1)
        return "the instruction set has no vectors";
    if (call->out_width < plan->shape->lanes)
        return "rows of outputs are shorter than a vector";
    if (call->out_width >= FG_PLANE_WIDTH || plan->packing.depth >= FG_PLANE_DEPTH)
        return "rows or kernels are too large for the scratch memory of a thread";
    const int64_t reach_y = fg_reach(call->kernel_height, call->dilation_y);
    const int64_t near = FG_NEAR_BYTES / (plan->packing.depth * (int64_t)fg_value_size(call));
    const int64_t most = call->height == 1 ? fg_clip(near, 6 * plan->shape->lanes, FG_SPLIT_COLUMNS) : FG_SPLIT_COLUMNS;
    pixels->columns = fg_balanced(call->out_width, fg_least(most, call->out_width));
    const int64_t row_work = plan->packing.depth * call->out_channels * pixels->columns;
    const int64_t work = 2 * FG_STRIP_CHUNKS * FG_CHUNK_WORK;
    pixels->rows = fg_balanced(call->out_height, fg_clip(work / row_work, 1, call->out_height));
    const int64_t columns = (pixels->columns - 1) * call->stride_x + fg_reach(call->kernel_width, call->dilation_x);
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

const char *fg_plan_matrix_vector(const fg_team *team, fg_conv_plan *plan)
{
    const fg_conv_call *call = &plan->call;
    fg_product_plan *product = &plan->as.product;
    plan->packing = fg_packing_of(team->isa, call, 0);
    plan->packing.n_panels = 0;
    plan->shape = fg_shape_of(team->isa, call);
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
