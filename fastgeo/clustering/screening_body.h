/* What screening leaves open is settled here, by exact distances of pairs of a point and a centroid within its reach: the
   answer is the exhaustive search's. Needs tile_body.h and exhaustive_body.h. */

/* What screening knows of each point of a block. */
typedef struct {
    vmask leads[2]; /* the nearest centroid leads by more than all errors: the exact search would find it too */
    vint index[2];  /* this centroid */
    int whole;      /* the table of scores holds integers */
    vreal reach[2]; /* centroids of a higher score cannot be the nearest */
    vreal most[2];  /* as squared distances: how far the nearest is at most, */
    vreal least[2]; /* and any other at least */
} FG_NAME(screening);

/* As fg_upper_bound and fg_lower_bound but for the rounding to float, whose factors exceed these roundings too; what
   cancels leaves an error below the second underflow. */
static inline vreal FG_NAME(upper_bounds)(const fg_bounds *bounds, vreal square)
{
    const vreal most = v_fma(square, v_set1((real)(1 + bounds->error)), v_set1((real)(2 * bounds->underflow)));
    return v_mul(v_sqrt(most), v_set1((real)bounds->unit));
}

static inline vreal FG_NAME(lower_bounds)(const fg_bounds *bounds, vreal square)
{
    const vreal least = v_fma(square, v_set1((real)(1 - bounds->error)), v_set1((real)(-2 * bounds->underflow)));
    return v_mul(v_sqrt(v_max(least, v_set1(0))), v_set1((real)bounds->unit));
}

/* Writes what the pairs of one point have shown. */
static void FG_NAME(settle_current)(const fg_nearest_call *call, FG_NAME(state) *state)
{
    const int64_t i = state->current;
    fg_bounds *bounds = call->bounds;
    if (i < 0)
        return;
    state->changed += state->label != call->labels[i];
    call->labels[i] = state->label;
    if (call->distances)
        ((real *)call->distances)[i] = FG_NAME(public_distance)(state->best, call->points->metric);
    if (bounds) {
        const float second = fg_lower_bound(bounds, (double)state->second), others = bounds->lower[i];
        bounds->upper[i] = fg_upper_bound(bounds, (double)state->best);
        bounds->lower[i] = second < others ? second : others;
    }
    state->current = -1;
}

/* Exact distances of the first `count` pairs, at most POINTS. Pairs of one point stand together, centroids ascending. */
static void FG_NAME(settle_pairs)(const fg_nearest_call *call, FG_NAME(state) *state, int64_t count)
{
    const int64_t d = call->points->d;
    const fg_points centroids = {.x = call->centroids, .n = call->k, .d = d};
    real *x = state->packed, *c = state->packed + POINTS * d, distance[POINTS];
    vreal sum[2] = {v_set1(0), v_set1(0)};
    FG_NAME(pack)(call->points, state->pair_point, count, x);
    FG_NAME(pack)(&centroids, state->pair_centroid, count, c);
    for (int64_t l = 0; l < d; l++)
        for (int v = 0; v < 2; v++) {
            const int64_t at = l * POINTS + v * LANES;
            const vreal difference = v_sub(v_load(x + at), v_load(c + at));
            sum[v] = v_fma(difference, difference, sum[v]);
        }
    v_store(distance, sum[0]);
    v_store(distance + LANES, sum[1]);
    for (int64_t p = 0; p < count; p++) {
        if (state->pair_point[p] != state->current) {
            FG_NAME(settle_current)(call, state);
            state->current = state->pair_point[p];
            state->best = state->second = (real)INFINITY;
        }
        if (distance[p] < state->best) {
            state->second = state->best;
            state->best = distance[p];
            state->label = (int32_t)state->pair_centroid[p];
        } else if (distance[p] < state->second)
            state->second = distance[p];
    }
    state->n_pairs -= count;
    memmove(state->pair_point, state->pair_point + count, (size_t)state->n_pairs * sizeof(int64_t));
    memmove(state->pair_centroid, state->pair_centroid + count, (size_t)state->n_pairs * sizeof(int64_t));
}

static void FG_NAME(settle_all_pairs)(const fg_nearest_call *call, FG_NAME(state) *state)
{
    if (state->n_pairs > 0)
        FG_NAME(settle_pairs)(call, state, state->n_pairs);
    FG_NAME(settle_current)(call, state);
}

