/* Compiled for float64 only; the points may be float32, which widens exactly. No operation is contracted. */
#define POINTS (2 * LANES)
#define CANDIDATES 6

static inline double FG_NAME(value)(const fg_points *points, int64_t i, int64_t l)
{
    const int64_t at = i * points->d + l;
    const double x = points->is_f64 ? ((const double *)points->x)[at] : (double)((const float *)points->x)[at];
    return points->scale ? x * points->scale[i] : x;
}

/* Room for the weight behind the last column, in whole vectors. */
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

/* Asks for `count` vectors of row i from column l on. */
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
            FG_NAME(fetch_row)(sums->points, rows->first + rows->order[r + AHEAD], l, count);
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

/* 1 - IoU of two sizes. */
static inline double FG_NAME(size_loss)(double w, double h, double w2, double h2)
{
    const double common = (w < w2 ? w : w2) * (h < h2 ? h : h2);
    const double total = w * h + w2 * h2 - common;
    return 1 - (total > 0 ? common / total : 0);
}

static inline __attribute__((always_inline)) vreal FG_NAME(row_part)(const void *x, int64_t at, int64_t width, int is_f64)
{
    const float *x32 = (const float *)x + at;
    const double *x64 = (const double *)x + at;
    if (width == LANES)
        return is_f64 ? v_load(x64) : v_load_float(x32);
    return is_f64 ? v_load_part(x64, width) : v_load_float_part(x32, width);
}

/* Adds the squared differences of columns [l, l + width) to the sums of LANES points, in index order: squares are taken
   along the rows, then turned. */
static inline __attribute__((always_inline)) vreal FG_NAME(add_squares)(const own_job *job, const int64_t *rows,
                                                                        const int64_t *labels, int64_t l, int64_t width,
                                                                        int is_f64, int scaled, vreal sum)
{
    const fg_points *points = job->points;
    const int64_t d = points->d;
    vreal squares[LANES];
    for (int p = 0; p < LANES; p++) {
        vreal x = FG_NAME(row_part)(points->x, rows[p] * d + l, width, is_f64);
        if (scaled)
            x = v_mul(x, v_set1(points->scale[rows[p]]));
        const vreal difference = v_sub(x, FG_NAME(row_part)(job->centroids, labels[p] * d + l, width, is_f64));
        squares[p] = v_mul(difference, difference);
    }
    v_transpose(squares);
    for (int64_t c = 0; c < width; c++)
        sum = v_add(sum, squares[c]);
    return sum;
}

/* Asks for LANES² values of the points from `row` on, of which those before l were asked for earlier. */
static inline void FG_NAME(fetch)(const fg_points *points, int64_t row, int64_t l)
{
    const int64_t size = points->is_f64 ? 8 : 4;
    const char *next = (const char *)points->x + (row * points->d + l * LANES) * size;
    if (row + LANES <= points->n)
        for (int64_t at = 0; at < LANES * LANES * size; at += 64)
            __builtin_prefetch(next + at, 0, 2);
}

/* The squared distances of LANES points, the first of which is number `first`. */
static inline __attribute__((always_inline)) vreal FG_NAME(own_squares)(const own_job *job, int64_t first,
                                                                        const int64_t *rows, const int64_t *labels,
                                                                        int is_f64, int scaled)
{
    const int64_t d = job->points->d;
    vreal sum = v_set1(0);
    int64_t l = 0;
    for (; l + LANES <= d; l += LANES) {
        FG_NAME(fetch)(job->points, first + LANES, l);
        sum = FG_NAME(add_squares)(job, rows, labels, l, LANES, is_f64, scaled, sum);
    }
    return l < d ? FG_NAME(add_squares)(job, rows, labels, l, d - l, is_f64, scaled, sum) : sum;
}

