#include "runtime/box_soa.h"

static int FG_NAME(load_both)(const fg_iou_call *call, void *soa1, void *soa2)
{
    int status = FG_NAME(load_boxes)(call->boxes1, call->n, call->fmt, (real)call->offset, soa1);
    return status ? status : FG_NAME(load_boxes)(call->boxes2, call->m, call->fmt, (real)call->offset, soa2);
}

/* max(0, high - low + offset), in this order of operations. */
static inline vreal FG_NAME(v_extent)(vreal low, vreal high, vreal offset)
{
    return v_max(v_add(v_sub(high, low), offset), v_set1(0));
}

/* a / b, and 0 where b is not positive. */
static inline vreal FG_NAME(v_ratio)(vreal a, vreal b)
{
    return v_select(v_lt(v_set1(0), b), v_div(a, b), v_set1(0));
}

static inline __attribute__((always_inline)) vreal FG_NAME(overlap)(const vreal *a, const vreal *b, vreal offset,
                                                                    int kind)
{
    vreal width = FG_NAME(v_extent)(v_max(a[0], b[0]), v_min(a[2], b[2]), offset);
    vreal height = FG_NAME(v_extent)(v_max(a[1], b[1]), v_min(a[3], b[3]), offset);
    vreal intersection = v_mul(width, height);
    vreal area_union = v_sub(v_add(a[4], b[4]), intersection);
    vreal iou = FG_NAME(v_ratio)(intersection, area_union);
    if (kind == FG_IOU)
        return iou;
    vreal hull = v_mul(FG_NAME(v_extent)(v_min(a[0], b[0]), v_max(a[2], b[2]), offset),
                       FG_NAME(v_extent)(v_min(a[1], b[1]), v_max(a[3], b[3]), offset));
    return v_sub(iou, FG_NAME(v_ratio)(v_sub(hull, area_union), hull));
}

static inline __attribute__((always_inline)) void FG_NAME(fill_tile)(const iou_job *job, int64_t tile, int kind)
{
    const fg_iou_call *call = job->call;
    const int64_t n = call->n, m = call->m;
    const int64_t row_begin = tile / job->column_tiles * ROWS, row_end = row_begin + ROWS < n ? row_begin + ROWS : n;
    const int64_t begin = tile % job->column_tiles * COLUMNS, end = begin + COLUMNS < m ? begin + COLUMNS : m;
    const int64_t stride1 = FG_NAME(soa_stride)(n), stride2 = FG_NAME(soa_stride)(m);
    const real *soa1 = job->soa1, *soa2 = job->soa2;
    const vreal offset = v_set1((real)call->offset);
    for (int64_t i = row_begin; i < row_end; i++) {
        vreal row[5], column[5];
        for (int run = 0; run < 5; run++)
            row[run] = v_set1(soa1[run * stride1 + i]);
        real *out = (real *)call->out + i * m;
        for (int64_t j = begin; j < end; j += LANES) {
            for (int run = 0; run < 5; run++)
                column[run] = v_load(soa2 + run * stride2 + j);
            vreal value = FG_NAME(overlap)(row, column, offset, kind);
            if (j + LANES <= end)
                v_store(out + j, value);
            else
                v_store_part(out + j, value, end - j);
        }
    }
}

static void FG_NAME(iou_tile)(void *job, int64_t tile, int slot)
{
    (void)slot;
    if (((const iou_job *)job)->call->kind == FG_IOU)
        FG_NAME(fill_tile)(job, tile, FG_IOU);
    else
        FG_NAME(fill_tile)(job, tile, FG_GIOU);
}
