/* Float32 only; needs `POINTS` and the packing of nearest_body.h. See filter.h. */
#define ROUGH 6

/* What is known of each point of a block. */
typedef struct {
    vreal weight[2]; /* turns a sum of products into 2 · point · centroid */
    vreal square[2]; /* |point - shift|² */
    vreal margin[2]; /* a lead beyond this is safe */
} FG_NAME(block);

/* The nearest integer, of magnitude below 2²². */
static inline vreal FG_NAME(nearest_integer)(vreal a) { return v_sub(v_add(a, v_set1(0x1.8p23f)), v_set1(0x1.8p23f)); }

/* Shifts a block in place; its integers go to `pairs`. Meanwhile asks for the block that lies `ahead`. */
static void FG_NAME(to_integers)(const fg_filter *filter, real *packed, int64_t d, const real *ahead, int32_t *pairs,
                                 FG_NAME(block) *block)
{
    for (int v = 0; v < 2; v++) {
        vreal square = v_set1(0), off = v_set1(0);
        for (int64_t l = 0; l < d; l++) {
            real *at = packed + l * POINTS + v * LANES;
            const vreal y = v_sub(v_load(at), v_broadcast(filter->shift + l));
            __builtin_prefetch(ahead + l * POINTS + v * LANES, 0, 2);
            v_store(at, y);
            square = v_fma(y, y, square);
        }
        const vreal length = v_max(v_sqrt(square), v_set1(1e-12f));
        const vreal scale = v_div(v_set1(FG_FILTER_LENGTH * 0.999f), length);
        for (int64_t pair = 0; pair < filter->pairs; pair++) {
            vint whole[2];
            for (int h = 0; h < 2; h++) {
                const int64_t l = 2 * pair + h;
                const vreal y = l < d ? v_load(packed + l * POINTS + v * LANES) : v_set1(0);
                const vreal rounded = FG_NAME(nearest_integer)(v_mul(y, scale));
                const vreal rest = v_fnma(y, scale, rounded);
                off = v_fma(rest, rest, off);
                whole[h] = v_trunc(rounded);
            }
            i_store(pairs + (pair * 2 + v) * LANES, i_pair(whole[0], whole[1]));
        }
        const vreal longest = v_set1(filter->length);
        /* Of 2 · point · centroid, from the rounding of either to integers. */
        vreal error = v_mul(v_div(v_sqrt(off), scale), longest);
        error = v_mul(v_set1(2), v_fma(length, v_set1(filter->error), error));
        /* Of the float arithmetic here, and of the exact search. */
        const vreal reach = v_add(length, longest);
        const vreal rounding = v_mul(v_mul(reach, reach), v_set1(filter->exact_error + 0x1p-18f));
        block->margin[v] = v_add(v_fma(error, v_set1(2.01f), rounding), v_set1(1e-30f));
        block->weight[v] = v_div(v_set1(2), v_mul(scale, v_set1(filter->scale)));
        block->square[v] = square;
    }
}

/* As fg_upper_bound and fg_lower_bound, whose factors exceed these roundings too; what cancels leaves an error below the
   second underflow. */
static inline vreal FG_NAME(upper_bounds)(const fg_bounds *bounds, vreal square)
{
    const vreal most = v_fma(square, v_set1((real)(1 + bounds->error)), v_set1((real)(2 * bounds->underflow)));
    return v_add(v_mul(v_sqrt(most), v_set1(1 + 0x1p-20f)), v_set1(FLT_MIN));
}

static inline vreal FG_NAME(lower_bounds)(const fg_bounds *bounds, vreal square)
{
    const vreal least = v_fma(square, v_set1((real)(1 - bounds->error)), v_set1((real)(-2 * bounds->underflow)));
    return v_mul(v_sqrt(v_max(least, v_set1(0))), v_set1(1 - 0x1p-20f));
}

