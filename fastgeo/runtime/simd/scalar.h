/* One lane, any CPU. Fused multiply-add comes from libm: a double product rounded twice would differ. */
#ifndef FG_SCALAR_HELPERS
#define FG_SCALAR_HELPERS
#include <stdint.h>
#include <string.h>
static inline float fg_scalar_pow2_f32(float a)
{
    const uint32_t bits = (uint32_t)((int32_t)a + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return power;
}
static inline int32_t fg_scalar_bits(float a)
{
    int32_t bits;
    memcpy(&bits, &a, sizeof bits);
    return bits;
}
static inline double fg_scalar_pow2_f64(double a)
{
    const uint64_t bits = (uint64_t)((int64_t)a + 1023) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return power;
}
#endif

#define FG_ISA scalar
#include "runtime/simd/common.h"

#define REGISTERS 16

#define LANES 1
#define vreal real
#define vint real_int
#define vmask int

#define v_set1(x) ((real)(x))
#define v_broadcast(p) v_set1(*(p))
#define v_load(p) (*(p))
#define v_load_part(p, n) ((void)(p), (void)(n), (real)0)
#define v_load_float(p) ((real)*(p))
#define v_load_float_part(p, n) v_load_part(p, n)
#define v_keep(a) ((void)(a))
#define v_store(p, a) ((void)(*(p) = (a)))
#define v_store_where(p, m, a) FG_STORE_WHERE(real, p, m, v_store(from_, a))
#define v_store_int32_where(p, m, q) FG_STORE_WHERE(int32_t, p, m, memcpy(from_, q, sizeof from_))
#define v_stream(p, a) v_store(p, a)
#define v_stream_end() ((void)0)
#define v_store_part(p, a, n) ((void)(p), (void)(a), (void)(n))

#define v_add(a, b) ((a) + (b))
#define v_sub(a, b) ((a) - (b))
#define v_mul(a, b) ((a) * (b))
#define v_div(a, b) ((a) / (b))
#define v_sqrt(a) REAL_SQRT(a)
#define v_fma(a, b, c) REAL_FMA(a, b, c)
#define v_fnma(a, b, c) REAL_FMA(-(a), b, c)
#define v_abs(a) REAL_ABS(a)
#define v_max(a, b) ((a) > (b) ? (a) : (b))
#define v_min(a, b) ((a) < (b) ? (a) : (b))

#define v_lt(a, b) ((a) < (b))
#define v_le(a, b) ((a) <= (b))
#define v_eq(a, b) ((a) == (b))
#define v_select(m, a, b) ((m) ? (a) : (b))
#define v_trunc(a) ((real_int)(a))
#define v_transpose(rows) ((void)(rows))
#define v_zip_low(a, b) ((void)(b), (a))
#define v_zip_high(a, b) ((void)(a), (b))
#define v_zip4(rows) FG_ZIP4(rows)
#define v_store_totals(p, rows) ((void)memcpy(p, rows, 4 * sizeof(real)))
#define v_from_int(a) ((real)(a))
#define i_pair(low, high) ((vint)(((uint32_t)(high) << 16) | ((uint32_t)(low) & 0xffffu)))
#define i_madd_add(a, b, c) \
    ((vint)((c) + (int16_t)(a) * (int16_t)(b) + (int16_t)((a) >> 16) * (int16_t)((b) >> 16)))
#define v_store_int32(p, a) ((void)(*(p) = (int32_t)(a)))
#define v_store_cells8(p, m, a, s, e, b, r) v_store_cells64(p, m, a, s, e, *(b), r)
#define v_store_cells64(p, m, a, s, e, b, r) \
    ((void)(*(p) = (((m) ? (uint32_t)(a) : (uint32_t)(e)) << (s)) + ((b) & 1 ? (r) : 0)))
#if FG_REAL_BITS == 32
#define i_bits(a) fg_scalar_bits(a)
#define i_and(a, b) ((a) & (b))
#define i_min(a, b) ((a) < (b) ? (a) : (b))
#define i_max(a, b) ((a) > (b) ? (a) : (b))
#define v_pow2(a) fg_scalar_pow2_f32(a)
#else
#define v_pow2(a) fg_scalar_pow2_f64(a)
#endif

#define m_and(m, n) ((m) & (n))
#define m_or(m, n) ((m) | (n))
#define m_andnot(m, n) ((!(m)) & (n))
#define m_bits(m) ((unsigned)(m))

#define i_set1(x) ((real_int)(x))
#define i_load(p) (*(p))
#define i_store(p, a) ((void)(*(p) = (a)))
#define i_add(a, b) ((a) + (b))
#define i_or(a, b) ((a) | (b))
#define i_select(m, a, b) ((m) ? (a) : (b))

#define SHORTS 1
#define SHORT_BITS 1
#define vshort int
#define s_set1(x) ((int)(x))
#define s_load(p) ((int)*(p))
#define s_sub(a, b) ((a) - (b))
#define s_or(a, b) ((a) | (b))
#define s_nonnegative(a) ((uint64_t)((a) >= 0))
