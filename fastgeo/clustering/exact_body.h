/* Compiled for float64 only; the points may be float32, which widens exactly. No operation is contracted. */
#define POINTS (2 * LANES)
#define CANDIDATES 6

static inline double FG_NAME(value)(const fg_points *points, int64_t i, int64_t l)
{
    const int64_t at = i * points->d + l;
    const double x = points->is_f64 ? ((const double *)points->x)[at] : (double)((const float *)points->x)[at];
    return points->scale ? x * points->scale[i] : x;
}

/* total += row, scaled and weighted, elementwise. */
static inline __attribute__((always_inline)) void FG_NAME(add_row)(const fg_points *points, int64_t i, int64_t begin,
                                                                   int64_t end, double *total, int is_f64, int plain)
{
    const double scale = plain || !points->scale ? 1 : points->scale[i];
    const double weight = plain || !points->weights ? 1 : points->weights[i];
    const float *x32 = (const float *)points->x + i * points->d;
    const double *x64 = (const double *)points->x + i * points->d;
    int64_t l = begin;
    for (; l + LANES <= end; l += LANES) {
        vreal x = is_f64 ? v_load(x64 + l) : v_load_float(x32 + l);
        if (!plain)
            x = v_mul(v_mul(x, v_set1(scale)), v_set1(weight));
        v_store(total + l, v_add(v_load(total + l), x));
    }
    for (; l < end; l++) {
        double x = is_f64 ? x64[l] : (double)x32[l];
        if (!plain)
            x = x * scale * weight;
        total[l] += x;
    }
}

static inline __attribute__((always_inline)) void FG_NAME(add_rows)(const sums_job *job, int64_t first, int64_t end,
                                                                    int64_t column, int64_t column_end, double *sums,
                                                                    int is_f64, int plain)
{
    for (int64_t i = first; i < end; i++)
        FG_NAME(add_row)(job->points, i, column, column_end, sums + job->labels[i] * job->points->d, is_f64, plain);
}

/* A chunk is one block of rows and one strip of columns: its entries of `partial`. */
static void FG_NAME(sums_chunk)(void *job_, int64_t chunk, int slot)
{
    (void)slot;
    const sums_job *job = job_;
    const fg_points *points = job->points;
    const int64_t block = chunk / job->strips, strip = chunk % job->strips, n = points->n, d = points->d;
    const int64_t first = n / job->blocks * block + n % job->blocks * block / job->blocks;
    const int64_t end = n / job->blocks * (block + 1) + n % job->blocks * (block + 1) / job->blocks;
    const int64_t column = strip * SUM_STRIP, column_end = column + SUM_STRIP < d ? column + SUM_STRIP : d;
    double *sums = job->partial + block * job->k * d;
    for (int64_t j = 0; j < job->k; j++)
        memset(sums + j * d + column, 0, (size_t)(column_end - column) * sizeof(double));
    const int plain = !points->scale && !points->weights;
    if (points->is_f64 && plain)
        FG_NAME(add_rows)(job, first, end, column, column_end, sums, 1, 1);
    else if (points->is_f64)
        FG_NAME(add_rows)(job, first, end, column, column_end, sums, 1, 0);
    else if (plain)
        FG_NAME(add_rows)(job, first, end, column, column_end, sums, 0, 1);
    else
        FG_NAME(add_rows)(job, first, end, column, column_end, sums, 0, 0);
    if (strip > 0)
        return;
    double *counts = job->partial_counts + block * job->k;
    memset(counts, 0, (size_t)job->k * sizeof(double));
    for (int64_t i = first; i < end; i++)
        counts[job->labels[i]] += points->weights ? points->weights[i] : 1;
}

/* 1 - IoU of two sizes. */
static inline double FG_NAME(size_loss)(double w, double h, double w2, double h2)
{
    const double common = (w < w2 ? w : w2) * (h < h2 ? h : h2);
    const double total = w * h + w2 * h2 - common;
    return 1 - (total > 0 ? common / total : 0);
}

