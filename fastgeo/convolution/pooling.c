#include "convolution/pooling.h"

#include <stdlib.h>

#include "convolution/pooling_plan.h"
#include "runtime/fenv.h"

typedef struct {
    const fg_team *team;
    const fg_pool_call *call;
    const fg_pool_plan *plan;
    char *slots; /* scratch memory of all threads */
} pool_job;

#define FG_BODY "convolution/pooling_body.h"
#include "runtime/for_each_target.h"

FG_TABLE(fg_chunk, pixels_chunk);
FG_TABLE(fg_chunk, rows_chunk);
FG_TABLE(fg_chunk, planes_chunk);

static fg_chunk *run_of(const fg_team *team, const fg_pool_call *call, int algorithm)
{
    if (algorithm == FG_POOL_PLANES)
        return planes_chunk_table[team->isa][call->is_f64];
    return (algorithm == FG_POOL_ROWS ? rows_chunk_table : pixels_chunk_table)[team->isa][call->is_f64];
}

int fg_pool2d(const fg_team *team, const fg_pool_call *call)
{
    if (call->batch == 0)
        return FG_OK;
    fg_pool_plan plan;
    int status = fg_plan_pool(team, call, &plan);
    if (status != FG_OK)
        return status;
    const char *name = fg_pool_algorithm_names[plan.algorithm];
    const int64_t scratch = plan.threads * (int64_t)plan.slot_bytes;
    status = fg_planned(team, &(fg_plan){"pool2d", name, plan.reason, plan.threads, plan.chunks, scratch});
    if (status != FG_OK)
        return status;
    pool_job job = {team, call, &plan, plan.slot_bytes ? malloc((size_t)scratch) : NULL};
    if (plan.slot_bytes && !job.slots)
        return FG_NO_MEMORY;
    fg_chunk *run = run_of(team, call, plan.algorithm);
    fg_ran(team, "pool2d", name, plan.threads);
    fg_fenv saved = fg_fenv_enter();
    status = team->parallel(plan.chunks, plan.threads, run, &job);
    fg_fenv_leave(saved);
    free(job.slots);
    return status;
}
