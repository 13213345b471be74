/* The tree: boxes in a spatial order, sixteen to a group, and above them hulls of hulls. Part of nms_body.h.

   A hull holds the union of its boxes' extents and the least of their areas. Each operation of the overlap is monotone in
   the corners and in the area, and rounding keeps that, so in the same arithmetic the overlap with a hull is never less
   than with a box inside: no margins are needed, whatever the sizes, formats and thresholds. */

/* Features by which boxes are near each other: the centre (twice) and the size, or the exponents of the size. */
static inline void FG_NAME(features)(const FG_NAME(item) * item, int by_exponent, double *feature)
{
    const real *v = item->values, w = v[2] - v[0], h = v[3] - v[1];
    feature[0] = by_exponent ? 0 : (double)(v[0] + v[2]);
    feature[1] = by_exponent ? 0 : (double)(v[1] + v[3]);
    feature[2] = by_exponent ? exponent_of((double)w) : (double)w;
    feature[3] = by_exponent ? exponent_of((double)h) : (double)h;
}

static void FG_NAME(measure_items)(fg_nms_group *group, const FG_NAME(item) * items, int64_t n, spatial_code *code)
{
    for (int d = 0; d < FEATURES; d++) {
        code->least[d] = INFINITY;
        code->greatest[d] = -INFINITY;
    }
    for (int64_t i = 0; i < n; i++) {
        double feature[FEATURES];
        if (i % PIECE == 0 && fg_nms_stopped(group))
            return;
        FG_NAME(features)(&items[i], code->by_exponent, feature);
        for (int d = 0; d < FEATURES; d++) {
            code->least[d] = feature[d] < code->least[d] ? feature[d] : code->least[d];
            code->greatest[d] = feature[d] > code->greatest[d] ? feature[d] : code->greatest[d];
        }
    }
}

/* The cell of each item, and how many items each cell holds. */
static void FG_NAME(code_items)(fg_nms_group *group, const FG_NAME(item) * items, int64_t n, const spatial_code *code,
                                uint32_t *codes, uint32_t *counts)
{
    memset(counts, 0, sizeof *counts << code->n_bits);
    for (int64_t i = 0; i < n; i++) {
        double feature[FEATURES];
        uint32_t cell = 0;
        if (i % PIECE == 0 && fg_nms_stopped(group))
            return;
        FG_NAME(features)(&items[i], code->by_exponent, feature);
        for (int d = 0; d < FEATURES; d++)
            if (code->bits[d])
                cell |= cell_of_feature(code, d, feature[d]);
        codes[i] = cell;
        counts[cell]++;
    }
}

/* Sorts a range of items by cell from one of the two buffers into the other. */
static void FG_NAME(scatter_items)(fg_nms_group *group, const FG_NAME(item) * from, FG_NAME(item) * to, int64_t n,
                                   const uint32_t *codes, uint32_t *counts, int n_bits)
{
    uint32_t begin = 0;
    for (int64_t cell = 0; cell < (int64_t)1 << n_bits; cell++) {
        const uint32_t size = counts[cell];
        counts[cell] = begin;
        begin += size;
    }
    for (int64_t i = 0; i < n; i++) {
        if (i % PIECE == 0 && fg_nms_stopped(group))
            return;
        if (i + AHEAD < n)
            __builtin_prefetch(&to[counts[codes[i + AHEAD]]], 1);
        to[counts[codes[i]]++] = from[i];
    }
}

/* Sorts the items of `range` into cells; those that hold many come onto the stack. In the end all are in the second
   buffer. Each pass cuts the extent of a crowded cell to a fraction, so there are few. */
static void FG_NAME(order_range)(fg_nms_group *group, FG_NAME(item) * buffers[2], spatial_order *order,
                                 spatial_range range)
{
    const int64_t n = range.end - range.begin;
    FG_NAME(item) *from = buffers[range.buffer] + range.begin, *to = buffers[!range.buffer] + range.begin;
    spatial_code *code = &order->code;
    code->by_exponent = 0;
    FG_NAME(measure_items)(group, from, n, code);
    code->by_exponent = has_many_sizes(code);
    if (code->by_exponent)
        FG_NAME(measure_items)(group, from, n, code);
    choose_bits(code, n);
    if (code->n_bits == 0) {
        if (range.buffer == 0)
            memcpy(to, from, (size_t)n * sizeof *to);
        return;
    }
    FG_NAME(code_items)(group, from, n, code, order->codes, order->counts);
    if (group->status == FG_OK)
        FG_NAME(scatter_items)(group, from, to, n, order->codes, order->counts, code->n_bits);
    int64_t begin = 0;
    for (int64_t cell = 0; group->status == FG_OK && begin < n; begin = order->counts[cell++]) {
        const int64_t end = order->counts[cell];
        if (end - begin > CROWDED_CELL)
            order->stack[order->depth++] = (spatial_range){range.begin + begin, range.begin + end, !range.buffer};
        else if (range.buffer)
            memcpy(from + begin, to + begin, (size_t)(end - begin) * sizeof *to);
    }
}

