#include "clustering/squares_body.h"
#include "clustering/tile_body.h"

/* Rows of the result in registers. */
#define STRIP (REGISTERS == 32 ? FG_PAIRWISE_STRIP : 4)

/* Some rows against the columns of a tile. */
typedef struct {
    const pairwise_job *job;
    const real *packed, *rows; /* the columns of the tile; the rows, scaled and spread */
    const real *row_near, *row_lift, *column_near, *column_lift; /* see pairwise_job */
    int64_t width, height; /* columns and rows */
    real *out;
    int by_differences; /* how the next block begins */
    near_vector *near;  /* waiting for their differences */
    int64_t n_near;
} FG_NAME(panel);

/* Adds x[l] · c[l] of one column. */
static inline __attribute__((always_inline)) void FG_NAME(add_product)(const real *packed, const real *rows, int64_t stride,
                                                                       int64_t l, int count, vreal (*sum)[2])
{
    const vreal x0 = v_load(packed + l * POINTS), x1 = v_load(packed + l * POINTS + LANES);
    for (int q = 0; q < count; q++) {
        const vreal c = v_broadcast(rows + q * stride + l);
        sum[q][0] = v_fma(x0, c, sum[q][0]);
        sum[q][1] = v_fma(x1, c, sum[q][1]);
    }
}

/* Adds (x[l] + c[l + 1]) · (x[l + 1] + c[l]): the products of two columns, and of either row with itself. */
static inline __attribute__((always_inline)) void FG_NAME(add_crossed)(const real *packed, const real *rows, int64_t stride,
                                                                       int64_t l, int count, vreal (*sum)[2])
{
    const real *at = packed + l * POINTS;
    const vreal x0 = v_load(at), x1 = v_load(at + LANES), y0 = v_load(at + POINTS), y1 = v_load(at + POINTS + LANES);
    for (int q = 0; q < count; q++) {
        const vreal c = v_broadcast(rows + q * stride + l), e = v_broadcast(rows + q * stride + l + 1);
        sum[q][0] = v_fma(v_add(x0, e), v_add(y0, c), sum[q][0]);
        sum[q][1] = v_fma(v_add(x1, e), v_add(y1, c), sum[q][1]);
    }
}

/* One chain in index order: of three columns two crossed and one plain, which keeps adders and multipliers equally busy. */
static inline __attribute__((always_inline)) void FG_NAME(products)(const real *packed, const real *rows,
                                                                    int64_t stride, int64_t d, int count,
                                                                    vreal (*sum)[2])
{
    int64_t l = 0;
    for (int q = 0; q < count; q++)
        sum[q][0] = sum[q][1] = v_set1(0);
    for (; l + 3 <= d; l += 3) {
        FG_NAME(add_crossed)(packed, rows, stride, l, count, sum);
        FG_NAME(add_product)(packed, rows, stride, l + 2, count, sum);
    }
    for (; l < d; l++)
        FG_NAME(add_product)(packed, rows, stride, l, count, sum);
}

static inline vreal FG_NAME(of_kind)(vreal square, int kind)
{
    if (kind == FG_KIND_EUCLIDEAN)
        return v_sqrt(square);
    return kind == FG_KIND_COSINE ? v_mul(square, v_set1((real)0.5)) : square;
}

/* The distances of a block, `count` rows by POINTS columns, of which those beyond the tile are left out. */
static inline __attribute__((always_inline)) void FG_NAME(store_block)(const FG_NAME(panel) *panel, int64_t row,
                                                                       int64_t column, int count, vreal (*square)[2])
{
    const int64_t m = panel->job->columns->n, left = panel->width - column;
    const int kind = panel->job->kind;
    real *out = panel->out + row * m + column;
    for (int q = 0; q < count; q++)
        for (int v = 0; v < 2; v++)
            square[q][v] = FG_NAME(of_kind)(square[q][v], kind);
    if (left >= POINTS) {
        for (int q = 0; q < count; q++, out += m)
            for (int v = 0; v < 2; v++)
                v_store(out + v * LANES, square[q][v]);
        return;
    }
    for (int q = 0; q < count; q++, out += m) {
        if (left >= LANES)
            v_store(out, square[q][0]);
        else
            v_store_part(out, square[q][0], left);
        if (left > LANES)
            v_store_part(out + LANES, square[q][1], left - LANES);
    }
}

/* Half a square below this is near. */
static inline __attribute__((always_inline)) vreal FG_NAME(near_below)(const FG_NAME(panel) *panel, int64_t row,
                                                                       int64_t column)
{
    return v_add(v_broadcast(panel->row_near + row), v_load(panel->column_near + column));
}

