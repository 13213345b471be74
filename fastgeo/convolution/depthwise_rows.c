#include <string.h>

#include "convolution/plan.h"

#define FG_BODY "convolution/depthwise_rows_body.h"
#include "runtime/for_each_target.h"

FG_TABLE(fg_chunk, depthwise_chunk);

int fg_run_depthwise_rows(const fg_conv_job *job)
{
    const fg_conv_plan *plan = job->plan;
    fg_ran(job->team, "conv2d", "depthwise_rows", plan->threads);
    return job->team->parallel(plan->chunks, plan->threads, depthwise_chunk_table[plan->packing.isa][job->call->is_f64],
                               (void *)job);
}
