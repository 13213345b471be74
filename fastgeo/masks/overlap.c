#include "masks/overlap.h"

#include <string.h>

#include "masks/plan.h"
#include "masks/profile.h"
#include "runtime/fenv.h"

#define FG_REAL_BITS 32
#define FG_BODY "masks/overlap_body.h"
#include "runtime/for_each_isa.h"
#undef FG_BODY
#undef FG_REAL_BITS

typedef int64_t rows_function(const int32_t *restrict top1, const int32_t *restrict bottom1, const int32_t *restrict top2,
                              const int32_t *restrict bottom2, int64_t n);
#define ROW_OF_OVERLAP(isa, code, dot, unused) [FG_ISA_##isa] = shared_rows_##code##_f32,
static rows_function *const rows_table[FG_ISA_COUNT] = {FG_ISA_LIST(ROW_OF_OVERLAP, )};

enum { POLL_STEPS = 1 << 20 };

typedef struct {
    const fg_team *team;
    const fg_mask_iou_call *call;
    fg_geometry geometry1, geometry2;
    fg_profiles profiles1, profiles2;
} iou_job;

typedef struct {
    const fg_team *team;
    fg_mask_nms_call *call;
    fg_geometry geometry;
    uint8_t *suppressed; /* by rank */
} nms_job;

/* Whether to leave the rest undone; asked every POLL_STEPS steps. */
static int is_stopped(const fg_team *team, int slot, int64_t *steps)
{
    if (*steps < POLL_STEPS)
        return 0;
    *steps = 0;
    return team->stopped(slot);
}

/* An upper bound: the area that two boxes share. */
static int64_t shared_by_boxes(const fg_mask_box *a, const fg_mask_box *b)
{
    const int64_t width = (int64_t)(a->right < b->right ? a->right : b->right) - (a->left > b->left ? a->left : b->left);
    const int64_t height = (int64_t)(a->bottom < b->bottom ? a->bottom : b->bottom) - (a->top > b->top ? a->top : b->top);
    return width > 0 && height > 0 ? width * height : 0;
}

