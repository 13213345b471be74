#include "runtime/box_soa.h"

static int FG_NAME(check_boxes)(const void *boxes, int64_t n)
{
    return FG_NAME(boxes_in_range)(boxes, n);
}

/* The largest value of this type that is not above the threshold: comparing with it is comparing in float64. */
static real FG_NAME(real_threshold)(double threshold)
{
    real value = (real)threshold;
    return (double)value > threshold ? REAL_NEXT(value, (real)-1) : value;
}

/* What every comparison needs, in every lane. */
typedef struct {
    vreal threshold;
    vreal below; /* a little less, for a first test without division */
    vreal offset;
    int kind;
} FG_NAME(limits);

static FG_NAME(limits) FG_NAME(limits_of)(const fg_nms_call *call)
{
    const real threshold = FG_NAME(real_threshold)(call->iou_threshold);
    const real slack = 1 - 16 * REAL_EPSILON;
    return (FG_NAME(limits)){v_set1(threshold), v_set1(threshold * slack), v_set1((real)call->offset), call->kind};
}

static inline vreal FG_NAME(length)(vreal low, vreal high, vreal offset)
{
    return v_max(v_add(v_sub(high, low), offset), v_set1(0));
}

/* Among the boxes `low` (x1 y1 x2 y2 area), those that a higher-scoring box `high` suppresses or the other way about:
   `reduced` is the area of the lower-scoring one.

   The quotient decides, but a comparison without it sorts out most pairs: with u the union, inter / u rounds to more
   than the threshold t only if inter >= u·t·(1 - 2ε), and rounding `below`·u stays at or under that. `rare` promises
   that this often leaves none at all. */
static inline __attribute__((always_inline)) vmask FG_NAME(suppressed)(const vreal *a, const vreal *b, vreal reduced,
                                                                       const FG_NAME(limits) * limits, int kind, int rare)
{
    const vreal zero = v_set1(0);
    const vreal width = FG_NAME(length)(v_max(a[0], b[0]), v_min(a[2], b[2]), limits->offset);
    const vreal height = FG_NAME(length)(v_max(a[1], b[1]), v_min(a[3], b[3]), limits->offset);
    const vreal inter = v_mul(width, height);
    const vreal both = kind == FG_NMS_IOA ? reduced : v_sub(v_add(a[4], b[4]), inter);
    vmask mask = m_and(v_lt(zero, inter), v_le(v_mul(both, limits->below), inter));
    if (rare && !m_bits(mask))
        return mask;
    mask = m_and(mask, v_lt(zero, both));
    vreal value = v_div(inter, both);
    if (kind == FG_NMS_DIOU) {
        const vreal half = v_set1((real)0.5);
        const vreal dx = v_sub(v_mul(v_add(a[0], a[2]), half), v_mul(v_add(b[0], b[2]), half));
        const vreal dy = v_sub(v_mul(v_add(a[1], a[3]), half), v_mul(v_add(b[1], b[3]), half));
        const vreal hull_w = FG_NAME(length)(v_min(a[0], b[0]), v_max(a[2], b[2]), limits->offset);
        const vreal hull_h = FG_NAME(length)(v_min(a[1], b[1]), v_max(a[3], b[3]), limits->offset);
        const vreal distance = v_add(v_mul(dx, dx), v_mul(dy, dy));
        const vreal diagonal = v_add(v_mul(hull_w, hull_w), v_mul(hull_h, hull_h));
        value = v_sub(value, v_select(v_lt(zero, diagonal), v_div(distance, diagonal), zero));
    }
    return m_and(mask, v_lt(limits->threshold, value));
}

