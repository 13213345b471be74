/* A tile is POINTS = 2 vectors of points against up to CENTROIDS centroids, its sums in registers. */
#define POINTS (2 * LANES)
#define CENTROIDS (REGISTERS == 32 ? 12 : 6)

/* Columns [l, l + width) of LANES rows, transposed: lane p of packed[c * POINTS] is column c of row p. */
static inline __attribute__((always_inline)) void FG_NAME(transpose)(const real *const *rows, const real *scale, int64_t l,
                                                                int64_t width, real *packed)
{
    vreal square[LANES];
    for (int p = 0; p < LANES; p++) {
        square[p] = width == LANES ? v_load(rows[p] + l) : v_load_part(rows[p] + l, width);
        if (scale)
            square[p] = v_mul(square[p], v_set1(scale[p]));
    }
    v_transpose(square);
    for (int c = 0; c < width; c++)
        v_store(packed + (l + c) * POINTS, square[c]);
}

/* Columns [first, first + d) of the points of these numbers, lanes over points: packed[l * POINTS + p]. Past `count` the
   last is repeated. */
static void FG_NAME(pack_columns)(const fg_points *points, const int64_t *numbers, int64_t count, int64_t first,
                                  int64_t d, real *packed)
{
    const real *rows[POINTS], *x = (const real *)points->x + first;
    real scales[POINTS];
    if (count == POINTS)
        for (int64_t p = 0; p < POINTS; p++)
            rows[p] = x + numbers[p] * points->d;
    else
        for (int64_t p = 0; p < POINTS; p++)
            rows[p] = x + numbers[p < count ? p : count - 1] * points->d;
    for (int64_t p = 0; points->scale && p < POINTS; p++)
        scales[p] = (real)points->scale[numbers[p < count ? p : count - 1]];
    if (d < 4 && !points->scale) {
        for (int64_t l = 0; l < d; l++)
            for (int64_t p = 0; p < POINTS; p++)
                packed[l * POINTS + p] = rows[p][l];
        return;
    }
    for (int half = 0; half < POINTS; half += LANES) {
        const real *scale = points->scale ? scales + half : NULL;
        int64_t l = 0;
        for (; l + LANES <= d; l += LANES)
            FG_NAME(transpose)(rows + half, scale, l, LANES, packed + half);
        if (l < d)
            FG_NAME(transpose)(rows + half, scale, l, d - l, packed + half);
    }
}

static void FG_NAME(pack)(const fg_points *points, const int64_t *numbers, int64_t count, real *packed)
{
    FG_NAME(pack_columns)(points, numbers, count, 0, points->d, packed);
}

/* The distance kernel: sum over l of (x[l] - c[l])², one chain of fused multiply-adds in index order. */
static inline __attribute__((always_inline)) void FG_NAME(squared)(const real *packed, const real *centroids,
                                                                   int64_t stride, int64_t d, int count, vreal (*sum)[2])
{
    for (int q = 0; q < count; q++)
        sum[q][0] = sum[q][1] = v_set1(0);
    for (int64_t l = 0; l < d; l++) {
        const vreal x0 = v_load(packed + l * POINTS), x1 = v_load(packed + l * POINTS + LANES);
        for (int q = 0; q < count; q++) {
            const vreal c = v_broadcast(centroids + q * stride + l);
            const vreal difference0 = v_sub(x0, c), difference1 = v_sub(x1, c);
            sum[q][0] = v_fma(difference0, difference0, sum[q][0]);
            sum[q][1] = v_fma(difference1, difference1, sum[q][1]);
        }
    }
}
