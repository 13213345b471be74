#include "boxes/rotated.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "boxes/parts.h"
#include "boxes/plan.h"
#include "boxes/tuning.h"
#include "runtime/fenv.h"
#include "runtime/rotated_box.h"

typedef struct {
    const fg_rotated_call *call;
    fg_rotated_box *boxes1, *boxes2;
    atomic_int bad; /* some chunk has met a value that breaks the contract */
} rotated_job;

/* Returns 0 where a value is NaN or so large that an area could overflow. */
static int load(const void *boxes, int64_t begin, int64_t end, int is_f64, fg_rotated_box *loaded)
{
    const double limit = is_f64 ? 0x1p508 : 0x1p60;
    int good = 1;
    for (int64_t i = begin; i < end; i++) {
        double value[5];
        for (int k = 0; k < 5; k++) {
            value[k] = is_f64 ? ((const double *)boxes)[5 * i + k] : ((const float *)boxes)[5 * i + k];
            good &= fabs(value[k]) <= limit;
        }
        if (good)
            loaded[i] = fg_rotated_box_of(value[0], value[1], value[2], value[3], value[4]);
    }
    return good;
}

/* A part of boxes1 or, behind those, of boxes2. */
static void load_chunk(void *job_, int64_t chunk, int slot)
{
    (void)slot;
    rotated_job *job = job_;
    const fg_rotated_call *call = job->call;
    const fg_part part = fg_part_of(call->n, call->m, LOADED_ROTATED, chunk);
    if (!load(part.second ? call->boxes2 : call->boxes1, part.begin, part.end, call->is_f64,
              part.second ? job->boxes2 : job->boxes1))
        atomic_store_explicit(&job->bad, 1, memory_order_relaxed);
}

static void rotated_chunk(void *job_, int64_t chunk, int slot)
{
    (void)slot;
    const rotated_job *job = job_;
    const int64_t m = job->call->m, total = job->call->n * m;
    const int64_t begin = chunk * ROTATED_PAIRS, end = begin + ROTATED_PAIRS < total ? begin + ROTATED_PAIRS : total;
    int64_t i = begin / m, j = begin % m;
    for (int64_t pair = begin; pair < end; pair++) {
        const double iou = fg_rotated_iou(&job->boxes1[i], &job->boxes2[j]);
        if (job->call->is_f64)
            ((double *)job->call->out)[pair] = iou;
        else
            ((float *)job->call->out)[pair] = (float)iou;
        if (++j == m) {
            j = 0;
            i++;
        }
    }
}

int fg_rotated_pairwise_iou(const fg_team *team, const fg_rotated_call *call)
{
    const int64_t n = call->n, m = call->m;
    if ((uint64_t)n + (uint64_t)m > SIZE_MAX / sizeof(fg_rotated_box) - 1)
        return FG_NO_MEMORY;
    fg_rotated_box *boxes = malloc((size_t)(n + m + 1) * sizeof(fg_rotated_box));
    if (!boxes)
        return FG_NO_MEMORY;
    fg_fenv saved = fg_fenv_enter();
    rotated_job job = {.call = call, .boxes1 = boxes, .boxes2 = boxes + n};
    const int64_t parts = fg_count_parts(n, m, LOADED_ROTATED);
    int status = team->parallel(parts, fg_plan_loading(team, parts), load_chunk, &job);
    if (status == FG_OK && atomic_load(&job.bad))
        status = FG_BAD_VALUE;
    if (status == FG_OK)
        status = team->parallel(fg_pieces(n * m, ROTATED_PAIRS), fg_plan_rotated(team, n * m), rotated_chunk, &job);
    fg_fenv_leave(saved);
    free(boxes);
    return status;
}
