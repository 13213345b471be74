#include <string.h>

#include "convolution/plan.h"

#define FG_BODY "convolution/plane_stencil_body.h"
#include "runtime/for_each_target.h"

FG_TABLE(fg_chunk, plane_chunk);

int fg_run_plane_stencil(const fg_conv_job *job)
{
    const fg_conv_plan *plan = job->plan;
    fg_ran(job->team, "conv2d", "plane_stencil", plan->threads);
    return job->team->parallel(plan->chunks, plan->threads, plane_chunk_table[plan->packing.isa][job->call->is_f64],
                               (void *)job);
}