/* A block by differences. Returns whether products, too, would call all of it near. */
static inline __attribute__((always_inline)) int FG_NAME(take_differences)(const FG_NAME(panel) *panel, int64_t row,
                                                                           int64_t column, int count)
{
    const pairwise_job *job = panel->job;
    const int64_t d = job->rows->d, stride = job->plan.row_stride;
    const vreal surely = v_set1((real)job->surely), underflow = v_set1((real)job->underflow);
    vmask all = v_le(surely, surely);
    vreal sum[STRIP][2];
    FG_NAME(squared)(panel->packed + column * d, panel->rows + row * stride, stride, d, count, sum);
    for (int q = 0; job->plan.by_products && q < count; q++)
        for (int v = 0; v < 2; v++) {
            const vreal below = FG_NAME(near_below)(panel, row + q, column + v * LANES);
            const vreal half = v_mul(sum[q][v], v_set1((real)0.5));
            all = m_and(all, v_lt(half, v_sub(v_mul(below, surely), underflow)));
        }
    FG_NAME(store_block)(panel, row, column, count, sum);
    return m_bits(all) == m_bits(v_le(surely, surely));
}

/* Lists the near vectors of a block. Returns how many these are; POINTS * count if all their lanes are near. */
static int64_t FG_NAME(list_near)(FG_NAME(panel) *panel, int64_t row, int64_t column, int count, const real *half)
{
    const unsigned every = m_bits(v_le(v_set1(0), v_set1(0)));
    const int64_t before = panel->n_near;
    unsigned all = every;
    for (int64_t q = row; q < row + count; q++)
        for (int64_t at = column; at < column + POINTS; at += LANES, half += LANES) {
            const unsigned lanes = m_bits(v_lt(v_load(half), FG_NAME(near_below)(panel, q, at)));
            all &= lanes;
            if (lanes)
                panel->near[panel->n_near++] = (near_vector){(int32_t)q, (int32_t)at, lanes};
        }
    return all == every ? POINTS * count : panel->n_near - before;
}

/* The block again, by differences where it is near. */
static inline __attribute__((always_inline)) void FG_NAME(retake_block)(const FG_NAME(panel) *panel, int64_t row,
                                                                      int64_t column, int count, const real *half)
{
    const int64_t d = panel->job->rows->d, stride = panel->job->plan.row_stride;
    vreal sum[STRIP][2];
    FG_NAME(squared)(panel->packed + column * d, panel->rows + row * stride, stride, d, count, sum);
    for (int q = 0; q < count; q++)
        for (int v = 0; v < 2; v++, half += LANES) {
            const vreal far = v_load(half);
            const vmask near = v_lt(far, FG_NAME(near_below)(panel, row + q, column + v * LANES));
            sum[q][v] = v_select(near, sum[q][v], v_add(far, far));
        }
    FG_NAME(store_block)(panel, row, column, count, sum);
}

/* A block by products. What is near is taken again by differences, or listed for that where it is little. Returns whether
   all is near. */
static inline __attribute__((always_inline)) int FG_NAME(take_products)(FG_NAME(panel) *panel, int64_t row,
                                                                        int64_t column, int count)
{
    const int64_t d = panel->job->rows->d, stride = panel->job->plan.row_stride, before = panel->n_near;
    vmask any = v_lt(v_set1(0), v_set1(0));
    real half[STRIP * POINTS];
    vreal sum[STRIP][2];
    FG_NAME(products)(panel->packed + column * d, panel->rows + row * stride, stride, d, count, sum);
    for (int q = 0; q < count; q++)
        for (int v = 0; v < 2; v++) {
            const int64_t at = column + v * LANES;
            const vreal lift = v_add(v_broadcast(panel->row_lift + row + q), v_load(panel->column_lift + at));
            const vreal far = v_sub(lift, sum[q][v]);
            any = m_or(any, v_lt(far, FG_NAME(near_below)(panel, row + q, at)));
            sum[q][v] = v_add(far, far);
        }
    if (m_bits(any) == 0) {
        FG_NAME(store_block)(panel, row, column, count, sum);
        return 0;
    }
    for (int q = 0; q < count; q++)
        for (int v = 0; v < 2; v++)
            v_store(half + q * POINTS + v * LANES, v_mul(sum[q][v], v_set1((real)0.5)));
    FG_NAME(store_block)(panel, row, column, count, sum);
    const int64_t listed = FG_NAME(list_near)(panel, row, column, count, half);
    if (listed * 4 > count) {
        FG_NAME(retake_block)(panel, row, column, count, half);
        panel->n_near = before;
    }
    return listed == POINTS * count;
}