/* The first of `n` kept boxes that suppresses the box, or -1. */
static inline __attribute__((always_inline)) int64_t FG_NAME(first_suppressor)(const vreal *box, const real *kept,
                                                                               int64_t stride, int64_t n,
                                                                               const FG_NAME(limits) * limits, int kind)
{
    int64_t j = 0;
    vreal b[5];
    for (; j + LANES <= n; j += LANES) {
        for (int run = 0; run < 5; run++)
            b[run] = v_load(kept + run * stride + j);
        const unsigned bits = m_bits(FG_NAME(suppressed)(box, b, box[4], limits, kind, 1));
        if (bits)
            return j + fg_lowest_bit(bits);
    }
    if (j == n)
        return -1;
    for (int run = 0; run < 5; run++)
        b[run] = v_load_part(kept + run * stride + j, n - j);
    const unsigned bits = m_bits(FG_NAME(suppressed)(box, b, box[4], limits, kind, 1)) & ((1u << (n - j)) - 1u);
    return bits ? j + fg_lowest_bit(bits) : -1;
}

/* Every box against those kept so far, which move to the front of the runs. */
static inline __attribute__((always_inline)) void FG_NAME(run_plain)(nms_state *state, int64_t end, int kind)
{
    const FG_NAME(limits) limits = FG_NAME(limits_of)(state->call);
    const int64_t stride = state->n;
    real *soa = state->soa;
    int64_t kept = state->n_kept, p = state->position;
    for (; p < end && kept < state->max_kept; p++) {
        vreal box[5];
        for (int run = 0; run < 5; run++)
            box[run] = v_set1(soa[run * stride + p]);
        const int64_t found = FG_NAME(first_suppressor)(box, soa, stride, kept, &limits, kind);
        state->work += 1 + (found < 0 ? kept : found) / LANES;
        if (found >= 0) {
            state->owner[p] = state->kept[found];
            continue;
        }
        for (int run = 0; run < 5; run++)
            soa[run * stride + kept] = soa[run * stride + p];
        state->owner[p] = (uint32_t)p;
        state->kept[kept++] = (uint32_t)p;
    }
    state->n_kept = kept;
    state->position = p;
}

static void FG_NAME(plain_steps)(nms_state *state, int64_t end)
{
    if (state->call->kind == FG_NMS_IOU)
        FG_NAME(run_plain)(state, end, FG_NMS_IOU);
    else if (state->call->kind == FG_NMS_DIOU)
        FG_NAME(run_plain)(state, end, FG_NMS_DIOU);
    else
        FG_NAME(run_plain)(state, end, FG_NMS_IOA);
}

/* Fills the runs up to `end` with the boxes in the order of the entries. */
static void FG_NAME(gather)(nms_state *state, int64_t end)
{
    const fg_nms_call *call = state->call;
    real *soa = state->soa;
    const int fetch = call->repeat == 1 && state->n >= BEYOND_CACHE;
    for (int64_t k = state->n_loaded; k < end; k++) {
        if (fetch && k + AHEAD < end)
            __builtin_prefetch((const real *)call->boxes + 4 * fg_ranked_index(state->entries[k + AHEAD]));
        const int64_t i = fg_ranked_index(state->entries[k]), box = call->repeat == 1 ? i : i / call->repeat;
        FG_NAME(load_box)((const real *)call->boxes + 4 * box, call->fmt, (real)call->offset, soa + k, state->n);
    }
    state->n_loaded = end;
}

/* Box `p` of the runs as the grid sees it. Widths and heights of 0 mean that it overlaps nothing. */
static inline fg_grid_box FG_NAME(grid_box)(const nms_state *state, int64_t p)
{
    const int64_t stride = state->n;
    const real offset = (real)state->call->offset, *box = (const real *)state->soa + p;
    return fg_grid_box_of(box[0], box[stride], box[2 * stride], box[3 * stride],
                          FG_NAME(extent)(box[0], box[2 * stride], offset),
                          FG_NAME(extent)(box[stride], box[3 * stride], offset), offset);
}

static inline real FG_NAME(least_lane)(vreal a)
{
    real lanes[LANES], least;
    v_store(lanes, a);
    least = lanes[0];
    for (int lane = 1; lane < LANES; lane++)
        least = lanes[lane] < least ? lanes[lane] : least;
    return least;
}

