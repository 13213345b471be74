#include "clustering/squares_body.h"

static void FG_NAME(check_chunk)(void *job_, int64_t chunk, int slot)
{
    (void)slot;
    points_job *job = job_;
    const int64_t n = job->points->n, d = job->points->d;
    const int64_t end_row = (chunk + 1) * job->rows < n ? (chunk + 1) * job->rows : n;
    const real *x = job->points->x;
    const vreal low = v_set1((real)job->low), high = v_set1((real)job->high);
    int64_t i = chunk * job->rows * d;
    const int64_t end = end_row * d;
    vmask good = v_le(low, high);
    for (; i + LANES <= end; i += LANES) {
        const vreal value = v_load(x + i);
        good = m_and(good, m_and(v_le(low, value), v_le(value, high)));
    }
    int bad = m_bits(good) != m_bits(v_le(low, high));
    for (; i < end; i++)
        bad |= !((real)job->low <= x[i] && x[i] <= (real)job->high);
    job->bad[chunk] = (char)bad;
}

static void FG_NAME(scale_chunk)(void *job_, int64_t chunk, int slot)
{
    (void)slot;
    points_job *job = job_;
    const int64_t n = job->points->n;
    const int64_t end = (chunk + 1) * job->rows < n ? (chunk + 1) * job->rows : n;
    for (int64_t first = chunk * job->rows; first < end; first += SIDE_BY_SIDE) {
        double sum[SIDE_BY_SIDE];
        const int64_t count = end - first < SIDE_BY_SIDE ? end - first : SIDE_BY_SIDE;
        FG_NAME(row_squares)(job->points, first, count, sum);
        for (int p = 0; p < count; p++)
            job->scale[first + p] = sum[p] > 0 ? 1 / sqrt(sum[p]) : 0;
    }
}
