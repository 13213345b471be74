/* Labels of any type as bytes 0 and 1, block by block. */
#ifndef FG_LABELS_H
#define FG_LABELS_H

#include <stdint.h>

enum { FG_LABEL_8, FG_LABEL_32, FG_LABEL_64, FG_LABEL_F32, FG_LABEL_F64 };

/* The labels are checked and converted this many at a time. */
enum { FG_BLOCK = 1024 };

#define FG_LABELS_AS_BYTES(type, condition)          \
    do {                                             \
        const type *from = (const type *)labels + i; \
        for (int64_t j = 0; j < n; j++) {            \
            type label = from[j];                    \
            out[j] = (uint8_t)(label == 1);          \
            bad |= (condition);                      \
        }                                            \
    } while (0)

/* Whether bytes, ored into one word eight by eight, are all 0 or 1. */
static inline int fg_are_labels(uint64_t seen) { return !(seen & ~UINT64_C(0x0101010101010101)); }

/* Labels i … i + n - 1 as bytes. Labels of one byte are left where they stand, to be checked by the caller; others are
   written to `out`, or the answer is null if one is neither 0 nor 1. Inlined into each target region, where the
   compiler makes vectors of these loops. */
static inline __attribute__((always_inline)) const uint8_t *fg_unchecked_bytes(const void *labels, int kind, int64_t i,
                                                                               int64_t n, uint8_t *out)
{
    uint64_t bad = 0;
    if (kind == FG_LABEL_8)
        return (const uint8_t *)labels + i;
    if (kind == FG_LABEL_32)
        FG_LABELS_AS_BYTES(uint32_t, label & ~UINT32_C(1));
    else if (kind == FG_LABEL_64)
        FG_LABELS_AS_BYTES(uint64_t, label & ~UINT64_C(1));
    else if (kind == FG_LABEL_F32)
        FG_LABELS_AS_BYTES(float, (label != 0) & (label != 1));
    else
        FG_LABELS_AS_BYTES(double, (label != 0) & (label != 1));
    return bad ? 0 : out;
}

/* The same, all of them checked. */
static inline __attribute__((always_inline)) const uint8_t *fg_label_bytes(const void *labels, int kind, int64_t i,
                                                                           int64_t n, uint8_t *out)
{
    const uint8_t *bytes = fg_unchecked_bytes(labels, kind, i, n, out);
    if (kind != FG_LABEL_8)
        return bytes;
    uint8_t seen = 0;
    for (int64_t j = 0; j < n; j++)
        seen |= bytes[j];
    return seen > 1 ? 0 : bytes;
}

#endif
