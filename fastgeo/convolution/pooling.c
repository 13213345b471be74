#include "convolution/pooling.h"

#include <stddef.h>

#include "convolution/pooling_plan.h"
#include "runtime/fenv.h"

typedef struct {
    const fg_team *team;
    const fg_pool_call *call;
    const fg_pool_plan *plan;
} pool_job;

#define FG_BODY "convolution/pooling_body.h"
#include "runtime/for_each_target.h"

FG_TABLE(fg_chunk, pixels_chunk);
FG_TABLE(fg_chunk, rows_chunk);

int fg_pool2d(const fg_team *team, const fg_pool_call *call)
{
    if (call->batch == 0)
        return FG_OK;
    fg_pool_plan plan;
    int status = fg_plan_pool(team, call, &plan);
    if (status != FG_OK)
        return status;
    const char *name = fg_pool_algorithm_names[plan.algorithm];
    status = fg_planned(team, &(fg_plan){"pool2d", name, plan.reason, plan.threads, plan.chunks, 0});
    if (status != FG_OK)
        return status;
    pool_job job = {team, call, &plan};
    fg_chunk *run = (plan.algorithm == FG_POOL_ROWS ? rows_chunk_table : pixels_chunk_table)[team->isa][call->is_f64];
    fg_ran(team, "pool2d", name, plan.threads);
    fg_fenv saved = fg_fenv_enter();
    status = team->parallel(plan.chunks, plan.threads, run, &job);
    fg_fenv_leave(saved);
    return status;
}
