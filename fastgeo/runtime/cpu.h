/* Which instruction sets of FG_ISA_LIST this CPU and this operating system both support. */
#ifndef FG_CPU_H
#define FG_CPU_H

#include "runtime/isa.h"

extern const char *const fg_isa_names[FG_ISA_COUNT];

int fg_isa_supported(int isa);

/* The widest supported one. */
int fg_isa_best(void);

/* The features looked for, by name; NULL past the last. */
const char *fg_feature_name(int feature);
int fg_feature_present(int feature);

#endif