/* The differences of what is listed: vectors of pairs, some side by side, since a chain waits for each addition. */
static void FG_NAME(take_near)(FG_NAME(panel) *panel)
{
    const int64_t d = panel->job->rows->d;
    for (int64_t first = 0; first < panel->n_near; first += TOGETHER) {
        const near_vector *near[TOGETHER];
        const real *x[TOGETHER], *c[TOGETHER];
        vreal sum[TOGETHER];
        for (int u = 0; u < TOGETHER; u++) {
            near[u] = panel->near + (first + u < panel->n_near ? first + u : first);
            x[u] = panel->packed + near[u]->column / POINTS * POINTS * d + near[u]->column % POINTS;
            c[u] = panel->rows + near[u]->row * panel->job->plan.row_stride;
            sum[u] = v_set1(0);
        }
        for (int64_t l = 0; l < d; l++)
            for (int u = 0; u < TOGETHER; u++) {
                const vreal difference = v_sub(v_load(x[u] + l * POINTS), v_broadcast(c[u] + l));
                sum[u] = v_fma(difference, difference, sum[u]);
            }
        for (int u = 0; u < TOGETHER; u++) {
            real distance[LANES], *out = panel->out + near[u]->row * panel->job->columns->n + near[u]->column;
            v_store(distance, FG_NAME(of_kind)(sum[u], panel->job->kind));
            for (int64_t p = 0; p < LANES && near[u]->column + p < panel->width; p++)
                if (near[u]->lanes >> p & 1)
                    out[p] = distance[p];
        }
    }
    panel->n_near = 0;
}

/* Prefetches the lines of the result that a block writes to, before its distances are taken. */
static inline void FG_NAME(fetch_block)(const FG_NAME(panel) *panel, int64_t row, int64_t column, int count)
{
    const int64_t second = panel->width - column > LANES ? LANES : 0;
    const real *out = (const real *)panel->out + row * panel->job->columns->n + column;
    for (int q = 0; q < count; q++, out += panel->job->columns->n) {
        __builtin_prefetch(out, 1, 3);
        __builtin_prefetch(out + second, 1, 3);
    }
}

/* After a block in which all pairs are near the next begins with differences, and is done if those show the same: by so
   wide a margin that the products need not be seen. */
static inline __attribute__((always_inline)) void FG_NAME(take_block)(FG_NAME(panel) *panel, int64_t row, int64_t column,
                                                                      int count)
{
    FG_NAME(fetch_block)(panel, row, column, count);
    if (panel->by_differences && FG_NAME(take_differences)(panel, row, column, count))
        return;
    if (panel->job->plan.by_products)
        panel->by_differences = FG_NAME(take_products)(panel, row, column, count);
}

static void FG_NAME(take_panel)(FG_NAME(panel) *panel)
{
    for (int64_t column = 0; column < panel->width; column += POINTS) {
        int64_t row = 0;
        for (; row + STRIP <= panel->height; row += STRIP)
            FG_NAME(take_block)(panel, row, column, STRIP);
        for (; STRIP > 4 && row + 4 <= panel->height; row += 4)
            FG_NAME(take_block)(panel, row, column, 4);
        for (; row < panel->height; row++)
            FG_NAME(take_block)(panel, row, column, 1);
        FG_NAME(take_near)(panel);
    }
}

/* A row of zeros has no direction: its cosine with anything is 0, the distance 1. */
static void FG_NAME(set_undirected)(const pairwise_job *job, int64_t row, int64_t row_end, int64_t column,
                                    int64_t column_end)
{
    real *out = job->out;
    for (int64_t i = row; i < row_end; i++)
        for (int64_t j = column; job->rows->scale[i] == 0 && j < column_end; j++)
            out[i * job->columns->n + j] = 1;
    for (int64_t j = column; j < column_end; j++)
        for (int64_t i = row; job->columns->scale[j] == 0 && i < row_end; i++)
            out[i * job->columns->n + j] = 1;
}

/* Columns [column, end), whole blocks but for the last. */
static void FG_NAME(pack_tile)(const fg_points *columns, int64_t column, int64_t end, real *packed)
{
    int64_t numbers[POINTS];
    for (int64_t first = column; first < end; first += POINTS) {
        for (int64_t p = 0; p < POINTS; p++)
            numbers[p] = first + p;
        FG_NAME(pack)(columns, numbers, first + POINTS < end ? POINTS : end - first, packed + (first - column) * columns->d);
    }
}

