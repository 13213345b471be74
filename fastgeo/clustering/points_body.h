#include "clustering/squares_body.h"

static int64_t FG_NAME(last_row)(const points_job *job, int64_t chunk)
{
    const int64_t end = (chunk + 1) * job->rows;
    return end < job->points->n ? end : job->points->n;
}

static void FG_NAME(check_chunk)(void *job_, int64_t chunk, int slot)
{
    (void)slot;
    const points_job *job = job_;
    const int64_t d = job->points->d, end = FG_NAME(last_row)(job, chunk) * d;
    const real *x = job->points->x;
    const vreal low = v_set1((real)job->low), high = v_set1((real)job->high);
    int64_t i = chunk * job->rows * d;
    real magnitudes[LANES] = {0};
    double largest = 0;
    vmask good = v_le(low, high);
    vreal most = v_load(magnitudes);
    for (; i + LANES <= end; i += LANES) {
        const vreal value = v_load(x + i);
        good = m_and(good, m_and(v_le(low, value), v_le(value, high)));
        most = v_max(v_abs(value), most);
    }
    int bad = m_bits(good) != m_bits(v_le(low, high));
    v_store(magnitudes, most);
    for (int p = 0; p < LANES; p++)
        largest = (double)magnitudes[p] > largest ? (double)magnitudes[p] : largest;
    for (; i < end; i++) {
        const double magnitude = fabs((double)x[i]);
        bad |= !((real)job->low <= x[i] && x[i] <= (real)job->high);
        largest = magnitude > largest ? magnitude : largest;
    }
    job->largest[chunk] = bad ? (double)INFINITY : largest;
}

static void FG_NAME(scale_rows_chunk)(void *job_, int64_t chunk, int slot)
{
    (void)slot;
    const points_job *job = job_;
    const int64_t d = job->points->d, end = FG_NAME(last_row)(job, chunk) * d;
    const real *x = job->points->x;
    real *out = job->out;
    for (int64_t i = chunk * job->rows * d; i < end; i++)
        out[i] = (real)((double)x[i] * job->factors[0] * job->factors[1]);
}

static int FG_NAME(is_zero)(const real *row, int64_t d)
{
    int64_t l = 0;
    while (l < d && row[l] == 0)
        l++;
    return l == d;
}

static void FG_NAME(row_scales_chunk)(void *job_, int64_t chunk, int slot)
{
    (void)slot;
    const points_job *job = job_;
    const fg_points *points = job->points;
    const double shortest = fg_short_square(points->is_f64);
    const int64_t end = FG_NAME(last_row)(job, chunk);
    for (int64_t first = chunk * job->rows; first < end; first += SIDE_BY_SIDE) {
        double square[SIDE_BY_SIDE];
        const int64_t count = end - first < SIDE_BY_SIDE ? end - first : SIDE_BY_SIDE;
        FG_NAME(row_squares)(points, first, count, square);
        for (int64_t p = 0; p < count; p++) {
            const real *row = (const real *)points->x + (first + p) * points->d;
            job->n_short[chunk] += square[p] < shortest && !FG_NAME(is_zero)(row, points->d);
            job->scale[first + p] = square[p] > 0 ? 1 / sqrt(square[p]) : 0;
        }
    }
}

static void FG_NAME(lengthen_chunk)(void *job_, int64_t chunk, int slot)
{
    (void)slot;
    const points_job *job = job_;
    const int64_t d = job->points->d, end = FG_NAME(last_row)(job, chunk);
    for (int64_t i = chunk * job->rows; i < end; i++) {
        const real *row = (const real *)job->points->x + i * d;
        real *out = (real *)job->out + i * d;
        double square[SIDE_BY_SIDE];
        FG_NAME(row_squares)(job->points, i, 1, square);
        const int is_short = square[0] < fg_short_square(job->points->is_f64);
        const real factor = (real)(is_short ? fg_lengthening(job->points->is_f64) : 1);
        for (int64_t l = 0; l < d; l++)
            out[l] = row[l] * factor;
    }
}

static void FG_NAME(unit_rows_chunk)(void *job_, int64_t chunk, int slot)
{
    (void)slot;
    const points_job *job = job_;
    const int64_t d = job->points->d, end = FG_NAME(last_row)(job, chunk);
    for (int64_t i = chunk * job->rows; i < end; i++)
        for (int64_t l = i * d; l < i * d + d; l++)
            ((real *)job->out)[l] = (real)((double)((const real *)job->points->x)[l] * job->points->scale[i]);
}
