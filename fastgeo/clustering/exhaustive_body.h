/* The exhaustive search: the distance of every centroid, in tiles. Where others leave a point open, this one decides.
   Needs tile_body.h. */

/* A bit for each point of a whole block. */
#define ALL_POINTS (~0u >> (32 - POINTS))

/* Scratch of one slot: a packed block, behind it another one, a few scaled rows, or the block in integers; behind these
   the quantizer's scores and hits. */
static int64_t FG_NAME(packed_bytes)(int64_t d)
{
    return fg_whole_lines(2 * (POINTS + CENTROIDS) * (d + 1) * (int64_t)sizeof(real));
}
static int64_t FG_NAME(table_bytes)(int64_t k)
{
    return fg_whole_lines(k * (POINTS * (int64_t)sizeof(real) + (int64_t)sizeof(hit)));
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
    vreal best[2], second[2];
    vint index[2];
} FG_NAME(winners);

/* One centroid competes. An equal distance does not displace a lower index. */
static inline __attribute__((always_inline)) void FG_NAME(enter)(vreal distance, vint number, int mode, int v,
                                                                 FG_NAME(winners) *winners)
{
    const vmask closer = v_lt(distance, winners->best[v]);
    if (mode == NEAREST_TWO)
        winners->second[v] = v_min(winners->second[v], v_max(winners->best[v], distance));
    winners->index[v] = i_select(closer, number, winners->index[v]);
    winners->best[v] = v_min(distance, winners->best[v]);
}

/* Lets `count` centroids, from number `first` on, compete. */
static inline __attribute__((always_inline)) void FG_NAME(compete)(const real *packed, const real *centroids,
                                                                   int64_t d, int64_t first, int count, int mode,
                                                                   FG_NAME(winners) *winners)
{
    vreal sum[CENTROIDS][2];
    if (mode == SIZES)
        FG_NAME(size_distance)(packed, centroids + first * d, count, sum);
    else
        FG_NAME(squared)(packed, centroids + first * d, d, d, count, sum);
    for (int q = 0; q < count; q++) {
        const vint number = i_set1(first + q);
        for (int v = 0; v < 2; v++)
            FG_NAME(enter)(sum[q][v], number, mode, v, winners);
    }
}

static inline FG_NAME(winners) FG_NAME(no_winners)(void)
{
    FG_NAME(winners) w;
    for (int v = 0; v < 2; v++) {
        w.best[v] = w.second[v] = v_set1((real)INFINITY);
        w.index[v] = i_set1(0);
    }
    return w;
}

/* Lets centroids [begin, end) compete. */
static inline __attribute__((always_inline)) void FG_NAME(find)(const real *packed, const real *centroids, int64_t d,
                                                                int64_t begin, int64_t end, int mode,
                                                                FG_NAME(winners) *winners)
{
    FG_NAME(winners) w = begin > 0 ? *winners : FG_NAME(no_winners)();
    int64_t j = begin;
    for (; j + CENTROIDS <= end; j += CENTROIDS)
        FG_NAME(compete)(packed, centroids, d, j, CENTROIDS, mode, &w);
    if (CENTROIDS > 6 && j + 6 <= end) {
        FG_NAME(compete)(packed, centroids, d, j, 6, mode, &w);
        j += 6;
    }
    switch (end - j) {
    case 5: FG_NAME(compete)(packed, centroids, d, j, 5, mode, &w); break;
    case 4: FG_NAME(compete)(packed, centroids, d, j, 4, mode, &w); break;
    case 3: FG_NAME(compete)(packed, centroids, d, j, 3, mode, &w); break;
    case 2: FG_NAME(compete)(packed, centroids, d, j, 2, mode, &w); break;
    case 1: FG_NAME(compete)(packed, centroids, d, j, 1, mode, &w); break;
    }
    *winners = w;
}

/* Points on their way through a chunk. */
typedef struct {
    const nearest_job *job;
    int slot;
    real *packed;
    int64_t changed, searched;
    /* What screening leaves open: pairs of point and centroid that wait, and the point whose pairs are being settled. */
    real *scores; /* [centroid][point]; for deep points, their distances */
    hit *hits;
    int32_t *starts; /* for the sums */
    int64_t n_hits, n_pairs, current;
    int64_t pair_point[POINTS], pair_centroid[POINTS];
    real best, second;
    int32_t label;
} FG_NAME(state);

static int FG_NAME(stopped)(const FG_NAME(state) *state)
{
    return state->job->team->stopped(state->slot);
}

/* Prefetches one vector of each half of a block. */
static inline void FG_NAME(fetch)(const real *ahead)
{
    __builtin_prefetch(ahead, 0, 2);
    __builtin_prefetch(ahead + LANES, 0, 2);
}