/* Rows [i, i + count), scaled where they have scales, at their stride. */
static const real *FG_NAME(spread_rows)(const pairwise_job *job, int64_t i, int64_t count, real *spread)
{
    const fg_points *rows = job->rows;
    const int64_t d = rows->d;
    const real *x = (const real *)rows->x + i * d;
    if (!rows->scale && job->plan.row_stride == d)
        return x;
    for (int64_t q = 0; q < count; q++, x += d) {
        const real scale = rows->scale ? (real)rows->scale[i + q] : 1;
        real *to = spread + q * job->plan.row_stride;
        int64_t l = 0;
        for (; l + LANES <= d; l += LANES)
            v_store(to + l, v_mul(v_load(x + l), v_set1(scale)));
        for (; l < d; l++)
            to[l] = x[l] * scale;
    }
    return spread;
}

static void FG_NAME(pairwise_tile)(void *job_, int64_t tile, int slot)
{
    const pairwise_job *job = job_;
    const int64_t d = job->rows->d, m = job->columns->n;
    const int64_t row = tile / job->plan.column_tiles * job->plan.tile_rows;
    const int64_t row_end = row + job->plan.tile_rows < job->rows->n ? row + job->plan.tile_rows : job->rows->n;
    const int64_t column = tile % job->plan.column_tiles * job->plan.tile_columns;
    const int64_t column_end = column + job->plan.tile_columns < m ? column + job->plan.tile_columns : m;
    char *scratch = job->scratch + slot * job->scratch_bytes;
    real *packed = (real *)(void *)(scratch + job->near_bytes), *spread = packed + job->plan.tile_columns * d;
    FG_NAME(panel) panel = {.job = job, .packed = packed, .width = column_end - column};
    panel.near = (near_vector *)(void *)scratch;
    panel.by_differences = !job->plan.by_products;
    if (job->plan.by_products) {
        panel.column_near = (const real *)job->column_near + column;
        panel.column_lift = (const real *)job->column_lift + column;
    }
    FG_NAME(pack_tile)(job->columns, column, column_end, packed);
    for (int64_t i = row; i < row_end; i += job->plan.panel_rows) {
        panel.height = i + job->plan.panel_rows < row_end ? job->plan.panel_rows : row_end - i;
        panel.rows = FG_NAME(spread_rows)(job, i, panel.height, spread);
        if (job->plan.by_products) {
            panel.row_near = (const real *)job->row_near + i;
            panel.row_lift = (const real *)job->row_lift + i;
        }
        panel.out = (real *)job->out + i * m + column;
        FG_NAME(take_panel)(&panel);
    }
    if (job->kind == FG_KIND_COSINE)
        FG_NAME(set_undirected)(job, row, row_end, column, column_end);
}

/* Half the square of each row, 1/2 of unit vectors: its part NEAR, and lifted by what `add_crossed` adds of the row. */
static void FG_NAME(lengths_chunk)(void *job_, int64_t chunk, int slot)
{
    (void)slot;
    const pairwise_job *job = job_;
    const int of_rows = chunk < job->row_chunks;
    const fg_points *points = of_rows ? job->rows : job->columns;
    real *near = of_rows ? job->row_near : job->column_near, *lift = of_rows ? job->row_lift : job->column_lift;
    const int64_t d = points->d, begin = (of_rows ? chunk : chunk - job->row_chunks) * job->plan.measured_rows;
    const int64_t end = begin + job->plan.measured_rows < points->n ? begin + job->plan.measured_rows : points->n;
    for (int64_t i = begin; i < end; i += SIDE_BY_SIDE) {
        const real *row[SIDE_BY_SIDE];
        real scale[SIDE_BY_SIDE];
        double square[SIDE_BY_SIDE] = {0}, crossed[SIDE_BY_SIDE] = {0};
        for (int64_t p = 0; p < SIDE_BY_SIDE; p++) {
            const int64_t at = i + p < end ? i + p : i;
            row[p] = (const real *)points->x + at * d;
            scale[p] = points->scale ? (real)points->scale[at] : 1;
        }
        if (!points->scale)
            FG_NAME(row_squares)(points, i, end - i < SIDE_BY_SIDE ? end - i : SIDE_BY_SIDE, square);
        for (int64_t l = 0; l + 3 <= d; l += 3)
            for (int p = 0; p < SIDE_BY_SIDE; p++)
                crossed[p] += (double)(row[p][l] * scale[p]) * (double)(row[p][l + 1] * scale[p]);
        for (int64_t p = 0; p < SIDE_BY_SIDE && i + p < end; p++) {
            const double half = points->scale ? 0.5 : 0.5 * square[p];
            near[i + p] = (real)(half * NEAR);
            lift[i + p] = (real)(half + crossed[p]);
        }
    }
}

#undef STRIP
#undef POINTS
#undef CENTROIDS
