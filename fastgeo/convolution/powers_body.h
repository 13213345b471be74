/* Sums of |x|^p and their roots, in double for either float type: the same bits on every CPU and instruction set, from
   +, -, ·, /, square roots and exact handling of exponents alone. Loops are written so that compilers make vectors of them:
   no branch, no conversion between integers and doubles.

   p of whole halves up to 8: repeated multiplication, and one square root for an odd number of halves.

   Any other: with x = 2^e · m, m in [sqrt(1/2), sqrt(2)), and s = (m - 1) / (m + 1): ln m = 2 (s + s³/3 + s⁵/5 + …). The
   logarithm can be multiplied by a thousand, so its first two terms, the product with p and the reduction of its result
   are taken in two doubles each; the rest of the series is small enough for one. */

#ifndef FG_POWERS_HELPERS
#define FG_POWERS_HELPERS
typedef struct {
    double high, low;
} fg_two;

static inline __attribute__((always_inline)) uint64_t fg_bits(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}
static inline __attribute__((always_inline)) double fg_from_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* a + b in two doubles, for |a| >= |b| or a = 0. */
static inline __attribute__((always_inline)) fg_two fg_two_sum(double a, double b)
{
    const double sum = a + b;
    return (fg_two){sum, b - (sum - a)};
}

/* a · b in two doubles (Dekker): each factor is split into halves whose products are exact. */
static inline __attribute__((always_inline)) fg_two fg_dekker_product(double a, double b)
{
    const double split_a = a * 0x1.000002p27, split_b = b * 0x1.000002p27;
    const double a1 = split_a - (split_a - a), b1 = split_b - (split_b - b);
    const double a2 = a - a1, b2 = b - b1, product = a * b;
    return (fg_two){product, ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2};
}
#endif

/* The same bits by one fused operation, where there is one. */
FG_INLINE fg_two FG_NAME(two_product)(double a, double b)
{
#if LANES > 1
    const double product = a * b;
    return (fg_two){product, __builtin_fma(a, b, -product)};
#else
    return fg_dekker_product(a, b);
#endif
}

/* (a + b) of doubles in two parts each; the product of the low parts is too small to count. */
FG_INLINE fg_two FG_NAME(product_of_two)(fg_two a, fg_two b)
{
    const fg_two product = FG_NAME(two_product)(a.high, b.high);
    return fg_two_sum(product.high, product.low + (a.high * b.low + a.low * b.high));
}

/* log2 of x, positive and finite; relative error below 2^-64. */
FG_INLINE fg_two FG_NAME(log2_of)(double x)
{
    const fg_two third = {0x1.5555555555555p-2, 0x1.5555555555555p-56};
    const fg_two two_by_ln2 = {0x1.71547652b82fep+1, 0x1.777d0ffda0d24p-55};
    const uint64_t sqrt_half = 0x3fe6a09e667f3bcd, bias = 2048, magic = 0x4338000000000000; /* 1.5 · 2^52 */
    const double scale = x < 0x1p-1022 ? 0x1p54 : 1, correction = x < 0x1p-1022 ? 54 : 0;
    const uint64_t bits = fg_bits(x * scale);
    const uint64_t e = ((bits - sqrt_half + (bias << 52)) >> 52) - bias;
    const double m = fg_from_bits(bits - (e << 52)), exponent = fg_from_bits(magic + e) - 0x1.8p52;

    const double larger = m >= 1 ? m : 1, smaller = m >= 1 ? 1 : m;
    const fg_two sum = fg_two_sum(larger, smaller);
    const double ratio = (m - 1) / sum.high;
    const fg_two back = FG_NAME(two_product)(ratio, sum.high);
    const fg_two s = {ratio, (((m - 1) - back.high) - back.low - ratio * sum.low) / sum.high};
    const fg_two square = FG_NAME(product_of_two)(s, s);
    const double z = square.high;
    double tail = 1 / 27. * z + 1 / 25.;
    tail = ((tail * z + 1 / 23.) * z + 1 / 21.) * z + 1 / 19.;
    tail = ((tail * z + 1 / 17.) * z + 1 / 15.) * z + 1 / 13.;
    tail = (((tail * z + 1 / 11.) * z + 1 / 9.) * z + 1 / 7.) * z + 1 / 5.;
    fg_two factor = fg_two_sum(third.high, z * tail);
    factor.low += third.low;
    const fg_two cubic = FG_NAME(product_of_two)(s, FG_NAME(product_of_two)(square, factor));
    fg_two half_ln = fg_two_sum(s.high, cubic.high);
    half_ln.low += s.low + cubic.low;
    const fg_two log2_m = FG_NAME(product_of_two)(half_ln, two_by_ln2);
    fg_two all = fg_two_sum(exponent - correction, log2_m.high);
    all.low += log2_m.low;
    return all;
}