static void FG_NAME(own_chunk)(void *job_, int64_t chunk, int slot)
{
    (void)slot;
    const own_job *job = job_;
    const fg_points *points = job->points;
    const int64_t end = (chunk + 1) * job->rows < points->n ? (chunk + 1) * job->rows : points->n;
    for (int64_t first = chunk * job->rows; first < end; first += LANES) {
        int64_t rows[LANES], labels[LANES];
        vreal sum;
        for (int p = 0; p < LANES; p++) {
            rows[p] = first + p < end ? first + p : first;
            labels[p] = job->labels[rows[p]];
        }
        if (points->scale)
            sum = FG_NAME(own_squares)(job, first, rows, labels, points->is_f64, 1);
        else if (points->is_f64)
            sum = FG_NAME(own_squares)(job, first, rows, labels, 1, 0);
        else
            sum = FG_NAME(own_squares)(job, first, rows, labels, 0, 0);
        if (first + LANES <= end)
            v_store(job->distances + first, sum);
        else
            v_store_part(job->distances + first, sum, end - first);
    }
}

/* The same for sizes. */
static void FG_NAME(own_losses)(void *job_, int64_t chunk, int slot)
{
    (void)slot;
    const own_job *job = job_;
    const fg_points *points = job->points;
    const fg_points centroids = {.x = job->centroids, .d = 2, .is_f64 = points->is_f64};
    const int64_t end = (chunk + 1) * job->rows < points->n ? (chunk + 1) * job->rows : points->n;
    for (int64_t i = chunk * job->rows; i < end; i++) {
        const int64_t j = job->labels[i];
        job->distances[i] = FG_NAME(size_loss)(FG_NAME(value)(points, i, 0), FG_NAME(value)(points, i, 1),
                                               FG_NAME(value)(&centroids, j, 0), FG_NAME(value)(&centroids, j, 1));
    }
}

/* Widened rows, lanes over points; rows past `count` repeat the last. */
static void FG_NAME(pack_wide)(const fg_points *points, int64_t first, int64_t count, double *packed)
{
    const int64_t d = points->d, squares = d / LANES * LANES;
    for (int half = 0; half < POINTS; half += LANES)
        for (int64_t l = 0; l < squares; l += LANES) {
            vreal square[LANES];
            for (int p = 0; p < LANES; p++) {
                const int64_t i = first + (half + p < count ? half + p : count - 1);
                square[p] = points->is_f64 ? v_load((const double *)points->x + i * d + l)
                                           : v_load_float((const float *)points->x + i * d + l);
                if (points->scale)
                    square[p] = v_mul(square[p], v_set1(points->scale[i]));
            }
            v_transpose(square);
            for (int c = 0; c < LANES; c++)
                v_store(packed + (l + c) * POINTS + half, square[c]);
        }
    for (int64_t p = 0; p < POINTS; p++)
        for (int64_t l = squares; l < d; l++)
            packed[l * POINTS + p] = FG_NAME(value)(points, first + (p < count ? p : count - 1), l);
}

/* Squared distances of a packed block from `count` rows: out[row * POINTS + point]. */
static inline __attribute__((always_inline)) void FG_NAME(row_distances)(const double *packed, const double *rows,
                                                                         int64_t d, int count, double *out)
{
    vreal sum[CANDIDATES][2];
    for (int q = 0; q < count; q++)
        sum[q][0] = sum[q][1] = v_set1(0);
    for (int64_t l = 0; l < d; l++)
        for (int q = 0; q < count; q++) {
            const vreal c = v_broadcast(rows + q * d + l);
            for (int v = 0; v < 2; v++) {
                const vreal difference = v_sub(v_load(packed + l * POINTS + v * LANES), c);
                sum[q][v] = v_add(sum[q][v], v_mul(difference, difference));
            }
        }
    for (int q = 0; q < count; q++)
        for (int v = 0; v < 2; v++)
            v_store(out + q * POINTS + v * LANES, sum[q][v]);
}

