/* Whether one box suppresses another. Part of a body. */
#include "runtime/box_overlap.h"

/* What every comparison needs, in every lane. */
typedef struct {
    vreal threshold;
    vreal below; /* a little less, for a first test without division */
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

/* Among the boxes `low` (x1 y1 x2 y2 area), those that a higher-scoring box `high` suppresses or the other way about:
   `reduced` is the area of the lower-scoring one.

   The quotient decides, but a comparison without it sorts out most pairs: with u the union, inter / u rounds to more
   than the threshold t only if inter >= u·t·(1 - 2ε), and rounding `below`·u stays at or under that. `rare` promises
   that this often leaves none at all. */
static inline __attribute__((always_inline)) vmask FG_NAME(suppressed)(const vreal *a, const vreal *b, vreal reduced,
                                                                       const FG_NAME(limits) * limits, int kind, int rare)
{
    const vreal zero = v_set1(0);
    const vreal width = FG_NAME(v_extent)(v_max(a[0], b[0]), v_min(a[2], b[2]), &limits->offset);
    /* Below 0 it makes the product not above 0, which is all that counts of one. */
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
