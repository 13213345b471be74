/* What the bodies of all algorithms share. */
#ifndef FG_UNROLL
#ifdef __clang__
#define FG_UNROLL _Pragma("unroll")
#else
#define FG_UNROLL _Pragma("GCC unroll 16")
#endif
#define FG_INLINE static inline __attribute__((always_inline))
#if FG_X86
/* The compiler takes both for new values, so that it makes no pointers of its own from them. */
#define FG_KEEP(a, b) __asm__ volatile("" : "+r"(a), "+r"(b))
#else
#define FG_KEEP(a, b) ((void)0)
#endif
#define FG_PREFETCH_OUT(p) __builtin_prefetch(p, 1)
#endif

/* ReLU, where a call asks for it: 0 > x ? 0 : x keeps NaN and -0. */
#define FG_ACTIVATED(relu, sum) ((relu) ? v_max(v_set1(0), (sum)) : (sum))
