/* AVX2 with FMA: 8 floats or 4 doubles. */
#include <immintrin.h>

#define FG_TARGETED
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif

#ifndef FG_AVX2_HELPERS
#define FG_AVX2_HELPERS
/* The first n lanes set, as a mask for maskload and maskstore. */
static inline __m256i fg_avx2_first_32(int64_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static inline __m256i fg_avx2_first_64(int64_t n)
{
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
}
/* The places of the bits that are set, side by side: byte k of an entry is the place of the k-th. */
static inline __m256i fg_avx2_set_bits(unsigned bits)
{
#define FG_BEHIND(rest, bits, k) ((uint64_t)(rest) << 8 * ((bits) >> (k) & 1) | (uint64_t)(k) * ((bits) >> (k) & 1))
#define FG_LOW(rest, b) FG_BEHIND(FG_BEHIND(FG_BEHIND(FG_BEHIND(rest, b, 3), b, 2), b, 1), b, 0)
#define FG_ENTRY(b) FG_LOW(FG_BEHIND(FG_BEHIND(FG_BEHIND(FG_BEHIND(0, b, 7), b, 6), b, 5), b, 4), b)
#define FG_ENTRIES4(b) FG_ENTRY(b), FG_ENTRY(b + 1), FG_ENTRY(b + 2), FG_ENTRY(b + 3)
#define FG_ENTRIES16(b) FG_ENTRIES4(b), FG_ENTRIES4(b + 4), FG_ENTRIES4(b + 8), FG_ENTRIES4(b + 12)
#define FG_ENTRIES64(b) FG_ENTRIES16(b), FG_ENTRIES16(b + 16), FG_ENTRIES16(b + 32), FG_ENTRIES16(b + 48)
    static const uint64_t places[256] = {FG_ENTRIES64(0), FG_ENTRIES64(64), FG_ENTRIES64(128), FG_ENTRIES64(192)};
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)&places[bits]));
}
static inline __attribute__((always_inline)) void fg_avx2_store_where(float *p, __m256 m, __m256 a)
{
    _mm256_storeu_ps(p, _mm256_permutevar8x32_ps(a, fg_avx2_set_bits((unsigned)_mm256_movemask_ps(m))));
}
static inline __attribute__((always_inline)) void fg_avx2_store_where_low(float *p, __m256d m, __m128 a)
{
    const __m256i places = fg_avx2_set_bits((unsigned)_mm256_movemask_pd(m));
    _mm_storeu_ps(p, _mm_permutevar_ps(a, _mm256_castsi256_si128(places)));
}
/* The empty asm keeps product and sum together: GCC moves all products of a loop to its front and runs out of registers. */
static inline __attribute__((always_inline)) __m256i fg_avx2_madd_add(__m256i a, __m256i b, __m256i c)
{
    c = _mm256_add_epi32(c, _mm256_madd_epi16(a, b));
    __asm__("" : "+x"(c));
    return c;
}
/* The lower halves of four int64. */
static inline __attribute__((always_inline)) __m128i fg_avx2_low_halves(__m256i a)
{
    const __m128 low = _mm_castsi128_ps(_mm256_castsi256_si128(a)), high = _mm_castsi128_ps(_mm256_extracti128_si256(a, 1));
    return _mm_castps_si128(_mm_shuffle_ps(low, high, 0x88));
}
static inline __attribute__((always_inline)) void fg_avx2_store_cells(uint32_t *p, __m256d m, __m256d a, int s,
                                                                      uint32_t e, __m128i b, uint32_t r)
{
    const __m128i whole = _mm_slli_epi32(_mm256_cvttpd_epi32(_mm256_blendv_pd(_mm256_set1_pd(e), a, m)), s);
    const __m128i odd = _mm_srai_epi32(_mm_slli_epi32(b, 31), 31);
    _mm_storeu_si128((__m128i *)p, _mm_add_epi32(whole, _mm_and_si128(odd, _mm_set1_epi32((int)r))));
}
/* Rows become columns: pairs of rows, then fours, then the two halves. */
static inline __attribute__((always_inline)) void fg_avx2_transpose_32(__m256 r[8])
{
    __m256 t[8], u[8];
    for (int i = 0; i < 4; i++) {
        t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    for (int g = 0; g < 8; g += 4)
        for (int h = 0; h < 2; h++) {
            u[g + 2 * h] = _mm256_shuffle_ps(t[g + h], t[g + h + 2], 0x44);
            u[g + 2 * h + 1] = _mm256_shuffle_ps(t[g + h], t[g + h + 2], 0xee);
        }
    for (int c = 0; c < 4; c++) {
        r[c] = _mm256_permute2f128_ps(u[c], u[c + 4], 0x20);
        r[c + 4] = _mm256_permute2f128_ps(u[c], u[c + 4], 0x31);
    }
}
static inline __attribute__((always_inline)) void fg_avx2_transpose_64(__m256d r[4])
{
    const __m256d t[4] = {_mm256_unpacklo_pd(r[0], r[1]), _mm256_unpackhi_pd(r[0], r[1]),
                          _mm256_unpacklo_pd(r[2], r[3]), _mm256_unpackhi_pd(r[2], r[3])};
    for (int c = 0; c < 2; c++) {
        r[c] = _mm256_permute2f128_pd(t[c], t[c + 2], 0x20);
        r[c + 2] = _mm256_permute2f128_pd(t[c], t[c + 2], 0x31);
    }
}
/* The lanes of four rows in turn. */
static inline __attribute__((always_inline)) void fg_avx2_zip4_32(__m256 r[4])
{
    const __m256 t[4] = {_mm256_unpacklo_ps(r[0], r[1]), _mm256_unpackhi_ps(r[0], r[1]), _mm256_unpacklo_ps(r[2], r[3]),
                         _mm256_unpackhi_ps(r[2], r[3])};
    for (int h = 0; h < 2; h++) {
        const __m256 even = _mm256_shuffle_ps(t[h], t[h + 2], 0x44), odd = _mm256_shuffle_ps(t[h], t[h + 2], 0xee);
        r[h] = _mm256_permute2f128_ps(even, odd, 0x20);
        r[h + 2] = _mm256_permute2f128_ps(even, odd, 0x31);
    }
}
static inline __attribute__((always_inline)) void fg_avx2_store_totals_32(float *p, const __m256 r[4])
{
    const __m256 s = _mm256_hadd_ps(_mm256_hadd_ps(r[0], r[1]), _mm256_hadd_ps(r[2], r[3]));
    _mm_storeu_ps(p, _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1)));
}
static inline __attribute__((always_inline)) void fg_avx2_store_totals_64(double *p, const __m256d r[4])
{
    const __m256d t = _mm256_hadd_pd(r[0], r[1]), u = _mm256_hadd_pd(r[2], r[3]);
    _mm256_storeu_pd(p, _mm256_add_pd(_mm256_permute2f128_pd(t, u, 0x20), _mm256_permute2f128_pd(t, u, 0x31)));
}
#endif