static void FG_NAME(centre_distances)(const fg_points *points, const double *packed, const double *rows, int64_t count,
                                      double *out)
{
    const int64_t d = points->d;
    int64_t t = 0;
    if (points->metric == FG_BOX_IOU) {
        for (; t < count; t++)
            for (int p = 0; p < POINTS; p++)
                out[t * POINTS + p] =
                    FG_NAME(size_loss)(packed[p], packed[POINTS + p], rows[2 * t], rows[2 * t + 1]);
        return;
    }
    for (; t + CANDIDATES <= count; t += CANDIDATES)
        FG_NAME(row_distances)(packed, rows + t * d, d, CANDIDATES, out + t * POINTS);
    for (; t + 2 <= count; t += 2)
        FG_NAME(row_distances)(packed, rows + t * d, d, 2, out + t * POINTS);
    if (t < count)
        FG_NAME(row_distances)(packed, rows + t * d, d, 1, out + t * POINTS);
}

/* What each candidate would leave of the potential of some points, added to `left` in index order. */
static void FG_NAME(add_left)(const double *closest, const double *weights, const double *distances, int64_t count,
                              int64_t n_candidates, double *left)
{
    for (int64_t t = 0; t < n_candidates; t++) {
        double potential[POINTS], sum = left[t];
        for (int64_t p = 0; p < POINTS; p += LANES) {
            vreal least = v_min(v_load(distances + t * POINTS + p), v_load(closest + p));
            if (weights)
                least = v_mul(v_load(weights + p), least);
            v_store(potential + p, least);
        }
        for (int64_t p = 0; p < count; p++)
            sum += potential[p];
        left[t] = sum;
    }
}

/* Brings the distances of a piece of a chunk up to the centre taken last, then tries the candidates. */
static void FG_NAME(plusplus_chunk)(void *job_, int64_t number, int slot)
{
    plusplus_job *job = job_;
    const fg_points *points = job->points;
    const int64_t chunk = job->first_chunk + number, begin = chunk * FG_SUM_CHUNK + job->piece;
    const int64_t last = job->piece + job->piece_rows < FG_SUM_CHUNK ? begin + job->piece_rows : (chunk + 1) * FG_SUM_CHUNK;
    const int64_t end = last < points->n ? last : points->n;
    double *packed = (double *)(job->scratch + slot * job->scratch_bytes);
    double *distances = packed + POINTS * points->d;
    double left[FG_MAX_CANDIDATES];
    for (int64_t t = 0; t < job->n_candidates; t++)
        left[t] = job->piece > 0 ? job->left[t * job->n_chunks + chunk] : 0;
    for (int64_t first = begin; first < end; first += POINTS) {
        const int64_t count = first + POINTS < end ? POINTS : end - first;
        const size_t bytes = (size_t)count * sizeof(double);
        double closest[POINTS] = {0}, weights[POINTS] = {0};
        memcpy(closest, job->closest + first, bytes);
        if (points->weights)
            memcpy(weights, points->weights + first, bytes);
        FG_NAME(pack_wide)(points, first, count, packed);
        if (job->stale[chunk]) {
            FG_NAME(centre_distances)(points, packed, job->taken, 1, distances);
            for (int64_t p = 0; p < POINTS; p += LANES)
                v_store(closest + p, v_min(v_load(distances + p), v_load(closest + p)));
            memcpy(job->closest + first, closest, bytes);
        }
        FG_NAME(centre_distances)(points, packed, job->candidates, job->n_candidates, distances);
        FG_NAME(add_left)(closest, points->weights ? weights : NULL, distances, count, job->n_candidates, left);
    }
    for (int64_t t = 0; t < job->n_candidates; t++)
        job->left[t * job->n_chunks + chunk] = left[t];
}

static int64_t FG_NAME(plusplus_bytes)(int64_t d)
{
    return POINTS * (d + FG_MAX_CANDIDATES) * (int64_t)sizeof(double);
}

#undef POINTS
#undef CANDIDATES
