/* What every vocabulary shares: the float type, its integer twin, and names that carry target and type. */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#define FG_PASTE_(a, b, c) a##_##b##_##c
#define FG_PASTE(a, b, c) FG_PASTE_(a, b, c)
#define FG_NAME(function) FG_PASTE(function, FG_ISA, FG_REAL_SUFFIX)

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
