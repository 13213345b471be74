/* Whether one box suppresses another. Part of a body. */
#include "runtime/box_overlap.h"

/* What every comparison needs, in every lane. */
typedef struct {
    vreal threshold;
    vreal below; /* a little less than the threshold, for a first test without division */
    vreal offset;
    int kind;
} FG_NAME(limits);

static FG_NAME(limits) FG_NAME(limits_of)(const fg_nms_call *call)
{
    const real threshold = FG_NAME(threshold_below)(call->iou_threshold);
    const real slack = 1 - 16 * REAL_EPSILON;
    return (FG_NAME(limits)){v_set1(threshold), v_set1(threshold * slack), v_set1((real)call->offset), call->kind};
}

/* Whether a box inside the hull `b` (x1 y1 x2 y2, the least area, the greatest width and height) may overlap `a` by more
   than the threshold, `a` having the higher score. A distance only lowers the overlap. */
static inline __attribute__((always_inline)) vmask FG_NAME(may_suppress)(const vreal *a, const vreal *b,
                                                                         const FG_NAME(limits) * limits, int kind)
{
    const vreal width = v_min(FG_NAME(v_extent)(v_max(a[0], b[0]), v_min(a[2], b[2]), &limits->offset), b[5]);
    const vreal height = v_min(FG_NAME(v_extent)(v_max(a[1], b[1]), v_min(a[3], b[3]), &limits->offset), b[6]);
    const vreal inter = v_mul(width, height);
    const vreal both = kind == FG_NMS_IOA ? b[4] : v_sub(v_add(a[4], b[4]), inter);
    return FG_NAME(v_may_exceed)(inter, both, limits->threshold);
}

/* Of LANES pairs of boxes `a` and `b` (x1 y1 x2 y2 area), those in which the higher-scoring box suppresses the other, whose
   area is `reduced`.

   The quotient decides, but a division is slow and a product rules out most pairs: with u the union, inter / u rounds to
   more than the threshold t only if inter >= u·t·(1 - 2ε), and the rounded product `below`·u never exceeds that bound.
   `rare` says that often no pair of a vector is left: then a branch around the division pays. */
static inline __attribute__((always_inline)) vmask FG_NAME(suppressed)(const vreal *a, const vreal *b, vreal reduced,
                                                                       const FG_NAME(limits) * limits, int kind, int rare)
{
    const vreal zero = v_set1(0);
    const vreal width = FG_NAME(v_extent)(v_max(a[0], b[0]), v_min(a[2], b[2]), &limits->offset);
    /* Not clamped to 0: a negative height makes the product 0 or less, which is ruled out just the same. */
    const vreal height = v_add(v_sub(v_min(a[3], b[3]), v_max(a[1], b[1])), limits->offset);
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
        const vreal hull_w = FG_NAME(v_extent)(v_min(a[0], b[0]), v_max(a[2], b[2]), &limits->offset);
        const vreal hull_h = FG_NAME(v_extent)(v_min(a[1], b[1]), v_max(a[3], b[3]), &limits->offset);
        const vreal distance = v_add(v_mul(dx, dx), v_mul(dy, dy));
        const vreal diagonal = v_add(v_mul(hull_w, hull_w), v_mul(hull_h, hull_h));
        value = v_sub(value, FG_NAME(v_ratio)(distance, diagonal));
    }
    return m_and(mask, v_lt(limits->threshold, value));
}