/* Like `compete`, on |centroid|² - 2 · point · centroid, which goes to `scores`, [centroid][point]. */
static inline __attribute__((always_inline)) void FG_NAME(compete_roughly)(const fg_filter *filter, const int32_t *pairs,
                                                                           const FG_NAME(block) *block, int64_t first,
                                                                           int count, real *scores,
                                                                           FG_NAME(winners) *winners)
{
    const int32_t *centroids = filter->centroids + first * filter->pairs;
    vint sum[ROUGH][2];
    for (int q = 0; q < count; q++)
        sum[q][0] = sum[q][1] = i_set1(0);
    for (int64_t pair = 0; pair < filter->pairs; pair++) {
        const vint x0 = i_load(pairs + pair * POINTS), x1 = i_load(pairs + pair * POINTS + LANES);
        for (int q = 0; q < count; q++) {
            const vint c = i_set1(centroids[q * filter->pairs + pair]);
            sum[q][0] = i_madd_add(x0, c, sum[q][0]);
            sum[q][1] = i_madd_add(x1, c, sum[q][1]);
        }
    }
    for (int q = 0; q < count; q++) {
        const vint number = i_set1(first + q);
        const vreal square = v_broadcast(filter->squares + first + q);
        for (int v = 0; v < 2; v++) {
            const vreal score = v_fnma(v_from_int(sum[q][v]), block->weight[v], square);
            v_store(scores + (first + q) * POINTS + v * LANES, score);
            FG_NAME(enter)(score, number, NEAREST_TWO, v, winners);
        }
    }
}

static void FG_NAME(find_roughly)(const fg_filter *filter, const int32_t *pairs, const FG_NAME(block) *block, int64_t k,
                                  real *scores, FG_NAME(winners) *out)
{
    FG_NAME(winners) w;
    for (int v = 0; v < 2; v++) {
        w.best[v] = w.second[v] = v_set1((real)INFINITY);
        w.index[v] = i_set1(0);
    }
    int64_t j = 0;
    for (; j + ROUGH <= k; j += ROUGH)
        FG_NAME(compete_roughly)(filter, pairs, block, j, ROUGH, scores, &w);
    for (; j + 4 <= k; j += 4)
        FG_NAME(compete_roughly)(filter, pairs, block, j, 4, scores, &w);
    for (; j + 2 <= k; j += 2)
        FG_NAME(compete_roughly)(filter, pairs, block, j, 2, scores, &w);
    if (j < k)
        FG_NAME(compete_roughly)(filter, pairs, block, j, 1, scores, &w);
    *out = w;
}

/* Writes what the pairs of one point have shown. */
static void FG_NAME(settle_current)(const fg_nearest_call *call, FG_NAME(passage) *passage)
{
    const int64_t i = passage->current;
    fg_bounds *bounds = call->bounds;
    if (i < 0)
        return;
    passage->changed += passage->label != call->labels[i];
    call->labels[i] = passage->label;
    if (bounds) {
        const double second = (double)passage->second, others = (double)bounds->lower[i];
        bounds->upper[i] = fg_upper_bound(bounds, (double)passage->best);
        bounds->lower[i] = fg_lower_bound(bounds, second < others ? second : others);
    }
    passage->current = -1;
}

/* Exact distances of the first `count` pairs, at most POINTS. Pairs of one point stand together, centroids ascending. */
static void FG_NAME(settle_pairs)(const fg_nearest_call *call, FG_NAME(passage) *passage, int64_t count)
{
    const int64_t d = call->points->d;
    const fg_points centroids = {.x = call->centroids, .n = call->k, .d = d};
    real *x = passage->packed, *c = passage->packed + POINTS * d, distance[POINTS];
    vreal sum[2] = {v_set1(0), v_set1(0)};
    FG_NAME(pack)(call->points, passage->pair_point, count, x);
    FG_NAME(pack)(&centroids, passage->pair_centroid, count, c);
    for (int64_t l = 0; l < d; l++)
        for (int v = 0; v < 2; v++) {
            const int64_t at = l * POINTS + v * LANES;
            const vreal difference = v_sub(v_load(x + at), v_load(c + at));
            sum[v] = v_fma(difference, difference, sum[v]);
        }
    v_store(distance, sum[0]);
    v_store(distance + LANES, sum[1]);
    for (int64_t p = 0; p < count; p++) {
        if (passage->pair_point[p] != passage->current) {
            FG_NAME(settle_current)(call, passage);
            passage->current = passage->pair_point[p];
            passage->best = passage->second = (real)INFINITY;
        }
        if (distance[p] < passage->best) {
            passage->second = passage->best;
            passage->best = distance[p];
            passage->label = (int32_t)passage->pair_centroid[p];
        } else if (distance[p] < passage->second)
            passage->second = distance[p];
    }
    passage->n_pairs -= count;
    memmove(passage->pair_point, passage->pair_point + count, (size_t)passage->n_pairs * sizeof(int64_t));
    memmove(passage->pair_centroid, passage->pair_centroid + count, (size_t)passage->n_pairs * sizeof(int64_t));
}

static void FG_NAME(settle_all_pairs)(const fg_nearest_call *call, FG_NAME(passage) *passage)
{
    if (passage->n_pairs > 0)
        FG_NAME(settle_pairs)(call, passage, passage->n_pairs);
    FG_NAME(settle_current)(call, passage);
}