/* The first foreground run that ends behind the position. */
static int64_t first_behind(const fg_outline *mask, uint32_t position)
{
    int64_t low = 0, high = mask->n_runs;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (mask->borders[2 * middle + 1] <= position)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Foreground that both masks share, whose boxes overlap. */
static int64_t shared_pixels(const fg_team *team, int slot, const fg_outline *a, const fg_outline *b, int64_t *steps)
{
    int64_t i = first_behind(a, b->borders[0]), j = first_behind(b, a->borders[0]), shared = 0;
    while (i < a->n_runs && j < b->n_runs && !is_stopped(team, slot, steps)) {
        const int64_t stop1 = a->n_runs - i < POLL_STEPS ? a->n_runs : i + POLL_STEPS;
        const int64_t stop2 = b->n_runs - j < POLL_STEPS ? b->n_runs : j + POLL_STEPS;
        *steps += 16 - i - j;
        while (i < stop1 && j < stop2) { /* branches, which outlines let a processor foresee, run ahead of the loads */
            const uint32_t begin1 = a->borders[2 * i], begin2 = b->borders[2 * j];
            const uint32_t end1 = a->borders[2 * i + 1], end2 = b->borders[2 * j + 1];
            if (end1 <= begin2) {
                i++;
            } else if (end2 <= begin1) {
                j++;
            } else {
                shared += (end1 < end2 ? end1 : end2) - (begin1 > begin2 ? begin1 : begin2);
                if (end1 <= end2)
                    i++;
                else
                    j++;
            }
        }
        *steps += i + j;
    }
    return shared;
}

/* The same where both have profiles: layer by layer, over the columns that the boxes share. */
static int64_t shared_by_profiles(const iou_job *job, int64_t i, int64_t j, int64_t *steps)
{
    const fg_mask_box *a = &job->geometry1.boxes[i], *b = &job->geometry2.boxes[j];
    const int64_t left = a->left > b->left ? a->left : b->left, right = a->right < b->right ? a->right : b->right;
    const int64_t width1 = a->right - a->left, width2 = b->right - b->left;
    const int32_t *one = job->profiles1.layers + job->profiles1.offsets[i] + (left - a->left);
    const int32_t *other = job->profiles2.layers + job->profiles2.offsets[j] + (left - b->left);
    const int n1 = job->profiles1.n_layers[i], n2 = job->profiles2.n_layers[j];
    int64_t shared = 0;
    for (int k = 0; k < n1 * n2; k++) {
        const int32_t *top1 = one + 2 * (k / n2) * width1, *top2 = other + 2 * (k % n2) * width2;
        shared += rows_table[job->team->isa](top1, top1 + width1, top2, top2 + width2, right - left);
    }
    *steps += n1 * n2 * (right - left);
    return shared;
}

static int has_profile(const fg_profiles *profiles, int64_t i) { return profiles->n_layers && profiles->n_layers[i] > 0; }

static void iou_chunk(void *argument, int64_t row, int slot)
{
    const iou_job *job = argument;
    const fg_mask_iou_call *call = job->call;
    const fg_outline a = fg_outline_of(&call->masks1, &job->geometry1, row);
    double *out = call->iou + row * call->masks2.n;
    int64_t steps = 0;
    const fg_fenv saved = fg_fenv_enter();
    for (int64_t j = 0; j < call->masks2.n && !is_stopped(job->team, slot, &steps); j++) {
        out[j] = 0;
        steps++;
        if (!shared_by_boxes(&a.box, &job->geometry2.boxes[j]))
            continue;
        const fg_outline b = fg_outline_of(&call->masks2, &job->geometry2, j);
        const int64_t shared = has_profile(&job->profiles1, row) && has_profile(&job->profiles2, j)
                                   ? shared_by_profiles(job, row, j, &steps)
                                   : shared_pixels(job->team, slot, &a, &b, &steps);
        if (shared)
            out[j] = (double)shared / (double)(call->iscrowd && call->iscrowd[j] ? a.area : a.area + b.area - shared);
    }
    fg_fenv_leave(saved);
}

/* Makes the plan, and shows it to fastgeo.explain. */
static int plan_iou(const fg_team *team, const fg_mask_iou_call *call, fg_mask_iou_plan *plan)
{
    fg_plan_mask_iou(team, call, plan);
    const fg_plan shown = {.choice = "mask_iou",
                           .algorithm = fg_mask_iou_algorithms[plan->algorithm],
                           .reason = plan->reason,
                           .threads = plan->threads,
                           .chunks = call->masks1.n,
                           .scratch_bytes = plan->scratch_bytes};
    return fg_planned(team, &shown);
}

int fg_mask_iou(const fg_team *team, const fg_mask_iou_call *call)
{
    iou_job job = {.team = team, .call = call};
    fg_mask_iou_plan plan;
    int status = plan_iou(team, call, &plan);
    if (status != FG_OK)
        return status;
    fg_ran(team, "mask_iou", fg_mask_iou_algorithms[plan.algorithm], plan.threads);
    status = fg_geometry_of(team, &call->masks1, &job.geometry1);
    if (status == FG_OK)
        status = fg_geometry_of(team, &call->masks2, &job.geometry2);
    if (status == FG_OK && plan.algorithm == FG_OUTLINES) {
        status = fg_profiles_of(team, &call->masks1, &job.geometry1, &job.profiles1);
        if (status == FG_OK)
            status = fg_profiles_of(team, &call->masks2, &job.geometry2, &job.profiles2);
    }
    if (status == FG_OK)
        status = team->parallel(call->masks1.n, plan.threads, iou_chunk, &job);
    fg_geometry_free(&job.geometry1);
    fg_geometry_free(&job.geometry2);
    fg_profiles_free(&job.profiles1);
    fg_profiles_free(&job.profiles2);
    return status;
}

/* Whether IoU > threshold. A larger intersection gives no smaller quotient, so bounds of it rule pairs out exactly. */
static int overlaps(const nms_job *job, int64_t one, int64_t other, int slot, int64_t *steps)
{
    const fg_mask_nms_call *call = job->call;
    const fg_outline a = fg_outline_of(&call->masks, &job->geometry, one);
    const fg_outline b = fg_outline_of(&call->masks, &job->geometry, other);
    int64_t shared = shared_by_boxes(&a.box, &b.box);
    *steps += 1;
    shared = a.area < shared ? a.area : shared;
    shared = b.area < shared ? b.area : shared;
    if (shared == 0 || (double)shared / (double)(a.area + b.area - shared) <= call->threshold)
        return 0;
    shared = shared_pixels(job->team, slot, &a, &b, steps);
    return (double)shared / (double)(a.area + b.area - shared) > call->threshold;
}

static void nms_chunk(void *argument, int64_t chunk, int slot)
{
    nms_job *job = argument;
    fg_mask_nms_call *call = job->call;
    int64_t steps = 0;
    const fg_fenv saved = fg_fenv_enter();
    (void)chunk;
    for (int64_t i = 0; i < call->n && call->n_kept < call->most; i++) {
        const int64_t one = call->order[i];
        if (job->suppressed[i])
            continue;
        call->keep[call->n_kept++] = one;
        for (int64_t j = i + 1; j < call->n; j++) {
            const int64_t other = call->order[j];
            steps++;
            if (!job->suppressed[j] && (!call->ids || call->ids[one] == call->ids[other]))
                job->suppressed[j] = (uint8_t)overlaps(job, one, other, slot, &steps);
            if (is_stopped(job->team, slot, &steps)) {
                i = call->n;
                break;
            }
        }
    }
    fg_fenv_leave(saved);
}

int fg_mask_nms(const fg_team *team, fg_mask_nms_call *call)
{
    nms_job job = {.team = team, .call = call, .suppressed = calloc((size_t)call->n + 1, 1)};
    int status = job.suppressed ? fg_geometry_of(team, &call->masks, &job.geometry) : FG_NO_MEMORY;
    call->n_kept = 0;
    if (status == FG_OK)
        status = team->parallel(1, 1, nms_chunk, &job);
    fg_geometry_free(&job.geometry);
    free(job.suppressed);
    return status;
}
