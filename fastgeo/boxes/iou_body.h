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
static void FG_NAME(load_extra)(const fg_iou_call *call, const real *boxes, const uint8_t *crowd, int64_t begin, int64_t end,
                                int64_t n, real *soa)
{
    const int64_t stride = FG_NAME(soa_stride)(n);
    const real offset = (real)call->offset;
    const int kind = call->kind, runs = runs_of_kind[kind], corners = call->fmt == FG_XYXY;
    for (int run = 5; run < runs && end == n; run++)
        for (int64_t i = n; i < stride; i++)
            soa[run * stride + i] = 0;
    for (int64_t i = begin; i < end; i++) {
        if (kind == FG_IOU_CROWD) {
            soa[i + 5 * stride] = crowd ? crowd[i] : 0;
            continue;
        }
        soa[i + 5 * stride] = (soa[i] + soa[i + 2 * stride]) / 2;
        soa[i + 6 * stride] = (soa[i + stride] + soa[i + 3 * stride]) / 2;
    }
    if (kind != FG_CIOU && kind != FG_SIOU)
        return;
    for (int64_t i = begin; i < end; i++) {
        const real *box = boxes + 4 * i;
        const real width = FG_NAME(extent)(corners ? box[0] : 0, box[2], offset);
        const real height = FG_NAME(extent)(corners ? box[1] : 0, box[3], offset);
        soa[i + 7 * stride] = kind == FG_SIOU ? width : (real)FG_NAME(aspect_angle)(width, height);
        if (kind == FG_SIOU)
            soa[i + 8 * stride] = height;
    }
}

/* Boxes begin … end - 1 of n into soa[runs_of_kind[kind] * soa_stride(n)]; FG_BAD_VALUE where a value is NaN or beyond the
   limit. */
static int FG_NAME(load_runs)(const fg_iou_call *call, const real *boxes, const uint8_t *crowd, int64_t begin, int64_t end,
                              int64_t n, real *soa)
{
    int status = FG_NAME(load_part)(boxes, begin, end, n, call->fmt, (real)call->offset, soa);
    if (runs_of_kind[call->kind] > 5)
        FG_NAME(load_extra)(call, boxes, crowd, begin, end, n, soa);
    return status;
}

/* A part of boxes1 or, behind those, of boxes2. */
static void FG_NAME(load_chunk)(void *job_, int64_t chunk, int slot)
{
    (void)slot;
    iou_job *job = job_;
    const fg_iou_call *call = job->call;
    const fg_part part = fg_part_of(call->n, call->m, LOADED, chunk);
    if (FG_NAME(load_runs)(call, part.second ? call->boxes2 : call->boxes1, part.second ? call->iscrowd : 0, part.begin,
                           part.end, part.n, part.second ? job->soa2 : job->soa1))
        atomic_store_explicit(&job->bad, 1, memory_order_relaxed);
}

static inline __attribute__((always_inline)) void FG_NAME(load_row)(const real *soa, int64_t stride, int64_t i, int kind,
                                                                    vreal *row)
{
    for (int run = 0; run < runs_of_kind[kind]; run++)
        row[run] = v_broadcast(soa + run * stride + i);
}

static inline __attribute__((always_inline)) void FG_NAME(load_columns)(const real *soa, int64_t stride, int64_t j,
                                                                        int kind, vreal *columns)
{
    for (int run = 0; run < runs_of_kind[kind]; run++)
        columns[run] = v_load(soa + run * stride + j);
}

#include "boxes/column_cells_body.h"

/* What a tile is made of; rows and columns count from its own first. */
typedef struct {
    const real *soa1, *soa2;
    int64_t stride1, stride2;
    real *out;
    int64_t out_stride;
    int64_t width;
    int64_t last; /* where the last vector of a row begins: over the one before if the width is no multiple */
    vreal offset;
    int16_t rows[4 * ROWS], columns[4 * COLUMNS]; /* the corners, in cells */
    int64_t n_hits;
    uint32_t hits[GROUP * COLUMNS / LANES + 1]; /* row << 16 | column: vectors in which some pair may overlap */
} FG_NAME(tile);

