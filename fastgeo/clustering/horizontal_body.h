/* A search with the lanes along the rows, which need not be transposed. Its sums have other roundings than the exhaustive
   search's; both err by little of the distance itself, so that a lead beyond both errors decides. */
#define QUAD 4
#define GROUP (REGISTERS == 32 ? 6 : 2)

static int FG_NAME(horizontal_group)(void) { return GROUP; }

/* Adds columns [l, l + width) to the sums of four points against `count` centroids. */
static inline __attribute__((always_inline)) void FG_NAME(add_columns)(const real *const *rows, const real *scale,
                                                                     const real *centroids, int64_t stride, int64_t l,
                                                                     int64_t width, int count, vreal (*sum)[QUAD])
{
    vreal x[QUAD];
    for (int p = 0; p < QUAD; p++) {
        x[p] = width == LANES ? v_load(rows[p] + l) : v_load_part(rows[p] + l, width);
        if (scale)
            x[p] = v_mul(x[p], v_set1(scale[p]));
    }
    for (int q = 0; q < count; q++) {
        const real *at = centroids + q * stride + l;
        const vreal c = width == LANES ? v_load(at) : v_load_part(at, width);
        for (int p = 0; p < QUAD; p++) {
            const vreal difference = v_sub(x[p], c);
            sum[q][p] = v_fma(difference, difference, sum[q][p]);
        }
    }
}

/* Squared distances of four points from `count` centroids, [centroid][point]. Meanwhile prefetches `n_ahead` rows from
   `ahead` on. */
static inline __attribute__((always_inline)) void FG_NAME(measure_group)(const real *const *rows, const real *scale,
                                                                         const real *centroids, int64_t stride,
                                                                         int64_t d, int count, const real *ahead,
                                                                         int n_ahead, real *table)
{
    vreal sum[GROUP][QUAD];
    int64_t l = 0;
    for (int q = 0; q < count; q++)
        for (int p = 0; p < QUAD; p++)
            sum[q][p] = v_set1(0);
    for (; l + LANES <= d; l += LANES) {
        for (int p = 0; p < n_ahead; p++)
            __builtin_prefetch(ahead + p * d + l, 0, 2);
        FG_NAME(add_columns)(rows, scale, centroids, stride, l, LANES, count, sum);
    }
    if (l < d)
        FG_NAME(add_columns)(rows, scale, centroids, stride, l, d - l, count, sum);
    for (int q = 0; q < count; q++)
        v_store_totals(table + q * POINTS, sum[q]);
}

/* The same for all k centroids. The prefetches are spread over the groups, or they would delay the loads here. */
static inline __attribute__((always_inline)) void FG_NAME(measure_quad)(const real *const *rows, const real *scale,
                                                                        const nearest_job *job, const real *ahead,
                                                                        real *table)
{
    const int64_t d = job->call->points->d, stride = job->plan->stride;
    const real *centroids = job->centroids;
    int64_t left = job->call->k;
    int n_ahead = left <= GROUP ? QUAD : QUAD / 2, asked = 0;
    while (left > 0) {
        /* Groups of about one size: a centroid alone would wait for its own sums. */
        const int64_t count = left <= GROUP ? left : left < 2 * GROUP ? (left + 1) / 2 : GROUP;
        switch (count) {
        case 6: if (GROUP == 6) FG_NAME(measure_group)(rows, scale, centroids, stride, d, 6, ahead, n_ahead, table); break;
        case 5: if (GROUP == 6) FG_NAME(measure_group)(rows, scale, centroids, stride, d, 5, ahead, n_ahead, table); break;
        case 4: if (GROUP == 6) FG_NAME(measure_group)(rows, scale, centroids, stride, d, 4, ahead, n_ahead, table); break;
        case 3: if (GROUP == 6) FG_NAME(measure_group)(rows, scale, centroids, stride, d, 3, ahead, n_ahead, table); break;
        case 2: FG_NAME(measure_group)(rows, scale, centroids, stride, d, 2, ahead, n_ahead, table); break;
        case 1: FG_NAME(measure_group)(rows, scale, centroids, stride, d, 1, ahead, n_ahead, table); break;
        }
        left -= count;
        centroids += count * stride;
        table += count * POINTS;
        asked += n_ahead;
        ahead += n_ahead * d;
        n_ahead = asked < QUAD ? n_ahead : 0;
    }
}

/* Searches for the nearest centroids of at most POINTS points. */
static void FG_NAME(search_horizontally)(const int64_t *numbers, int64_t count, FG_NAME(state) *state)
{
    const fg_nearest_call *call = state->job->call;
    const fg_points *points = call->points;
    const int64_t d = points->d;
    const double unit = sizeof(real) == 8 ? 0x1p-53 : 0x1p-24;
    /* A lead by this factor is beyond the errors of both sums, of the exact search and of the one here. */
    const double error = (double)(d + 3 + d / LANES + 8) * unit;
    const vreal factor = v_set1((real)(1 + 2.02 * error + 16 * unit));
    const vreal underflow = v_set1((real)(4 * (double)(d + 3) * (sizeof(real) == 8 ? DBL_MIN : (double)FLT_MIN)));
    FG_NAME(winners) w;
    FG_NAME(screening) screening;
    for (int64_t first = 0; first < POINTS; first += QUAD) {
        const real *rows[QUAD];
        real scale[QUAD];
        for (int64_t p = 0; p < QUAD; p++) {
            const int64_t i = numbers[first + p < count ? first + p : count - 1];
            rows[p] = (const real *)points->x + i * d;
            scale[p] = points->scale ? (real)points->scale[i] : 1;
        }
        const int64_t next = numbers[first < count ? first : count - 1] + AHEAD;
        const real *ahead = next + QUAD <= points->n ? (const real *)points->x + next * d : rows[0];
        if (points->scale)
            FG_NAME(measure_quad)(rows, scale, state->job, ahead, state->scores + first);
        else
            FG_NAME(measure_quad)(rows, NULL, state->job, ahead, state->scores + first);
    }
    FG_NAME(pick_winners)(state->scores, call->k, &w);
    screening.whole = 0;
    for (int v = 0; v < 2; v++) {
        screening.reach[v] = v_fma(w.best[v], factor, underflow);
        screening.leads[v] = v_lt(screening.reach[v], w.second[v]);
        screening.index[v] = w.index[v];
        screening.most[v] = screening.reach[v];
        screening.least[v] = v_sub(v_div(w.second[v], factor), underflow);
    }
    FG_NAME(settle_screened)(call, &screening, numbers, count, state);
}

#undef QUAD
#undef GROUP
