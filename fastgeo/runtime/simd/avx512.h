/* AVX-512 (F, BW, DQ, VL): 16 floats or 8 doubles, masks in their own registers. */
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#ifndef FG_ISA /* avx512vnni.h has opened its own region */
#define FG_ISA avx512
#define FG_TARGETED
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")
#endif
#endif

#ifndef FG_AVX512_HELPERS
#define FG_AVX512_HELPERS
static inline int32_t fg_avx512_bits_32(const float *p)
{
    int32_t bits;
    memcpy(&bits, p, sizeof bits);
    return bits;
}
static inline int64_t fg_avx512_bits_64(const double *p)
{
    int64_t bits;
    memcpy(&bits, p, sizeof bits);
    return bits;
}
/* The empty asm keeps product and sum together: GCC moves all products of a loop to its front and runs out of registers. */
static inline __attribute__((always_inline)) __m512i fg_avx512_madd_add(__m512i a, __m512i b, __m512i c)
{
    c = _mm512_add_epi32(c, _mm512_madd_epi16(a, b));
    __asm__("" : "+v"(c));
    return c;
}
static inline __attribute__((always_inline)) __mmask8 fg_avx512_odd_bytes(const uint8_t *p)
{
    return (__mmask8)_mm_test_epi8_mask(_mm_loadl_epi64((const __m128i *)p), _mm_set1_epi8(1));
}
static inline __attribute__((always_inline)) void fg_avx512_store_cells(uint32_t *p, __mmask8 m, __m512d a, int s,
                                                                        uint32_t e, __mmask8 b, uint32_t r)
{
    const __m256i whole = _mm256_slli_epi32(_mm512_mask_cvttpd_epi32(_mm256_set1_epi32((int)e), m, a), s);
    _mm256_storeu_si256((__m256i *)p, _mm256_mask_add_epi32(whole, b, whole, _mm256_set1_epi32((int)r)));
}
/* Rows become columns: pairs of rows, then fours, then the 128-bit quarters. */
static inline __attribute__((always_inline)) void fg_avx512_transpose_32(__m512 r[16])
{
    __m512 t[16], u[16];
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int g = 0; g < 16; g += 4)
        for (int h = 0; h < 2; h++) {
            u[g + 2 * h] = _mm512_shuffle_ps(t[g + h], t[g + h + 2], 0x44);
            u[g + 2 * h + 1] = _mm512_shuffle_ps(t[g + h], t[g + h + 2], 0xee);
        }
    for (int c = 0; c < 4; c++) {
        const __m512 even0 = _mm512_shuffle_f32x4(u[c], u[c + 4], 0x88);
        const __m512 even1 = _mm512_shuffle_f32x4(u[c + 8], u[c + 12], 0x88);
        const __m512 odd0 = _mm512_shuffle_f32x4(u[c], u[c + 4], 0xdd);
        const __m512 odd1 = _mm512_shuffle_f32x4(u[c + 8], u[c + 12], 0xdd);
        r[c] = _mm512_shuffle_f32x4(even0, even1, 0x88);
        r[c + 4] = _mm512_shuffle_f32x4(odd0, odd1, 0x88);
        r[c + 8] = _mm512_shuffle_f32x4(even0, even1, 0xdd);
        r[c + 12] = _mm512_shuffle_f32x4(odd0, odd1, 0xdd);
    }
}
static inline __attribute__((always_inline)) void fg_avx512_transpose_64(__m512d r[8])
{
    __m512d t[8];
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm512_unpacklo_pd(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_pd(r[i], r[i + 1]);
    }
    for (int c = 0; c < 2; c++) {
        const __m512d even0 = _mm512_shuffle_f64x2(t[c], t[c + 2], 0x88);
        const __m512d even1 = _mm512_shuffle_f64x2(t[c + 4], t[c + 6], 0x88);
        const __m512d odd0 = _mm512_shuffle_f64x2(t[c], t[c + 2], 0xdd);
        const __m512d odd1 = _mm512_shuffle_f64x2(t[c + 4], t[c + 6], 0xdd);
        r[c] = _mm512_shuffle_f64x2(even0, even1, 0x88);
        r[c + 2] = _mm512_shuffle_f64x2(odd0, odd1, 0x88);
        r[c + 4] = _mm512_shuffle_f64x2(even0, even1, 0xdd);
        r[c + 6] = _mm512_shuffle_f64x2(odd0, odd1, 0xdd);
    }
}
/* Lanes of both in turn, from lane `first` on. */
static inline __attribute__((always_inline)) __m512 fg_avx512_zip_32(__m512 a, __m512 b, int first)
{
    const __m512i in_turn = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    return _mm512_permutex2var_ps(a, _mm512_add_epi32(in_turn, _mm512_set1_epi32(first)), b);
}
static inline __attribute__((always_inline)) __m512d fg_avx512_zip_64(__m512d a, __m512d b, int first)
{
    const __m512i in_turn = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
    return _mm512_permutex2var_pd(a, _mm512_add_epi64(in_turn, _mm512_set1_epi64(first)), b);
}
/* Eight rows zipped; a third more steps than with permutex2var, which Zen 4 runs where it multiplies. */
static inline __attribute__((always_inline)) void fg_avx512_zip8_32(__m512 r[8])
{
    __m512 t[8], u[8];
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int g = 0; g < 8; g += 4)
        for (int h = 0; h < 2; h++) {
            u[g + 2 * h] = _mm512_shuffle_ps(t[g + h], t[g + h + 2], 0x44);
            u[g + 2 * h + 1] = _mm512_shuffle_ps(t[g + h], t[g + h + 2], 0xee);
        }
    for (int c = 0; c < 4; c += 2) {
        const __m512 even0 = _mm512_shuffle_f32x4(u[c], u[c + 4], 0x88);
        const __m512 even1 = _mm512_shuffle_f32x4(u[c + 1], u[c + 5], 0x88);
        const __m512 odd0 = _mm512_shuffle_f32x4(u[c], u[c + 4], 0xdd);
        const __m512 odd1 = _mm512_shuffle_f32x4(u[c + 1], u[c + 5], 0xdd);
        r[c / 2] = _mm512_shuffle_f32x4(even0, even1, 0x88);
        r[c / 2 + 2] = _mm512_shuffle_f32x4(odd0, odd1, 0x88);
        r[c / 2 + 4] = _mm512_shuffle_f32x4(even0, even1, 0xdd);
        r[c / 2 + 6] = _mm512_shuffle_f32x4(odd0, odd1, 0xdd);
    }
}
/* Lanes are folded until four are left, one for each vector. */
static inline __attribute__((always_inline)) void fg_avx512_store_totals_32(float *p, const __m512 r[4])
{
    const __m512 t = _mm512_add_ps(_mm512_unpacklo_ps(r[0], r[1]), _mm512_unpackhi_ps(r[0], r[1]));
    const __m512 u = _mm512_add_ps(_mm512_unpacklo_ps(r[2], r[3]), _mm512_unpackhi_ps(r[2], r[3]));
    const __m512 s = _mm512_add_ps(_mm512_shuffle_ps(t, u, 0x44), _mm512_shuffle_ps(t, u, 0xee));
    const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(s), _mm512_extractf32x8_ps(s, 1));
    _mm_storeu_ps(p, _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1)));
}
static inline __attribute__((always_inline)) void fg_avx512_store_totals_64(double *p, const __m512d r[4])
{
    const __m512d t = _mm512_add_pd(_mm512_unpacklo_pd(r[0], r[1]), _mm512_unpackhi_pd(r[0], r[1]));
    const __m512d u = _mm512_add_pd(_mm512_unpacklo_pd(r[2], r[3]), _mm512_unpackhi_pd(r[2], r[3]));
    const __m256d t4 = _mm256_add_pd(_mm512_castpd512_pd256(t), _mm512_extractf64x4_pd(t, 1));
    const __m256d u4 = _mm256_add_pd(_mm512_castpd512_pd256(u), _mm512_extractf64x4_pd(u, 1));
    _mm256_storeu_pd(p, _mm256_add_pd(_mm256_permute2f128_pd(t4, u4, 0x20), _mm256_permute2f128_pd(t4, u4, 0x31)));
}
#endif