/* The least or the greatest of n >= 1 values. */
static inline __attribute__((always_inline)) real FG_NAME(extreme)(const real *values, int64_t n, int greatest)
{
    vreal all = v_broadcast(values);
    for (int64_t i = 0; i < n; i += n < LANES ? 1 : LANES) {
        const vreal some = n < LANES ? v_broadcast(values + i) : v_load(values + (i + LANES <= n ? i : n - LANES));
        all = greatest ? v_max(all, some) : v_min(all, some);
    }
    real lanes[LANES], found;
    v_store(lanes, all);
    found = lanes[0];
    for (int lane = 1; lane < LANES; lane++)
        if (greatest ? lanes[lane] > found : lanes[lane] < found)
            found = lanes[lane];
    return found;
}

/* How many cells there are in a unit of length from `low` to `high`; 0, and all is one cell, if that is out of bounds. */
static inline real FG_NAME(cells_per)(real low, real high)
{
    const real per = (CELLS - 1) / (high - low);
    return high > low && per < 1 / REAL_MIN ? per : 0;
}

/* The corners of boxes in cells, four runs of `size`. Rising with the coordinate, which is all that counts. */
static inline __attribute__((always_inline)) void FG_NAME(to_cells)(const real *soa, int64_t stride, int64_t n,
                                                                    const real *low, const real *per, vreal offset,
                                                                    int16_t *cells, int64_t size)
{
    for (int run = 0; run < 4; run++) {
        const vreal origin = v_set1(low[run & 1]), scale = v_set1(per[run & 1]);
        for (int64_t i = 0; i < n; i += LANES) {
            const vreal x = v_load(soa + run * stride + i), moved = run < 2 ? x : v_add(x, offset);
            const vreal cell = v_mul(v_sub(moved, origin), scale);
            int32_t whole[LANES];
            v_store_int32(whole, v_min(v_max(cell, v_set1(0)), v_set1(CELLS - 1)));
            for (int lane = 0; lane < LANES; lane++)
                cells[run * size + i + lane] = (int16_t)whole[lane];
        }
        for (int64_t i = n; i % SHORTS; i++)
            cells[run * size + i] = CELLS; /* beyond all boxes */
    }
}

/* Lays a grid over the rows and brings the corners into it. Columns beside it are drawn to its edge. */
static inline __attribute__((always_inline)) void FG_NAME(lay_grid)(FG_NAME(tile) * tile, int64_t height, real offset)
{
    const real *soa1 = tile->soa1;
    real low[2], per[2];
    for (int axis = 0; axis < 2; axis++) {
        low[axis] = FG_NAME(extreme)(soa1 + axis * tile->stride1, height, 0);
        per[axis] = FG_NAME(cells_per)(low[axis], FG_NAME(extreme)(soa1 + (axis + 2) * tile->stride1, height, 1) + offset);
    }
    FG_NAME(to_cells)(soa1, tile->stride1, height, low, per, tile->offset, tile->rows, ROWS);
    FG_NAME(to_cells)(tile->soa2, tile->stride2, tile->width, low, per, tile->offset, tile->columns, COLUMNS);
}

/* Notes the vectors of `rows` rows from row `i` on in which some pair may overlap. In whole cells no overlap is missed. */
static inline __attribute__((always_inline)) void FG_NAME(find_hits)(FG_NAME(tile) * tile, int64_t i, int rows)
{
    enum { BITS = LANES * SHORT_BITS };
    const int16_t *columns = tile->columns;
    const int64_t width = tile->width;
    uint32_t *hit = tile->hits + tile->n_hits;
    vshort a[AT_ONCE][4], b[4];
    for (int r = 0; r < rows; r++)
        for (int run = 0; run < 4; run++)
            a[r][run] = s_set1(tile->rows[run * ROWS + i + r]);
    for (int64_t j = 0; j < width; j += SHORTS) {
        for (int run = 0; run < 4; run++)
            b[run] = s_load(columns + run * COLUMNS + j);
        for (int r = 0; r < rows; r++) {
            const vshort across = s_or(s_sub(b[2], a[r][0]), s_sub(a[r][2], b[0]));
            const vshort along = s_or(s_sub(b[3], a[r][1]), s_sub(a[r][3], b[1]));
            const uint64_t bits = s_nonnegative(s_or(across, along));
            for (int v = 0; v < SHORTS / LANES; v++) {
                *hit = (uint32_t)((i + r) << 16 | (j + v * LANES));
                hit += (bits >> v * BITS & (((uint64_t)1 << BITS) - 1)) != 0;
            }
        }
    }
    tile->n_hits = hit - tile->hits;
}