static inline vreal FG_NAME(load_score)(const real *at, int whole)
{
#if FG_REAL_BITS == 32
    if (whole)
        return v_from_int(i_load((const int32_t *)(const void *)at));
#endif
    (void)whole;
    return v_load(at);
}

/* Lists the centroids whose score is within reach of some point, and of which points; returns how many pairs that is. */
static int64_t FG_NAME(list_hits)(int64_t k, const vreal *reach, int whole, FG_NAME(state) *state)
{
    int64_t n_pairs = 0;
    state->n_hits = 0;
    for (int64_t j = 0; j < k; j++) {
        const real *at = state->scores + j * POINTS;
        const vreal score0 = FG_NAME(load_score)(at, whole), score1 = FG_NAME(load_score)(at + LANES, whole);
        unsigned points = m_bits(v_le(score0, reach[0])) | m_bits(v_le(score1, reach[1])) << LANES;
        if (!points)
            continue;
        state->hits[state->n_hits++] = (hit){(int32_t)j, points};
        for (; points; points &= points - 1)
            n_pairs++;
    }
    return n_pairs;
}

static void FG_NAME(add_pair)(const fg_nearest_call *call, int64_t i, int64_t centroid, FG_NAME(state) *state)
{
    state->pair_point[state->n_pairs] = i;
    state->pair_centroid[state->n_pairs++] = centroid;
    if (state->n_pairs == POINTS)
        FG_NAME(settle_pairs)(call, state, POINTS);
}

/* Pairs point p of the block, number i, with the centroids within its reach. */
static void FG_NAME(pair_point)(const fg_nearest_call *call, int64_t i, int64_t p, FG_NAME(state) *state)
{
    for (int64_t h = 0; h < state->n_hits; h++)
        if (state->hits[h].points >> p & 1)
            FG_NAME(add_pair)(call, i, state->hits[h].centroid, state);
}

/* Labels those of at most POINTS points whose nearest centroid leads and pairs the others; or leaves the block to the
   exact search, where too many centroids are in reach. */
static void FG_NAME(settle_screened)(const fg_nearest_call *call, const FG_NAME(screening) *screening, const int64_t *numbers,
                                 int64_t count, FG_NAME(state) *state)
{
    const fg_points *points = call->points;
    fg_bounds *bounds = call->bounds;
    real_int index[POINTS];
    real upper[POINTS], lower[POINTS];
    vreal reach[2];
    unsigned safe = 0, undirected = 0;
    for (int v = 0; v < 2; v++) {
        safe |= m_bits(screening->leads[v]) << (v * LANES);
        reach[v] = v_select(screening->leads[v], v_set1(-(real)INFINITY), screening->reach[v]);
        i_store(index + v * LANES, screening->index[v]);
        if (!bounds)
            continue;
        v_store(upper + v * LANES, FG_NAME(upper_bounds)(bounds, screening->most[v]));
        v_store(lower + v * LANES, FG_NAME(lower_bounds)(bounds, screening->least[v]));
    }
    if ((safe & ALL_POINTS) != ALL_POINTS && FG_NAME(list_hits)(call->k, reach, screening->whole, state) > call->k) {
        FG_NAME(settle_all_pairs)(call, state);
        state->changed += FG_NAME(settle)(state, numbers, count);
        return;
    }
    for (int64_t p = 0; points->scale && p < count; p++)
        if (points->scale[numbers[p]] == 0) {
            safe |= 1u << p;
            index[p] = 0;
            upper[p] = (real)INFINITY;
            undirected |= 1u << p;
        }
    state->changed += FG_NAME(relabel)(call->labels, numbers, count, index, safe);
    for (int64_t p = 0; bounds && p < count; p++) {
        bounds->upper[numbers[p]] = fg_round_up((double)upper[p]);
        /* Until the pairs of a point are settled: how near the centroids out of reach can be. */
        bounds->lower[numbers[p]] = fg_round_down((double)lower[p]);
    }
    for (int64_t p = 0; (call->distances || (safe & ALL_POINTS) != ALL_POINTS) && p < count; p++)
        if (!(safe >> p & 1))
            FG_NAME(pair_point)(call, numbers[p], p, state);
        else if (call->distances && undirected >> p & 1)
            ((real *)call->distances)[numbers[p]] = 1;
        else if (call->distances)
            FG_NAME(add_pair)(call, numbers[p], index[p], state);
}
