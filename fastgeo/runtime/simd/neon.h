/* NEON on aarch64: 4 floats or 2 doubles. Always present there, so no target region is needed.

   vmaxq and vminq order ±0 and NaN their own way, so max and min are compare-and-select. */
#include <arm_neon.h>

#define FG_ISA neon
#include "runtime/simd/common.h"

#define REGISTERS 32

#ifndef FG_NEON_HELPERS
#define FG_NEON_HELPERS
static inline float32x4_t fg_neon_load_part_f32(const float *p, int64_t n)
{
    float lanes[4] = {0};
    memcpy(lanes, p, (size_t)n * sizeof(float));
    return vld1q_f32(lanes);
}
static inline float64x2_t fg_neon_load_part_f64(const double *p, int64_t n)
{
    double lanes[2] = {0};
    memcpy(lanes, p, (size_t)n * sizeof(double));
    return vld1q_f64(lanes);
}
static inline void fg_neon_store_part_f32(float *p, float32x4_t a, int64_t n)
{
    float lanes[4];
    vst1q_f32(lanes, a);
    memcpy(p, lanes, (size_t)n * sizeof(float));
}
static inline void fg_neon_store_part_f64(double *p, float64x2_t a, int64_t n)
{
    double lanes[2];
    vst1q_f64(lanes, a);
    memcpy(p, lanes, (size_t)n * sizeof(double));
}
/* Products of int16 pairs, each pair's two added. */
static inline int32x4_t fg_neon_madd(int32x4_t a, int32x4_t b)
{
    const int16x8_t a16 = vreinterpretq_s16_s32(a), b16 = vreinterpretq_s16_s32(b);
    return vpaddq_s32(vmull_s16(vget_low_s16(a16), vget_low_s16(b16)), vmull_high_s16(a16, b16));
}
/* Rows become columns. */
static inline void fg_neon_transpose_f32(float32x4_t r[4])
{
    float64x2_t t[4];
    for (int i = 0; i < 4; i += 2) {
        t[i] = vreinterpretq_f64_f32(vtrn1q_f32(r[i], r[i + 1]));
        t[i + 1] = vreinterpretq_f64_f32(vtrn2q_f32(r[i], r[i + 1]));
    }
    for (int c = 0; c < 2; c++) {
        r[c] = vreinterpretq_f32_f64(vtrn1q_f64(t[c], t[c + 2]));
        r[c + 2] = vreinterpretq_f32_f64(vtrn2q_f64(t[c], t[c + 2]));
    }
}
static inline void fg_neon_transpose_f64(float64x2_t r[2])
{
    const float64x2_t first = vtrn1q_f64(r[0], r[1]);
    r[1] = vtrn2q_f64(r[0], r[1]);
    r[0] = first;
}
static inline void fg_neon_store_cells(uint32_t *p, uint64x2_t m, float64x2_t a, int s, uint32_t e, uint32x2_t b,
                                       uint32_t r)
{
    const float64x2_t chosen = vbslq_f64(m, a, vdupq_n_f64(e));
    const uint32x2_t whole = vreinterpret_u32_s32(vmovn_s64(vcvtq_s64_f64(chosen)));
    vst1_u32(p, vmla_n_u32(vshl_u32(whole, vdup_n_s32(s)), vand_u32(b, vdup_n_u32(1)), r));
}
static inline unsigned fg_neon_bits_f32(uint32x4_t m)
{
    static const uint32_t weights[4] = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(m, vld1q_u32(weights)));
}
static inline unsigned fg_neon_bits_f64(uint64x2_t m)
{
    return (unsigned)((vgetq_lane_u64(m, 0) & 1) | (vgetq_lane_u64(m, 1) & 2));
}
#endif

#if FG_REAL_BITS == 32
#define LANES 4
#define vreal float32x4_t
#define vint int32x4_t
#define vmask uint32x4_t
#define FG_MM(op) v##op##q_f32
#define FG_MMI(op) v##op##q_s32
#define v_set1(x) vdupq_n_f32(x)
#define v_load_part(p, n) fg_neon_load_part_f32(p, n)
#define v_store_part(p, a, n) fg_neon_store_part_f32(p, a, n)
#define v_trunc(a) vcvtq_s32_f32(a)
#define v_transpose(rows) fg_neon_transpose_f32(rows)
#define v_store_totals(p, rows) \
    vst1q_f32(p, vpaddq_f32(vpaddq_f32((rows)[0], (rows)[1]), vpaddq_f32((rows)[2], (rows)[3])))