static inline real FG_NAME(greatest_lane)(vreal a) { return -FG_NAME(least_lane)(v_sub(v_set1(0), a)); }

/* First stage: the range of the boxes ahead, and whether the areas of these and of the kept boxes are what the extents
   say. They are not where sizes get lost beside large coordinates, or underflow. Boxes without area do not count. */
static void FG_NAME(find_range)(const nms_state *state, nms_grid *grid, int64_t begin, int64_t end, int ahead)
{
    const int64_t stride = state->n;
    const real *soa = state->soa;
    const vreal offset = v_set1((real)state->call->offset), zero = v_set1(0), far = v_set1(INFINITY);
    const vreal minus_far = v_set1(-INFINITY), tolerance = v_set1((real)0x1p-10);
    const vreal least_area = v_set1((real)(4 * (double)REAL_MIN / fg_greater(state->call->iou_threshold, LEAST_THRESHOLD)));
    vreal least[4] = {far, far, far, far}, greatest[4] = {minus_far, minus_far, minus_far, minus_far};
    int64_t count = 0, inconsistent = 0;
    for (int64_t p = begin; p < end; p += LANES) {
        const int64_t left = end - p;
        vreal box[5];
        for (int run = 0; run < 5; run++)
            box[run] = left >= LANES ? v_load(soa + run * stride + p) : v_load_part(soa + run * stride + p, left);
        const vreal w = FG_NAME(length)(box[0], box[2], offset), h = FG_NAME(length)(box[1], box[3], offset);
        const vreal product = v_mul(w, h), error = v_abs(v_sub(box[4], product));
        const vmask valid = m_and(v_lt(zero, w), v_lt(zero, h));
        const vmask good = m_and(v_le(error, v_mul(product, tolerance)), v_le(least_area, box[4]));
        const unsigned lanes = left >= LANES ? (1u << LANES) - 1u : (1u << left) - 1u;
        const unsigned bits = m_bits(valid) & lanes;
        inconsistent += (bits & ~m_bits(good)) != 0;
        count += __builtin_popcount(bits);
        if (!ahead)
            continue;
        const vreal values[4] = {w, h, v_add(box[0], box[2]), v_add(box[1], box[3])};
        for (int k = 0; k < 4; k++) {
            least[k] = v_min(least[k], v_select(valid, values[k], far));
            greatest[k] = v_max(greatest[k], v_select(valid, values[k], minus_far));
        }
    }
    grid->consistent &= inconsistent == 0;
    if (!ahead || count == 0)
        return;
    const fg_grid_level here = {
        .min_w = FG_NAME(least_lane)(least[0]), .max_w = FG_NAME(greatest_lane)(greatest[0]),
        .min_h = FG_NAME(least_lane)(least[1]), .max_h = FG_NAME(greatest_lane)(greatest[1]),
        .min_x = FG_NAME(least_lane)(least[2]) / 2, .max_x = FG_NAME(greatest_lane)(greatest[2]) / 2,
        .min_y = FG_NAME(least_lane)(least[3]) / 2, .max_y = FG_NAME(greatest_lane)(greatest[3]) / 2, .count = count};
    if (grid->count == 0)
        grid->all = here;
    else
        fg_grid_widen(&grid->all, &here);
    grid->count = grid->all.count;
}

static void FG_NAME(find_levels)(const nms_state *state, nms_grid *grid, int64_t end)
{
    if (grid->next < state->n_kept)
        FG_NAME(find_range)(state, grid, grid->next, end < state->n_kept ? end : state->n_kept, 0);
    if (end > grid->begin)
        FG_NAME(find_range)(state, grid, grid->next > grid->begin ? grid->next : grid->begin, end, 1);
}

