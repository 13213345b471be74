#include "suppression/rotated_nms.h"

#include <stdlib.h>

#include "runtime/fenv.h"
#include "runtime/rotated_box.h"
#include "suppression/score_order.h"

/* Boxes a step looks at, so that Ctrl-C is answered in time. */
enum { STEP = 64 };

typedef struct {
    fg_rotated_nms_call *call;
    const fg_ranked *entries;
    fg_rotated_box *kept;
    int64_t n;
} rotated_job;

static fg_rotated_box load(const fg_rotated_nms_call *call, int64_t i)
{
    double v[5];
    for (int j = 0; j < 5; j++)
        v[j] = call->boxes_f64 ? ((const double *)call->boxes)[5 * i + j] : ((const float *)call->boxes)[5 * i + j];
    return fg_rotated_box_of(v[0], v[1], v[2], v[3], v[4]);
}

static void rotated_step(void *argument, int64_t chunk, int slot)
{
    (void)slot;
    rotated_job *job = argument;
    fg_rotated_nms_call *call = job->call;
    const int64_t end = (chunk + 1) * STEP < job->n ? (chunk + 1) * STEP : job->n;
    for (int64_t p = chunk * STEP; p < end && call->n_keep != call->max_output; p++) {
        const int64_t i = fg_ranked_index(job->entries[p]);
        const fg_rotated_box box = load(call, i);
        int suppressed = 0;
        for (int64_t k = 0; k < call->n_keep && !suppressed; k++) {
            const double iou = fg_rotated_iou(&job->kept[k], &box);
            suppressed = (call->boxes_f64 ? iou : (double)(float)iou) > call->iou_threshold;
        }
        if (suppressed)
            continue;
        job->kept[call->n_keep] = box;
        call->keep[call->n_keep++] = i;
    }
}

int fg_rotated_nms(const fg_runtime *runtime, fg_rotated_nms_call *call)
{
    call->n_keep = 0;
    const size_t per_box = 2 * sizeof(fg_ranked) + sizeof(fg_rotated_box), n = (size_t)call->n;
    if (call->n == 0)
        return FG_OK;
    if (call->n >= INT32_MAX || n > SIZE_MAX / per_box)
        return FG_NO_MEMORY;
    fg_rotated_box *kept = malloc(n * per_box);
    if (!kept)
        return FG_NO_MEMORY;
    fg_ranked *entries = (fg_ranked *)(kept + n);
    rotated_job job = {.call = call, .entries = entries, .kept = kept};
    int nan = 0;
    for (int64_t i = 0; i < call->n; i++) {
        const double score = fg_score(call->scores, call->scores_f64, i);
        nan |= score != score;
        if (!call->has_score_threshold || score > call->score_threshold)
            entries[job.n++] = fg_rank(call->scores, call->scores_f64, i);
    }
    int status = nan ? FG_BAD_VALUE : FG_OK;
    if (status == FG_OK && job.n > 0) {
        const fg_fenv saved = fg_fenv_enter();
        fg_sort_ranked(entries, entries + n, job.n, call->scores, call->scores_f64);
        status = runtime->parallel((job.n + STEP - 1) / STEP, 1, rotated_step, &job);
        fg_fenv_leave(saved);
    }
    free(kept);
    return status;
}
