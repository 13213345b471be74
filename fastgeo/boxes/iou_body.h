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

/* What a tile is made of; rows and columns count from its own first. */
typedef struct {
    const real *soa1, *soa2;
    int64_t stride1, stride2;
    real *out;
    int64_t out_stride;
    int64_t last; /* where the last vector of a row begins: over the one before if the width is no multiple */
    vreal offset;
    int64_t n_hits;
    uint32_t hits[GROUP * (COLUMNS / LANES + 1)]; /* row << 16 | column: vectors in which some pair may overlap */
} FG_NAME(tile);

/* Fills `rows` rows together from row `i` on, so that the columns are loaded once for all of them. Unless it is to write
   ALL, takes every pair to be apart and notes the vectors where one may not be. */
static inline __attribute__((always_inline)) void FG_NAME(fill_rows)(FG_NAME(tile) * tile, int64_t i, int rows, int kind,
                                                                     int write)
{
    const vreal offset = tile->offset;
    const int64_t last = tile->last, stride = tile->stride2;
    const real *soa2 = tile->soa2;
    vreal row[AT_ONCE][MOST_RUNS], columns[MOST_RUNS];
    real *out[AT_ONCE];
    uint32_t *hit = tile->hits + tile->n_hits;
    for (int r = 0; r < rows; r++) {
        FG_NAME(load_row)(tile->soa1, tile->stride1, i + r, kind, row[r]);
        out[r] = tile->out + (i + r) * tile->out_stride;
    }
    for (int64_t j = 0;; j = j + LANES < last ? j + LANES : last) {
        FG_NAME(load_columns)(soa2, stride, j, kind, columns);
        for (int r = 0; r < rows; r++) {
            if (write != ALL) {
                *hit = (uint32_t)((i + r) << 16 | j);
                hit += m_bits(FG_NAME(v_may_overlap)(row[r], columns)) != 0;
            }
            if (write != HITS)
                v_store(out[r] + j, FG_NAME(overlap)(row[r], columns, offset, kind, write == APART));
        }
        if (j == last)
            break;
    }
    tile->n_hits = hit - tile->hits;
}

static inline __attribute__((always_inline)) void FG_NAME(fill_group)(FG_NAME(tile) * tile, int64_t i, int64_t end,
                                                                      int kind, int write)
{
    for (; zero_apart(kind) && i + AT_ONCE <= end; i += AT_ONCE)
        FG_NAME(fill_rows)(tile, i, AT_ONCE, kind, write);
    for (; i < end; i++)
        FG_NAME(fill_rows)(tile, i, 1, kind, write);
}

/* Does the vectors over in which a pair may overlap, without a branch that depends on the data. */
static inline __attribute__((always_inline)) void FG_NAME(mend_hits)(FG_NAME(tile) * tile, int kind)
{
    const int64_t out_stride = tile->out_stride, n_hits = tile->n_hits;
    const int64_t stride1 = tile->stride1, stride2 = tile->stride2;
    const real *soa1 = tile->soa1, *soa2 = tile->soa2;
    real *out = tile->out;
    vreal row[MOST_RUNS], columns[MOST_RUNS];
    for (int64_t k = 0; k < n_hits; k++) {
        const int64_t i = tile->hits[k] >> 16, j = tile->hits[k] & 0xffff;
        FG_NAME(load_row)(soa1, stride1, i, kind, row);
        FG_NAME(load_columns)(soa2, stride2, j, kind, columns);
        v_store(out + i * out_stride + j, FG_NAME(overlap)(row, columns, v_set1(0), kind, 0));
    }
    tile->n_hits = 0;
}

/* Division is what costs, and in most data most boxes are apart. So rows are filled as if all of them were, and the
   vectors in which a pair may overlap are done over. Where the first rows of a group show that most vectors overlap,
   the others are filled in one go. */
static inline __attribute__((always_inline)) void FG_NAME(fill_tile)(const iou_job *job, int64_t row, int64_t column,
                                                                     int kind)
{
    const fg_iou_call *call = job->call;
    const int64_t height = call->n - row < ROWS ? call->n - row : ROWS;
    const int64_t width = call->m - column < COLUMNS ? call->m - column : COLUMNS, narrow = width < LANES;
    real *out = (real *)call->out + row * call->m + column;
    real wider[ROWS * LANES]; /* stands in for a tile narrower than a vector */
    FG_NAME(tile) tile;
    tile.soa1 = (const real *)job->soa1 + row;
    tile.soa2 = (const real *)job->soa2 + column;
    tile.stride1 = FG_NAME(soa_stride)(call->n);
    tile.stride2 = FG_NAME(soa_stride)(call->m);
    tile.out = narrow ? wider : out;
    tile.out_stride = narrow ? LANES : call->m;
    tile.last = narrow ? 0 : width - LANES;
    tile.offset = v_set1((real)call->offset);
    tile.n_hits = 0;
    for (int64_t i = 0, end; i < height; i = end) {
        end = i + GROUP < height ? i + GROUP : height;
        if (call->offset != 0) {
            FG_NAME(fill_group)(&tile, i, end, kind, ALL);
            continue;
        }
        const int64_t probe = i + AT_ONCE < end ? i + AT_ONCE : end;
        const int hits_only = zero_apart(kind) && call->out_is_zero && !narrow;
        if (hits_only)
            FG_NAME(fill_group)(&tile, i, probe, kind, HITS);
        else
            FG_NAME(fill_group)(&tile, i, probe, kind, APART);
        if (2 * LANES * tile.n_hits > (probe - i) * width)
            FG_NAME(fill_group)(&tile, probe, end, kind, ALL);
        else if (hits_only)
            FG_NAME(fill_group)(&tile, probe, end, kind, HITS);
        else
            FG_NAME(fill_group)(&tile, probe, end, kind, APART);
        FG_NAME(mend_hits)(&tile, kind);
    }
    for (int64_t i = 0; narrow && i < height; i++)
        memcpy(out + i * call->m, wider + i * LANES, (size_t)width * sizeof(real));
}

static void FG_NAME(iou_chunk)(void *job_, int64_t chunk, int slot)
{
    (void)slot;
    const iou_job *job = job_;
    /* Chunks that run at the same time lie far apart: two threads shall not ask the system for one large page. */
    const int64_t band = chunk / job->column_chunks, row = (band % APART_BANDS * job->bands + band / APART_BANDS) * ROWS;
    const int64_t begin = chunk % job->column_chunks * CHUNK_COLUMNS;
    if (row >= job->call->n)
        return;
    const int64_t end = begin + CHUNK_COLUMNS < job->call->m ? begin + CHUNK_COLUMNS : job->call->m;
    for (int64_t column = begin; column < end; column += COLUMNS)
        switch (job->call->kind) {
#define FG_KIND(kind) case kind: FG_NAME(fill_tile)(job, row, column, kind); break;
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