/* Fills `rows` rows together from row `i` on, so that the columns are loaded once for all of them. */
static inline __attribute__((always_inline)) void FG_NAME(fill_rows)(FG_NAME(tile) * tile, int64_t i, int rows, int kind,
                                                                     int apart)
{
    const vreal offset = tile->offset;
    const int64_t last = tile->last, stride = tile->stride2;
    const real *soa2 = tile->soa2;
    vreal row[AT_ONCE][MOST_RUNS], columns[MOST_RUNS];
    real *out[AT_ONCE];
    for (int r = 0; r < rows; r++) {
        FG_NAME(load_row)(tile->soa1, tile->stride1, i + r, kind, row[r]);
        out[r] = tile->out + (i + r) * tile->out_stride;
    }
    for (int64_t j = 0;; j = j + LANES < last ? j + LANES : last) {
        FG_NAME(load_columns)(soa2, stride, j, kind, columns);
        for (int r = 0; r < rows; r++)
            v_store(out[r] + j, FG_NAME(overlap)(row[r], columns, offset, kind, apart));
        if (j == last)
            break;
    }
}

static inline __attribute__((always_inline)) void FG_NAME(fill_whole)(FG_NAME(tile) * tile, int64_t i, int64_t end, int kind)
{
    for (; zero_apart(kind) && i + AT_ONCE <= end; i += AT_ONCE)
        FG_NAME(fill_rows)(tile, i, AT_ONCE, kind, 0);
    for (; i < end; i++)
        FG_NAME(fill_rows)(tile, i, 1, kind, 0);
}

/* The corners of row `i` span an area. */
static inline int FG_NAME(has_area)(const FG_NAME(tile) * tile, int64_t i)
{
    const real *box = tile->soa1 + i;
    const int64_t stride = tile->stride1;
    const real width = box[2 * stride] - box[0], height = box[3 * stride] - box[stride];
    return width > 0 && width * height > 0;
}

/* Fills rows as if no pair overlapped. */
static inline __attribute__((always_inline)) void FG_NAME(fill_apart)(FG_NAME(tile) * tile, int64_t i, int64_t end, int kind)
{
    const size_t row_bytes = (size_t)(tile->last + LANES) * sizeof(real);
    if (zero_apart(kind) && tile->last + LANES == tile->out_stride)
        memset(tile->out + i * tile->out_stride, 0, (size_t)(end - i) * row_bytes);
    else
        for (; i < end; i++) {
            if (zero_apart(kind))
                memset(tile->out + i * tile->out_stride, 0, row_bytes);
            else if (i + 1 < end && FG_NAME(has_area)(tile, i) && FG_NAME(has_area)(tile, i + 1))
                FG_NAME(fill_rows)(tile, i++, 2, kind, 1);
            else if (FG_NAME(has_area)(tile, i))
                FG_NAME(fill_rows)(tile, i, 1, kind, 1);
            else
                FG_NAME(fill_rows)(tile, i, 1, kind, 0);
        }
}

/* Does the vectors over in which a pair may overlap, without a branch that depends on the data. */
static inline __attribute__((always_inline)) void FG_NAME(refill_hits)(FG_NAME(tile) * tile, int kind)
{
    const int64_t out_stride = tile->out_stride, n_hits = tile->n_hits, last = tile->last;
    const int64_t stride1 = tile->stride1, stride2 = tile->stride2;
    const real *soa1 = tile->soa1, *soa2 = tile->soa2;
    const vreal offset = tile->offset;
    real *out = tile->out;
    vreal row[MOST_RUNS], columns[MOST_RUNS];
    for (int64_t k = 0; k < n_hits; k++) {
        const int64_t i = tile->hits[k] >> 16, at = tile->hits[k] & 0xffff, j = at < last ? at : last;
        FG_NAME(load_row)(soa1, stride1, i, kind, row);
        FG_NAME(load_columns)(soa2, stride2, j, kind, columns);
        v_store(out + i * out_stride + j, FG_NAME(overlap)(row, columns, offset, kind, 0));
    }
}