/* 2^(t.high + t.low) for |t| <= 1100: the Taylor series of exp around the nearest whole power. */
FG_INLINE double FG_NAME(exp2_of)(fg_two t)
{
    const fg_two ln2 = {0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56};
    /* Adding and taking away 1.5 · 2^52 rounds to a whole number, whose bits lie in the sum. */
    const double shifted = t.high + 0x1.8p52, n = shifted - 0x1.8p52;
    const uint64_t whole = fg_bits(shifted) - 0x4338000000000000;
    const fg_two r = FG_NAME(product_of_two)((fg_two){t.high - n, t.low}, ln2);
    const double x = r.high;
    double series = 1 / 6227020800. * x + 1 / 479001600.;
    series = ((series * x + 1 / 39916800.) * x + 1 / 3628800.) * x + 1 / 362880.;
    series = ((series * x + 1 / 40320.) * x + 1 / 5040.) * x + 1 / 720.;
    series = (((series * x + 1 / 120.) * x + 1 / 24.) * x + 1 / 6.) * x + 1 / 2.;
    const fg_two linear = fg_two_sum(1, x);
    const double power = linear.high + (linear.low + r.low + x * x * series);
    /* In two steps: 2^n itself may be out of range where the product is not. */
    const uint64_t half = ((whole + 4096) >> 1) - 2048;
    return power * fg_from_bits((half + 1023) << 52) * fg_from_bits((whole - half + 1023) << 52);
}

/* x to the power p for x >= 0 and p in [2^-70, 2^70], x infinite or NaN too; within 1 ulp. */
FG_INLINE double FG_NAME(power)(double x, double p)
{
    const fg_two log2_x = FG_NAME(log2_of)(x);
    const fg_two product = FG_NAME(two_product)(p, log2_x.high);
    const double finite = FG_NAME(exp2_of)(fg_two_sum(product.high, product.low + p * log2_x.low));
    const double low = product.high > -1100 ? finite : 0, both = product.high < 1100 ? low : INFINITY;
    const double above_zero = x > 0 ? both : x; /* NaN, too */
    return x < INFINITY ? above_zero : x;
}

/* Beyond these p the answer is 1, 0 or infinity, and stays so. */
FG_INLINE double FG_NAME(bounded_order)(double p) { return p < 0x1p-70 ? 0x1p-70 : p > 0x1p70 ? 0x1p70 : p; }

/* In place: x^(halves / 2), for at most FG_POOL_RUN values. */
static void FG_NAME(power_of_halves)(double *x, int64_t n, int halves)
{
    double result[FG_POOL_RUN];
    for (int64_t i = 0; i < n; i++)
        result[i] = halves & 1 ? sqrt(x[i]) : 1;
    for (int bits = halves >> 1; bits; bits >>= 1) {
        if (bits & 1)
            for (int64_t i = 0; i < n; i++)
                result[i] *= x[i];
        for (int64_t i = 0; i < n; i++)
            x[i] *= x[i];
    }
    memcpy(x, result, (size_t)n * sizeof *x);
}

/* sum[i] += |from[i]|^p for at most FG_POOL_RUN values. */
static void FG_NAME(add_powers)(double p, const real *restrict from, int64_t n, double *restrict sum)
{
    if (p == 1) {
        for (int64_t i = 0; i < n; i++)
            sum[i] += fabs((double)from[i]);
        return;
    }
    if (p == 2) {
        for (int64_t i = 0; i < n; i++)
            sum[i] += (double)from[i] * (double)from[i];
        return;
    }
    double powers[FG_POOL_RUN];
    for (int64_t i = 0; i < n; i++)
        powers[i] = fabs((double)from[i]);
    const double order = FG_NAME(bounded_order)(p);
    if (2 * p <= FG_MOST_HALVES && 2 * p == floor(2 * p))
        FG_NAME(power_of_halves)(powers, n, (int)(2 * p));
    else
        for (int64_t i = 0; i < n; i++)
            powers[i] = FG_NAME(power)(powers[i], order);
    for (int64_t i = 0; i < n; i++)
        sum[i] += powers[i];
}

/* In place: sum^(1 / p) for at most FG_POOL_RUN values. */
static void FG_NAME(take_roots)(double p, double *sum, int64_t n)
{
    const double order = FG_NAME(bounded_order)(1 / p);
    if (p == 0.5 || p == 1 || p == 2)
        FG_NAME(power_of_halves)(sum, n, (int)(2 / p));
    else if (p == 4)
        for (int64_t i = 0; i < n; i++)
            sum[i] = sqrt(sqrt(sum[i]));
    else
        for (int64_t i = 0; i < n; i++)
            sum[i] = FG_NAME(power)(sum[i], order);
}
