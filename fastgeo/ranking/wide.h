/* Unsigned integers of 128 bits, for any compiler: sums of products of counts, exact. */
#ifndef FG_WIDE_H
#define FG_WIDE_H

#include <math.h>
#include <stdint.h>

#include "runtime/fenv.h"

typedef struct {
    uint64_t high, low;
} fg_wide;

static inline fg_wide fg_wide_add(fg_wide a, fg_wide b)
{
    uint64_t low = a.low + b.low;
    return (fg_wide){a.high + b.high + (low < a.low), low};
}

static inline fg_wide fg_wide_add_u64(fg_wide a, uint64_t b) { return fg_wide_add(a, (fg_wide){0, b}); }

/* From the four products of 32-bit halves. */
static inline fg_wide fg_wide_mul(uint64_t a, uint64_t b)
{
    const uint64_t half = UINT64_C(0xffffffff);
    uint64_t low = (a & half) * (b & half), mid1 = (a >> 32) * (b & half), mid2 = (a & half) * (b >> 32);
    uint64_t carry = (low >> 32) + (mid1 & half) + (mid2 & half);
    return (fg_wide){(a >> 32) * (b >> 32) + (mid1 >> 32) + (mid2 >> 32) + (carry >> 32), carry << 32 | (low & half)};
}

/* Rounded once, to nearest, ties to even: bits below the leading 64 only matter as "some bit is set". */
static inline double fg_wide_to_double(fg_wide a)
{
    if (a.high == 0)
        return (double)a.low;
    int shift = 64;
    while (a.high >> (shift - 1) == 0)
        shift--;
    uint64_t leading = shift == 64 ? a.high : a.high << (64 - shift) | a.low >> shift;
    uint64_t rest = shift == 64 ? a.low : a.low << (64 - shift);
    return ldexp((double)(leading | (rest != 0)), shift);
}

/* Numerator and denominator rounded once each, then divided; -1 where a class is absent. */
static inline double fg_wide_auc(fg_wide twice_wins, uint64_t positives, uint64_t negatives)
{
    if (positives == 0 || negatives == 0)
        return -1;
    fg_fenv saved = fg_fenv_enter();
    double auc = fg_wide_to_double(twice_wins) / fg_wide_to_double(fg_wide_mul(2 * positives, negatives));
    fg_fenv_leave(saved);
    return auc;
}

#endif
