/* Float32 only; needs `POINTS`, `CENTROIDS` and the packing of nearest_body.h. See filter.h. */

/* What is known of each point of a block. */
typedef struct {
    vreal weight[2]; /* turns a sum of products into 2 · point · centroid */
    vreal square[2]; /* |point - shift|² */
    vreal margin[2]; /* a lead beyond this is safe */
} FG_NAME(block);

static inline vreal FG_NAME(shifted)(const fg_filter *filter, const real *packed, int64_t d, int64_t l, int v)
{
    return l < d ? v_sub(v_load(packed + l * POINTS + v * LANES), v_set1(filter->shift[l])) : v_set1(0);
}

/* The nearest integer, of magnitude below 2²². */
static inline vreal FG_NAME(nearest_integer)(vreal a) { return v_sub(v_add(a, v_set1(0x1.8p23f)), v_set1(0x1.8p23f)); }

static void FG_NAME(to_integers)(const fg_filter *filter, const real *packed, int64_t d, int32_t *pairs,
                                 FG_NAME(block) *block)
{
    for (int v = 0; v < 2; v++) {
        vreal square = v_set1(0), off = v_set1(0);
        for (int64_t l = 0; l < d; l++) {
            const vreal y = FG_NAME(shifted)(filter, packed, d, l, v);
            square = v_fma(y, y, square);
        }
        const vreal length = v_max(v_sqrt(square), v_set1(1e-12f));
        const vreal scale = v_div(v_set1(FG_FILTER_LENGTH * 0.999f), length);
        for (int64_t pair = 0; pair < filter->pairs; pair++) {
            vint whole[2];
            for (int h = 0; h < 2; h++) {
                const vreal y = FG_NAME(shifted)(filter, packed, d, 2 * pair + h, v);
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

/* Like `compete`, on |centroid|² - 2 · point · centroid. */
static inline __attribute__((always_inline)) void FG_NAME(compete_roughly)(const fg_filter *filter, const int32_t *pairs,
                                                                           const FG_NAME(block) *block, int64_t first,
                                                                           int count, FG_NAME(winners) *winners)
{
    const int32_t *centroids = filter->centroids + first * filter->pairs;
    vint sum[CENTROIDS][2];
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
        const vreal square = v_set1(filter->squares[first + q]);
        for (int v = 0; v < 2; v++) {
            const vreal score = v_fnma(v_from_int(sum[q][v]), block->weight[v], square);
            const vmask closer = v_lt(score, winners->best[v]);
            winners->second[v] = v_min(winners->second[v], v_max(winners->best[v], score));
            winners->index[v] = i_select(closer, number, winners->index[v]);
            winners->best[v] = v_min(score, winners->best[v]);
        }
    }
}

static void FG_NAME(find_roughly)(const fg_filter *filter, const int32_t *pairs, const FG_NAME(block) *block, int64_t k,
                                  FG_NAME(winners) *out)
{
    FG_NAME(winners) w;
    for (int v = 0; v < 2; v++) {
        w.best[v] = w.second[v] = v_set1((real)INFINITY);
        w.index[v] = i_set1(0);
    }
    int64_t j = 0;
    for (; j + CENTROIDS <= k; j += CENTROIDS)
        FG_NAME(compete_roughly)(filter, pairs, block, j, CENTROIDS, &w);
    for (; j + 2 <= k; j += 2)
        FG_NAME(compete_roughly)(filter, pairs, block, j, 2, &w);
    if (j < k)
        FG_NAME(compete_roughly)(filter, pairs, block, j, 1, &w);
    *out = w;
}

/* Labels those of at most POINTS points whose nearest centroid leads by more than the margin. Moves the numbers of the
   others to `open` and adds to their count; returns how many labels changed. */
static int64_t FG_NAME(filter_points)(const fg_nearest_call *call, const fg_filter *filter, const int64_t *numbers,
                                      int64_t count, real *packed, int32_t *pairs, int64_t *open, int64_t *n_open)
{
    const fg_points *points = call->points;
    FG_NAME(block) block;
    FG_NAME(winners) w;
    FG_NAME(pack)(points, numbers, count, packed);
    FG_NAME(to_integers)(filter, packed, points->d, pairs, &block);
    FG_NAME(find_roughly)(filter, pairs, &block, call->k, &w);
    real_int index[POINTS];
    real upper[POINTS], lower[POINTS];
    unsigned safe = 0;
    for (int v = 0; v < 2; v++) {
        safe |= m_bits(v_lt(block.margin[v], v_sub(w.second[v], w.best[v]))) << (v * LANES);
        i_store(index + v * LANES, w.index[v]);
        v_store(upper + v * LANES, v_add(v_add(block.square[v], w.best[v]), block.margin[v]));
        v_store(lower + v * LANES, v_sub(v_add(block.square[v], w.second[v]), block.margin[v]));
    }
    int64_t changed = 0, waiting = *n_open;
    for (int64_t p = 0; p < count; p++) {
        const int64_t i = numbers[p];
        if (!(safe >> p & 1) || (points->scale && points->scale[i] == 0)) {
            open[waiting++] = i;
            continue;
        }
        const int32_t label = (int32_t)index[p];
        changed += label != call->labels[i];
        call->labels[i] = label;
        if (call->bounds) {
            call->bounds->upper[i] = fg_upper_bound(call->bounds, (double)upper[p]);
            call->bounds->lower[i] = fg_lower_bound(call->bounds, (double)lower[p]);
        }
    }
    *n_open = waiting;
    return changed;
}
