/* The leaves of an index: sixteen boxes each, near each other, in a grid and in a tree alike. Part of nms_body.h. */

/* A box while it is sorted into leaves. */
typedef struct {
    real values[BOX_RUNS];
    uint32_t position;
} FG_NAME(item);

/* The undecided boxes that have an area, as runs of values, and their positions; the runs are those of the group, behind the
   kept boxes. */
typedef struct {
    real *runs;
    int64_t stride, n;
    uint32_t *positions;
} FG_NAME(boxes);

static inline real FG_NAME(width_of)(const FG_NAME(boxes) * boxes, int64_t i, real offset)
{
    return boxes->runs[2 * boxes->stride + i] - boxes->runs[i] + offset;
}

static inline real FG_NAME(height_of)(const FG_NAME(boxes) * boxes, int64_t i, real offset)
{
    return boxes->runs[3 * boxes->stride + i] - boxes->runs[boxes->stride + i] + offset;
}

/* Lists them. `before` is the index that this one replaces, or NULL: boxes that are out of it are decided. */
static FG_NAME(boxes) FG_NAME(list_undecided)(fg_nms_group *group, const nms_index *before, uint32_t *positions)
{
    const fg_nms_call *call = group->call;
    const real *input = call->boxes, offset = (real)call->offset;
    FG_NAME(boxes) boxes = {(real *)group->runs + group->position, group->n, 0, positions};
    for (int64_t p = group->position; p < group->n; p++) {
        if (p % PIECE == 0 && fg_nms_stopped(group))
            break;
        if (p + AHEAD < group->n)
            __builtin_prefetch(input + 4 * box_at(group, p + AHEAD));
        FG_NAME(load_box)(input + 4 * box_at(group, p), call->fmt, offset, boxes.runs + boxes.n, boxes.stride);
        positions[boxes.n] = (uint32_t)p;
        boxes.n += FG_NAME(width_of)(&boxes, boxes.n, offset) > 0 && FG_NAME(height_of)(&boxes, boxes.n, offset) > 0 &&
                   !(before && is_out(before, p));
    }
    return boxes;
}

/* LANES boxes from box i on; lanes behind the last box repeat it. */
static inline void FG_NAME(load_lanes)(const FG_NAME(boxes) * boxes, int64_t i, vreal *box)
{
    const int64_t left = boxes->n - i;
    for (int run = 0; run < BOX_RUNS; run++) {
        const real *values = boxes->runs + run * boxes->stride + i;
        real padded[LANES];
        for (int lane = 0; left < LANES && lane < LANES; lane++)
            padded[lane] = values[lane < left ? lane : left - 1];
        box[run] = v_load(left < LANES ? padded : values);
    }
}

/* Transposes the items into leaves: sixteen of each value side by side. */
static void FG_NAME(fill_leaves)(fg_nms_group *group, nms_index *index, const nms_index *before,
                                 const FG_NAME(item) * items)
{
    real *leaves = index->entries[0];
    for (int64_t p = index->base; p < group->n; p++)
        index->slot[p - index->base] = before && is_out(before, p) ? LEFT_BEFORE : NO_SLOT;
    for (int64_t at = 0; at < index->count; at++) {
        real *lane = leaves + at / FAN * (BOX_RUNS * FAN) + at % FAN;
        if (at % PIECE == 0 && fg_nms_stopped(group))
            return;
        for (int run = 0; run < BOX_RUNS; run++)
            lane[run * FAN] = items[at].values[run];
        index->position[at] = items[at].position;
        index->slot[items[at].position - index->base] = (uint32_t)at;
    }
}

/* The first value of the box in a slot; the others follow FAN apart. */
static inline const real *FG_NAME(box_in_slot)(const nms_index *index, uint32_t slot)
{
    return (const real *)index->entries[0] + slot / FAN * (BOX_RUNS * FAN) + slot % FAN;
}

/* Of sixteen hulls those that may hold a box which `a` suppresses; of sixteen boxes those that it does. */
static inline __attribute__((always_inline)) unsigned FG_NAME(hits)(const vreal *a, const real *entries,
                                                                    const FG_NAME(limits) * limits, int kind, int hulls)
{
    unsigned bits = 0;
    for (int lane = 0; lane < FAN; lane += LANES) {
        vreal b[HULL_RUNS];
        for (int run = 0; run < (hulls ? HULL_RUNS : BOX_RUNS); run++)
            b[run] = v_load(entries + run * FAN + lane);
        const vmask mask = hulls ? FG_NAME(may_suppress)(a, b, limits, kind)
                                 : FG_NAME(suppressed)(a, b, b[4], limits, kind, 0);
        bits |= m_bits(mask) << lane;
    }
    return bits;
}

/* Takes the boxes of a leaf out that the box `a` at position p suppresses. */
static inline __attribute__((always_inline)) void FG_NAME(visit_leaf)(fg_nms_group *group, int64_t leaf, const vreal *a,
                                                                      int64_t p, const FG_NAME(limits) * limits, int kind)
{
    const nms_index *index = group->index;
    const unsigned present = ~index->done[0][leaf] & 0xffffu;
    if (!present)
        return;
    const real *entries = (const real *)index->entries[0] + leaf * (BOX_RUNS * FAN);
    const unsigned bits = FG_NAME(hits)(a, entries, limits, kind, 0) & present;
    group->work++;
    if (bits)
        take_out(group, leaf, bits, p);
}
