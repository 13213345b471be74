/* Building an index, a grid or a tree, and the search that both share. Part of nms_body.h. */

/* Takes out what the box at position p suppresses; its values lie `stride` apart. */
static inline __attribute__((always_inline)) void FG_NAME(suppress)(fg_nms_group *group, const real *box,
                                                                    int64_t stride, int64_t p,
                                                                    const FG_NAME(limits) * limits, int kind, int by_tree)
{
    vreal a[BOX_RUNS];
    for (int run = 0; run < BOX_RUNS; run++)
        a[run] = v_set1(box[run * stride]);
    if (by_tree)
        FG_NAME(suppress_in_tree)(group, a, p, limits, kind);
    else
        FG_NAME(suppress_in_grid)(group, box, stride, a, p, limits, kind);
}

/* Prefetches the leaf of a box whose turn comes AHEAD boxes later: leaves are visited at random. */
static inline void FG_NAME(fetch_leaf)(const fg_nms_group *group, int64_t p)
{
    const nms_index *index = group->index;
    if (p >= group->n || index->slot[p - index->base] >= LEFT_BEFORE)
        return;
    const char *leaf = (const char *)FG_NAME(box_in_slot)(index, index->slot[p - index->base] / FAN * FAN);
    for (size_t line = 0; line < BOX_RUNS * FAN * sizeof(real); line += 64)
        __builtin_prefetch(leaf + line);
}

/* By descending score: a box that is still in the index is kept, and takes out those it suppresses. Ends early where a tree
   would have been the better index. */
static inline __attribute__((always_inline)) void FG_NAME(run_index)(fg_nms_group *group, int kind, int by_tree)
{
    const FG_NAME(limits) limits = FG_NAME(limits_of)(group->call);
    nms_index *index = group->index;
    for (; group->position < group->n && group->n_kept < group->max_kept; group->position++) {
        const int64_t p = group->position;
        const uint32_t slot = index->slot[p - index->base];
        FG_NAME(fetch_leaf)(group, p + AHEAD);
        group->work++;
        if (fg_nms_poll_due(group) || (!by_tree && wants_tree(group)))
            return;
        if (is_out(index, p))
            continue;
        set_owner(group, p, p);
        group->kept[group->n_kept++] = (uint32_t)p;
        if (slot == NO_SLOT)
            continue;
        take_out(group, slot / FAN, 1u << slot % FAN, p);
        FG_NAME(suppress)(group, FG_NAME(box_in_slot)(index, slot), FAN, p, &limits, kind, by_tree);
    }
}

/* Lets the boxes that a scan has kept take out what they suppress. */
static inline __attribute__((always_inline)) void FG_NAME(catch_up)(fg_nms_group *group, int kind, int by_tree)
{
    const FG_NAME(limits) limits = FG_NAME(limits_of)(group->call);
    const real *runs = group->runs;
    for (int64_t k = 0; k < group->n_scanned && !fg_nms_poll_due(group); k++)
        FG_NAME(suppress)(group, runs + k, group->n, group->kept[k], &limits, kind, by_tree);
    group->n_scanned = 0;
}

static inline __attribute__((always_inline)) void FG_NAME(search_as)(fg_nms_group *group, int kind, int by_tree)
{
    if (group->index->count > 0)
        FG_NAME(catch_up)(group, kind, by_tree);
    if (group->status == FG_OK)
        FG_NAME(run_index)(group, kind, by_tree);
}

static void FG_NAME(search_index)(fg_nms_group *group)
{
    const int by_tree = group->index->levels > 1 || group->index->grid.starts == NULL;
    if (group->call->kind == FG_NMS_IOU)
        by_tree ? FG_NAME(search_as)(group, FG_NMS_IOU, 1) : FG_NAME(search_as)(group, FG_NMS_IOU, 0);
    else if (group->call->kind == FG_NMS_DIOU)
        by_tree ? FG_NAME(search_as)(group, FG_NMS_DIOU, 1) : FG_NAME(search_as)(group, FG_NMS_DIOU, 0);
    else
        by_tree ? FG_NAME(search_as)(group, FG_NMS_IOA, 1) : FG_NAME(search_as)(group, FG_NMS_IOA, 0);
}

/* Puts the undecided boxes into an index: a grid if it is allowed and suits them, else a tree. */
static void FG_NAME(build_index)(fg_nms_group *group, int may_be_grid)
{
    nms_index *before = group->index, *index = calloc(1, sizeof *index);
    index_memory memory;
    if (!index || !open_index(group, index, sizeof(FG_NAME(item)), sizeof(real), &memory)) {
        free(index);
        group->status = FG_NO_MEMORY;
        return;
    }
    FG_NAME(item) *items = memory.items[1];
    const FG_NAME(boxes) boxes = FG_NAME(list_undecided)(group, before, memory.positions);
    index->count = boxes.n;
    group->index = index;
    const int is_grid = group->status == FG_OK && may_be_grid && boxes.n > 0 && FG_NAME(choose_grid)(group, &boxes);
    if (is_grid)
        FG_NAME(order_by_cell)(group, &boxes, memory.order.codes, items);
    else if (group->status == FG_OK && boxes.n > 0)
        FG_NAME(order_by_place)(group, &boxes, &memory);
    if (group->status == FG_OK) {
        cut_levels(index, memory.items[0], sizeof(real), is_grid);
        FG_NAME(fill_leaves)(group, index, before, items);
        FG_NAME(fill_hulls)(group);
    }
    close_index(before);
}