/* The rows of the next points, if these stand in a row; else the present ones, which costs nothing. */
static const real *FG_NAME(next_rows)(const fg_points *points, const int64_t *numbers, int64_t count)
{
    const int64_t next = numbers[count - 1] + 1, in_a_row = next - numbers[0] == count;
    return (const real *)points->x + (in_a_row && next + POINTS <= points->n ? next : numbers[0]) * points->d;
}

/* The next `width` links of the chains of `count` centroids, whose sums wait in `table`, [centroid][point]. Meanwhile
   prefetches as much of what lies `ahead`, if anything: few lines at a time, or they would delay the loads here. */
static inline __attribute__((always_inline)) void FG_NAME(lengthen)(const real *packed, const real *centroids,
                                                                    int64_t stride, int64_t width, int count,
                                                                    real *table, const real *ahead)
{
    vreal sum[CENTROIDS][2];
    for (int q = 0; q < count; q++)
        for (int v = 0; v < 2; v++)
            sum[q][v] = v_load(table + q * POINTS + v * LANES);
    for (int64_t l = 0; l < width; l++) {
        const vreal x0 = v_load(packed + l * POINTS), x1 = v_load(packed + l * POINTS + LANES);
        if (ahead)
            FG_NAME(fetch)(ahead + l * POINTS);
        for (int q = 0; q < count; q++) {
            const vreal c = v_broadcast(centroids + q * stride + l);
            const vreal difference0 = v_sub(x0, c), difference1 = v_sub(x1, c);
            sum[q][0] = v_fma(difference0, difference0, sum[q][0]);
            sum[q][1] = v_fma(difference1, difference1, sum[q][1]);
        }
    }
    for (int q = 0; q < count; q++)
        for (int v = 0; v < 2; v++)
            v_store(table + q * POINTS + v * LANES, sum[q][v]);
}

/* The same for `left` centroids. Their first tile prefetches what lies ahead. */
static void FG_NAME(lengthen_all)(const real *packed, const real *centroids, int64_t stride, int64_t width,
                                  int64_t left, real *table, const real *ahead)
{
    int64_t j = left < 6 ? 1 : left < CENTROIDS ? 6 : CENTROIDS;
    if (j == 1)
        FG_NAME(lengthen)(packed, centroids, stride, width, 1, table, ahead);
    else if (j == 6)
        FG_NAME(lengthen)(packed, centroids, stride, width, 6, table, ahead);
    else
        FG_NAME(lengthen)(packed, centroids, stride, width, CENTROIDS, table, ahead);
    for (; j + CENTROIDS <= left; j += CENTROIDS)
        FG_NAME(lengthen)(packed, centroids + j * stride, stride, width, CENTROIDS, table + j * POINTS, NULL);
    for (; j + 4 <= left; j += 4)
        FG_NAME(lengthen)(packed, centroids + j * stride, stride, width, 4, table + j * POINTS, NULL);
    for (; j < left; j++)
        FG_NAME(lengthen)(packed, centroids + j * stride, stride, width, 1, table + j * POINTS, NULL);
}

/* Squared distances of the points of these numbers from all centroids, [centroid][point]: DEEP_COLUMNS columns at a time, which
   stay in the first cache from their packing to the last centroid. Leaves early where the call ends without an answer. */
static void FG_NAME(measure_deep)(const FG_NAME(state) *state, const int64_t *numbers, int64_t count)
{
    const fg_nearest_call *call = state->job->call;
    const int64_t d = call->points->d, k = call->k, group = state->job->plan->group, stride = state->job->plan->stride;
    const real *ahead = FG_NAME(next_rows)(call->points, numbers, count);
    int64_t unpolled = 0;
    memset(state->scores, 0, (size_t)(k * POINTS) * sizeof(real));
    for (int64_t first = 0; first < d; first += DEEP_COLUMNS) {
        const int64_t width = first + DEEP_COLUMNS < d ? DEEP_COLUMNS : d - first;
        const real *centroids = (const real *)state->job->centroids + first;
        FG_NAME(pack_columns)(call->points, numbers, count, first, width, state->packed);
        for (int64_t j = 0; j < k; j += group) {
            const int64_t some = j + group < k ? group : k - j;
            FG_NAME(lengthen_all)(state->packed, centroids + j * stride, stride, width, some,
                                  state->scores + j * POINTS, j == 0 ? ahead + first * POINTS : NULL);
            unpolled += some;
            if (unpolled < group)
                continue;
            if (FG_NAME(stopped)(state))
                return;
            unpolled = 0;
        }
    }
}

