#include "suppression/grid_box_body.h"
#include "suppression/nms_pair_body.h"

static int FG_NAME(check_boxes)(const void *boxes, int64_t n)
{
    return FG_NAME(boxes_in_range)(boxes, n);
}

/* The first of `n` kept boxes that suppresses the box, or -1. */
static inline __attribute__((always_inline)) int64_t FG_NAME(first_suppressor)(const vreal *box, const real *kept,
                                                                               int64_t stride, int64_t n,
                                                                               const FG_NAME(limits) * limits, int kind)
{
    int64_t j = 0;
    vreal b[5];
    for (; j + LANES <= n; j += LANES) {
        for (int run = 0; run < 5; run++)
            b[run] = v_load(kept + run * stride + j);
        const unsigned bits = m_bits(FG_NAME(suppressed)(box, b, box[4], limits, kind, 1));
        if (bits)
            return j + fg_lowest_bit(bits);
    }
    if (j == n)
        return -1;
    for (int run = 0; run < 5; run++)
        b[run] = v_load_part(kept + run * stride + j, n - j);
    const unsigned bits = m_bits(FG_NAME(suppressed)(box, b, box[4], limits, kind, 1)) & ((1u << (n - j)) - 1u);
    return bits ? j + fg_lowest_bit(bits) : -1;
}

static inline __attribute__((always_inline)) void FG_NAME(lay_out_each)(const nms_state *state, int64_t begin,
                                                                        int64_t end, int64_t repeat)
{
    const real *boxes = state->call->boxes, offset = (real)state->call->offset;
    real *soa = state->soa;
    const int fmt = state->call->fmt;
    const int64_t stride = state->n, fetched = stride >= BEYOND_CACHE ? stride - AHEAD : 0;
    for (int64_t p = begin; p < end; p++) {
        if (p < fetched)
            __builtin_prefetch(boxes + 4 * box_at(state, p + AHEAD, repeat));
        FG_NAME(load_box)(boxes + 4 * box_at(state, p, repeat), fmt, offset, soa + p, stride);
    }
}

/* Lays out boxes in the order of the entries. A division by 1 takes its time, too, unless it is known. */
static void FG_NAME(lay_out)(const nms_state *state, int64_t begin, int64_t end)
{
    if (state->call->repeat == 1)
        FG_NAME(lay_out_each)(state, begin, end, 1);
    else
        FG_NAME(lay_out_each)(state, begin, end, state->call->repeat);
}

/* Whether a search from one box comes upon another in a level that holds both. */
static inline int FG_NAME(is_in_reach)(const fg_box_grid *grid, const fg_grid_box *a, const fg_grid_box *b)
{
    const double dx = fg_grid_reach(grid, a->w, fg_lesser(a->w, b->w), fg_greater(a->w, b->w));
    const double dy = fg_grid_reach(grid, a->h, fg_lesser(a->h, b->h), fg_greater(a->h, b->h));
    return fabs(a->x - b->x) <= dx && fabs(a->y - b->y) <= dy;
}

/* What a sample says of all boxes. */
static void FG_NAME(look_at_sample)(const nms_state *state, nms_sample *sample)
{
    const fg_nms_call *call = state->call;
    fg_box_grid grid;
    fg_grid_level all = {0};
    fg_grid_box boxes[SAMPLE];
    int64_t near = 0;
    fg_grid_open(&grid, call->iou_threshold, call->kind == FG_NMS_IOA);
    for (int64_t k = 0; k < SAMPLE; k++) {
        const int64_t box = box_at(state, k * state->n / SAMPLE, call->repeat);
        real values[5];
        FG_NAME(load_box)((const real *)call->boxes + 4 * box, call->fmt, (real)call->offset, values, 1);
        boxes[k] = FG_NAME(grid_box)(values, 1, (real)call->offset);
        const fg_grid_level one = fg_grid_level_of(&boxes[k]);
        if (boxes[k].w > 0 && boxes[k].h > 0)
            fg_grid_widen(&all, &one);
        for (int64_t i = 0; i < k; i++)
            near += FG_NAME(is_in_reach)(&grid, &boxes[k], &boxes[i]);
    }
    fg_grid_set_exponents(&grid, &all);
    for (int64_t k = 0; k < SAMPLE; k++)
        if (boxes[k].w > 0 && boxes[k].h > 0)
            fg_grid_count(&grid, &boxes[k]);
    sample->levels = all.count ? grid.n_levels : 1;
    sample->near = (double)near / (SAMPLE * (SAMPLE - 1) / 2);
    sample->lanes = LANES;
}

/* Every box against those kept so far, which move to the front of the runs. */
static inline __attribute__((always_inline)) void FG_NAME(run_plain)(nms_state *state, int64_t end, int kind)
{
    const FG_NAME(limits) limits = FG_NAME(limits_of)(state->call);
    const int64_t stride = state->n;
    real *soa = state->soa;
    int64_t kept = state->n_kept, p = state->position;
    for (; p < end && kept < state->max_kept; p++) {
        vreal box[5];
        for (int run = 0; run < 5; run++)
            box[run] = v_set1(soa[run * stride + p]);
        const int64_t found = FG_NAME(first_suppressor)(box, soa, stride, kept, &limits, kind);
        state->work += 1 + (found < 0 ? kept : found) / LANES;
        set_owner(state, p, found >= 0 ? state->kept[found] : p);
        if (found >= 0)
            continue;
        for (int run = 0; run < 5; run++)
            soa[run * stride + kept] = soa[run * stride + p];
        state->kept[kept++] = (uint32_t)p;
    }
    state->n_kept = kept;
    state->position = p;
}

static void FG_NAME(plain_steps)(nms_state *state, int64_t end)
{
    FG_NAME(lay_out)(state, state->n_loaded, end);
    state->n_loaded = end;
    if (state->call->kind == FG_NMS_IOU)
        FG_NAME(run_plain)(state, end, FG_NMS_IOU);
    else if (state->call->kind == FG_NMS_DIOU)
        FG_NAME(run_plain)(state, end, FG_NMS_DIOU);
    else
        FG_NAME(run_plain)(state, end, FG_NMS_IOA);
}

#include "suppression/nms_grid_body.h"
