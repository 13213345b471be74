/* Two loops that show what this machine can do at best; benchmarks print them beside their figures. */
#ifndef FG_LIMITS_H
#define FG_LIMITS_H

#include <stdint.h>

/* Floating-point operations of one round of fg_spin_fma on instruction set `isa`: independent float32 FMA chains. */
int64_t fg_fma_round(int isa);

/* Runs that many rounds; the value returned only keeps the work alive. */
double fg_spin_fma(int isa, int64_t rounds);

/* Reads n floats once. */
double fg_read_floats(int isa, const float *values, int64_t n);

#endif
