#include "boxes/measures_body.h"

/* atan(width / height), and 0 for 0/0; within 2 ulp. The range reduction and the rational function are Cephes'. */
static inline double FG_NAME(aspect_angle)(double width, double height)
{
    const int steep = width > 2.41421356237309504880 * height, middle = 3 * width > 2 * height;
    const double above = steep ? -height : middle ? width - height : width;
    const double below = steep ? width : middle ? width + height : height;
    const double low = steep ? 6.123233995736765886130e-17 : middle ? 3.061616997868382943065e-17 : 0;
    const double high = steep ? 1.57079632679489661923 : middle ? 0.78539816339744830962 : 0;
    const double t = above / (below > 0 ? below : 1), z = t * t;
    const double p = (((-8.750608600031904122785e-1 * z - 1.615753718733365076637e1) * z - 7.500855792314704667340e1) * z -
                      1.228866684490136173410e2) * z - 6.485021904942025371773e1;
    const double q = ((((z + 2.485846490142306297962e1) * z + 1.650270098316988542046e2) * z +
                       4.328810604912902668951e2) * z + 4.853903996359136964868e2) * z + 1.945506571482613964425e2;
    return high + (t * (z * p / q) + t + low);
}

/* The runs behind the area, from those before it. */
static void FG_NAME(load_extra)(const fg_iou_call *call, const real *boxes, const uint8_t *crowd, int64_t n, real *soa)
{
    const int64_t stride = FG_NAME(soa_stride)(n);
    const real offset = (real)call->offset;
    const int kind = call->kind, runs = runs_of_kind[kind], corners = call->fmt == FG_XYXY;
    for (int run = 5; run < runs; run++)
        for (int64_t i = n; i < stride; i++)
            soa[run * stride + i] = 0;
    for (int64_t i = 0; i < n; i++) {
        if (kind == FG_IOU_CROWD) {
            soa[i + 5 * stride] = crowd ? crowd[i] : 0;
            continue;
        }
        soa[i + 5 * stride] = (soa[i] + soa[i + 2 * stride]) / 2;
        soa[i + 6 * stride] = (soa[i + stride] + soa[i + 3 * stride]) / 2;
    }
    if (kind != FG_CIOU && kind != FG_SIOU)
        return;
    for (int64_t i = 0; i < n; i++) {
        const real *box = boxes + 4 * i;
        const real width = FG_NAME(extent)(corners ? box[0] : 0, box[2], offset);
        const real height = FG_NAME(extent)(corners ? box[1] : 0, box[3], offset);
        soa[i + 7 * stride] = kind == FG_SIOU ? width : (real)FG_NAME(aspect_angle)(width, height);
        if (kind == FG_SIOU)
            soa[i + 8 * stride] = height;
    }
}

/* Fills soa[runs_of_kind[kind] * soa_stride(n)]; FG_BAD_VALUE where a value is NaN or beyond the limit. */
static int FG_NAME(load_runs)(const fg_iou_call *call, const real *boxes, const uint8_t *crowd, int64_t n, real *soa)
{
    int status = FG_NAME(load_boxes)(boxes, n, call->fmt, (real)call->offset, soa);
    if (runs_of_kind[call->kind] > 5)
        FG_NAME(load_extra)(call, boxes, crowd, n, soa);
    return status;
}

static int FG_NAME(load_both)(const fg_iou_call *call, void *soa1, void *soa2)
{
    int status = FG_NAME(load_runs)(call, call->boxes1, 0, call->n, soa1);
    return status ? status : FG_NAME(load_runs)(call, call->boxes2, call->iscrowd, call->m, soa2);
}

static inline __attribute__((always_inline)) void FG_NAME(load_row)(const real *soa, int64_t stride, int64_t i, int kind,
                                                                    vreal *row)
{
    for (int run = 0; run < runs_of_kind[kind]; run++)
        row[run] = v_set1(soa[run * stride + i]);
}

static inline __attribute__((always_inline)) void FG_NAME(load_columns)(const real *soa, int64_t stride, int64_t j,
                                                                        int kind, vreal *columns)
{
    for (int run = 0; run < runs_of_kind[kind]; run++)
        columns[run] = v_load(soa + run * stride + j);
}

/* Writes a finished piece of a row past the caches: they would first read what is overwritten. */
static void FG_NAME(stream_row)(real *out, const real *row, int64_t n)
{
    int64_t j = 0;
    for (; j < n && (uintptr_t)(out + j) % sizeof(vreal); j++)
        out[j] = row[j];
    for (; j + LANES <= n; j += LANES)
        v_stream(out + j, v_load(row + j));
    for (; j < n; j++)
        out[j] = row[j];
    v_stream_end();
}

/* Division is what costs, and in most data most boxes are apart. So a row is filled as if all of them were, noting the
   vectors of columns in which one may overlap; these are done over afterwards, without a branch that depends on the data.
   Where the first of GROUP rows shows that most vectors overlap, the others are filled in one go. */
