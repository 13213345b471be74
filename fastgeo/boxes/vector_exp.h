/* exp(-x) for x in [0, 80], within 2 ulp, by Cody and Waite's reduction. Part of a body.

   x = n ln 2 - r with |r| <= ln 2 / 2; the Taylor series of exp(r) leaves less than a twentieth of an ulp. ln 2 is taken in
   two parts, the first so short that its product with n is exact. Nothing is fused: scalar code has no fast fma. */
#if FG_REAL_BITS == 32
#define EXP_DEGREE 7
#define EXP_ROUND 0x1.8p23f
#define LN2_HIGH 0x1.62ep-1f
#define LN2_LOW 0x1.0bfbe8p-15f
#else
#define EXP_DEGREE 13
#define EXP_ROUND 0x1.8p52
#define LN2_HIGH 0x1.62e42fefa38p-1
#define LN2_LOW 0x1.ef35793c76730p-45
#endif

static inline vreal FG_NAME(v_exp_minus)(vreal x)
{
    static const real inverse_factorial[] = {
        1, 1, (real)0.5, (real)(1 / 6.), (real)(1 / 24.), (real)(1 / 120.), (real)(1 / 720.), (real)(1 / 5040.),
        (real)(1 / 40320.), (real)(1 / 362880.), (real)(1 / 3628800.), (real)(1 / 39916800.), (real)(1 / 479001600.),
        (real)(1 / 6227020800.)};
    /* Adding and taking away 1.5 · 2^(bits of the fraction) rounds to an integer. */
    const vreal round = v_set1(EXP_ROUND);
    const vreal n = v_sub(v_add(v_mul(x, v_set1((real)1.44269504088896340736)), round), round);
    const vreal r = v_add(v_sub(v_mul(n, v_set1(LN2_HIGH)), x), v_mul(n, v_set1(LN2_LOW)));
    vreal sum = v_set1(inverse_factorial[EXP_DEGREE]);
    for (int k = EXP_DEGREE - 1; k >= 0; k--)
        sum = v_add(v_mul(sum, r), v_set1(inverse_factorial[k]));
    return v_mul(sum, v_pow2(v_sub(v_set1(0), n)));
}

#undef EXP_DEGREE
#undef EXP_ROUND
#undef LN2_HIGH
#undef LN2_LOW
