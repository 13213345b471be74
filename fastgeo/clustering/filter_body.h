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

/* Looks for the nearest centroids of at most POINTS points. */
static void FG_NAME(filter_points)(const fg_nearest_call *call, const fg_filter *filter, const int64_t *numbers,
                                   int64_t count, FG_NAME(passage) *passage)
{
    const fg_points *points = call->points;
    int32_t *whole = (int32_t *)(void *)(passage->packed + POINTS * points->d);
    FG_NAME(block) block;
    FG_NAME(winners) w;
    FG_NAME(look) look;
    FG_NAME(pack)(points, numbers, count, passage->packed);
    FG_NAME(to_integers)(filter, passage->packed, points->d, FG_NAME(next_rows)(points, numbers, count), whole, &block);
    FG_NAME(find_roughly)(filter, whole, &block, call->k, passage->scores, &w);
    for (int v = 0; v < 2; v++) {
        look.leads[v] = v_lt(block.margin[v], v_sub(w.second[v], w.best[v]));
        look.reach[v] = v_add(w.best[v], block.margin[v]);
        look.index[v] = w.index[v];
        look.most[v] = v_add(v_add(block.square[v], w.best[v]), block.margin[v]);
        look.least[v] = v_sub(v_add(block.square[v], w.second[v]), block.margin[v]);
    }
    FG_NAME(settle_look)(call, &look, numbers, count, passage);
}