static inline __attribute__((always_inline)) void FG_NAME(fill_tile)(const iou_job *job, int64_t tile, int kind)
{
    const fg_iou_call *call = job->call;
    const int64_t n = call->n, m = call->m;
    const int64_t row_begin = tile / job->column_tiles * ROWS, row_end = row_begin + ROWS < n ? row_begin + ROWS : n;
    const int64_t begin = tile % job->column_tiles * COLUMNS, end = begin + COLUMNS < m ? begin + COLUMNS : m;
    const int64_t stride1 = FG_NAME(soa_stride)(n), stride2 = FG_NAME(soa_stride)(m);
    const real *soa1 = job->soa1, *soa2 = job->soa2;
    const vreal offset = v_set1((real)call->offset);
    /* A vector may run over into rows that are still to be filled by this tile. */
    const int64_t full_end = job->column_tiles == 1 && !job->stream ? row_end * m : 0;
    vreal row[MOST_RUNS], columns[MOST_RUNS];
    real line[COLUMNS];
    struct {
        int32_t i, j;
    } hits[MOST_HITS];
    int64_t n_hits = 0;
    int crowded = call->offset != 0;
    for (int64_t i = row_begin; i < row_end; i++) {
        real *out = job->stream ? line : (real *)call->out + i * m + begin;
        const int64_t hits_before = n_hits;
        FG_NAME(load_row)(soa1, stride1, i, kind, row);
        for (int64_t j = 0; j < end - begin; j += LANES) {
            FG_NAME(load_columns)(soa2, stride2, begin + j, kind, columns);
            vreal value;
            if (crowded) {
                value = FG_NAME(overlap)(row, columns, offset, kind, 0);
            } else {
                hits[n_hits].i = (int32_t)(i - row_begin);
                hits[n_hits].j = (int32_t)j;
                n_hits += m_bits(FG_NAME(v_may_overlap)(row, columns)) != 0;
                value = FG_NAME(overlap)(row, columns, offset, kind, 1);
            }
            if (begin + j + LANES <= end || i * m + begin + j + LANES <= full_end)
                v_store(out + j, value);
            else
                v_store_part(out + j, value, end - begin - j);
        }
        if (call->offset == 0 && (i - row_begin) % GROUP == 0)
            crowded = 2 * LANES * (n_hits - hits_before) > end - begin;
        else if (call->offset == 0 && (i - row_begin) % GROUP == GROUP - 1)
            crowded = 0;
        if (n_hits + COLUMNS / LANES < MOST_HITS && i + 1 < row_end && !job->stream)
            continue;
        for (int64_t k = 0; k < n_hits; k++) {
            const int64_t hit = row_begin + hits[k].i, j = hits[k].j;
            FG_NAME(load_row)(soa1, stride1, hit, kind, row);
            FG_NAME(load_columns)(soa2, stride2, begin + j, kind, columns);
            vreal value = FG_NAME(overlap)(row, columns, offset, kind, 0);
            real *again = out - (job->stream ? 0 : (i - hit) * m);
            if (begin + j + LANES <= end)
                v_store(again + j, value);
            else
                v_store_part(again + j, value, end - begin - j);
        }
        n_hits = 0;
        if (job->stream)
            FG_NAME(stream_row)((real *)call->out + i * m + begin, line, end - begin);
    }
}

static void FG_NAME(iou_tile)(void *job, int64_t tile, int slot)
{
    (void)slot;
    switch (((const iou_job *)job)->call->kind) {
#define FG_KIND(kind) case kind: FG_NAME(fill_tile)(job, tile, kind); return;
        FG_KINDS
#undef FG_KIND
    }
}

static inline __attribute__((always_inline)) void FG_NAME(fill_pairs)(const real *soa1, const real *soa2, int64_t n,
                                                                      vreal offset, real *out, int kind)
{
    const int64_t stride = FG_NAME(soa_stride)(n);
    vreal a[MOST_RUNS], b[MOST_RUNS];
    for (int64_t i = 0; i < n; i += LANES) {
        FG_NAME(load_columns)(soa1, stride, i, kind, a);
        FG_NAME(load_columns)(soa2, stride, i, kind, b);
        vreal value = FG_NAME(overlap)(a, b, offset, kind, 0);
        if (i + LANES <= n)
            v_store(out + i, value);
        else
            v_store_part(out + i, value, n - i);
    }
}

/* Pair by pair, in blocks that stay in the first-level cache. */
static void FG_NAME(paired_chunk)(void *job_, int64_t chunk, int slot)
{
    (void)slot;
    paired_job *job = job_;
    const fg_iou_call *call = job->call;
    const int64_t first = chunk * PAIRS, last = first + PAIRS < call->n ? first + PAIRS : call->n;
    real soa1[MOST_RUNS * BLOCK], soa2[MOST_RUNS * BLOCK];
    for (int64_t begin = first; begin < last; begin += BLOCK) {
        const int64_t n = begin + BLOCK < last ? BLOCK : last - begin;
        if (FG_NAME(load_runs)(call, (const real *)call->boxes1 + 4 * begin, 0, n, soa1) ||
            FG_NAME(load_runs)(call, (const real *)call->boxes2 + 4 * begin, 0, n, soa2)) {
            atomic_store_explicit(&job->bad, 1, memory_order_relaxed);
            return;
        }
        real *out = (real *)call->out + begin;
        const vreal offset = v_set1((real)call->offset);
        switch (call->kind) {
#define FG_KIND(kind) case kind: FG_NAME(fill_pairs)(soa1, soa2, n, offset, out, kind); break;
            FG_KINDS
#undef FG_KIND
        }
    }
}
