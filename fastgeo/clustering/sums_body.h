/* Compiled for float64 only; the points may be float32, which widens exactly. No operation is contracted. */

/* Columns, with one for the weight behind the last, in whole vectors. */
static int64_t FG_NAME(sums_stride)(int64_t d) { return (d + LANES) / LANES * LANES; }

/* One vector of row i from column l on, weighted; `one` is 1 in the lane of the weight where the row ends here. */
static inline __attribute__((always_inline)) vreal FG_NAME(weighted)(const fg_points *points, int64_t i, int64_t l,
                                                                     int ends, vreal one, int is_f64, int plain)
{
    const int64_t left = points->d - l;
    const float *x32 = (const float *)points->x + i * points->d + l;
    const double *x64 = (const double *)points->x + i * points->d + l;
    vreal x = v_set1(0);
    if (!ends)
        x = is_f64 ? v_load(x64) : v_load_float(x32);
    else if (left > 0)
        x = is_f64 ? v_load_part(x64, left) : v_load_float_part(x32, left);
    if (!plain && points->scale)
        x = v_mul(x, v_set1(points->scale[i]));
    if (ends)
        x = v_add(x, one);
    return !plain && points->weights ? v_mul(x, v_set1(points->weights[i])) : x;
}

/* Prefetches `count` vectors of row i from column l on. */
static inline __attribute__((always_inline)) void FG_NAME(fetch_row)(const fg_points *points, int64_t i, int64_t l,
                                                                     int count)
{
    const int64_t size = points->is_f64 ? 8 : 4;
    const char *at = (const char *)points->x + (i * points->d + l) * size;
    for (int64_t byte = 0; byte < count * LANES * size; byte += 64)
        __builtin_prefetch(at + byte);
}

/* `count` vectors, from column l on, of the ordered rows go to the sums of their labels, which stay in registers. */
static inline __attribute__((always_inline)) void FG_NAME(add_runs)(const fg_sums *sums, const fg_ordered_rows *rows,
                                                                    double *total, int64_t l, int count, int ends,
                                                                    int is_f64, int plain)
{
    double lanes[LANES] = {0};
    if (ends)
        lanes[sums->points->d - l] = 1;
    const vreal one = v_load(lanes);
    for (int64_t run = 0, r = 0; run < rows->n_runs; run++) {
        double *at = total + rows->labels[run] * sums->stride + l;
        vreal sum[8];
        for (int v = 0; v < count; v++)
            sum[v] = v_load(at + v * LANES);
        for (; r < rows->ends[run]; r++) {
            FG_NAME(fetch_row)(sums->points, rows->first + rows->order[r + ROWS_AHEAD], l, count);
            for (int v = 0; v < count; v++)
                sum[v] = v_add(sum[v], FG_NAME(weighted)(sums->points, rows->first + rows->order[r], l + v * LANES, ends,
                                                         one, is_f64, plain));
        }
        for (int v = 0; v < count; v++)
            v_store(at + v * LANES, sum[v]);
    }
}

/* The weights alone, where every point has a weight of 1. */
static void FG_NAME(add_counts)(const fg_sums *sums, const fg_ordered_rows *rows, double *total)
{
    for (int64_t run = 0, begin = 0; run < rows->n_runs; begin = rows->ends[run++])
        total[rows->labels[run] * sums->stride + sums->points->d] += (double)(rows->ends[run] - begin);
}

/* The same for columns [column, column_end) of the stride: whole vectors, then the one that ends the row. */
static inline __attribute__((always_inline)) void FG_NAME(add_columns)(const fg_sums *sums, const fg_ordered_rows *rows,
                                                                       double *total, int64_t column,
                                                                       int64_t column_end, int is_f64, int plain)
{
    const int ends = column_end > sums->points->d;
    const int64_t whole = ends ? sums->points->d / LANES * LANES : column_end;
    int64_t l = column;
    for (; l + 8 * LANES <= whole; l += 8 * LANES)
        FG_NAME(add_runs)(sums, rows, total, l, 8, 0, is_f64, plain);
    for (; l + 4 * LANES <= whole; l += 4 * LANES)
        FG_NAME(add_runs)(sums, rows, total, l, 4, 0, is_f64, plain);
    for (; l + 2 * LANES <= whole; l += 2 * LANES)
        FG_NAME(add_runs)(sums, rows, total, l, 2, 0, is_f64, plain);
    for (; l < whole; l += LANES)
        FG_NAME(add_runs)(sums, rows, total, l, 1, 0, is_f64, plain);
    if (ends && plain && l == sums->points->d)
        FG_NAME(add_counts)(sums, rows, total);
    else if (ends)
        FG_NAME(add_runs)(sums, rows, total, l, 1, 1, is_f64, plain);
}

static void FG_NAME(add_rows)(const fg_sums *sums, const fg_ordered_rows *rows, int64_t block, int64_t column,
                              int64_t column_end)
{
    const fg_points *points = sums->points;
    const int plain = !points->scale && !points->weights;
    double *total = sums->partial + block * sums->k * sums->stride;
    if (points->is_f64 && plain)
        FG_NAME(add_columns)(sums, rows, total, column, column_end, 1, 1);
    else if (points->is_f64)
        FG_NAME(add_columns)(sums, rows, total, column, column_end, 1, 0);
    else if (plain)
        FG_NAME(add_columns)(sums, rows, total, column, column_end, 0, 1);
    else
        FG_NAME(add_columns)(sums, rows, total, column, column_end, 0, 0);
}

/* `count` vectors from column l on of the total of one cluster: block by block, in registers. */
static inline __attribute__((always_inline)) void FG_NAME(total_columns)(const fg_sums *sums, int64_t j, int64_t l,
                                                                         int count, double *total)
{
    vreal sum[4];
    const double *partial = sums->partial + j * sums->stride + l;
    for (int v = 0; v < count; v++)
        sum[v] = v_load(partial + v * LANES);
    for (int64_t b = 1; b < sums->blocks; b++) {
        partial += sums->k * sums->stride;
        for (int v = 0; v < count; v++)
            sum[v] = v_add(sum[v], v_load(partial + v * LANES));
    }
    for (int v = 0; v < count; v++)
        v_store(total + v * LANES, sum[v]);
}

static void FG_NAME(total_chunk)(void *job_, int64_t chunk, int slot)
{
    (void)slot;
    const total_job *job = job_;
    const int64_t d = job->sums->points->d, begin = chunk * job->clusters;
    const int64_t end = begin + job->clusters < job->sums->k ? begin + job->clusters : job->sums->k;
    for (int64_t j = begin; j < end; j++) {
        double last[LANES], *total = job->totals + j * d;
        int64_t l = 0;
        for (; l + 4 * LANES <= d; l += 4 * LANES)
            FG_NAME(total_columns)(job->sums, j, l, 4, total + l);
        if (l + 2 * LANES <= d) {
            FG_NAME(total_columns)(job->sums, j, l, 2, total + l);
            l += 2 * LANES;
        }
        if (l + LANES <= d) {
            FG_NAME(total_columns)(job->sums, j, l, 1, total + l);
            l += LANES;
        }
        FG_NAME(total_columns)(job->sums, j, l, 1, last);
        memcpy(total + l, last, (size_t)(d - l) * sizeof(double));
        job->weights[j] = last[d - l];
    }
}
