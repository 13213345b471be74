/* The search of greedy suppression by a grid over all boxes. Part of nms_body.h. */

/* Takes the members over. The input is read once, whatever another thread does to it meanwhile, and at random once only.
   A group without runs owns its input. */
static void FG_NAME(load_members)(const nms_state *state, int64_t begin, int64_t end)
{
    const fg_nms_call *call = state->call;
    if (state->grid->by_index) {
        if (state->soa)
            memcpy((real *)state->soa + 4 * begin, (const real *)call->boxes + 4 * begin,
                   4 * (size_t)(end - begin) * sizeof(real));
        return;
    }
    FG_NAME(lay_out)(state, begin, end);
}

/* Members as they stand in the input, if they are numbered so. */
static inline const real *FG_NAME(raw_members)(const nms_state *state)
{
    return state->soa ? state->soa : state->call->boxes;
}

/* Members as five runs. */
typedef struct {
    const real *runs;
    int64_t stride, begin, end;
    real own[5 * CHUNK];
} FG_NAME(chunk);

/* Goes on to the next members before `end`; 0 if there are none. */
static inline int FG_NAME(next_chunk)(const nms_state *state, FG_NAME(chunk) * chunk, int64_t end)
{
    const fg_nms_call *call = state->call;
    chunk->begin = chunk->end;
    chunk->end = chunk->begin + CHUNK < end ? chunk->begin + CHUNK : end;
    if (chunk->begin == chunk->end)
        return 0;
    const int64_t n = chunk->end - chunk->begin;
    chunk->stride = state->grid->by_index ? FG_NAME(soa_stride)(n) : state->n;
    chunk->runs = state->grid->by_index ? chunk->own : (const real *)state->soa + chunk->begin;
    if (state->grid->by_index)
        FG_NAME(load_boxes)(FG_NAME(raw_members)(state) + 4 * chunk->begin, n, call->fmt, (real)call->offset,
                            chunk->own);
    return 1;
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

static inline void FG_NAME(load_lanes)(const FG_NAME(chunk) * chunk, int64_t m, vreal *box)
{
    const int64_t left = chunk->end - m;
    const real *values = chunk->runs + (m - chunk->begin);
    for (int run = 0; run < 5; run++, values += chunk->stride)
        box[run] = left >= LANES ? v_load(values) : v_load_part(values, left);
}

/* The range of the boxes, and whether their areas are what the extents say. They are not where sizes get lost beside
   large coordinates, or underflow. Boxes without area do not count. */
static void FG_NAME(find_range)(const nms_state *state, nms_grid *grid, const FG_NAME(chunk) * chunk)
{
    const vreal offset = v_set1((real)state->call->offset), zero = v_set1(0), far = v_set1(INFINITY);
    const vreal minus_far = v_set1(-INFINITY), tolerance = v_set1((real)0x1p-10);
    const vreal least_area = v_set1((real)(4 * (double)REAL_MIN / fg_greater(state->call->iou_threshold, LEAST_THRESHOLD)));
    vreal least[4] = {far, far, far, far}, greatest[4] = {minus_far, minus_far, minus_far, minus_far};
    int64_t count = 0, inconsistent = 0;
    for (int64_t m = chunk->begin; m < chunk->end; m += LANES) {
        const int64_t left = chunk->end - m;
        vreal box[5];
        FG_NAME(load_lanes)(chunk, m, box);
        const vreal w = FG_NAME(length)(box[0], box[2], offset), h = FG_NAME(length)(box[1], box[3], offset);
        const vreal product = v_mul(w, h), error = v_abs(v_sub(box[4], product));
        const vmask valid = m_and(v_lt(zero, w), v_lt(zero, h));
        const vmask good = m_and(v_le(error, v_mul(product, tolerance)), v_le(least_area, box[4]));
        const unsigned lanes = left >= LANES ? (1u << LANES) - 1u : (1u << left) - 1u;
        const unsigned bits = m_bits(valid) & lanes;
        inconsistent += (bits & ~m_bits(good)) != 0;
        count += __builtin_popcount(bits);
        const vreal values[4] = {w, h, v_add(box[0], box[2]), v_add(box[1], box[3])};
        for (int k = 0; k < 4; k++) {
            least[k] = v_min(least[k], v_select(valid, values[k], far));
            greatest[k] = v_max(greatest[k], v_select(valid, values[k], minus_far));
        }
    }
    grid->range.consistent &= inconsistent == 0;
    if (count == 0)
        return;
    const fg_grid_level here = {
        .min_w = FG_NAME(least_lane)(least[0]), .max_w = FG_NAME(greatest_lane)(greatest[0]),
        .min_h = FG_NAME(least_lane)(least[1]), .max_h = FG_NAME(greatest_lane)(greatest[1]),
        .min_x = FG_NAME(least_lane)(least[2]) / 2, .max_x = FG_NAME(greatest_lane)(greatest[2]) / 2,
        .min_y = FG_NAME(least_lane)(least[3]) / 2, .max_y = FG_NAME(greatest_lane)(greatest[3]) / 2, .count = count};
    fg_grid_widen(&grid->range.all, &here);
}

/* First stage. */
static void FG_NAME(load)(const nms_state *state, nms_grid *grid, int64_t end)
{
    FG_NAME(chunk) chunk = {.end = grid->next};
    FG_NAME(load_members)(state, grid->next, end);
    while (FG_NAME(next_chunk)(state, &chunk, end))
        FG_NAME(find_range)(state, grid, &chunk);
}

/* Second stage: the boxes much smaller than the largest. */
static void FG_NAME(count_small)(const nms_state *state, nms_grid *grid, int64_t end)
{
    const vreal offset = v_set1((real)state->call->offset), zero = v_set1(0);
    const vreal width = v_set1((real)(grid->range.all.max_w / 16)), height = v_set1((real)(grid->range.all.max_h / 16));
    FG_NAME(chunk) chunk = {.end = grid->next};
    while (FG_NAME(next_chunk)(state, &chunk, end))
        for (int64_t m = chunk.begin; m < chunk.end; m += LANES) { /* a few more or less do not matter */
            vreal box[5];
            FG_NAME(load_lanes)(&chunk, m, box);
            const vreal w = FG_NAME(length)(box[0], box[2], offset), h = FG_NAME(length)(box[1], box[3], offset);
            const vmask valid = m_and(v_lt(zero, w), v_lt(zero, h));
            grid->small += __builtin_popcount(m_bits(m_and(valid, m_or(v_lt(w, width), v_lt(h, height)))));
        }
}

/* Where the areas are not consistent the threshold bounds nothing, and the grid seeks all boxes that meet. */
static void FG_NAME(open_index)(const nms_state *state, nms_grid *grid)
{
    const fg_nms_call *call = state->call;
    fg_grid_open(&grid->index, grid->range.consistent ? call->iou_threshold : 0, call->kind == FG_NMS_IOA);
    if (grid->range.all.count)
        fg_grid_set_exponents(&grid->index, &grid->range.all);
}

/* Third stage, unless all boxes fit into one: the boxes of each level. */
static void FG_NAME(count_levels)(const nms_state *state, nms_grid *grid, int64_t end)
{
    const real offset = (real)state->call->offset;
    FG_NAME(chunk) chunk = {.end = grid->next};
    while (FG_NAME(next_chunk)(state, &chunk, end))
        for (int64_t m = chunk.begin; m < chunk.end; m++) {
            const fg_grid_box box = FG_NAME(grid_box)(chunk.runs + (m - chunk.begin), chunk.stride, offset);
            if (box.w > 0 && box.h > 0)
                fg_grid_count(&grid->index, &box);
        }
}

/* Memory for the boxes and all that belongs to them. */
static int FG_NAME(allocate_grid)(const nms_state *state, nms_grid *grid)
{
    const size_t buckets = (size_t)fg_grid_layout(&grid->index), n = (size_t)state->n;
    const size_t stride = (size_t)FG_NAME(soa_stride)(grid->range.all.count), vectors = stride / LANES + 1;
    const size_t bytes = 5 * stride * sizeof(real) + (buckets + 2 + stride + n) * sizeof(uint32_t) +
                         2 * vectors * sizeof(uint16_t);
    const int fits = state->spare && bytes <= fg_nms_grid_bytes(state->n, sizeof(real));
    if (!fits)
        grid->own = fg_malloc_large(bytes);
    real *runs = grid->memory = fits ? state->spare : grid->own;
    if (!runs)
        return FG_NO_MEMORY;
    grid->n_buckets = buckets;
    grid->index.starts = (uint32_t *)(runs + 5 * stride);
    grid->box = grid->index.starts + buckets + 2;
    grid->slot = grid->box + stride;
    grid->dead = (uint16_t *)(grid->slot + n);
    grid->doubted = grid->dead + vectors;
    memset(grid->dead, 0, 2 * vectors * sizeof(uint16_t));
    memset(grid->index.starts, 0, (buckets + 2) * sizeof(uint32_t));
    return FG_OK;
}

/* Fourth stage: the bucket of each box. The count of a bucket is kept two further on, so that it is the start of the
   next one after adding up, and its own after placing. */
static void FG_NAME(find_buckets)(const nms_state *state, nms_grid *grid, int64_t end)
{
    const real offset = (real)state->call->offset;
    const fg_grid_level *level = grid->index.levels;
    const int is_plain = grid->index.n_levels == 1 && level->columns;
    FG_NAME(chunk) chunk = {.end = grid->next};
    while (FG_NAME(next_chunk)(state, &chunk, end)) {
        if (is_plain)
            FG_NAME(find_cells)(level, chunk.runs, chunk.stride, chunk.end - chunk.begin, offset,
                                grid->slot + chunk.begin);
        for (int64_t m = chunk.begin; m < chunk.end; m++) {
            if (!is_plain) {
                const fg_grid_box box = FG_NAME(grid_box)(chunk.runs + (m - chunk.begin), chunk.stride, offset);
                grid->slot[m] = box.w > 0 && box.h > 0 ? (uint32_t)fg_grid_bucket_of(&grid->index, &box) : NO_BUCKET;
            }
            if (grid->slot[m] != NO_BUCKET)
                grid->index.starts[grid->slot[m] + 2]++;
        }
    }
}

/* Fetches what member m + AHEAD will write, and m + 2 AHEAD will read. */
static inline void FG_NAME(fetch_places)(const nms_grid *grid, int64_t m, int64_t end)
{
    if (m + 2 * AHEAD >= end)
        return;
    const uint32_t bucket = grid->slot[m + AHEAD], later = grid->slot[m + 2 * AHEAD];
    if (later != NO_BUCKET)
        __builtin_prefetch(&grid->index.starts[later + 1], 1);
    if (bucket == NO_BUCKET)
        return;
    const size_t at = grid->index.starts[bucket + 1];
    const real *values = (const real *)grid->memory + 5 * at;
    __builtin_prefetch(values, 1);
    __builtin_prefetch(values + 4, 1);
}

/* Fifth stage: the boxes in the order of their buckets, the five values of each together, for places come at random. */
static void FG_NAME(place_boxes)(const nms_state *state, nms_grid *grid, int64_t end)
{
    const int fetch = state->n >= BEYOND_CACHE, with_owner = state->call->owner != NULL;
    /* Where the input holds the four corners together they are copied at once. */
    const real *corners = grid->by_index && state->call->fmt == FG_XYXY ? FG_NAME(raw_members)(state) : NULL;
    FG_NAME(chunk) chunk = {.end = grid->next};
    while (FG_NAME(next_chunk)(state, &chunk, end))
        for (int64_t m = chunk.begin; m < chunk.end; m++) {
            if (fetch)
                FG_NAME(fetch_places)(grid, m, end);
            if (grid->slot[m] == NO_BUCKET)
                continue;
            const uint32_t at = grid->slot[m] = grid->index.starts[grid->slot[m] + 1]++;
            real *values = (real *)grid->memory + 5 * (size_t)at;
            if (with_owner)
                grid->box[at] = (uint32_t)(grid->by_index ? m : fg_ranked_index(state->entries[m]));
            if (corners)
                memcpy(values, corners + 4 * m, 4 * sizeof(real));
            for (int run = corners ? 4 : 0; run < 5; run++)
                values[run] = chunk.runs[run * chunk.stride + m - chunk.begin];
        }
}

/* No box meets one that ends so far before it begins. */
static void FG_NAME(pad_grid)(nms_grid *grid)
{
    real *runs = grid->memory;
    const size_t stride = (size_t)FG_NAME(soa_stride)(grid->range.all.count);
    for (size_t at = (size_t)grid->range.all.count; at < stride; at++)
        for (int run = 0; run < 5; run++)
            runs[5 * at + run] = run < 2 ? 1 : -3;
}

/* Last stage: whole vectors of boxes, from box after box to value after value. */
static void FG_NAME(turn_boxes)(nms_grid *grid, int64_t end)
{
    const int64_t stride = FG_NAME(soa_stride)(grid->range.all.count);
    real *runs = grid->memory;
    for (int64_t at = grid->next; at < end && at < stride; at += LANES) {
        real boxes[5 * LANES], *turned = runs + 5 * at;
        memcpy(boxes, turned, sizeof boxes);
        for (int run = 0; run < 5; run++)
            for (int lane = 0; lane < LANES; lane++)
                turned[run * LANES + lane] = boxes[5 * lane + run];
    }
}

/* The first value of the box at a place; the others follow LANES apart. */
static inline const real *FG_NAME(values_at)(const nms_grid *grid, size_t at)
{
    return (const real *)grid->memory + at / LANES * (5 * LANES) + at % LANES;
}

static inline void FG_NAME(fetch_place)(const nms_grid *grid, size_t at)
{
    const char *boxes = (const char *)FG_NAME(values_at)(grid, at / LANES * LANES);
    for (size_t line = 0; line < 5 * LANES * sizeof(real); line += 64)
        __builtin_prefetch(boxes + line);
}

/* The place of the box at a position. */
static inline uint32_t FG_NAME(slot_of)(const nms_state *state, int64_t p)
{
    return state->grid->slot[state->grid->by_index ? fg_ranked_index(state->entries[p]) : p];
}

/* Boxes that have had their turn are marked; returns 0 for one that was already. */
static inline int FG_NAME(take_turn)(nms_grid *grid, uint32_t slot)
{
    if (slot == NO_BUCKET)
        return 1;
    uint16_t *dead = &grid->dead[slot / LANES], bit = (uint16_t)(1u << slot % LANES);
    const int first = !(*dead & bit);
    *dead |= bit;
    return first;
}

/* What follows when a stage has seen all boxes. */
static int FG_NAME(end_stage)(const nms_state *state, nms_grid *grid)
{
    int status = FG_OK;
    switch (grid->stage) {
    case GRID_LOAD:
        FG_NAME(open_index)(state, grid);
        break;
    case GRID_SMALL:
        if (!fg_grid_are_few(grid->small, grid->range.all.count))
            break;
        fg_grid_single_level(&grid->index, &grid->range.all);
        grid->stage++; /* there is nothing to count */
        status = FG_NAME(allocate_grid)(state, grid);
        break;
    case GRID_COUNT:
        status = FG_NAME(allocate_grid)(state, grid);
        break;
    case GRID_BUCKETS:
        fg_grid_add_up(grid->index.starts, grid->n_buckets);
        break;
    case GRID_PLACE:
        FG_NAME(pad_grid)(grid);
        break;
    default:
        for (int64_t p = 0; p < state->position; p++)
            FG_NAME(take_turn)(grid, FG_NAME(slot_of)(state, p));
    }
    grid->stage++;
    grid->next = 0;
    return status;
}

/* Takes the present stage on to the members before `end`. FG_OK or FG_NO_MEMORY. */
static int FG_NAME(build_grid)(nms_state *state, int64_t end)
{
    nms_grid *grid = state->grid;
    if (grid->stage == GRID_LOAD)
        FG_NAME(load)(state, grid, end);
    else if (grid->stage == GRID_SMALL)
        FG_NAME(count_small)(state, grid, end);
    else if (grid->stage == GRID_COUNT)
        FG_NAME(count_levels)(state, grid, end);
    else if (grid->stage == GRID_BUCKETS)
        FG_NAME(find_buckets)(state, grid, end);
    else if (grid->stage == GRID_PLACE)
        FG_NAME(place_boxes)(state, grid, end);
    else
        FG_NAME(turn_boxes)(grid, end == state->n ? end + LANES : end); /* the last vector may end beyond */
    grid->next = end;
    return end == state->n ? FG_NAME(end_stage)(state, grid) : FG_OK;
}

/* Marks in `marks` the boxes that the box at the place `slot` and the position `p` suppresses. */
static inline __attribute__((always_inline)) void FG_NAME(mark)(nms_state *state, uint32_t slot, int64_t p,
                                                                uint16_t *marks, const FG_NAME(limits) * limits,
                                                                int kind)
{
    nms_grid *grid = state->grid;
    const real *runs = grid->memory;
    int64_t *const owner = state->call->owner;
    state->work++;
    if (slot == NO_BUCKET)
        return;
    const real *kept = FG_NAME(values_at)(grid, slot);
    const fg_grid_box box = FG_NAME(grid_box)(kept, LANES, (real)state->call->offset);
    vreal a[5], b[5];
    for (int run = 0; run < 5; run++)
        a[run] = v_set1(kept[run * LANES]);
    fg_grid_walk walk;
    for (int l = 0; l < grid->index.n_levels; l++) {
        int64_t begin, end;
        if (!fg_grid_start(&walk, &grid->index, l, &box))
            continue;
        while (fg_grid_next(&walk, &begin, &end)) {
            state->work += 1 + (end - begin) / LANES;
            for (int64_t j = begin / LANES * LANES; j < end; j += LANES) {
                const unsigned settled = grid->dead[j / LANES] | marks[j / LANES];
                if (settled == (1u << LANES) - 1)
                    continue;
                for (int run = 0; run < 5; run++)
                    b[run] = v_load(runs + 5 * j + run * LANES);
                unsigned bits = m_bits(FG_NAME(suppressed)(a, b, b[4], limits, kind, 0)) & ~settled;
                marks[j / LANES] |= (uint16_t)bits;
                for (; owner && bits; bits &= bits - 1)
                    owner[grid->box[j + fg_lowest_bit(bits)]] = fg_ranked_index(state->entries[p]);
            }
        }
    }
}

/* Fetches what the box a little later will look at. */
static inline void FG_NAME(look_ahead)(const nms_state *state, int64_t p)
{
    const nms_grid *grid = state->grid;
    if (grid->by_index && p + 2 * AHEAD < state->n)
        __builtin_prefetch(&grid->slot[fg_ranked_index(state->entries[p + 2 * AHEAD])]);
    const uint32_t slot = p + AHEAD < state->n ? FG_NAME(slot_of)(state, p + AHEAD) : NO_BUCKET;
    if (slot != NO_BUCKET && !(grid->dead[slot / LANES] >> slot % LANES & 1))
        FG_NAME(fetch_place)(grid, slot);
}

/* A box of a tile that one outside may suppress, or one that is undecided itself. */
static inline int FG_NAME(is_undecided)(const nms_state *state, uint32_t slot)
{
    const nms_grid *grid = state->grid;
    if (slot == NO_BUCKET)
        return 0;
    if (grid->doubted[slot / LANES] >> slot % LANES & 1)
        return 1;
    const fg_grid_box box = FG_NAME(grid_box)(FG_NAME(values_at)(grid, slot), LANES, (real)state->call->offset);
    int64_t window[4];
    return fg_grid_window(state->tiles, state->tiles->levels, &box, window) &&
           (window[0] != window[1] || window[2] != window[3]);
}

/* Each box that is not marked when its turn comes is kept and marks those it suppresses; until there has been `limit`
   work. */
static inline __attribute__((always_inline)) void FG_NAME(run_grid)(nms_state *state, int64_t limit, int kind)
{
    const FG_NAME(limits) limits = FG_NAME(limits_of)(state->call);
    nms_grid *grid = state->grid;
    for (; grid->caught_up < state->n_kept && state->work < limit; grid->caught_up++) {
        const int64_t p = state->kept[grid->caught_up];
        FG_NAME(mark)(state, FG_NAME(slot_of)(state, p), p, grid->dead, &limits, kind);
    }
    if (grid->caught_up < state->n_kept)
        return;
    for (; state->work < limit && state->position < state->n && state->n_kept < state->max_kept; state->position++) {
        const int64_t p = state->position;
        const uint32_t slot = FG_NAME(slot_of)(state, p);
        FG_NAME(look_ahead)(state, p);
        state->work++;
        if (!FG_NAME(take_turn)(grid, slot))
            continue;
        if (state->tiles && FG_NAME(is_undecided)(state, slot)) {
            state->kept[state->n - ++state->n_undecided] = (uint32_t)p;
            FG_NAME(mark)(state, slot, p, grid->doubted, &limits, kind);
            continue;
        }
        set_owner(state, p, p);
        state->kept[state->n_kept++] = (uint32_t)p;
        FG_NAME(mark)(state, slot, p, grid->dead, &limits, kind);
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