static void FG_NAME(order_by_place)(fg_nms_group *group, const FG_NAME(boxes) * boxes, index_memory *memory)
{
    FG_NAME(item) *items[2] = {memory->items[0], memory->items[1]};
    spatial_order *order = &memory->order;
    for (int64_t i = 0; i < boxes->n; i++) {
        if (i % PIECE == 0 && fg_nms_stopped(group))
            return;
        for (int run = 0; run < BOX_RUNS; run++)
            items[0][i].values[run] = boxes->runs[run * boxes->stride + i];
        items[0][i].position = boxes->positions[i];
    }
    order->depth = 1;
    order->stack[0] = (spatial_range){0, boxes->n, 0};
    while (order->depth > 0 && group->status == FG_OK)
        FG_NAME(order_range)(group, items, order, order->stack[--order->depth]);
}

/* Hull of the first `n` entries of a group, into lane `lane` of its parent. */
static inline void FG_NAME(bound_group)(const real *entries, int n, int are_hulls, real offset, real *parent, int lane)
{
    const int runs = are_hulls ? HULL_RUNS : BOX_RUNS;
    real hull[HULL_RUNS] = {0};
    for (int i = 0; i < n; i++) {
        real entry[HULL_RUNS];
        for (int run = 0; run < runs; run++)
            entry[run] = entries[run * FAN + i];
        if (!are_hulls) {
            entry[5] = entry[2] - entry[0] + offset;
            entry[6] = entry[3] - entry[1] + offset;
        }
        for (int run = 0; run < HULL_RUNS; run++) {
            const int is_least = run == 0 || run == 1 || run == 4;
            const int grows = i == 0 || (is_least ? entry[run] < hull[run] : entry[run] > hull[run]);
            hull[run] = grows ? entry[run] : hull[run];
        }
    }
    for (int run = 0; run < HULL_RUNS; run++)
        parent[run * FAN + lane] = hull[run];
}

static void FG_NAME(fill_hulls)(fg_nms_group *group)
{
    const nms_index *index = group->index;
    int64_t n = index->count;
    for (int level = 0; level < index->levels; level++, n = (n + FAN - 1) / FAN) {
        const int64_t width = group_values(level);
        real *entries = index->entries[level], *parents = index->entries[level + 1];
        /* What lies behind the last entry is out from the start. */
        if (n % FAN)
            index->done[level][n / FAN] = (uint16_t)(0xffffu << n % FAN);
        for (int64_t at = n; at % FAN; at++)
            for (int64_t run = 0; run < width / FAN; run++)
                entries[at / FAN * width + run * FAN + at % FAN] = 0;
        for (int64_t g = 0; level + 1 < index->levels && g * FAN < n; g++) {
            const int64_t left = n - g * FAN;
            if (g % PIECE == 0 && fg_nms_stopped(group))
                return;
            FG_NAME(bound_group)(entries + g * width, left < FAN ? (int)left : FAN, level > 0, (real)group->call->offset,
                                 parents + g / FAN * (HULL_RUNS * FAN), (int)(g % FAN));
        }
    }
}

/* Of sixteen hulls those to descend into for the boxes that `a` suppresses. */
static inline __attribute__((always_inline)) unsigned FG_NAME(visit_hulls)(fg_nms_group *group, int level, int64_t g,
                                                                           const vreal *a,
                                                                           const FG_NAME(limits) * limits, int kind)
{
    const nms_index *index = group->index;
    const real *entries = (const real *)index->entries[level] + g * (HULL_RUNS * FAN);
    group->work++;
    return FG_NAME(hits)(a, entries, limits, kind, 1) & ~index->done[level][g] & 0xffffu;
}

/* Takes out of the tree what the box `a` at position p suppresses. */
static inline __attribute__((always_inline)) void FG_NAME(suppress_in_tree)(fg_nms_group *group, const vreal *a,
                                                                            int64_t p, const FG_NAME(limits) * limits,
                                                                            int kind)
{
    const int root = group->index->levels - 1;
    int64_t at[TREE_LEVELS];
    unsigned pending[TREE_LEVELS];
    if (root == 0) {
        FG_NAME(visit_leaf)(group, 0, a, p, limits, kind);
        return;
    }
    int level = root;
    at[root] = 0;
    pending[root] = FG_NAME(visit_hulls)(group, root, 0, a, limits, kind);
    while (level <= root && !fg_nms_poll_due(group)) {
        if (!pending[level]) {
            level++;
            continue;
        }
        const int64_t child = at[level] * FAN + fg_lowest_bit(pending[level]);
        pending[level] &= pending[level] - 1;
        if (level == 1) {
            FG_NAME(visit_leaf)(group, child, a, p, limits, kind);
            continue;
        }
        at[--level] = child;
        pending[level] = FG_NAME(visit_hulls)(group, level, child, a, limits, kind);
    }
}
