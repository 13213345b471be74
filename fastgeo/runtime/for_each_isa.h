/* Compiles FG_BODY once per instruction set for the float type FG_REAL_BITS. */
#include "runtime/isa.h"

#include "runtime/simd/scalar.h"
#include FG_BODY
#include "runtime/simd/end.h"

#if FG_X86
#include "runtime/simd/avx2.h"
#include FG_BODY
#include "runtime/simd/end.h"

#include "runtime/simd/avx512.h"
#include FG_BODY
#include "runtime/simd/end.h"

#if defined(FG_DOT_BODY) && FG_REAL_BITS == 32
#include "runtime/simd/avx512vnni.h"
#include FG_BODY
#include "runtime/simd/end.h"
#endif
#endif

#if FG_ARM64
#include "runtime/simd/neon.h"
#include FG_BODY
#include "runtime/simd/end.h"
#endif
