/* Boxes as a structure of arrays: five runs of `stride` values, x1 y1 x2 y2 area, padded with zeros to whole vectors.
   Part of a body: a family includes it inside its target regions. */
#include "runtime/box_format.h"

/* Beyond this magnitude an area could overflow. NaN fails the comparison too. */
#if FG_REAL_BITS == 32
#define BOX_LIMIT 0x1p60f
#else
#define BOX_LIMIT 0x1p508
#endif

/* Finite, and small enough for every area to be finite too. */
static inline int FG_NAME(is_legal)(real a) { return REAL_ABS(a) <= BOX_LIMIT; }

/* Values per run for n boxes. */
static inline int64_t FG_NAME(soa_stride)(int64_t n) { return (n + LANES - 1) / LANES * LANES; }

static inline real FG_NAME(extent)(real low, real high, real offset)
{
    real extent = high - low + offset;
    return extent > 0 ? extent : 0;
}

static inline __attribute__((always_inline)) int FG_NAME(load_format)(const real *restrict boxes, int64_t n, int fmt,
                                                                      real offset, real *restrict soa, int64_t stride)
{
    int good = 1;
    for (int64_t i = 0; i < n; i++) {
        const real a = boxes[4 * i], b = boxes[4 * i + 1], c = boxes[4 * i + 2], d = boxes[4 * i + 3];
        good &= FG_NAME(is_legal)(a) & FG_NAME(is_legal)(b) & FG_NAME(is_legal)(c) & FG_NAME(is_legal)(d);
        const real x1 = fmt == FG_CXCYWH ? a - c / 2 : a, y1 = fmt == FG_CXCYWH ? b - d / 2 : b;
        const real x2 = fmt == FG_XYXY ? c : fmt == FG_XYWH ? a + c : a + c / 2;
        const real y2 = fmt == FG_XYXY ? d : fmt == FG_XYWH ? b + d : b + d / 2;
        const real width = fmt == FG_XYXY ? FG_NAME(extent)(x1, x2, offset) : FG_NAME(extent)(0, c, offset);
        const real height = fmt == FG_XYXY ? FG_NAME(extent)(y1, y2, offset) : FG_NAME(extent)(0, d, offset);
        soa[i] = x1;
        soa[i + stride] = y1;
        soa[i + 2 * stride] = x2;
        soa[i + 3 * stride] = y2;
        soa[i + 4 * stride] = width * height;
    }
    return good ? FG_OK : FG_BAD_VALUE;
}

/* One box into soa[0], soa[stride], … soa[4 * stride]; the limit is not checked. */
static inline void FG_NAME(load_box)(const real *box, int fmt, real offset, real *soa, int64_t stride)
{
    const real a = box[0], b = box[1], c = box[2], d = box[3];
    real x1 = a, y1 = b, x2 = c, y2 = d, width, height;
    if (fmt == FG_XYXY) {
        width = FG_NAME(extent)(a, c, offset);
        height = FG_NAME(extent)(b, d, offset);
    } else {
        width = FG_NAME(extent)(0, c, offset);
        height = FG_NAME(extent)(0, d, offset);
        x1 = fmt == FG_XYWH ? a : a - c / 2;
        y1 = fmt == FG_XYWH ? b : b - d / 2;
        x2 = fmt == FG_XYWH ? a + c : a + c / 2;
        y2 = fmt == FG_XYWH ? b + d : b + d / 2;
    }
    soa[0] = x1;
    soa[stride] = y1;
    soa[2 * stride] = x2;
    soa[3 * stride] = y2;
    soa[4 * stride] = width * height;
}

/* FG_BAD_VALUE where one of the 4n values is NaN or beyond the limit. */
static inline int FG_NAME(boxes_in_range)(const real *boxes, int64_t n)
{
    const vreal limit = v_set1(BOX_LIMIT);
    int64_t i = 0;
    for (; i + LANES <= 4 * n; i += LANES)
        if (m_bits(v_le(v_abs(v_load(boxes + i)), limit)) != (1u << LANES) - 1u)
            return FG_BAD_VALUE;
    for (; i < 4 * n; i++)
        if (!(REAL_ABS(boxes[i]) <= BOX_LIMIT))
            return FG_BAD_VALUE;
    return FG_OK;
}

/* Boxes begin … end - 1 of n into their places in soa[5 * soa_stride(n)]; the last of them bring the padding. FG_BAD_VALUE
   where a value is NaN or beyond the limit. */
static inline int FG_NAME(load_part)(const real *boxes, int64_t begin, int64_t end, int64_t n, int fmt, real offset,
                                     real *soa)
{
    const int64_t stride = FG_NAME(soa_stride)(n);
    for (int run = 0; run < 5 && end == n; run++)
        for (int64_t i = n; i < stride; i++)
            soa[run * stride + i] = 0;
    boxes += 4 * begin;
    soa += begin;
    switch (fmt) {
    case FG_XYXY:
        return FG_NAME(load_format)(boxes, end - begin, FG_XYXY, offset, soa, stride);
    case FG_XYWH:
        return FG_NAME(load_format)(boxes, end - begin, FG_XYWH, offset, soa, stride);
    default:
        return FG_NAME(load_format)(boxes, end - begin, FG_CXCYWH, offset, soa, stride);
    }
}

/* All n boxes. */
static inline int FG_NAME(load_boxes)(const real *boxes, int64_t n, int fmt, real offset, real *soa)
{
    return FG_NAME(load_part)(boxes, 0, n, n, fmt, offset, soa);
}

#undef BOX_LIMIT
