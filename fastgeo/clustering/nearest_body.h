/* A tile is POINTS = 2 vectors of points against up to CENTROIDS centroids, its sums in registers. */
#define POINTS (2 * LANES)
#define CENTROIDS 6

/* Scratch of one slot: a packed block, and a few scaled rows behind it. */
static int64_t FG_NAME(packed_bytes)(int64_t d) { return (POINTS + CENTROIDS) * d * (int64_t)sizeof(real); }

/* Rows of points, turned so that lanes run over points: packed[l * POINTS + p]. Rows past `count` repeat the last. */
static void FG_NAME(pack)(const fg_points *points, int64_t first, int64_t count, real *packed)
{
    const int64_t d = points->d;
    for (int64_t p = 0; p < POINTS; p++) {
        const int64_t i = first + (p < count ? p : count - 1);
        const real *row = (const real *)points->x + i * d;
        if (points->scale)
            for (int64_t l = 0; l < d; l++)
                packed[l * POINTS + p] = row[l] * (real)points->scale[i];
        else
            for (int64_t l = 0; l < d; l++)
                packed[l * POINTS + p] = row[l];
    }
}

/* The distance kernel: sum over l of (x[l] - c[l])², one chain of fused multiply-adds in index order. */
static inline __attribute__((always_inline)) void FG_NAME(squared)(const real *packed, const real *centroids,
                                                                   int64_t d, int count, vreal (*sum)[2])
{
    for (int q = 0; q < count; q++)
        sum[q][0] = sum[q][1] = v_set1(0);
    for (int64_t l = 0; l < d; l++) {
        const vreal x0 = v_load(packed + l * POINTS), x1 = v_load(packed + l * POINTS + LANES);
        for (int q = 0; q < count; q++) {
            const vreal c = v_set1(centroids[q * d + l]);
            const vreal difference0 = v_sub(x0, c), difference1 = v_sub(x1, c);
            sum[q][0] = v_fma(difference0, difference0, sum[q][0]);
            sum[q][1] = v_fma(difference1, difference1, sum[q][1]);
        }
    }
}

/* 1 - IoU of (width, height) sizes. No operation is contracted: the reference has the same bits. */
static inline __attribute__((always_inline)) void FG_NAME(size_distance)(const real *packed, const real *centroids,
                                                                         int count, vreal (*sum)[2])
{
    for (int q = 0; q < count; q++) {
        const vreal w2 = v_set1(centroids[q * 2]), h2 = v_set1(centroids[q * 2 + 1]), area2 = v_mul(w2, h2);
        for (int v = 0; v < 2; v++) {
            const vreal w = v_load(packed + v * LANES), h = v_load(packed + POINTS + v * LANES);
            const vreal common = v_mul(v_min(w, w2), v_min(h, h2));
            const vreal total = v_sub(v_add(v_mul(w, h), area2), common);
            const vreal iou = v_select(v_lt(v_set1(0), total), v_div(common, total), v_set1(0));
            sum[q][v] = v_sub(v_set1(1), iou);
        }
    }
}

typedef struct {
    vreal best[2];
    vint index[2];
} FG_NAME(winners);

/* Lets `count` centroids, from number `first` on, compete. An equal distance does not displace a lower index. */
static inline __attribute__((always_inline)) void FG_NAME(compete)(const real *packed, const real *centroids,
                                                                   int64_t d, int64_t first, int count, int metric,
                                                                   FG_NAME(winners) *winners)
{
    vreal sum[CENTROIDS][2];
    if (metric == FG_BOX_IOU)
        FG_NAME(size_distance)(packed, centroids + first * d, count, sum);
    else
        FG_NAME(squared)(packed, centroids + first * d, d, count, sum);
    for (int q = 0; q < count; q++) {
        const vint number = i_set1(first + q);
        for (int v = 0; v < 2; v++) {
            const vmask closer = v_lt(sum[q][v], winners->best[v]);
            winners->index[v] = i_select(closer, number, winners->index[v]);
            winners->best[v] = v_select(closer, sum[q][v], winners->best[v]);
        }
    }
}

static inline __attribute__((always_inline)) void FG_NAME(find_winners)(const real *packed, const real *centroids,
                                                                        int64_t d, int64_t k, int metric,
                                                                        FG_NAME(winners) *out)
{
    FG_NAME(winners) w;
    for (int v = 0; v < 2; v++) {
        w.best[v] = v_set1((real)INFINITY);
        w.index[v] = i_set1(0);
    }
    int64_t j = 0;
    for (; j + CENTROIDS <= k; j += CENTROIDS)
        FG_NAME(compete)(packed, centroids, d, j, CENTROIDS, metric, &w);
    switch (k - j) {
    case 5: FG_NAME(compete)(packed, centroids, d, j, 5, metric, &w); break;
    case 4: FG_NAME(compete)(packed, centroids, d, j, 4, metric, &w); break;
    case 3: FG_NAME(compete)(packed, centroids, d, j, 3, metric, &w); break;
    case 2: FG_NAME(compete)(packed, centroids, d, j, 2, metric, &w); break;
    case 1: FG_NAME(compete)(packed, centroids, d, j, 1, metric, &w); break;
    }
    *out = w;
}

