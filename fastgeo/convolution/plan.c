#include "convolution/plan.h"

#include "convolution/planners.h"

#define FG_BODY "convolution/shape_body.h"
#include "runtime/for_each_target.h"

typedef const fg_conv_shape *shape_function(void);
FG_TABLE(shape_function, conv_shape);

const char *const fg_conv_algorithm_names[FG_CONV_ALGORITHMS] = {
    "register_tiles", "grouped_lanes", "depthwise_rows", "plane_stencil", "pixel_vectors", "matrix_vector",
};

const fg_conv_shape *fg_shape_of(int isa, const fg_conv_call *call)
{
    return conv_shape_table[isa][call->is_f64]();
}

/* Whether a kernel has too few outputs to fill vectors with them where these have so many lanes. */
static int has_few_outputs(const fg_conv_call *call, int64_t lanes)
{
    return call->groups == 1 && call->channels < FG_FEW_CHANNELS && call->kernel_width > 1 &&
           2 * call->out_channels <= 3 * lanes;
}

int fg_tiles_isa(int isa, const fg_conv_call *call)
{
#if FG_X86
    const int64_t lanes = call->is_f64 ? 8 : 16;
    if (isa >= FG_ISA_avx512 && fg_group_channels(call) * fg_group_outputs(call) > 1 && 2 * fg_group_outputs(call) <= lanes &&
        !has_few_outputs(call, lanes))
        return FG_ISA_avx2;
#endif
    (void)call;
    return isa;
}

/* Channel by channel, or groups of so few outputs that tiles would leave most lanes empty. */
static int suits_lanes(const fg_conv_call *call, int64_t lanes)
{
    return call->groups > 1 && (fg_group_channels(call) * fg_group_outputs(call) == 1 ||
                                FG_LANE_SHARE * fg_group_outputs(call) <= lanes);
}

fg_packing fg_packing_of(int isa, const fg_conv_call *call, int lanewise)
{
    const int64_t positions = call->kernel_height * call->kernel_width;
    fg_packing packing = {.isa = isa, .is_f64 = call->is_f64, .lanewise = lanewise && call->groups > 1};
    packing.lanes = fg_shape_of(isa, call)->lanes;
    packing.groups = lanewise ? 1 : call->groups;
    packing.group_outputs = call->out_channels / packing.groups;
    packing.panels_per_group = fg_pieces(packing.group_outputs, 2 * packing.lanes);
    packing.n_panels = packing.groups * packing.panels_per_group;
    packing.depth = positions * fg_group_channels(call);
    if (!packing.lanewise && fg_group_channels(call) >= FG_FEW_CHANNELS)
        packing.padded_rows = positions;
    else if (call->groups == 1 && call->kernel_width > 1)
        packing.padded_rows = call->kernel_height;
    packing.panel_rows = packing.depth + packing.padded_rows;
    return packing;
}

fg_packing fg_plan_packing(int isa, const fg_conv_call *call)
{
    const int lanewise = suits_lanes(call, fg_shape_of(isa, call)->lanes);
    return fg_packing_of(lanewise ? isa : fg_tiles_isa(isa, call), call, lanewise);
}

fg_conv_call fg_as_one_row(const fg_conv_call *call)
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

static fg_planner *const planners[FG_CONV_ALGORITHMS] = {
    fg_plan_register_tiles, fg_plan_grouped_lanes, fg_plan_depthwise_rows,
    fg_plan_plane_stencil,  fg_plan_pixel_vectors, fg_plan_matrix_vector,
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
    const int64_t width = fg_as_one_row(call).out_width, filled = fg_pieces(width, lanes) * lanes;
    return call->planar && call->channels <= most && 8 * width >= 7 * filled;
}

/* Rows of pixels leave fewer lanes empty than output channels would, and windows touch, so that no cell is split in vain. */
static int suits_pixel_vectors(const fg_conv_call *call, int64_t lanes)
{
    const int64_t width = call->out_width, outputs = call->out_channels;
    if (call->stride_x > fg_reach(call->kernel_width, call->dilation_x))
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
    const int64_t lanes = fg_shape_of(team->isa, call)->lanes;
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
