#include <string.h>

#include "convolution/plan.h"

#define FG_BODY "convolution/pixel_vectors_body.h"
#include "runtime/for_each_target.h"

FG_TABLE(fg_chunk, pixels_chunk);

int fg_run_pixel_vectors(const fg_conv_job *job)
{
    const fg_conv_plan *plan = job->plan;
    fg_ran(job->team, "conv2d", "pixel_vectors", plan->threads);
    return job->team->parallel(plan->chunks, plan->threads, pixels_chunk_table[plan->packing.isa][job->call->is_f64],
                               (void *)job);
}
