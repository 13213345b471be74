/* The instruction sets: one row each. Everything that names them is derived from FG_ISA_LIST.

   To add one: a row here, its features in cpu.c, its vocabulary in simd/, its lines in for_each_isa.h. */
#ifndef FG_ISA_H
#define FG_ISA_H

#include <float.h>

#if FLT_EVAL_METHOD > 0
#error "fastgeo needs a compiler that rounds every operation to its type (on 32-bit x86: -msse2 -mfpmath=sse)"
#endif

/* Target regions need GCC or Clang; another compiler gets the scalar code alone. */
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define FG_X86 1
#elif defined(__aarch64__) && (defined(__GNUC__) || defined(__clang__))
#define FG_ARM64 1
#endif

#if FG_X86
#define FG_ISA_LIST(ROW, arg) ROW(scalar, arg) ROW(avx2, arg) ROW(avx512, arg)
#elif FG_ARM64
#define FG_ISA_LIST(ROW, arg) ROW(scalar, arg) ROW(neon, arg)
#else
#define FG_ISA_LIST(ROW, arg) ROW(scalar, arg)
#endif

#define FG_ISA_ENUM(isa, arg) FG_ISA_##isa,
enum { FG_ISA_LIST(FG_ISA_ENUM, ) FG_ISA_COUNT };

/* FG_TABLE(type, function): function_table[isa][is_f64] over the variants that for_each_target.h compiled. */
#define FG_TABLE_ROW(isa, function) [FG_ISA_##isa] = {function##_##isa##_f32, function##_##isa##_f64},
#define FG_TABLE(type, function) \
    static type *const function##_table[FG_ISA_COUNT][2] = {FG_ISA_LIST(FG_TABLE_ROW, function)}

#endif
