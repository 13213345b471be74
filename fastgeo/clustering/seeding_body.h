#include "clustering/wide_body.h"

#define POINTS (2 * LANES)
#define CANDIDATES 6

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