/* Distances as `assign` returns them: the root; for unit vectors 1 - cosine = half the square; 1 - IoU as it is. */
static inline real FG_NAME(public_distance)(real value, int metric)
{
    if (metric == FG_EUCLIDEAN)
        return REAL_SQRT(value);
    return metric == FG_COSINE ? value * (real)0.5 : value;
}

static void FG_NAME(nearest_chunk)(void *job_, int64_t chunk, int slot)
{
    nearest_job *job = job_;
    const fg_points *points = job->call->points;
    const int64_t begin = chunk * job->rows, end = begin + job->rows < points->n ? begin + job->rows : points->n;
    real *packed = (real *)(job->scratch + slot * FG_NAME(packed_bytes)(points->d));
    real best[POINTS];
    real_int index[POINTS];
    int64_t changed = 0;
    for (int64_t first = begin; first < end; first += POINTS) {
        const int64_t count = first + POINTS < end ? POINTS : end - first;
        FG_NAME(pack)(points, first, count, packed);
        FG_NAME(winners) w;
        if (points->metric == FG_BOX_IOU)
            FG_NAME(find_winners)(packed, job->call->centroids, 2, job->call->k, FG_BOX_IOU, &w);
        else
            FG_NAME(find_winners)(packed, job->call->centroids, points->d, job->call->k, FG_EUCLIDEAN, &w);
        for (int v = 0; v < 2; v++) {
            v_store(best + v * LANES, w.best[v]);
            i_store(index + v * LANES, w.index[v]);
        }
        for (int64_t p = 0; p < count; p++) {
            /* A row of zeros is as far from every direction: 1 - cosine = 1, and the lowest index wins. */
            const int zero = points->scale && points->scale[first + p] == 0;
            const int32_t label = zero ? 0 : (int32_t)index[p];
            changed += label != job->call->labels[first + p];
            job->call->labels[first + p] = label;
            if (job->call->distances)
                ((real *)job->call->distances)[first + p] =
                    zero ? (real)1 : FG_NAME(public_distance)(best[p], points->metric);
        }
    }
    job->changed[chunk] = changed;
}

/* Up to CENTROIDS rows of the result, one block of columns wide. */
static inline __attribute__((always_inline)) void FG_NAME(distance_rows)(const pairwise_job *job, const real *packed,
                                                                         const real *rows, int64_t column,
                                                                         int64_t width, int count, real *out)
{
    vreal sum[CENTROIDS][2];
    FG_NAME(squared)(packed, rows, job->rows->d, count, sum);
    for (int q = 0; q < count; q++)
        for (int v = 0; v < 2; v++) {
            vreal value = sum[q][v];
            if (job->kind == FG_KIND_EUCLIDEAN)
                value = v_sqrt(value);
            else if (job->kind == FG_KIND_COSINE)
                value = v_mul(value, v_set1((real)0.5));
            real *at = out + q * job->columns->n + column + v * LANES;
            const int64_t left = width - v * LANES;
            if (left >= LANES)
                v_store(at, value);
            else if (left > 0)
                v_store_part(at, value, left);
        }
}

/* A row of zeros has no direction: its cosine with anything is 0, the distance 1. */
static void FG_NAME(mend_zero_rows)(const pairwise_job *job, int64_t row, int64_t row_end, int64_t column,
                                    int64_t column_end)
{
    real *out = job->out;
    for (int64_t i = row; i < row_end; i++)
        for (int64_t j = column; j < column_end; j++)
            if (job->rows->scale[i] == 0 || job->columns->scale[j] == 0)
                out[i * job->columns->n + j] = 1;
}

static void FG_NAME(pairwise_tile)(void *job_, int64_t tile, int slot)
{
    const pairwise_job *job = job_;
    const int64_t d = job->rows->d, m = job->columns->n;
    const int64_t row = tile / job->column_tiles * job->tile_rows;
    const int64_t row_end = row + job->tile_rows < job->rows->n ? row + job->tile_rows : job->rows->n;
    const int64_t column = tile % job->column_tiles * TILE_COLUMNS;
    const int64_t column_end = column + TILE_COLUMNS < m ? column + TILE_COLUMNS : m;
    real *packed = (real *)(job->scratch + slot * FG_NAME(packed_bytes)(d)), *scaled = packed + POINTS * d;
    for (int64_t j = column; j < column_end; j += POINTS) {
        const int64_t width = j + POINTS < column_end ? POINTS : column_end - j;
        FG_NAME(pack)(job->columns, j, width, packed);
        for (int64_t i = row; i < row_end; i += CENTROIDS) {
            const int count = (int)(i + CENTROIDS < row_end ? CENTROIDS : row_end - i);
            const real *rows = (const real *)job->rows->x + i * d;
            if (job->rows->scale) {
                for (int q = 0; q < count; q++)
                    for (int64_t l = 0; l < d; l++)
                        scaled[q * d + l] = rows[q * d + l] * (real)job->rows->scale[i + q];
                rows = scaled;
            }
            real *out = (real *)job->out + i * m;
            if (count == CENTROIDS) {
                FG_NAME(distance_rows)(job, packed, rows, j, width, CENTROIDS, out);
                continue;
            }
            for (int q = 0; q < count; q++)
                FG_NAME(distance_rows)(job, packed, rows + q * d, j, width, 1, out + q * m);
        }
    }
    if (job->kind == FG_KIND_COSINE)
        FG_NAME(mend_zero_rows)(job, row, row_end, column, column_end);
}

#undef POINTS
#undef CENTROIDS
