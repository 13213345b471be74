#include "runtime/cpu.h"

#include <stddef.h>
#include <stdint.h>

#define FG_ISA_NAME(isa, code, dot, arg) #isa,
const char *const fg_isa_names[FG_ISA_COUNT] = {FG_ISA_LIST(FG_ISA_NAME, )};

#if FG_X86
#include <cpuid.h>

enum { LEAF1_ECX, LEAF7_EBX, LEAF7_ECX };

/* XCR0 bits: the operating system saves these registers on a context switch. */
enum { OS_YMM = 0x06, OS_ZMM = 0xe6 };

typedef struct {
    const char *name;
    int word; /* which CPUID word, and which bit of it */
    int bit;
    unsigned os;   /* the XCR0 bits it needs */
    int first_isa; /* the lowest instruction set whose target region names it; those above name it too */
} fg_feature;

/* Every feature that a target region of simd/ names, and AVX, which they build on. */
static const fg_feature features[] = {
    {"avx", LEAF1_ECX, 28, OS_YMM, FG_ISA_avx2},
    {"fma", LEAF1_ECX, 12, OS_YMM, FG_ISA_avx2},
    {"avx2", LEAF7_EBX, 5, OS_YMM, FG_ISA_avx2},
    {"avx512f", LEAF7_EBX, 16, OS_ZMM, FG_ISA_avx512},
    {"avx512dq", LEAF7_EBX, 17, OS_ZMM, FG_ISA_avx512},
    {"avx512bw", LEAF7_EBX, 30, OS_ZMM, FG_ISA_avx512},
    {"avx512vl", LEAF7_EBX, 31, OS_ZMM, FG_ISA_avx512},
    {"avx512_vnni", LEAF7_ECX, 11, OS_ZMM, FG_ISA_avx512vnni},
};
enum { N_FEATURES = sizeof features / sizeof features[0] };

static unsigned read_xcr0(void)
{
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

int fg_feature_present(int feature)
{
    unsigned eax, ebx, ecx, edx, words[3] = {0, 0, 0}, os = 0;
    const unsigned osxsave = 1u << 27;
    if (__get_cpuid(1, &eax, &ebx, &ecx, &edx)) {
        words[LEAF1_ECX] = ecx;
        if (ecx & osxsave)
            os = read_xcr0();
    }
    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) {
        words[LEAF7_EBX] = ebx;
        words[LEAF7_ECX] = ecx;
    }
    const fg_feature *f = &features[feature];
    return (words[f->word] >> f->bit & 1u) && (os & f->os) == f->os;
}

int fg_isa_supported(int isa)
{
    for (int i = 0; i < N_FEATURES; i++)
        if (features[i].first_isa <= isa && !fg_feature_present(i))
            return 0;
    return 1;
}

const char *fg_feature_name(int feature) { return feature < N_FEATURES ? features[feature].name : NULL; }

#elif FG_ARM64

/* NEON is part of the aarch64 baseline. */
int fg_feature_present(int feature) { return feature == 0; }
int fg_isa_supported(int isa) { return isa >= 0; }
const char *fg_feature_name(int feature) { return feature == 0 ? "neon" : NULL; }

#else

int fg_feature_present(int feature) { return (void)feature, 0; }
int fg_isa_supported(int isa) { return isa == FG_ISA_scalar; }
const char *fg_feature_name(int feature) { return (void)feature, NULL; }

#endif

int fg_isa_best(void)
{
    int best = FG_ISA_scalar;
    for (int isa = 0; isa < FG_ISA_COUNT; isa++)
        if (fg_isa_supported(isa))
            best = isa;
    return best;
}
