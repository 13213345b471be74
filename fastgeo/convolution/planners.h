/* What plan.c and the plans of single algorithms share: plan_blocks.c for those that copy cells block by block, plan_rows.c
   for those that take rows, or the weights as they lie. */
#ifndef FG_CONVOLUTION_PLANNERS_H
#define FG_CONVOLUTION_PLANNERS_H

#include "convolution/plan.h"

/* Fills the plan in for one algorithm; returns why it cannot serve the call, or NULL. */
typedef const char *fg_planner(const fg_team *team, fg_conv_plan *plan);
fg_planner fg_plan_register_tiles, fg_plan_grouped_lanes, fg_plan_depthwise_rows, fg_plan_plane_stencil,
    fg_plan_pixel_vectors, fg_plan_matrix_vector;

const fg_conv_shape *fg_shape_of(int isa, const fg_conv_call *call);

/* The instruction set of register tiles: those of a few output channels fill the narrower vectors better. */
int fg_tiles_isa(int isa, const fg_conv_call *call);

fg_packing fg_packing_of(int isa, const fg_conv_call *call, int lanewise);

/* Every pixel of a pointwise convolution meets one cell of its own: rows, and with the channels last images, are one long
   row. */
fg_conv_call fg_as_one_row(const fg_conv_call *call);

/* The size of pieces that n is cut into, none above `size`, so that they differ by little. */
static inline int64_t fg_balanced(int64_t n, int64_t size) { return fg_pieces(n, fg_pieces(n, size)); }

static inline int64_t fg_group_channels(const fg_conv_call *call) { return call->channels / call->groups; }
static inline int64_t fg_group_outputs(const fg_conv_call *call) { return call->out_channels / call->groups; }

/* How many cells lie between the ends of a kernel. */
static inline int64_t fg_reach(int64_t size, int64_t dilation) { return (size - 1) * dilation + 1; }

static inline int64_t fg_chunk_work(const fg_conv_plan *plan, int64_t vector_work)
{
    return plan->shape->lanes == 1 ? FG_SCALAR_CHUNK_WORK : vector_work;
}

#endif