/* The two nearest of k centroids by a table of distances, [centroid][point]. */
static void FG_NAME(pick_winners)(const real *table, int64_t k, FG_NAME(winners) *out)
{
    FG_NAME(winners) w = FG_NAME(no_winners)();
    for (int64_t j = 0; j < k; j++)
        for (int v = 0; v < 2; v++)
            FG_NAME(enter)(v_load(table + j * POINTS + v * LANES), i_set1(j), NEAREST_TWO, v, &w);
    *out = w;
}

/* Distances as `assign` returns them: the root; for unit vectors 1 - cosine = half the square; 1 - IoU as it is. */
static inline real FG_NAME(public_distance)(real value, int metric)
{
    if (metric == FG_EUCLIDEAN)
        return REAL_SQRT(value);
    return metric == FG_COSINE ? value * (real)0.5 : value;
}

/* What the exact search finds for a block of points. */
typedef struct {
    real best[POINTS], second[POINTS];
    real_int index[POINTS];
} FG_NAME(found);

static void FG_NAME(find_packed)(const fg_nearest_call *call, const real *packed, int64_t begin, int64_t end,
                                 FG_NAME(winners) *w)
{
    const int64_t d = call->points->d;
    if (call->points->metric == FG_BOX_IOU)
        FG_NAME(find)(packed, call->centroids, 2, begin, end, SIZES, w);
    else if (call->bounds)
        FG_NAME(find)(packed, call->centroids, d, begin, end, NEAREST_TWO, w);
    else
        FG_NAME(find)(packed, call->centroids, d, begin, end, NEAREST, w);
}

/* Leaves early where the call ends without an answer; what it has found then is a centroid at least. */
static void FG_NAME(search)(const FG_NAME(state) *state, const int64_t *numbers, int64_t count,
                            FG_NAME(found) *found)
{
    const fg_nearest_call *call = state->job->call;
    const int64_t k = call->k, group = state->job->plan->group;
    FG_NAME(winners) w;
    if (call->points->d > DEEP_COLUMNS) {
        FG_NAME(measure_deep)(state, numbers, count);
        FG_NAME(pick_winners)(state->scores, k, &w);
    } else {
        int64_t end = 0;
        FG_NAME(pack)(call->points, numbers, count, state->packed);
        do {
            const int64_t begin = end;
            end = begin + group < k ? begin + group : k;
            FG_NAME(find_packed)(call, state->packed, begin, end, &w);
        } while (end < k && !FG_NAME(stopped)(state));
    }
    for (int v = 0; v < 2; v++) {
        v_store(found->best + v * LANES, w.best[v]);
        v_store(found->second + v * LANES, w.second[v]);
        i_store(found->index + v * LANES, w.index[v]);
    }
}

/* Gives the points of these bits their labels; returns how many changed. */
static int64_t FG_NAME(relabel)(int32_t *labels, const int64_t *numbers, int64_t count, const real_int *index,
                                unsigned safe)
{
    const int in_a_row = count == POINTS && numbers[count - 1] - numbers[0] == POINTS - 1;
    int64_t changed = 0;
    if (in_a_row && safe == ALL_POINTS) {
        /* The usual case, in a loop that the compiler takes by vectors. */
        int32_t *at = labels + numbers[0], differ = 0;
        for (int p = 0; p < POINTS; p++) {
            differ += (int32_t)index[p] != at[p];
            at[p] = (int32_t)index[p];
        }
        return differ;
    }
    for (int64_t p = 0; p < count; p++) {
        int32_t *at = labels + numbers[p];
        const int32_t label = safe >> p & 1 ? (int32_t)index[p] : *at;
        changed += label != *at;
        *at = label;
    }
    return changed;
}

/* Searches for the points of these numbers, at most POINTS of them; returns how many labels changed. */
static int64_t FG_NAME(settle)(const FG_NAME(state) *state, const int64_t *numbers, int64_t count)
{
    const fg_nearest_call *call = state->job->call;
    const fg_points *points = call->points;
    FG_NAME(found) found;
    FG_NAME(search)(state, numbers, count, &found);
    for (int64_t p = 0; points->scale && p < count; p++)
        if (points->scale[numbers[p]] == 0) {
            /* A row of zeros is as far from every direction: 1 - cosine = 1, and the lowest index wins. */
            found.index[p] = 0;
            found.best[p] = call->bounds ? (real)INFINITY : 2;
        }
    for (int64_t p = 0; call->distances && p < count; p++)
        ((real *)call->distances)[numbers[p]] = FG_NAME(public_distance)(found.best[p], points->metric);
    for (int64_t p = 0; call->bounds && p < count; p++) {
        call->bounds->upper[numbers[p]] = fg_upper_bound(call->bounds, (double)found.best[p]);
        call->bounds->lower[numbers[p]] = fg_lower_bound(call->bounds, (double)found.second[p]);
    }
    return FG_NAME(relabel)(call->labels, numbers, count, found.index, ALL_POINTS);
}
