#include "runtime/box_overlap.h"
#include "runtime/box_soa.h"

static int FG_NAME(soft_load)(const fg_soft_nms_call *call, void *soa)
{
    return FG_NAME(load_boxes)(call->boxes, call->n, call->fmt, 0, soa);
}

/* IoU of box `k` with every box, into `iou`; both padded to whole vectors. */
static void FG_NAME(soft_row)(const void *boxes, int64_t n, int64_t k, void *iou)
{
    const int64_t stride = FG_NAME(soa_stride)(n);
    const real *soa = boxes;
    const vreal area = v_set1(soa[4 * stride + k]);
    vreal chosen[4], other[4];
    for (int run = 0; run < 4; run++)
        chosen[run] = v_set1(soa[run * stride + k]);
    for (int64_t j = 0; j < stride; j += LANES) {
        for (int run = 0; run < 4; run++)
            other[run] = v_load(soa + run * stride + j);
        const vreal inter = FG_NAME(v_intersection)(chosen, other, NULL);
        vreal value = v_set1(0);
        if (m_bits(v_lt(v_set1(0), inter)))
            value = FG_NAME(v_ratio)(inter, v_sub(v_add(area, v_load(soa + 4 * stride + j)), inter));
        v_store((real *)iou + j, value);
    }
}

#if FG_REAL_BITS == 64
/* exp(x) for x <= 0, within one ulp. Cody and Waite's reduction, then the Taylor polynomial. Where the result is subnormal
   the power of two comes in two steps, so that only the last one rounds. */
static inline vreal FG_NAME(exp_of)(vreal x)
{
    static const double coefficients[] = {1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800,
                                          1.0 / 362880,     1.0 / 40320,     1.0 / 5040,     1.0 / 720,
                                          1.0 / 120,        1.0 / 24,        1.0 / 6,        0.5,
                                          1.0,              1.0};
    const vreal whole = v_set1(0x1.8p52), in_range = v_max(x, v_set1(-746));
    const vreal k = v_sub(v_add(v_mul(in_range, v_set1(0x1.71547652b82fep+0)), whole), whole);
    vreal r = v_fnma(k, v_set1(0x1.62e42fee00000p-1), in_range);
    r = v_fnma(k, v_set1(0x1.a39ef35793c76p-33), r);
    vreal sum = v_set1(coefficients[0]);
    for (int i = 1; i < 14; i++)
        sum = v_fma(sum, r, v_set1(coefficients[i]));
    const vreal normal = v_max(k, v_set1(-1000));
    return v_mul(v_mul(sum, v_pow2(normal)), v_pow2(v_sub(k, normal)));
}

/* Multiplies the scores by the weights that `iou` asks for and returns the index of the highest, the first among equals.
   The runs are padded to whole vectors, the scores with NaN, which stands for a box that is no longer there. */
static inline __attribute__((always_inline)) int64_t FG_NAME(decay)(const fg_soft_nms_call *call, const void *iou,
                                                                    double *scores, int64_t n, int is_f64, int method)
{
    const vreal zero = v_set1(0), one = v_set1(1), minus_inf = v_set1(-INFINITY);
    const vreal limit = v_set1(method == FG_SOFT_LINEAR ? call->iou_threshold : 0), sigma = v_set1(call->sigma);
    vreal best = minus_inf, best_start = v_set1(0);
    for (int64_t j = 0; j < n; j += LANES) {
        const vreal overlap = is_f64 ? v_load((const double *)iou + j) : v_load_float((const float *)iou + j);
        const vmask mask = v_lt(limit, overlap);
        vreal score = v_load(scores + j);
        if (m_bits(mask)) {
            const vreal weight = method == FG_SOFT_LINEAR
                                     ? v_sub(one, overlap)
                                     : FG_NAME(exp_of)(v_div(v_sub(zero, v_mul(overlap, overlap)), sigma));
            const vreal alive = v_select(v_eq(weight, zero), zero, v_mul(score, weight));
            score = v_select(m_and(mask, v_eq(score, score)), alive, score);
            v_store(scores + j, score);
        }
        const vmask higher = v_lt(best, score);
        best_start = v_select(higher, v_set1((double)j), best_start);
        best = v_select(higher, score, best);
    }
    double lanes[LANES], starts[LANES];
    v_store(lanes, best);
    v_store(starts, best_start);
    int64_t highest = 0;
    double value = -INFINITY;
    for (int lane = 0; lane < LANES; lane++) {
        const int64_t index = (int64_t)starts[lane] + lane;
        if (lanes[lane] > value || (lanes[lane] == value && index < highest)) {
            value = lanes[lane];
            highest = index;
        }
    }
    return highest;
}

static int64_t FG_NAME(decay_narrow)(const fg_soft_nms_call *call, const void *iou, double *scores, int64_t n)
{
    return call->method == FG_SOFT_LINEAR ? FG_NAME(decay)(call, iou, scores, n, 0, FG_SOFT_LINEAR)
                                          : FG_NAME(decay)(call, iou, scores, n, 0, FG_SOFT_GAUSSIAN);
}

static int64_t FG_NAME(decay_wide)(const fg_soft_nms_call *call, const void *iou, double *scores, int64_t n)
{
    return call->method == FG_SOFT_LINEAR ? FG_NAME(decay)(call, iou, scores, n, 1, FG_SOFT_LINEAR)
                                          : FG_NAME(decay)(call, iou, scores, n, 1, FG_SOFT_GAUSSIAN);
}
#endif
