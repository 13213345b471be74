/* Kernels compute in the default floating-point environment; the caller's comes back afterwards.
   (Another library may have set flush-to-zero or a rounding mode in this thread.) */
#ifndef FG_FENV_H
#define FG_FENV_H

#include <stdint.h>

#include "runtime/isa.h"

#if FG_X86
#include <xmmintrin.h>
typedef unsigned fg_fenv;
static inline fg_fenv fg_fenv_enter(void)
{
    fg_fenv saved = _mm_getcsr();
    _mm_setcsr(0x1f80); /* all exceptions masked, round to nearest, subnormals kept */
    return saved;
}
static inline void fg_fenv_leave(fg_fenv saved) { _mm_setcsr(saved); }
#elif FG_ARM64
typedef uint64_t fg_fenv;
static inline fg_fenv fg_fenv_enter(void)
{
    fg_fenv saved;
    __asm__ volatile("mrs %0, fpcr" : "=r"(saved));
    __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)0) : "memory");
    return saved;
}
static inline void fg_fenv_leave(fg_fenv saved) { __asm__ volatile("msr fpcr, %0" : : "r"(saved) : "memory"); }
#else
#include <fenv.h>
typedef fenv_t fg_fenv;
static inline fg_fenv fg_fenv_enter(void)
{
    fg_fenv saved;
    fegetenv(&saved);
    fesetenv(FE_DFL_ENV);
    return saved;
}
static inline void fg_fenv_leave(fg_fenv saved) { fesetenv(&saved); }
#endif

#endif
