#include "convolution/plan.h"

/* Where the pixels of a tile find their cells of one kernel position. A run of padded zeros is not multiplied. */
typedef struct {
    const void *at; /* the first cell that is no padding, others follow in steps; scattered: an array of pointers */
    int64_t kind;
} fg_tap;

enum { TAP_ROW, TAP_SCATTERED, TAP_PADDED, TAP_FIRST_PADDED, TAP_LAST_PADDED };

#define FG_BODY "convolution/register_tiles_body.h"
#include "runtime/for_each_target.h"

FG_TABLE(fg_chunk, tiles_chunk);

int fg_run_register_tiles(const fg_conv_job *job)
{
    const fg_conv_plan *plan = job->plan;
    fg_ran(job->team, "conv2d", "register_tiles", plan->threads);
    return job->team->parallel(plan->chunks, plan->threads,
                               tiles_chunk_table[plan->packing.isa][plan->packing.is_f64], (void *)job);
}
