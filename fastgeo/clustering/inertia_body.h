#include "clustering/wide_body.h"

static inline __attribute__((always_inline)) vreal FG_NAME(row_part)(const void *x, int64_t at, int64_t width, int is_f64)
{
    const float *x32 = (const float *)x + at;
    const double *x64 = (const double *)x + at;
    if (width == LANES)
        return is_f64 ? v_load(x64) : v_load_float(x32);
    return is_f64 ? v_load_part(x64, width) : v_load_float_part(x32, width);
}

/* Adds the squared differences of columns [l, l + width) to the sums of LANES points, in index order: squares are taken
   along the rows, then transposed. */
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

/* Prefetches LANES² values of the points from `row` on, of which those before l were prefetched earlier. */
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

/* A row or a centroid of zeros has no direction: 1 - cosine = 1, half of 2. A unit vector has a value that is not 0. */
static void FG_NAME(set_undirected)(const own_job *job, int64_t begin, int64_t end)
{
    const fg_points *points = job->points, centroids = {.x = job->centroids, .d = points->d, .is_f64 = points->is_f64};
    for (int64_t i = begin; i < end; i++) {
        int64_t l = 0;
        while (points->scale[i] > 0 && l < points->d && FG_NAME(value)(&centroids, job->labels[i], l) == 0)
            l++;
        if (points->scale[i] == 0 || l == points->d)
            job->distances[i] = 2;
    }
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
    if (points->scale)
        FG_NAME(set_undirected)(job, chunk * job->rows, end);
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