/* Second stage: the boxes much smaller than the largest. */
static void FG_NAME(count_small)(const nms_state *state, nms_grid *grid, int64_t end)
{
    const int64_t stride = state->n;
    const real *soa = state->soa;
    const vreal offset = v_set1((real)state->call->offset), zero = v_set1(0);
    const vreal width = v_set1((real)(grid->all.max_w / 16)), height = v_set1((real)(grid->all.max_h / 16));
    int64_t p = grid->next;
    for (; p + LANES <= end; p += LANES) {
        const vreal w = FG_NAME(length)(v_load(soa + p), v_load(soa + 2 * stride + p), offset);
        const vreal h = FG_NAME(length)(v_load(soa + stride + p), v_load(soa + 3 * stride + p), offset);
        const vmask valid = m_and(v_lt(zero, w), v_lt(zero, h));
        grid->small += __builtin_popcount(m_bits(m_and(valid, m_or(v_lt(w, width), v_lt(h, height)))));
    }
    grid->small += end - p; /* a few more or less do not matter */
}

/* Where the areas are not consistent the threshold bounds nothing, and the grid seeks all boxes that meet. */
static void FG_NAME(open_index)(const nms_state *state, nms_grid *grid)
{
    const fg_nms_call *call = state->call;
    fg_grid_open(&grid->index, grid->consistent ? call->iou_threshold : 0, call->kind == FG_NMS_IOA);
    if (grid->count)
        fg_grid_set_exponents(&grid->index, &grid->all);
}

/* Third stage, unless all boxes fit into one: the boxes of each level. */
static void FG_NAME(count_levels)(const nms_state *state, nms_grid *grid, int64_t end)
{
    for (int64_t p = grid->next; p < end; p++) {
        const fg_grid_box box = FG_NAME(grid_box)(state, p);
        if (box.w > 0 && box.h > 0)
            fg_grid_count(&grid->index, &box);
    }
}

/* Memory for the boxes and all that belongs to them. */
static int FG_NAME(allocate_grid)(const nms_state *state, nms_grid *grid)
{
    const size_t buckets = (size_t)fg_grid_layout(&grid->index), ahead = (size_t)(state->n - grid->begin);
    const size_t stride = (size_t)FG_NAME(soa_stride)(grid->count), dead_bytes = (stride / LANES + 1) * sizeof(uint16_t);
    const size_t bytes = 5 * stride * sizeof(real) + (buckets + 2 + stride + ahead) * sizeof(uint32_t) + dead_bytes;
    if (bytes > grid_bytes(state->n, sizeof(real)) || !state->spare)
        grid->own = fg_malloc_large(bytes);
    real *runs = grid->memory = grid->own ? grid->own : state->spare;
    if (!runs)
        return FG_NO_MEMORY;
    grid->n_buckets = buckets;
    grid->index.starts = (uint32_t *)(runs + 5 * stride);
    grid->position = grid->index.starts + buckets + 2;
    grid->slot = grid->position + stride;
    grid->dead = (uint16_t *)(grid->slot + ahead);
    memset(grid->dead, 0, dead_bytes);
    memset(grid->index.starts, 0, (buckets + 2) * sizeof(uint32_t));
    return FG_OK;
}

/* Fourth stage: the bucket of each box. The count of a bucket is kept two further on, so that it is the start of the
   next one after adding up, and its own after placing. */
static void FG_NAME(find_buckets)(const nms_state *state, nms_grid *grid, int64_t end)
{
    for (int64_t p = grid->next; p < end; p++) {
        const fg_grid_box box = FG_NAME(grid_box)(state, p);
        uint32_t *bucket = &grid->slot[p - grid->begin];
        *bucket = box.w > 0 && box.h > 0 ? (uint32_t)fg_grid_bucket_of(&grid->index, &box) : NONE;
        if (*bucket != NONE)
            grid->index.starts[*bucket + 2]++;
    }
}

