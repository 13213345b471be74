#include "suppression/grid_box_body.h"

static int FG_NAME(check_boxes)(const void *boxes, int64_t n)
{
    return FG_NAME(boxes_in_range)(boxes, n);
}

/* The largest value of this type that is not above the threshold: comparing with it is comparing in float64. */
static real FG_NAME(real_threshold)(double threshold)
{
    real value = (real)threshold;
    return (double)value > threshold ? REAL_NEXT(value, (real)-1) : value;
}

/* What every comparison needs, in every lane. */
typedef struct {
    vreal threshold;
    vreal below; /* a little less, for a first test without division */
    vreal offset;
    int kind;
} FG_NAME(limits);

static FG_NAME(limits) FG_NAME(limits_of)(const fg_nms_call *call)
{
    const real threshold = FG_NAME(real_threshold)(call->iou_threshold);
    const real slack = 1 - 16 * REAL_EPSILON;
    return (FG_NAME(limits)){v_set1(threshold), v_set1(threshold * slack), v_set1((real)call->offset), call->kind};
}

static inline vreal FG_NAME(length)(vreal low, vreal high, vreal offset)
{
    return v_max(v_add(v_sub(high, low), offset), v_set1(0));
}

/* Among the boxes `low` (x1 y1 x2 y2 area), those that a higher-scoring box `high` suppresses or the other way about:
   `reduced` is the area of the lower-scoring one.

   The quotient decides, but a comparison without it sorts out most pairs: with u the union, inter / u rounds to more
   than the threshold t only if inter >= u·t·(1 - 2ε), and rounding `below`·u stays at or under that. `rare` promises
   that this often leaves none at all. */
static inline __attribute__((always_inline)) vmask FG_NAME(suppressed)(const vreal *a, const vreal *b, vreal reduced,
                                                                       const FG_NAME(limits) * limits, int kind, int rare)
{
    const vreal zero = v_set1(0);
    const vreal width = FG_NAME(length)(v_max(a[0], b[0]), v_min(a[2], b[2]), limits->offset);
    const vreal height = FG_NAME(length)(v_max(a[1], b[1]), v_min(a[3], b[3]), limits->offset);
    const vreal inter = v_mul(width, height);
    const vreal both = kind == FG_NMS_IOA ? reduced : v_sub(v_add(a[4], b[4]), inter);
    vmask mask = m_and(v_lt(zero, inter), v_le(v_mul(both, limits->below), inter));
    if (rare && !m_bits(mask))
        return mask;
    mask = m_and(mask, v_lt(zero, both));
    vreal value = v_div(inter, both);
    if (kind == FG_NMS_DIOU) {
        const vreal half = v_set1((real)0.5);
        const vreal dx = v_sub(v_mul(v_add(a[0], a[2]), half), v_mul(v_add(b[0], b[2]), half));
        const vreal dy = v_sub(v_mul(v_add(a[1], a[3]), half), v_mul(v_add(b[1], b[3]), half));
        const vreal hull_w = FG_NAME(length)(v_min(a[0], b[0]), v_max(a[2], b[2]), limits->offset);
        const vreal hull_h = FG_NAME(length)(v_min(a[1], b[1]), v_max(a[3], b[3]), limits->offset);
        const vreal distance = v_add(v_mul(dx, dx), v_mul(dy, dy));
        const vreal diagonal = v_add(v_mul(hull_w, hull_w), v_mul(hull_h, hull_h));
        value = v_sub(value, v_select(v_lt(zero, diagonal), v_div(distance, diagonal), zero));
    }
    return m_and(mask, v_lt(limits->threshold, value));
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

/* Lays out the boxes before `end` in the order of the entries. */
static inline void FG_NAME(gather)(nms_state *state, int64_t end)
{
    const real *boxes = state->call->boxes, offset = (real)state->call->offset;
    real *soa = state->soa;
    const int fmt = state->call->fmt;
    const int64_t stride = state->n, fetched = stride >= BEYOND_CACHE ? stride - AHEAD : 0;
    for (int64_t p = state->n_loaded; p < end; p++) {
        if (p < fetched)
            __builtin_prefetch(boxes + 4 * box_at(state, p + AHEAD));
        FG_NAME(load_box)(boxes + 4 * box_at(state, p), fmt, offset, soa + p, stride);
    }
    state->n_loaded = end;
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
    FG_NAME(gather)(state, end);
    if (state->call->kind == FG_NMS_IOU)
        FG_NAME(run_plain)(state, end, FG_NMS_IOU);
    else if (state->call->kind == FG_NMS_DIOU)
        FG_NAME(run_plain)(state, end, FG_NMS_DIOU);
    else
        FG_NAME(run_plain)(state, end, FG_NMS_IOA);
}

#include "suppression/nms_grid_body.h"
