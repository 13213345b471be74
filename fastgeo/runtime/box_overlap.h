/* The overlap of LANES pairs of boxes, x1 y1 x2 y2 area each, in the order of operations of box_math.py. Part of a body. */

/* The largest value of this type that is not above the threshold: comparing with it is comparing in float64. */
static inline real FG_NAME(threshold_below)(double threshold)
{
    const real value = (real)threshold;
    return (double)value > threshold ? REAL_NEXT(value, (real)-1) : value;
}

/* The length of an interval, to which an offset is added unless that is NULL; 0 where its ends are crossed. */
static inline __attribute__((always_inline)) vreal FG_NAME(v_extent)(vreal low, vreal high, const vreal *offset)
{
    const vreal length = v_sub(high, low);
    return v_max(offset ? v_add(length, *offset) : length, v_set1(0));
}

/* a / b, and 0 where b is not positive. */
static inline vreal FG_NAME(v_ratio)(vreal a, vreal b)
{
    return v_select(v_lt(v_set1(0), b), v_div(a, b), v_set1(0));
}

static inline __attribute__((always_inline)) vreal FG_NAME(v_intersection)(const vreal *a, const vreal *b,
                                                                           const vreal *offset)
{
    return v_mul(FG_NAME(v_extent)(v_max(a[0], b[0]), v_min(a[2], b[2]), offset),
                 FG_NAME(v_extent)(v_max(a[1], b[1]), v_min(a[3], b[3]), offset));
}

/* Whether an overlap may exceed the threshold that is at most `common` over at least `joint`: of a box with the hull of
   some others, whose least area went into `joint`. Every operation of an overlap is monotone and so is its rounding: in the
   same arithmetic the quotient of a hull is never below that of a box in it. Where `joint` is not positive it bounds
   nothing. */
static inline vmask FG_NAME(v_may_exceed)(vreal common, vreal joint, vreal threshold)
{
    const vreal zero = v_set1(0);
    return m_and(v_lt(zero, common), m_or(v_le(joint, zero), v_lt(threshold, v_div(common, joint))));
}
