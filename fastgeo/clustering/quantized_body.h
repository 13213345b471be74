/* Float32 only. See quantized.h and screening_body.h. */
#define ROUGH 6 /* centroids whose scores are taken side by side */

/* What is known of each point of a block. */
typedef struct {
    vreal weight[2]; /* turns a score into a squared distance less the square below */
    vreal square[2]; /* |point - shift|² */
    vreal margin[2]; /* of scores: a lead beyond this is safe */
} FG_NAME(block);

typedef struct {
    vint best[2], second[2]; /* scores, with the number of the centroid in their last bits */
} FG_NAME(scores);

/* A value times `scale` as an integer: the lower half of the result, since so large a float has no other last bits. */
static inline __attribute__((always_inline)) vint FG_NAME(round_value)(vreal y, vreal scale, int measured, vreal *off)
{
    const vreal large = v_set1(0x1.8p23f), sum = v_fma(y, scale, large);
    if (measured) {
        const vreal rest = v_fnma(y, scale, v_sub(sum, large));
        *off = v_fma(rest, rest, *off);
    }
    return i_bits(sum);
}

/* The integers of LANES points in `packed`, two columns a lane. Returns how far the points lie from them: measured, or at
   most. */
static inline __attribute__((always_inline)) vreal FG_NAME(round_points)(const real *packed, int64_t d, vreal scale,
                                                                         int measured, int32_t *pairs)
{
    vreal off = v_set1(0);
    int64_t l = 0;
    for (; l + 2 <= d; l += 2, pairs += POINTS) {
        const vreal y0 = v_load(packed + l * POINTS), y1 = v_load(packed + (l + 1) * POINTS);
        const vint even = FG_NAME(round_value)(y0, scale, measured, &off);
        i_store(pairs, i_pair(even, FG_NAME(round_value)(y1, scale, measured, &off)));
    }
    if (l < d)
        i_store(pairs, i_pair(FG_NAME(round_value)(v_load(packed + l * POINTS), scale, measured, &off), i_set1(0)));
    return measured ? v_sqrt(off) : v_set1(0.501f * sqrtf((float)d));
}

/* Shifts a block in place; its integers go to `pairs`. Meanwhile prefetches the block that lies `ahead`. */
static inline __attribute__((always_inline)) void FG_NAME(to_integers)(const fg_quantizer *quantizer, real *packed, int64_t d,
                                                                       const real *ahead, int measured, int32_t *pairs,
                                                                       FG_NAME(block) *block)
{
    const vreal longest = v_set1(quantizer->length);
    for (int v = 0; v < 2; v++) {
        vreal square = v_set1(0);
        for (int64_t l = 0; l < d; l++) {
            real *at = packed + l * POINTS + v * LANES;
            const vreal y = v_sub(v_load(at), v_broadcast(quantizer->shift + l));
            __builtin_prefetch(ahead + l * POINTS + v * LANES, 0, 3);
            v_store(at, y);
            square = v_fma(y, y, square);
        }
        /* A point shorter than the centroids could be scaled further, but not the products with their squares. */
        const vreal length = v_sqrt(square);
        const vreal scale = v_div(v_set1(FG_QUANTIZED_LENGTH * 0.999f), v_max(length, longest));
        const vreal off = FG_NAME(round_points)(packed + v * LANES, d, scale, measured, pairs + v * LANES);
        vreal unused;
        const vint square_factor = FG_NAME(round_value)(longest, scale, 0, &unused);
        i_store(pairs + (quantizer->pairs - 1) * POINTS + v * LANES, i_pair(square_factor, i_set1(0)));
        /* Scores of a unit of squared distance. Beside the rounding to integers that of the float arithmetic here, and of
           the exact search. */
        const vreal unit = v_mul(scale, v_set1(0.5f * quantizer->scale)), reach = v_add(length, longest);
        const vreal rounding = v_mul(v_mul(reach, reach), v_set1(quantizer->exact_error + 0x1p-18f));
        block->margin[v] = v_fma(rounding, unit, v_fma(off, v_set1(quantizer->off_lead), v_set1(quantizer->lead)));
        block->weight[v] = v_div(v_set1(1), unit);
        block->square[v] = square;
    }
}

/* Centroid j competes. */
static inline __attribute__((always_inline)) void FG_NAME(enter_score)(const fg_quantizer *quantizer, const int32_t *table,
                                                                       int64_t j, FG_NAME(scores) *scores)
{
    const vint kept = i_set1(~quantizer->number_bits), number = i_set1(quantizer->numbers[j]);
    for (int v = 0; v < 2; v++) {
        const vint score = i_or(i_and(i_load(table + j * POINTS + v * LANES), kept), number);
        scores->second[v] = i_min(scores->second[v], i_max(scores->best[v], score));
        scores->best[v] = i_min(scores->best[v], score);
    }
}