static void FG_NAME(add_up_buckets)(nms_grid *grid)
{
    for (size_t b = 2; b <= grid->n_buckets + 1; b++)
        grid->index.starts[b] += grid->index.starts[b - 1];
}

/* In the grid the five values of a whole vector of boxes lie together: it is visited at random. */
static inline size_t FG_NAME(grid_place)(size_t at, int run)
{
    return at / LANES * (5 * LANES) + (size_t)run * LANES + at % LANES;
}

static inline void FG_NAME(fetch_place)(const real *runs, size_t at)
{
    const char *boxes = (const char *)(runs + at / LANES * (5 * LANES));
    for (size_t line = 0; line < 5 * LANES * sizeof(real); line += 64)
        __builtin_prefetch(boxes + line, 1);
}

/* Last stage: the boxes in the order of their buckets. */
static void FG_NAME(place_boxes)(const nms_state *state, nms_grid *grid, int64_t end)
{
    const real *soa = state->soa;
    const int fetch = state->n >= BEYOND_CACHE;
    real *runs = grid->memory;
    for (int64_t p = grid->next; p < end; p++) {
        uint32_t *slot = &grid->slot[p - grid->begin];
        const uint32_t later = fetch && p + AHEAD < end ? slot[AHEAD] : NONE;
        if (later != NONE)
            FG_NAME(fetch_place)(runs, grid->index.starts[later + 1]);
        if (*slot == NONE)
            continue;
        const uint32_t at = *slot = grid->index.starts[*slot + 1]++;
        grid->position[at] = (uint32_t)p;
        for (int run = 0; run < 5; run++)
            runs[FG_NAME(grid_place)(at, run)] = soa[run * state->n + p];
    }
}

/* No box meets one that ends so far before it begins. */
static void FG_NAME(pad_grid)(nms_grid *grid)
{
    real *runs = grid->memory;
    const size_t stride = (size_t)FG_NAME(soa_stride)(grid->count);
    for (size_t at = (size_t)grid->count; at < stride; at++)
        for (int run = 0; run < 5; run++)
            runs[FG_NAME(grid_place)(at, run)] = run < 2 ? 1 : -3;
}

/* What follows when a stage has seen all boxes. */
static int FG_NAME(end_stage)(const nms_state *state, nms_grid *grid)
{
    int status = FG_OK;
    switch (grid->stage) {
    case GRID_RANGE:
        FG_NAME(open_index)(state, grid);
        break;
    case GRID_SMALL:
        if (!fg_grid_are_few(grid->small, grid->count))
            break;
        fg_grid_single_level(&grid->index, &grid->all);
        grid->stage++; /* there is nothing to count */
        status = FG_NAME(allocate_grid)(state, grid);
        break;
    case GRID_COUNT:
        status = FG_NAME(allocate_grid)(state, grid);
        break;
    case GRID_BUCKETS:
        FG_NAME(add_up_buckets)(grid);
        break;
    default:
        FG_NAME(pad_grid)(grid);
    }
    grid->stage++;
    grid->next = grid->begin;
    return status;
}

/* Takes the present stage on to the boxes before `end`. FG_OK or FG_NO_MEMORY. */
static int FG_NAME(build_grid)(nms_state *state, int64_t end)
{
    nms_grid *grid = state->grid;
    if (grid->stage == GRID_RANGE)
        FG_NAME(find_levels)(state, grid, end);
    else if (grid->stage == GRID_SMALL)
        FG_NAME(count_small)(state, grid, end);
    else if (grid->stage == GRID_COUNT)
        FG_NAME(count_levels)(state, grid, end);
    else if (grid->stage == GRID_BUCKETS)
        FG_NAME(find_buckets)(state, grid, end);
    else
        FG_NAME(place_boxes)(state, grid, end);
    grid->next = end;
    return end == state->n ? FG_NAME(end_stage)(state, grid) : FG_OK;
}