#include "runtime/simd/common.h"

#define REGISTERS 32

#define vint __m512i

#if FG_REAL_BITS == 32
#define LANES 16
#define vreal __m512
#define vmask __mmask16
#define FG_MM(op) _mm512_##op##_ps
#define FG_MMI(op) _mm512_##op##_epi32
#define v_lt(a, b) _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ)
#define v_le(a, b) _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ)
#define v_eq(a, b) _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ)
#define v_broadcast(p) _mm512_castsi512_ps(_mm512_set1_epi32(fg_avx512_bits_32(p)))
#define v_trunc(a) _mm512_cvttps_epi32(a)
#define v_store_int32_where(p, m, q) _mm512_storeu_si512(p, _mm512_maskz_compress_epi32(m, _mm512_loadu_si512(q)))
#define v_transpose(rows) fg_avx512_transpose_32(rows)
#define v_store_totals(p, rows) fg_avx512_store_totals_32(p, rows)
#define v_zip8(rows) fg_avx512_zip8_32(rows)
#define v_zip_low(a, b) fg_avx512_zip_32(a, b, 0)
#define v_zip_high(a, b) fg_avx512_zip_32(a, b, 8)
#define v_zip4(rows) FG_ZIP4(rows)
#define v_from_int(a) _mm512_cvtepi32_ps(a)
#define i_pair(low, high) _mm512_mask_blend_epi16(0xaaaaaaaau, low, _mm512_slli_epi32(high, 16))
#define i_bits(a) _mm512_castps_si512(a)
#define i_and(a, b) _mm512_and_si512(a, b)
#define i_min(a, b) _mm512_min_epi32(a, b)
#define i_max(a, b) _mm512_max_epi32(a, b)
#ifndef i_madd_add
#define i_madd_add(a, b, c) fg_avx512_madd_add(a, b, c)
#endif
#define v_store_int32(p, a) _mm512_storeu_si512(p, v_trunc(a))
#else
#define LANES 8
#define vreal __m512d
#define vmask __mmask8
#define FG_MM(op) _mm512_##op##_pd
#define FG_MMI(op) _mm512_##op##_epi64
#define v_load_float(p) _mm512_cvtps_pd(_mm256_loadu_ps(p))
#define v_load_float_part(p, n) _mm512_cvtps_pd(_mm256_maskz_loadu_ps((__mmask8)((1u << (n)) - 1u), p))
#define v_lt(a, b) _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ)
#define v_le(a, b) _mm512_cmp_pd_mask(a, b, _CMP_LE_OQ)
#define v_eq(a, b) _mm512_cmp_pd_mask(a, b, _CMP_EQ_OQ)
#define v_broadcast(p) _mm512_castsi512_pd(_mm512_set1_epi64(fg_avx512_bits_64(p)))
#define v_trunc(a) _mm512_cvttpd_epi64(a)
#define v_store_int32_where(p, m, q) \
    _mm256_storeu_si256((__m256i *)(p), _mm256_maskz_compress_epi32(m, _mm256_loadu_si256((const __m256i *)(q))))