/* Adds the products of one pair of columns. */
static inline __attribute__((always_inline)) void FG_NAME(add_products)(const fg_quantizer *quantizer, const int32_t *pairs,
                                                                        int64_t pair, int64_t first, int count,
                                                                        vint (*sum)[2])
{
    const int32_t *centroids = quantizer->centroids + first * quantizer->pairs + pair;
    const vint x0 = i_load(pairs + pair * POINTS), x1 = i_load(pairs + pair * POINTS + LANES);
    for (int q = 0; q < count; q++) {
        const vint c = i_set1(centroids[q * quantizer->pairs]);
        sum[q][0] = i_madd_add(x0, c, sum[q][0]);
        sum[q][1] = i_madd_add(x1, c, sum[q][1]);
    }
}

/* Scores of `count` centroids go to a table, [centroid][point]. Meanwhile the `waiting` ones before them compete, a pair
   of columns each: between the products, for which other units of the CPU are needed. */
static inline __attribute__((always_inline)) void FG_NAME(score)(const fg_quantizer *quantizer, const int32_t *pairs,
                                                                 int64_t first, int count, int64_t waiting,
                                                                 int32_t *table, FG_NAME(scores) *scores)
{
    vint sum[ROUGH][2];
    for (int q = 0; q < count; q++)
        sum[q][0] = sum[q][1] = i_set1(0);
    int64_t pair = 0;
    const int64_t both = waiting < quantizer->pairs ? waiting : quantizer->pairs;
    for (; pair < both; pair++) {
        FG_NAME(add_products)(quantizer, pairs, pair, first, count, sum);
        FG_NAME(enter_score)(quantizer, table, first - waiting + pair, scores);
    }
    for (int64_t j = first - waiting + both; j < first; j++)
        FG_NAME(enter_score)(quantizer, table, j, scores);
    for (; pair < quantizer->pairs; pair++)
        FG_NAME(add_products)(quantizer, pairs, pair, first, count, sum);
    for (int q = 0; q < count; q++)
        for (int v = 0; v < 2; v++)
            i_store(table + (first + q) * POINTS + v * LANES, sum[q][v]);
}

static void FG_NAME(find_roughly)(const fg_quantizer *quantizer, const int32_t *pairs, int64_t k, int32_t *table,
                                  FG_NAME(scores) *out)
{
    FG_NAME(scores) s;
    for (int v = 0; v < 2; v++)
        s.best[v] = s.second[v] = i_set1(INT32_MAX);
    int64_t j = 0, waiting = 0;
    for (; j + ROUGH <= k; j += waiting = ROUGH)
        FG_NAME(score)(quantizer, pairs, j, ROUGH, waiting, table, &s);
    for (; j + 4 <= k; j += waiting = 4)
        FG_NAME(score)(quantizer, pairs, j, 4, waiting, table, &s);
    for (; j + 2 <= k; j += waiting = 2)
        FG_NAME(score)(quantizer, pairs, j, 2, waiting, table, &s);
    for (; j < k; j += waiting = 1)
        FG_NAME(score)(quantizer, pairs, j, 1, waiting, table, &s);
    for (j = k - waiting; j < k; j++)
        FG_NAME(enter_score)(quantizer, table, j, &s);
    *out = s;
}

/* Searches for the nearest centroids of at most POINTS points. */
static void FG_NAME(search_quantized)(const fg_nearest_call *call, const fg_quantizer *quantizer, const int64_t *numbers,
                                   int64_t count, FG_NAME(state) *state)
{
    const fg_points *points = call->points;
    int32_t *whole = (int32_t *)(void *)(state->packed + POINTS * points->d);
    int32_t *table = (int32_t *)(void *)state->scores;
    FG_NAME(block) block;
    FG_NAME(scores) scores;
    FG_NAME(screening) screening;
    FG_NAME(pack)(points, numbers, count, state->packed);
    const real *ahead = FG_NAME(next_rows)(points, numbers, count);
    if (state->job->plan->measures_rounding)
        FG_NAME(to_integers)(quantizer, state->packed, points->d, ahead, 1, whole, &block);
    else
        FG_NAME(to_integers)(quantizer, state->packed, points->d, ahead, 0, whole, &block);
    FG_NAME(find_roughly)(quantizer, whole, call->k, table, &scores);
    screening.whole = 1;
    for (int v = 0; v < 2; v++) {
        const vreal best = v_from_int(scores.best[v]), second = v_from_int(scores.second[v]);
        screening.leads[v] = v_lt(block.margin[v], v_sub(second, best));
        screening.reach[v] = v_add(best, block.margin[v]);
        screening.index[v] = i_and(scores.best[v], i_set1(quantizer->number_bits));
        screening.most[v] = v_fma(v_add(best, block.margin[v]), block.weight[v], block.square[v]);
        screening.least[v] = v_fma(v_sub(second, block.margin[v]), block.weight[v], block.square[v]);
    }
    FG_NAME(settle_screened)(call, &screening, numbers, count, state);
}
