#include <string.h>

#include "convolution/plan.h"

#define FG_BODY "convolution/grouped_lanes_body.h"
#include "runtime/for_each_target.h"

FG_TABLE(fg_chunk, lanes_chunk);

int fg_run_grouped_lanes(const fg_conv_job *job)
{
    const fg_conv_plan *plan = job->plan;
    fg_ran(job->team, "conv2d", "grouped_lanes", plan->threads);
    return job->team->parallel(plan->chunks, plan->threads, lanes_chunk_table[plan->packing.isa][job->call->is_f64],
                               (void *)job);
}
