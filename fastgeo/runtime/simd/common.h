/* What every vocabulary shares: the float type, its integer twin, and names that carry target and type. */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#define FG_PASTE_(a, b, c) a##_##b##_##c
#define FG_PASTE(a, b, c) FG_PASTE_(a, b, c)
#define FG_NAME(function) FG_PASTE(function, FG_ISA, FG_REAL_SUFFIX)

/* v_zip4 and v_zip8 where nothing is better: each time, the first half of all values is zipped with the second. */
#define FG_ZIP4(r) \
    do { \
        const vreal t_[4] = {v_zip_low((r)[0], (r)[2]), v_zip_high((r)[0], (r)[2]), v_zip_low((r)[1], (r)[3]), \
                             v_zip_high((r)[1], (r)[3])}; \
        for (int i_ = 0; i_ < 2; i_++) { \
            (r)[2 * i_] = v_zip_low(t_[i_], t_[i_ + 2]); \
            (r)[2 * i_ + 1] = v_zip_high(t_[i_], t_[i_ + 2]); \
        } \
    } while (0)
#define FG_ZIP8(r) \
    do { \
        vreal even_[4], odd_[4]; \
        for (int i_ = 0; i_ < 4; i_++) { \
            even_[i_] = (r)[2 * i_]; \
            odd_[i_] = (r)[2 * i_ + 1]; \
        } \
        FG_ZIP4(even_); \
        FG_ZIP4(odd_); \
        for (int i_ = 0; i_ < 4; i_++) { \
            (r)[2 * i_] = v_zip_low(even_[i_], odd_[i_]); \
            (r)[2 * i_ + 1] = v_zip_high(even_[i_], odd_[i_]); \
        } \
    } while (0)

#if FG_REAL_BITS == 32
#define real float
#define real_int int32_t
#define FG_REAL_SUFFIX f32
#define REAL_FMA fmaf
#define REAL_SQRT sqrtf
#define REAL_ABS fabsf
#define REAL_NEXT nextafterf
#define REAL_EPSILON FLT_EPSILON
#define REAL_MIN FLT_MIN
#else
#define real double
#define real_int int64_t
#define FG_REAL_SUFFIX f64
#define REAL_FMA fma
#define REAL_SQRT sqrt
#define REAL_ABS fabs
#define REAL_NEXT nextafter
#define REAL_EPSILON DBL_EPSILON
#define REAL_MIN DBL_MIN
#endif

/* v_store_where without an instruction for it: `fill` puts the values into from_. */
#define FG_STORE_WHERE(type, p, m, fill) \
    do { \
        type from_[LANES], *to_ = (p); \
        fill; \
        for (unsigned bits_ = m_bits(m); bits_; bits_ &= bits_ - 1) \
            *to_++ = from_[__builtin_ctz(bits_)]; \
    } while (0)