/* Division is what costs, and in most data most boxes are apart. So rows are filled as if all of them were, and the
   vectors in which a pair may overlap are done over; unless these are the most. */
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
    tile.width = width;
    tile.last = narrow ? 0 : width - LANES;
    tile.offset = v_set1((real)call->offset);
    /* `apart` wants an offset of 0, and a small tile is not worth a grid. */
    const int whole = (call->offset != 0 && !zero_apart(kind)) || height * width < LEAST_PAIRS;
    if (!whole)
        FG_NAME(lay_grid)(&tile, height, (real)call->offset);
    for (int64_t i = 0, end; i < height; i = end) {
        end = i + GROUP < height ? i + GROUP : height;
        tile.n_hits = 0;
        int crowded = whole;
        for (int64_t k = i, rows; k < end && !crowded; k += rows) {
            rows = k + AT_ONCE <= end ? AT_ONCE : 1;
            if (rows > 1)
                FG_NAME(find_hits)(&tile, k, AT_ONCE);
            else
                FG_NAME(find_hits)(&tile, k, 1);
            crowded = 2 * LANES * tile.n_hits > (k + rows - i) * width;
        }
        if (crowded) {
            FG_NAME(fill_whole)(&tile, i, end, kind);
            continue;
        }
        if (!zero_apart(kind) || !call->out_is_zero || narrow)
            FG_NAME(fill_apart)(&tile, i, end, kind);
        FG_NAME(refill_hits)(&tile, kind);
    }
    for (int64_t i = 0; narrow && i < height; i++)
        memcpy(out + i * call->m, wider + i * LANES, (size_t)width * sizeof(real));
}

static void FG_NAME(fill_tiles)(const iou_job *job, int64_t row, int64_t begin, int64_t end, int slot)
{
    for (int64_t column = begin; column < end; column += COLUMNS) {
        if (column > begin && job->team->stopped(slot))
            return;
        switch (job->call->kind) {
#define FG_KIND(kind) case kind: FG_NAME(fill_tile)(job, row, column, kind); break;
            FG_KINDS
#undef FG_KIND
        }
    }
}

static void FG_NAME(iou_chunk)(void *job_, int64_t chunk, int slot)
{
    const iou_job *job = job_;
    const int64_t row = first_row(job, chunk / job->plan.column_chunks), m = job->call->m;
    const int64_t begin = chunk % job->plan.column_chunks * CHUNK_COLUMNS, end = begin + CHUNK_COLUMNS;
    if (row < job->call->n)
        FG_NAME(fill_tiles)(job, row, begin, end < m ? end : m, slot);
}

/* Rows of a table that is expected to be mostly empty. */
static void FG_NAME(cells_chunk)(void *job_, int64_t chunk, int slot)
{
    const iou_job *job = job_;
    const fg_iou_call *call = job->call;
    const int64_t row = first_row(job, chunk), m = call->m, left = call->n - row, height = left < ROWS ? left : ROWS;
    const int64_t stride = FG_NAME(soa_stride)(call->n);
    const real *soa = (const real *)job->soa1 + row;
    real *out = (real *)call->out + row * m;
    if (height <= 0)
        return;
    if (FG_NAME(count_in_reach)(&job->cells, soa, stride, height) > height * (m / CROWDED)) {
        FG_NAME(fill_tiles)(job, row, 0, m, slot);
        return;
    }
    if (!call->out_is_zero)
        FG_NAME(stream_zeros)(out, height * m);
    if (call->kind == FG_IOU)
        FG_NAME(fill_mostly_empty)(&job->cells, soa, stride, height, out, m, FG_IOU);
    else if (call->kind == FG_IOA)
        FG_NAME(fill_mostly_empty)(&job->cells, soa, stride, height, out, m, FG_IOA);
    else
        FG_NAME(fill_mostly_empty)(&job->cells, soa, stride, height, out, m, FG_IOU_CROWD);
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
        if (FG_NAME(load_runs)(call, (const real *)call->boxes1 + 4 * begin, 0, 0, n, n, soa1) ||
            FG_NAME(load_runs)(call, (const real *)call->boxes2 + 4 * begin, 0, 0, n, n, soa2)) {
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
