#include "runtime/box_soa.h"

static int FG_NAME(areas)(const fg_format_call *call, int64_t begin, int64_t n)
{
    const real *boxes = (const real *)call->boxes + 4 * begin;
    real *out = (real *)call->out + begin;
    real soa[5 * BLOCK];
    int status = FG_OK;
    for (int64_t i = 0; i < n; i += BLOCK) {
        const int64_t count = i + BLOCK < n ? BLOCK : n - i;
        status |= FG_NAME(load_boxes)(boxes + 4 * i, count, call->fmt, (real)call->offset, soa);
        memcpy(out + i, soa + 4 * FG_NAME(soa_stride)(count), (size_t)count * sizeof(real));
    }
    return status;
}

static int FG_NAME(convert)(const fg_format_call *call, int64_t begin, int64_t n)
{
    const real *boxes = (const real *)call->boxes + 4 * begin;
    real *out = (real *)call->out + 4 * begin;
    real soa[5 * BLOCK];
    int status = FG_OK;
    for (int64_t i = 0; i < n; i += BLOCK) {
        const int64_t count = i + BLOCK < n ? BLOCK : n - i, stride = FG_NAME(soa_stride)(count);
        status |= FG_NAME(load_boxes)(boxes + 4 * i, count, call->fmt, 0, soa);
        if (call->fmt == call->out_fmt) {
            memcpy(out + 4 * i, boxes + 4 * i, 4 * (size_t)count * sizeof(real));
            continue;
        }
        for (int64_t j = 0; j < count; j++) {
            const real x1 = soa[j], y1 = soa[j + stride], x2 = soa[j + 2 * stride], y2 = soa[j + 3 * stride];
            real *box = out + 4 * (i + j);
            box[0] = call->out_fmt == FG_CXCYWH ? (x1 + x2) / 2 : x1;
            box[1] = call->out_fmt == FG_CXCYWH ? (y1 + y2) / 2 : y1;
            box[2] = call->out_fmt == FG_XYXY ? x2 : x2 - x1;
            box[3] = call->out_fmt == FG_XYXY ? y2 : y2 - y1;
        }
    }
    return status;
}

static inline real FG_NAME(clip)(real x, real limit)
{
    const real positive = x > 0 ? x : 0;
    return positive < limit ? positive : limit;
}

static int FG_NAME(clips)(const fg_format_call *call, int64_t begin, int64_t n)
{
    const real *boxes = (const real *)call->boxes + 4 * begin;
    real *out = (real *)call->out + 4 * begin;
    const real width = (real)call->width, height = (real)call->height;
    int good = 1;
    for (int64_t i = 0; i < 4 * n; i += 2) {
        good &= FG_NAME(is_legal)(boxes[i]) & FG_NAME(is_legal)(boxes[i + 1]);
        out[i] = FG_NAME(clip)(boxes[i], width);
        out[i + 1] = FG_NAME(clip)(boxes[i + 1], height);
    }
    return good ? FG_OK : FG_BAD_VALUE;
}
