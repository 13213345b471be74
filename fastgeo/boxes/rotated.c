#include "boxes/rotated.h"

#include <stdlib.h>

#include "runtime/fenv.h"
#include "runtime/rotated_box.h"

/* Pairs per chunk: about 1 ms where all of them overlap. */
enum { PAIRS = 4096 };

/* Below this many pairs, waking a helper costs more than it brings. */
enum { MIN_PAIRS_FOR_THREADS = 1 << 13 };

typedef struct {
    const fg_rotated_call *call;
    const fg_rotated_box *boxes1, *boxes2;
} rotated_job;

/* Returns 0 where a value is NaN or so large that an area could overflow. */
static int load(const void *boxes, int64_t n, int is_f64, fg_rotated_box *loaded)
{
    const double limit = is_f64 ? 0x1p508 : 0x1p60;
    int good = 1;
    for (int64_t i = 0; i < n; i++) {
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

static void rotated_chunk(void *job_, int64_t chunk, int slot)
{
    (void)slot;
    const rotated_job *job = job_;
    const int64_t m = job->call->m, total = job->call->n * m;
    const int64_t begin = chunk * PAIRS, end = begin + PAIRS < total ? begin + PAIRS : total;
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
    int status = FG_BAD_VALUE;
    if (load(call->boxes1, n, call->is_f64, boxes) && load(call->boxes2, m, call->is_f64, boxes + n)) {
        rotated_job job = {call, boxes, boxes + n};
        int n_threads = n * m < MIN_PAIRS_FOR_THREADS ? 1 : team->size;
        status = team->parallel((n * m + PAIRS - 1) / PAIRS, n_threads, rotated_chunk, &job);
    }
    fg_fenv_leave(saved);
    free(boxes);
    return status;
}