#define v_zip_low(a, b) vzip1q_f32(a, b)
#define v_zip_high(a, b) vzip2q_f32(a, b)
#define v_zip4(rows) FG_ZIP4(rows)
#define v_zip8(rows) FG_ZIP8(rows)
#define v_from_int(a) vcvtq_f32_s32(a)
#define i_pair(low, high) vsliq_n_s32(low, high, 16)
#define i_madd_add(a, b, c) vaddq_s32(c, fg_neon_madd(a, b))
#define i_bits(a) vreinterpretq_s32_f32(a)
#define i_and(a, b) vandq_s32(a, b)
#define i_min(a, b) vminq_s32(a, b)
#define i_max(a, b) vmaxq_s32(a, b)
#define v_store_int32(p, a) vst1q_s32(p, v_trunc(a))
#define v_pow2(a) vreinterpretq_f32_s32(vshlq_n_s32(i_add(v_trunc(a), i_set1(127)), 23))
#define m_and(m, n) vandq_u32(m, n)
#define m_or(m, n) vorrq_u32(m, n)
#define m_andnot(m, n) vbicq_u32(n, m)
#define m_bits(m) fg_neon_bits_f32(m)
#define i_set1(x) vdupq_n_s32((int32_t)(x))
#else
#define LANES 2
#define vreal float64x2_t
#define vint int64x2_t
#define vmask uint64x2_t
#define FG_MM(op) v##op##q_f64
#define FG_MMI(op) v##op##q_s64
#define v_set1(x) vdupq_n_f64(x)
#define v_load_part(p, n) fg_neon_load_part_f64(p, n)
#define v_load_float(p) vcvt_f64_f32(vld1_f32(p))
#define v_load_float_part(p, n) vcvt_f64_f32(vget_low_f32(fg_neon_load_part_f32(p, n)))
#define v_store_part(p, a, n) fg_neon_store_part_f64(p, a, n)
#define v_trunc(a) vcvtq_s64_f64(a)
#define v_transpose(rows) fg_neon_transpose_f64(rows)
#define v_zip_low(a, b) vzip1q_f64(a, b)
#define v_zip_high(a, b) vzip2q_f64(a, b)
#define v_zip4(rows) FG_ZIP4(rows)
#define v_zip8(rows) FG_ZIP8(rows)
#define v_store_totals(p, rows) \
    (vst1q_f64(p, vpaddq_f64((rows)[0], (rows)[1])), vst1q_f64((p) + 2, vpaddq_f64((rows)[2], (rows)[3])))
#define v_store_int32(p, a) vst1_s32(p, vmovn_s64(v_trunc(a)))
#define v_store_cells8(p, m, a, s, e, b, r) \
    fg_neon_store_cells(p, m, a, s, e, vset_lane_u32((b)[1], vdup_n_u32((b)[0]), 1), r)
#define v_store_cells64(p, m, a, s, e, b, r) \
    fg_neon_store_cells(p, m, a, s, e, vreinterpret_u32_s32(vmovn_s64(b)), r)
#define v_pow2(a) vreinterpretq_f64_s64(vshlq_n_s64(i_add(v_trunc(a), i_set1(1023)), 52))
#define m_and(m, n) vandq_u64(m, n)
#define m_or(m, n) vorrq_u64(m, n)
#define m_andnot(m, n) vbicq_u64(n, m)
#define m_bits(m) fg_neon_bits_f64(m)
#define i_set1(x) vdupq_n_s64(x)
#endif

#define v_broadcast(p) v_set1(*(p))
#define v_load(p) FG_MM(ld1)(p)
#define v_keep(a) __asm__("" : "+w"(a))
#define v_store(p, a) FG_MM(st1)(p, a)
#define v_store_where(p, m, a) FG_STORE_WHERE(real, p, m, v_store(from_, a))
#define v_store_int32_where(p, m, q) FG_STORE_WHERE(int32_t, p, m, memcpy(from_, q, sizeof from_))
#define v_stream(p, a) v_store(p, a)
#define v_stream_end() ((void)0)

#define v_add(a, b) FG_MM(add)(a, b)
#define v_sub(a, b) FG_MM(sub)(a, b)
#define v_mul(a, b) FG_MM(mul)(a, b)
#define v_div(a, b) FG_MM(div)(a, b)
#define v_sqrt(a) FG_MM(sqrt)(a)
#define v_fma(a, b, c) FG_MM(fma)(c, a, b)
#define v_fnma(a, b, c) FG_MM(fms)(c, a, b)
#define v_abs(a) FG_MM(abs)(a)
#define v_max(a, b) FG_MM(bsl)(FG_MM(cgt)(a, b), a, b)
#define v_min(a, b) FG_MM(bsl)(FG_MM(clt)(a, b), a, b)

#define v_lt(a, b) FG_MM(clt)(a, b)
#define v_le(a, b) FG_MM(cle)(a, b)
#define v_eq(a, b) FG_MM(ceq)(a, b)
#define v_select(m, a, b) FG_MM(bsl)(m, a, b)

#define i_load(p) FG_MMI(ld1)(p)
#define i_store(p, a) FG_MMI(st1)(p, a)
#define i_add(a, b) FG_MMI(add)(a, b)
#define i_or(a, b) FG_MMI(orr)(a, b)
#define i_select(m, a, b) FG_MMI(bsl)(m, a, b)

#define SHORTS 8
#define SHORT_BITS 8
#define vshort int16x8_t
#define s_set1(x) vdupq_n_s16(x)
#define s_load(p) vld1q_s16(p)
#define s_sub(a, b) vsubq_s16(a, b)
#define s_or(a, b) vorrq_s16(a, b)
#define s_nonnegative(a) vget_lane_u64(vreinterpret_u64_u8(vmovn_u16(vcgezq_s16(a))), 0)
