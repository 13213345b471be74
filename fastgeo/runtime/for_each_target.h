/* Compiles FG_BODY once per float type and instruction set, each inside its target region.

     #define FG_BODY "boxes/iou_body.h"
     #include "runtime/for_each_target.h"

   The body writes its functions as `static ... FG_NAME(rows)(...)` over `real` and the vocabulary of simd/. */
#define FG_REAL_BITS 32
#include "runtime/for_each_isa.h"
#undef FG_REAL_BITS
#define FG_REAL_BITS 64
#include "runtime/for_each_isa.h"
#undef FG_REAL_BITS
#undef FG_BODY
