/* AVX-512 with VNNI: products of 16-bit integers and their sum in one instruction. */
#include <immintrin.h>

#define FG_ISA avx512vnni
#define FG_TARGETED
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512vnni,avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512vnni,avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")
#endif

#ifndef FG_AVX512VNNI_HELPERS
#define FG_AVX512VNNI_HELPERS
/* Assembly, since GCC 12 copies the sums of a loop to and fro around the intrinsic. */
static inline __attribute__((always_inline)) __m512i fg_avx512vnni_madd_add(__m512i a, __m512i b, __m512i c)
{
    __asm__("vpdpwssd %2, %1, %0" : "+v"(c) : "v"(a), "v"(b));
    return c;
}
#endif

#define i_madd_add(a, b, c) fg_avx512vnni_madd_add(a, b, c)

#include "runtime/simd/avx512.h"
