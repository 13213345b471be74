/* The algorithm "column_cells": tables of which most is 0. Part of iou_body.h. */

/* The range of the columns, and how many cells there should be. */
static void FG_NAME(measure_columns)(const real *soa, int64_t stride, int64_t m, column_cells *cells)
{
    double high[2];
    for (int axis = 0; axis < 2; axis++) {
        const real *from = soa + axis * stride, *to = soa + (axis + 2) * stride;
        double least = from[0], most = from[0], longest = 0;
        for (int64_t j = 0; j < m; j++) {
            const double length = (double)to[j] - (double)from[j]; /* of inverted boxes below 0: they overlap nothing */
            least = from[j] < least ? from[j] : least;
            most = from[j] > most ? from[j] : most;
            longest = length > longest ? length : longest;
        }
        cells->low[axis] = least;
        high[axis] = most;
        cells->longest[axis] = longest * (1 + 0x1p-50);
    }
    int64_t *counts[2] = {&cells->across, &cells->bands};
    for (int axis = 0; axis < 2; axis++) {
        /* Half the longest column, so that few boxes beyond its reach are compared; but no more cells than boxes. */
        const double length = high[axis] - cells->low[axis], wanted = 2 * length / cells->longest[axis];
        const double most = sqrt((double)m);
        const double count = wanted < most ? wanted : most; /* NaN: most */
        *counts[axis] = count > 1 ? (int64_t)count : 1;
        cells->per[axis] = length > 0 ? (double)*counts[axis] / length : 0;
        if (!(cells->per[axis] < 0x1p1000))
            cells->per[axis] = 0;
    }
}

/* Sorts the columns into cells; 0 if there is no memory. */
static int FG_NAME(sort_columns)(const void *soa_, int64_t m, int runs, column_cells *cells)
{
    const real *soa = soa_;
    const int64_t stride = FG_NAME(soa_stride)(m);
    FG_NAME(measure_columns)(soa, stride, m, cells);
    const int64_t n_cells = cells->across * cells->bands;
    cells->stride = stride + LANES; /* a vector may begin at the last column */
    const size_t value_bytes = (size_t)runs * (size_t)cells->stride * sizeof(real);
    cells->memory = malloc(value_bytes + ((size_t)cells->stride + (size_t)m + (size_t)n_cells + 2) * sizeof(int32_t));
    if (!cells->memory)
        return 0;
    real *boxes = cells->boxes = cells->memory;
    cells->order = (int32_t *)((char *)cells->memory + value_bytes);
    int32_t *cell = cells->order + cells->stride, *starts = cells->starts = cell + m;
    memset(starts, 0, ((size_t)n_cells + 2) * sizeof *starts);
    for (int64_t j = 0; j < m; j++) {
        cell[j] = (int32_t)(fg_cell_of(cells, 1, soa[stride + j]) * cells->across + fg_cell_of(cells, 0, soa[j]));
        starts[cell[j] + 2]++;
    }
    for (int64_t c = 2; c <= n_cells + 1; c++)
        starts[c] += starts[c - 1];
    for (int64_t j = 0; j < m; j++)
        cells->order[starts[cell[j] + 1]++] = (int32_t)j;
    for (int run = 0; run < runs; run++)
        for (int64_t k = 0; k < cells->stride; k++)
            boxes[run * cells->stride + k] = k < m ? soa[run * stride + cells->order[k]] : 0;
    return 1;
}

/* Overlaps above 0 of one row, and their columns. */
typedef struct {
    int64_t n;
    real values[FOUND + LANES];
    int32_t columns[FOUND + LANES];
} FG_NAME(found);

static inline void FG_NAME(write_found)(FG_NAME(found) * found, real *out)
{
    for (int64_t k = 0; k < found->n; k++)
        out[found->columns[k]] = found->values[k];
    found->n = 0;
}

/* Finds the overlaps of one row with the columns of one band from `begin` on. The last vector may go beyond `end`: those
   columns are only written early, or twice. */
static inline __attribute__((always_inline)) void FG_NAME(find_overlaps)(const column_cells *cells, int64_t begin,
                                                                         int64_t end, const vreal *row, real *out,
                                                                         FG_NAME(found) * found, int kind)
{
    const real *boxes = cells->boxes;
    vreal columns[MOST_RUNS];
    for (int64_t k = begin; k < end; k += LANES) {
        FG_NAME(load_columns)(boxes, cells->stride, k, kind, columns);
        const vreal value = FG_NAME(overlap)(row, columns, v_set1(0), kind, 0);
        const vmask above = v_lt(v_set1(0), value);
        v_store_where(found->values + found->n, above, value);
        v_store_int32_where(found->columns + found->n, above, cells->order + k);
        found->n += __builtin_popcount(m_bits(above));
        if (found->n > FOUND)
            FG_NAME(write_found)(found, out);
    }
}

/* The cells that a row can overlap: bands, and cells of each. */
typedef struct {
    int64_t first_band, last_band, first, last;
} FG_NAME(reach);

static inline FG_NAME(reach) FG_NAME(reach_of)(const column_cells *cells, const real *box, int64_t stride)
{
    return (FG_NAME(reach)){
        fg_cell_of(cells, 1, box[stride] - cells->longest[1]), fg_cell_of(cells, 1, box[3 * stride]),
        fg_cell_of(cells, 0, box[0] - cells->longest[0]), fg_cell_of(cells, 0, box[2 * stride])};
}

/* How many columns `height` rows are compared with. */
static int64_t FG_NAME(count_in_reach)(const column_cells *cells, const real *soa, int64_t stride, int64_t height)
{
    int64_t count = 0;
    for (int64_t i = 0; i < height; i++) {
        const FG_NAME(reach) reach = FG_NAME(reach_of)(cells, soa + i, stride);
        for (int64_t band = reach.first_band; band <= reach.last_band; band++) {
            const int32_t *starts = cells->starts + band * cells->across;
            count += starts[reach.last + 1] - starts[reach.first];
        }
    }
    return count;
}

/* Writes the overlaps of `height` rows into zeros. */
static inline __attribute__((always_inline)) void FG_NAME(fill_mostly_empty)(const column_cells *cells, const real *soa,
                                                                             int64_t stride, int64_t height, real *out,
                                                                             int64_t m, int kind)
{
    FG_NAME(found) found = {.n = 0};
    vreal row[MOST_RUNS];
    for (int64_t i = 0; i < height; i++) {
        const FG_NAME(reach) reach = FG_NAME(reach_of)(cells, soa + i, stride);
        FG_NAME(load_row)(soa, stride, i, kind, row);
        for (int64_t band = reach.first_band; band <= reach.last_band; band++) {
            const int32_t *starts = cells->starts + band * cells->across;
            FG_NAME(find_overlaps)(cells, starts[reach.first], starts[reach.last + 1], row, out + i * m, &found, kind);
        }
        FG_NAME(write_found)(&found, out + i * m);
    }
}

/* By non-temporal stores: a table larger than the caches would only evict what is in them. */
static void FG_NAME(stream_zeros)(real *out, int64_t n)
{
    int64_t i = 0;
    for (; i < n && (uintptr_t)(out + i) % (LANES * sizeof(real)); i++)
        out[i] = 0;
    for (; i + LANES <= n; i += LANES)
        v_stream(out + i, v_set1(0));
    for (; i < n; i++)
        out[i] = 0;
    v_stream_end();
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