/* Marks the boxes of the grid that the kept box at `at` of the state's runs suppresses. */
static inline __attribute__((always_inline)) void FG_NAME(mark)(nms_state *state, int64_t at, uint32_t owner,
                                                                const FG_NAME(limits) * limits, int kind)
{
    nms_grid *grid = state->grid;
    const real *soa = state->soa, *runs = grid->memory;
    const int with_owner = state->call->owner != NULL;
    const fg_grid_box box = FG_NAME(grid_box)(state, at);
    state->work++;
    if (!(box.w > 0 && box.h > 0))
        return;
    vreal a[5], b[5];
    for (int run = 0; run < 5; run++)
        a[run] = v_set1(soa[run * state->n + at]);
    fg_grid_walk walk;
    for (int l = 0; l < grid->index.n_levels; l++) {
        int64_t begin, end;
        if (!fg_grid_start(&walk, &grid->index, l, &box))
            continue;
        while (fg_grid_next(&walk, &begin, &end)) {
            state->work += 1 + (end - begin) / LANES;
            for (int64_t j = begin / LANES * LANES; j < end; j += LANES) {
                uint16_t *dead = &grid->dead[j / LANES];
                if (*dead == (1u << LANES) - 1)
                    continue;
                for (int run = 0; run < 5; run++)
                    b[run] = v_load(runs + 5 * j + run * LANES);
                unsigned bits = m_bits(FG_NAME(suppressed)(a, b, b[4], limits, kind, 0)) & ~(unsigned)*dead;
                *dead |= (uint16_t)bits;
                for (; with_owner && bits; bits &= bits - 1)
                    state->owner[grid->position[j + fg_lowest_bit(bits)]] = owner;
            }
        }
    }
}

/* Fetches what the box a little later will look at. */
static inline void FG_NAME(look_ahead)(const nms_state *state, int64_t p)
{
    const nms_grid *grid = state->grid;
    const uint32_t slot = p + AHEAD < state->n ? grid->slot[p + AHEAD - grid->begin] : NONE;
    if (slot == NONE || grid->dead[slot / LANES] >> slot % LANES & 1)
        return;
    FG_NAME(fetch_place)(grid->memory, slot);
}

/* Each box that is not marked when its turn comes is kept and marks those it suppresses; until there has been `limit`
   work. A box that has had its turn is marked, too. */
static inline __attribute__((always_inline)) void FG_NAME(run_grid)(nms_state *state, int64_t limit, int kind)
{
    const FG_NAME(limits) limits = FG_NAME(limits_of)(state->call);
    nms_grid *grid = state->grid;
    for (; grid->caught_up < state->n_kept && state->work < limit; grid->caught_up++)
        FG_NAME(mark)(state, grid->caught_up, state->kept[grid->caught_up], &limits, kind);
    if (grid->caught_up < state->n_kept)
        return;
    for (; state->work < limit && state->position < state->n && state->n_kept < state->max_kept; state->position++) {
        const int64_t p = state->position;
        const uint32_t slot = grid->slot[p - grid->begin];
        FG_NAME(look_ahead)(state, p);
        state->work++;
        if (slot != NONE) {
            uint16_t *dead = &grid->dead[slot / LANES];
            if (*dead >> slot % LANES & 1)
                continue;
            *dead |= (uint16_t)(1u << slot % LANES);
        }
        state->owner[p] = (uint32_t)p;
        state->kept[state->n_kept++] = (uint32_t)p;
        FG_NAME(mark)(state, p, (uint32_t)p, &limits, kind);
    }
    grid->caught_up = state->n_kept;
}

static void FG_NAME(grid_steps)(nms_state *state, int64_t limit)
{
    if (state->call->kind == FG_NMS_IOU)
        FG_NAME(run_grid)(state, limit, FG_NMS_IOU);
    else if (state->call->kind == FG_NMS_DIOU)
        FG_NAME(run_grid)(state, limit, FG_NMS_DIOU);
    else
        FG_NAME(run_grid)(state, limit, FG_NMS_IOA);
}