/* Squared distances of four points from the centroids of their labels, side by side. */
static void FG_NAME(own_chunk)(void *job_, int64_t chunk, int slot)
{
    (void)slot;
    const own_job *job = job_;
    const fg_points *points = job->points;
    const int64_t d = points->d;
    const int64_t end = (chunk + 1) * FG_SUM_CHUNK < points->n ? (chunk + 1) * FG_SUM_CHUNK : points->n;
    const fg_points centroids = {.x = job->centroids, .d = d, .is_f64 = points->is_f64};
    for (int64_t first = chunk * FG_SUM_CHUNK; first < end; first += 4) {
        int64_t row[4], label[4];
        double sum[4] = {0};
        for (int p = 0; p < 4; p++) {
            row[p] = first + p < end ? first + p : first;
            label[p] = job->labels[row[p]];
        }
        for (int64_t l = 0; points->metric != FG_BOX_IOU && l < d; l++)
            for (int p = 0; p < 4; p++) {
                const double difference =
                    FG_NAME(value)(points, row[p], l) - FG_NAME(value)(&centroids, label[p], l);
                sum[p] += difference * difference;
            }
        for (int p = 0; p < 4 && first + p < end; p++) {
            if (points->metric == FG_BOX_IOU)
                sum[p] = FG_NAME(size_loss)(FG_NAME(value)(points, row[p], 0), FG_NAME(value)(points, row[p], 1),
                                            FG_NAME(value)(&centroids, label[p], 0),
                                            FG_NAME(value)(&centroids, label[p], 1));
            job->distances[first + p] = sum[p];
        }
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

static inline __attribute__((always_inline)) void FG_NAME(candidate_distances)(const plusplus_job *job,
                                                                               const double *packed, int64_t first,
                                                                               int count, double *out)
{
    const int64_t d = job->points->d;
    const double *rows = job->candidates + first * d;
    vreal sum[CANDIDATES][2];
    for (int q = 0; q < count; q++)
        sum[q][0] = sum[q][1] = v_set1(0);
    for (int64_t l = 0; l < d; l++)
        for (int q = 0; q < count; q++)
            for (int v = 0; v < 2; v++) {
                const vreal x = v_load(packed + l * POINTS + v * LANES);
                const vreal difference = v_sub(x, v_set1(rows[q * d + l]));
                sum[q][v] = v_add(sum[q][v], v_mul(difference, difference));
            }
    for (int q = 0; q < count; q++)
        for (int v = 0; v < 2; v++)
            v_store(out + (first + q) * POINTS + v * LANES, sum[q][v]);
}

static void FG_NAME(all_candidate_distances)(const plusplus_job *job, const double *packed, double *out)
{
    int64_t t = 0;
    if (job->points->metric == FG_BOX_IOU) {
        for (; t < job->n_candidates; t++)
            for (int p = 0; p < POINTS; p++)
                out[t * POINTS + p] = FG_NAME(size_loss)(packed[p], packed[POINTS + p], job->candidates[2 * t],
                                                         job->candidates[2 * t + 1]);
        return;
    }
    for (; t + CANDIDATES <= job->n_candidates; t += CANDIDATES)
        FG_NAME(candidate_distances)(job, packed, t, CANDIDATES, out);
    for (; t + 2 <= job->n_candidates; t += 2)
        FG_NAME(candidate_distances)(job, packed, t, 2, out);
    if (t < job->n_candidates)
        FG_NAME(candidate_distances)(job, packed, t, 1, out);
}

/* What each candidate would leave of a chunk's potential; with one candidate and `update`, it is taken. */
static void FG_NAME(plusplus_chunk)(void *job_, int64_t chunk, int slot)
{
    plusplus_job *job = job_;
    const fg_points *points = job->points;
    const int64_t begin = chunk * FG_SUM_CHUNK;
    const int64_t end = begin + FG_SUM_CHUNK < points->n ? begin + FG_SUM_CHUNK : points->n;
    double *packed = (double *)(job->scratch + slot * job->scratch_bytes);
    double *distances = packed + POINTS * points->d;
    double sums[FG_MAX_CANDIDATES] = {0};
    for (int64_t first = begin; first < end; first += POINTS) {
        const int64_t count = first + POINTS < end ? POINTS : end - first;
        FG_NAME(pack_wide)(points, first, count, packed);
        FG_NAME(all_candidate_distances)(job, packed, distances);
        for (int64_t p = 0; p < count; p++) {
            const double closest = job->closest[first + p];
            const double weight = points->weights ? points->weights[first + p] : 1;
            for (int64_t t = 0; t < job->n_candidates; t++) {
                const double distance = distances[t * POINTS + p], least = distance < closest ? distance : closest;
                sums[t] += weight * least;
                if (job->update)
                    job->closest[first + p] = least;
            }
        }
    }
    for (int64_t t = 0; t < job->n_candidates; t++)
        job->potential[t * job->n_chunks + chunk] = sums[t];
}

static int64_t FG_NAME(plusplus_bytes)(int64_t d)
{
    return POINTS * (d + FG_MAX_CANDIDATES) * (int64_t)sizeof(double);
}

#undef POINTS
#undef CANDIDATES