#define v_transpose(rows) fg_avx512_transpose_64(rows)
#define v_store_totals(p, rows) fg_avx512_store_totals_64(p, rows)
#define v_zip8(rows) fg_avx512_transpose_64(rows)
#define v_zip_low(a, b) fg_avx512_zip_64(a, b, 0)
#define v_zip_high(a, b) fg_avx512_zip_64(a, b, 4)
#define v_zip4(rows) FG_ZIP4(rows)
#define v_store_int32(p, a) _mm256_storeu_si256((__m256i *)(p), _mm512_cvttpd_epi32(a))
#define v_store_cells8(p, m, a, s, e, b, r) fg_avx512_store_cells(p, m, a, s, e, fg_avx512_odd_bytes(b), r)
#define v_store_cells64(p, m, a, s, e, b, r) \
    fg_avx512_store_cells(p, m, a, s, e, _mm512_test_epi64_mask(b, _mm512_set1_epi64(1)), r)
#endif

#define v_set1(x) FG_MM(set1)(x)
#define v_load(p) FG_MM(loadu)(p)
#define v_load_part(p, n) FG_MM(maskz_loadu)((vmask)((1u << (n)) - 1u), p)
#define v_keep(a) __asm__("" : "+v"(a))
#define v_store(p, a) FG_MM(storeu)(p, a)
#define v_stream(p, a) FG_MM(stream)(p, a)
#define v_stream_end() _mm_sfence()
#define v_store_where(p, m, a) FG_MM(storeu)(p, FG_MM(maskz_compress)(m, a))
#define v_store_part(p, a, n) FG_MM(mask_storeu)(p, (vmask)((1u << (n)) - 1u), a)

#define v_add(a, b) FG_MM(add)(a, b)
#define v_sub(a, b) FG_MM(sub)(a, b)
#define v_mul(a, b) FG_MM(mul)(a, b)
#define v_div(a, b) FG_MM(div)(a, b)
#define v_sqrt(a) FG_MM(sqrt)(a)
#define v_fma(a, b, c) FG_MM(fmadd)(a, b, c)
#define v_fnma(a, b, c) FG_MM(fnmadd)(a, b, c)
#define v_abs(a) FG_MM(abs)(a)
#define v_pow2(a) FG_MM(scalef)(v_set1(1), a)
#define v_max(a, b) FG_MM(max)(a, b)
#define v_min(a, b) FG_MM(min)(a, b)

#define v_select(m, a, b) FG_MM(mask_blend)(m, b, a)

#define m_and(m, n) ((vmask)((m) & (n)))
#define m_or(m, n) ((vmask)((m) | (n)))
#define m_andnot(m, n) ((vmask)(~(m) & (n)))
#define m_bits(m) ((unsigned)(m))

#define i_set1(x) FG_MMI(set1)(x)
#define i_load(p) _mm512_loadu_si512(p)
#define i_store(p, a) _mm512_storeu_si512(p, a)
#define i_add(a, b) FG_MMI(add)(a, b)
#define i_or(a, b) _mm512_or_si512(a, b)
#define i_select(m, a, b) FG_MMI(mask_blend)(m, b, a)

#define SHORTS 32
#define SHORT_BITS 1
#define vshort __m512i
#define s_set1(x) _mm512_set1_epi16(x)
#define s_load(p) _mm512_loadu_si512(p)
#define s_sub(a, b) _mm512_sub_epi16(a, b)
#define s_or(a, b) _mm512_or_si512(a, b)
#define s_nonnegative(a) ((uint64_t)(uint32_t)~_mm512_movepi16_mask(a))
