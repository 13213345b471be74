/* x to the power y, the same bits on every CPU: from +, -, ·, / and exact handling of exponents alone. The C library's
   pow takes another path where there is a fused multiply-add.

   With x = 2^e · m, m in [sqrt(1/2), sqrt(2)), and s = (m - 1) / (m + 1): ln m = 2 (s + s³/3 + s⁵/5 + …). The logarithm
   can be multiplied by a thousand, so its first two terms, the product with y and the reduction of its result are
   taken in two doubles each; the rest of the series is small enough for one. */
#ifndef FG_POWER_H
#define FG_POWER_H

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    double high, low;
} fg_two;

/* a + b in two doubles, for |a| >= |b| or a = 0. */
static inline fg_two fg_two_sum(double a, double b)
{
    const double sum = a + b;
    return (fg_two){sum, b - (sum - a)};
}

/* a · b in two doubles (Dekker): each factor is split into halves whose products are exact. */
static inline fg_two fg_two_product(double a, double b)
{
    const double split_a = a * 0x1.000002p27, split_b = b * 0x1.000002p27;
    const double a1 = split_a - (split_a - a), b1 = split_b - (split_b - b);
    const double a2 = a - a1, b2 = b - b1, product = a * b;
    return (fg_two){product, ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2};
}

/* (a + b) of doubles in two parts each; the product of the low parts is too small to count. */
static inline fg_two fg_product_of_two(fg_two a, fg_two b)
{
    const fg_two product = fg_two_product(a.high, b.high);
    return fg_two_sum(product.high, product.low + (a.high * b.low + a.low * b.high));
}

/* log2 of x, positive and finite; relative error below 2^-64. */
static inline fg_two fg_log2(double x)
{
    static const double odd[] = {1 / 27., 1 / 25., 1 / 23., 1 / 21., 1 / 19., 1 / 17.,
                                 1 / 15., 1 / 13., 1 / 11., 1 / 9.,  1 / 7.,  1 / 5.};
    const fg_two third = {0x1.5555555555555p-2, 0x1.5555555555555p-56};
    const fg_two two_by_ln2 = {0x1.71547652b82fep+1, 0x1.777d0ffda0d24p-55};
    const uint64_t sqrt_half = 0x3fe6a09e667f3bcd, bias = 2048;
    const int subnormal = x < 0x1p-1022;
    const double normal = subnormal ? x * 0x1p54 : x;
    uint64_t bits;
    memcpy(&bits, &normal, sizeof bits);
    const int64_t e = (int64_t)((bits - sqrt_half + (bias << 52)) >> 52) - (int64_t)bias;
    bits -= (uint64_t)e << 52;
    double m;
    memcpy(&m, &bits, sizeof m);

    const fg_two sum = m >= 1 ? fg_two_sum(m, 1) : fg_two_sum(1, m);
    const double ratio = (m - 1) / sum.high;
    const fg_two back = fg_two_product(ratio, sum.high);
    const fg_two s = {ratio, (((m - 1) - back.high) - back.low - ratio * sum.low) / sum.high};
    const fg_two square = fg_product_of_two(s, s);
    double tail = odd[0];
    for (int i = 1; i < 12; i++)
        tail = tail * square.high + odd[i];
    fg_two factor = fg_two_sum(third.high, square.high * tail);
    factor.low += third.low;
    const fg_two cubic = fg_product_of_two(s, fg_product_of_two(square, factor));
    fg_two half_ln = fg_two_sum(s.high, cubic.high);
    half_ln.low += s.low + cubic.low;
    const fg_two log2_m = fg_product_of_two(half_ln, two_by_ln2);
    fg_two all = fg_two_sum((double)(e - (subnormal ? 54 : 0)), log2_m.high);
    all.low += log2_m.low;
    return all;
}

/* 2^n for a whole n from -1022 to 1023. */
static inline double fg_whole_power(int64_t n)
{
    const uint64_t bits = (uint64_t)(n + 1023) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return power;
}

/* 2^(t.high + t.low) for |t| <= 1100: the Taylor series of exp around the nearest whole power. */
static inline double fg_exp2(fg_two t)
{
    static const double inverse_factorial[] = {1 / 6227020800., 1 / 479001600., 1 / 39916800., 1 / 3628800.,
                                               1 / 362880.,     1 / 40320.,     1 / 5040.,     1 / 720.,
                                               1 / 120.,        1 / 24.,        1 / 6.,        1 / 2.};
    const fg_two ln2 = {0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56};
    /* Adding and taking away 1.5 · 2^52 rounds to a whole number. */
    const double n = (t.high + 0x1.8p52) - 0x1.8p52;
    const fg_two r = fg_product_of_two((fg_two){t.high - n, t.low}, ln2);
    double series = inverse_factorial[0];
    for (int i = 1; i < 12; i++)
        series = series * r.high + inverse_factorial[i];
    const fg_two linear = fg_two_sum(1, r.high);
    const double power = linear.high + (linear.low + r.low + r.high * r.high * series);
    /* In two steps: 2^n itself may be out of range where the product is not. */
    const int64_t half = (int64_t)n / 2;
    return power * fg_whole_power(half) * fg_whole_power((int64_t)n - half);
}

/* x to the power y for x >= 0 and y > 0, either of them infinite or x NaN too; within 1 ulp. */
static inline double fg_power(double x, double y)
{
    if (!(x > 0 && x < INFINITY))
        return x;
    /* Beyond these y the answer is 1, 0 or infinity, and stays so. */
    const double exponent = y < 0x1p-70 ? 0x1p-70 : y > 0x1p70 ? 0x1p70 : y;
    const fg_two log2_x = fg_log2(x);
    const fg_two product = fg_two_product(exponent, log2_x.high);
    if (!(product.high > -1100))
        return 0;
    if (!(product.high < 1100))
        return INFINITY;
    return fg_exp2(fg_two_sum(product.high, product.low + exponent * log2_x.low));
}

#endif