#define FG_ISA avx2
#include "runtime/simd/common.h"

#define REGISTERS 16

#define vint __m256i

#if FG_REAL_BITS == 32
#define LANES 8
#define vreal __m256
#define vmask __m256
#define FG_MM(op) _mm256_##op##_ps
#define v_load_part(p, n) _mm256_maskload_ps(p, fg_avx2_first_32(n))
#define v_store_part(p, a, n) _mm256_maskstore_ps(p, fg_avx2_first_32(n), a)
#define v_abs(a) _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a)
#define v_trunc(a) _mm256_cvttps_epi32(a)
#define v_transpose(rows) fg_avx2_transpose_32(rows)
#define v_store_totals(p, rows) fg_avx2_store_totals_32(p, rows)
#define v_zip_low(a, b) _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x20)
#define v_zip_high(a, b) _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x31)
#define v_zip4(rows) fg_avx2_zip4_32(rows)
#define v_store_where(p, m, a) fg_avx2_store_where(p, m, a)
#define v_store_int32_where(p, m, q) fg_avx2_store_where((float *)(p), m, _mm256_castsi256_ps(i_load(q)))
#define v_from_int(a) _mm256_cvtepi32_ps(a)
#define i_pair(low, high) _mm256_blend_epi16(low, _mm256_slli_epi32(high, 16), 0xaa)
#define i_madd_add(a, b, c) fg_avx2_madd_add(a, b, c)
#define i_bits(a) _mm256_castps_si256(a)
#define i_and(a, b) _mm256_and_si256(a, b)
#define i_min(a, b) _mm256_min_epi32(a, b)
#define i_max(a, b) _mm256_max_epi32(a, b)
#define v_store_int32(p, a) _mm256_storeu_si256((__m256i *)(p), v_trunc(a))
#define v_pow2(a) _mm256_castsi256_ps(_mm256_slli_epi32(i_add(v_trunc(a), i_set1(127)), 23))
#define i_set1(x) _mm256_set1_epi32((int)(x))
#define i_add(a, b) _mm256_add_epi32(a, b)
#define i_select(m, a, b) _mm256_blendv_epi8(b, a, _mm256_castps_si256(m))
#else
#define LANES 4
#define vreal __m256d
#define vmask __m256d
#define FG_MM(op) _mm256_##op##_pd
#define v_load_part(p, n) _mm256_maskload_pd(p, fg_avx2_first_64(n))
#define v_store_part(p, a, n) _mm256_maskstore_pd(p, fg_avx2_first_64(n), a)
#define v_load_float(p) _mm256_cvtps_pd(_mm_loadu_ps(p))
#define v_load_float_part(p, n) _mm256_cvtps_pd(_mm_maskload_ps(p, _mm256_castsi256_si128(fg_avx2_first_32(n))))
#define v_abs(a) _mm256_andnot_pd(_mm256_set1_pd(-0.0), a)
#define v_trunc(a) _mm256_cvtepi32_epi64(_mm256_cvttpd_epi32(a))
#define v_transpose(rows) fg_avx2_transpose_64(rows)
#define v_store_totals(p, rows) fg_avx2_store_totals_64(p, rows)
#define v_zip_low(a, b) _mm256_permute2f128_pd(_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b), 0x20)
#define v_zip_high(a, b) _mm256_permute2f128_pd(_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b), 0x31)
#define v_zip4(rows) fg_avx2_transpose_64(rows)
#define v_store_where(p, m, a) fg_avx2_store_where((float *)(p), _mm256_castpd_ps(m), _mm256_castpd_ps(a))
#define v_store_int32_where(p, m, q) \
    fg_avx2_store_where_low((float *)(p), m, _mm_castsi128_ps(_mm_loadu_si128((const __m128i *)(q))))