/* Lists the centroids whose score is within reach of some point, and of which points; returns how many pairs that is. */
static int64_t FG_NAME(list_hits)(int64_t k, const vreal *reach, FG_NAME(passage) *passage)
{
    int64_t n_pairs = 0;
    passage->n_hits = 0;
    for (int64_t j = 0; j < k; j++) {
        const real *score = passage->scores + j * POINTS;
        unsigned points = m_bits(v_le(v_load(score), reach[0])) | m_bits(v_le(v_load(score + LANES), reach[1])) << LANES;
        if (!points)
            continue;
        passage->hits[passage->n_hits++] = (hit){(int32_t)j, points};
        for (; points; points &= points - 1)
            n_pairs++;
    }
    return n_pairs;
}

/* Pairs point p of the block, number i, with the centroids within its reach. */
static void FG_NAME(pair_point)(const fg_nearest_call *call, int64_t i, int64_t p, FG_NAME(passage) *passage)
{
    for (int64_t h = 0; h < passage->n_hits; h++) {
        if (!(passage->hits[h].points >> p & 1))
            continue;
        passage->pair_point[passage->n_pairs] = i;
        passage->pair_centroid[passage->n_pairs++] = passage->hits[h].centroid;
        if (passage->n_pairs == POINTS)
            FG_NAME(settle_pairs)(call, passage, POINTS);
    }
}

/* Labels those of at most POINTS points whose nearest centroid leads by more than the margin and pairs the others; or
   leaves the block to the exact search, where too many centroids are in reach. */
static void FG_NAME(filter_points)(const fg_nearest_call *call, const fg_filter *filter, const int64_t *numbers,
                                   int64_t count, FG_NAME(passage) *passage)
{
    const fg_points *points = call->points;
    fg_bounds *bounds = call->bounds;
    int32_t *whole = (int32_t *)(void *)(passage->packed + POINTS * points->d);
    FG_NAME(block) block;
    FG_NAME(winners) w;
    FG_NAME(pack)(points, numbers, count, passage->packed);
    FG_NAME(to_integers)(filter, passage->packed, points->d, FG_NAME(next_rows)(points, numbers, count), whole, &block);
    FG_NAME(find_roughly)(filter, whole, &block, call->k, passage->scores, &w);
    real_int index[POINTS];
    real lower[POINTS], upper_bounds[POINTS], lower_bounds[POINTS];
    vreal reach[2];
    unsigned safe = 0;
    for (int v = 0; v < 2; v++) {
        const vmask leads = v_lt(block.margin[v], v_sub(w.second[v], w.best[v]));
        safe |= m_bits(leads) << (v * LANES);
        reach[v] = v_select(leads, v_set1(-(real)INFINITY), v_add(w.best[v], block.margin[v]));
        i_store(index + v * LANES, w.index[v]);
        if (!bounds)
            continue;
        const vreal most = v_add(v_add(block.square[v], w.best[v]), block.margin[v]);
        const vreal least = v_sub(v_add(block.square[v], w.second[v]), block.margin[v]);
        v_store(lower + v * LANES, least);
        v_store(upper_bounds + v * LANES, FG_NAME(upper_bounds)(bounds, most));
        v_store(lower_bounds + v * LANES, FG_NAME(lower_bounds)(bounds, least));
    }
    const unsigned all = ~0u >> (32 - POINTS);
    if ((safe & all) != all && FG_NAME(list_hits)(call->k, reach, passage) > call->k) {
        FG_NAME(settle_all_pairs)(call, passage);
        passage->changed += FG_NAME(settle)(call, numbers, count, passage->packed, passage->scores);
        return;
    }
    for (int64_t p = 0; points->scale && p < count; p++)
        if (points->scale[numbers[p]] == 0) {
            safe |= 1u << p;
            index[p] = 0;
            upper_bounds[p] = INFINITY;
        }
    for (int64_t p = 0; p < count; p++) {
        int32_t *at = call->labels + numbers[p];
        const int32_t label = safe >> p & 1 ? (int32_t)index[p] : *at;
        passage->changed += label != *at;
        *at = label;
    }
    for (int64_t p = 0; bounds && p < count; p++) {
        bounds->upper[numbers[p]] = upper_bounds[p];
        /* Until the pairs of a point are settled: how near the centroids out of reach can be. */
        bounds->lower[numbers[p]] = safe >> p & 1 ? lower_bounds[p] : lower[p];
    }
    for (int64_t p = 0; (safe & all) != all && p < count; p++)
        if (!(safe >> p & 1))
            FG_NAME(pair_point)(call, numbers[p], p, passage);
}
