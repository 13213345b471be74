#include "runtime/limits.h"

#include "runtime/isa.h"

/* More than latency times throughput of any FMA unit, and few enough for 16 vector registers. */
enum { CHAINS = 12 };

#define FG_BODY "runtime/limits_body.h"
#define FG_REAL_BITS 32
#include "runtime/for_each_isa.h"
#undef FG_REAL_BITS
#undef FG_BODY

#define ROW(isa, code, dot, function) [FG_ISA_##isa] = function##_##code##_f32,
static int64_t (*const fma_round_table[])(void) = {FG_ISA_LIST(ROW, fma_round)};
static double (*const spin_fma_table[])(int64_t) = {FG_ISA_LIST(ROW, spin_fma)};
static double (*const read_floats_table[])(const float *, int64_t) = {FG_ISA_LIST(ROW, read_floats)};

int64_t fg_fma_round(int isa) { return fma_round_table[isa](); }

double fg_spin_fma(int isa, int64_t rounds) { return spin_fma_table[isa](rounds); }

double fg_read_floats(int isa, const float *values, int64_t n) { return read_floats_table[isa](values, n); }