#define v_store_int32(p, a) _mm_storeu_si128((__m128i *)(p), _mm256_cvttpd_epi32(a))
#define v_store_cells8(p, m, a, s, e, b, r) \
    fg_avx2_store_cells(p, m, a, s, e, _mm_cvtepu8_epi32(_mm_loadu_si32(b)), r)
#define v_store_cells64(p, m, a, s, e, b, r) fg_avx2_store_cells(p, m, a, s, e, fg_avx2_low_halves(b), r)
#define v_pow2(a) _mm256_castsi256_pd(_mm256_slli_epi64(i_add(v_trunc(a), i_set1(1023)), 52))
#define i_set1(x) _mm256_set1_epi64x(x)
#define i_add(a, b) _mm256_add_epi64(a, b)
#define i_select(m, a, b) _mm256_blendv_epi8(b, a, _mm256_castpd_si256(m))
#endif

#define v_set1(x) FG_MM(set1)(x)
#define v_broadcast(p) v_set1(*(p))
#define v_load(p) FG_MM(loadu)(p)
#define v_keep(a) __asm__("" : "+x"(a))
#define v_store(p, a) FG_MM(storeu)(p, a)
#define v_stream(p, a) FG_MM(stream)(p, a)
#define v_stream_end() _mm_sfence()

#define v_add(a, b) FG_MM(add)(a, b)
#define v_sub(a, b) FG_MM(sub)(a, b)
#define v_mul(a, b) FG_MM(mul)(a, b)
#define v_div(a, b) FG_MM(div)(a, b)
#define v_sqrt(a) FG_MM(sqrt)(a)
#define v_fma(a, b, c) FG_MM(fmadd)(a, b, c)
#define v_fnma(a, b, c) FG_MM(fnmadd)(a, b, c)
#define v_max(a, b) FG_MM(max)(a, b)
#define v_min(a, b) FG_MM(min)(a, b)

#define v_lt(a, b) FG_MM(cmp)(a, b, _CMP_LT_OQ)
#define v_le(a, b) FG_MM(cmp)(a, b, _CMP_LE_OQ)
#define v_eq(a, b) FG_MM(cmp)(a, b, _CMP_EQ_OQ)
#define v_select(m, a, b) FG_MM(blendv)(b, a, m)

#define m_and(m, n) FG_MM(and)(m, n)
#define m_or(m, n) FG_MM(or)(m, n)
#define m_andnot(m, n) FG_MM(andnot)(m, n)
#define m_bits(m) ((unsigned)FG_MM(movemask)(m))

#define i_load(p) _mm256_loadu_si256((const __m256i *)(p))
#define i_store(p, a) _mm256_storeu_si256((__m256i *)(p), a)
#define i_or(a, b) _mm256_or_si256(a, b)

#define SHORTS 16
#define SHORT_BITS 2
#define vshort __m256i
#define s_set1(x) _mm256_set1_epi16(x)
#define s_load(p) _mm256_loadu_si256((const __m256i *)(p))
#define s_sub(a, b) _mm256_sub_epi16(a, b)
#define s_or(a, b) _mm256_or_si256(a, b)
#define s_nonnegative(a) ((uint64_t)(~(uint32_t)_mm256_movemask_epi8(a) & 0xaaaaaaaau))
