/* The instruction sets: one row each. Everything that names them is derived from FG_ISA_LIST.

   A row is ROW(isa, code, dot, arg): its name, the set whose code its bodies run, and the same for the bodies that
   multiply small integers. So a set that adds one instruction costs the library one more copy of those bodies alone.

   To add one: a row here, its features in cpu.c, its vocabulary in simd/, its lines in for_each_isa.h. */
#ifndef FG_ISA_H
#define FG_ISA_H

#include <float.h>

#if FLT_EVAL_METHOD > 0
#error "fastgeo needs a compiler that rounds every operation to its type (on 32-bit x86: -msse2 -mfpmath=sse)"
#endif

/* Target regions need GCC or Clang; another compiler gets the scalar code alone, and so do programs that ask for it: a
   sanitizer then has a twentieth of the code to compile. */
#if defined(FG_SCALAR_ONLY)
#elif defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define FG_X86 1
#elif defined(__aarch64__) && (defined(__GNUC__) || defined(__clang__))
#define FG_ARM64 1
#endif

#if FG_X86
#define FG_ISA_LIST(ROW, arg) \
    ROW(scalar, scalar, scalar, arg) \
    ROW(avx2, avx2, avx2, arg) \
    ROW(avx512, avx512, avx512, arg) \
    ROW(avx512vnni, avx512, avx512vnni, arg)
#elif FG_ARM64
#define FG_ISA_LIST(ROW, arg) ROW(scalar, scalar, scalar, arg) ROW(neon, neon, neon, arg)
#else
#define FG_ISA_LIST(ROW, arg) ROW(scalar, scalar, scalar, arg)
#endif

#define FG_ISA_ENUM(isa, code, dot, arg) FG_ISA_##isa,
enum { FG_ISA_LIST(FG_ISA_ENUM, ) FG_ISA_COUNT };

/* FG_TABLE(type, function): function_table[isa][is_f64] over the variants that for_each_target.h compiled. */
#define FG_TABLE_ROW(isa, code, dot, function) [FG_ISA_##isa] = {function##_##code##_f32, function##_##code##_f64},
#define FG_TABLE(type, function) \
    static type *const function##_table[FG_ISA_COUNT][2] = {FG_ISA_LIST(FG_TABLE_ROW, function)}

/* The same where float32 multiplies small integers: for a body compiled with FG_DOT_BODY defined. */
#define FG_DOT_TABLE_ROW(isa, code, dot, function) [FG_ISA_##isa] = {function##_##dot##_f32, function##_##code##_f64},
#define FG_DOT_TABLE(type, function) \
    static type *const function##_table[FG_ISA_COUNT][2] = {FG_ISA_LIST(FG_DOT_TABLE_ROW, function)}

#endif
