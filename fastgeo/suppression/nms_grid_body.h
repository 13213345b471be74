/* A grid of cells of one size, for boxes of like size that lie everywhere alike. Part of nms_body.h.

   The box that another one suppresses has its centre in a window around the centre of that one. */

static inline double FG_NAME(least_lane)(vreal a)
{
    real lanes[LANES];
    v_store(lanes, a);
    double least = (double)lanes[0];
    for (int lane = 1; lane < LANES; lane++)
        least = fg_lesser((double)lanes[lane], least);
    return least;
}

/* The range of the boxes, and whether their areas are what the extents say. They are not where sizes get lost beside large
   coordinates, or underflow; then a threshold does not bound how far away a box lies that is suppressed. */
static int FG_NAME(measure_range)(fg_nms_group *group, const FG_NAME(boxes) * boxes, nms_grid *grid)
{
    const vreal offset = v_set1((real)group->call->offset), zero = v_set1(0), far = v_set1(INFINITY);
    const double least_area = 4 * (double)REAL_MIN / fg_greater(group->call->iou_threshold, LEAST_THRESHOLD);
    vreal least[4] = {far, far, far, far}, least_negated[4] = {far, far, far, far};
    int consistent = 1;
    for (int64_t i = 0; i < boxes->n; i += LANES) {
        vreal box[BOX_RUNS];
        if (i % PIECE == 0 && fg_nms_stopped(group))
            break;
        FG_NAME(load_lanes)(boxes, i, box);
        const vreal w = v_add(v_sub(box[2], box[0]), offset), h = v_add(v_sub(box[3], box[1]), offset);
        const vreal product = v_mul(w, h), error = v_abs(v_sub(box[4], product));
        const vmask good = m_and(v_le(error, v_mul(product, v_set1((real)0x1p-10))), v_le(v_set1((real)least_area), box[4]));
        const vreal value[4] = {v_add(box[0], box[2]), v_add(box[1], box[3]), w, h};
        consistent &= m_bits(good) == (1u << LANES) - 1u;
        for (int d = 0; d < 4; d++) {
            least[d] = v_min(value[d], least[d]);
            least_negated[d] = v_min(v_sub(zero, value[d]), least_negated[d]);
        }
    }
    for (int d = 0; d < 4; d++) {
        grid->least[d] = FG_NAME(least_lane)(least[d]) * (d < 2 ? 0.5 : 1);
        grid->greatest[d] = -FG_NAME(least_lane)(least_negated[d]) * (d < 2 ? 0.5 : 1);
    }
    return consistent;
}

/* How many are much smaller than the largest; the last one may be counted more than once. */
static int64_t FG_NAME(count_small)(fg_nms_group *group, const FG_NAME(boxes) * boxes)
{
    const nms_grid *grid = &group->index->grid;
    const vreal offset = v_set1((real)group->call->offset);
    const vreal width = v_set1((real)(grid->greatest[2] / SIZE_FACTOR));
    const vreal height = v_set1((real)(grid->greatest[3] / SIZE_FACTOR));
    int64_t small = 0;
    for (int64_t i = 0; i < boxes->n; i += LANES) {
        vreal box[BOX_RUNS];
        if (i % PIECE == 0 && fg_nms_stopped(group))
            break;
        FG_NAME(load_lanes)(boxes, i, box);
        const vreal w = v_add(v_sub(box[2], box[0]), offset), h = v_add(v_sub(box[3], box[1]), offset);
        small += __builtin_popcount(m_bits(m_or(v_lt(w, width), v_lt(h, height))));
    }
    return small;
}

/* 1 if a grid suits the boxes. */
static int FG_NAME(choose_grid)(fg_nms_group *group, const FG_NAME(boxes) * boxes)
{
    nms_grid *grid = &group->index->grid;
    const fg_nms_call *call = group->call;
    const int bounds = FG_NAME(measure_range)(group, boxes, grid) && call->iou_threshold >= LEAST_THRESHOLD;
    grid->threshold = bounds ? call->iou_threshold * (1 - 0x1p-8) : 0;
    grid->one_sided = call->kind == FG_NMS_IOA;
    const double cells = cut_cells(grid, boxes->n);
    const int64_t small = FG_NAME(count_small)(group, boxes);
    if (group->status != FG_OK || !fg_nms_grid_suits(group->algorithm, boxes->n, small, cells))
        return 0;
    grid->starts = calloc((size_t)(grid->columns * grid->rows) + 2, sizeof *grid->starts);
    if (!grid->starts)
        group->status = FG_NO_MEMORY;
    return group->status == FG_OK;
}

/* The cells of n boxes from box `begin` on: near_cell in loops that compilers turn into vectors. */
static inline void FG_NAME(find_cells)(const nms_grid *grid, const FG_NAME(boxes) * boxes, int64_t begin, int64_t n,
                                       uint32_t *restrict cells)
{
    const real *restrict values = boxes->runs + begin;
    const int64_t stride = boxes->stride;
    const double min_x = grid->least[0], min_y = grid->least[1], per_x = grid->per_x, per_y = grid->per_y;
    const double last_column = (double)(grid->columns - 1), last_row = (double)(grid->rows - 1);
    const int32_t columns = (int32_t)grid->columns;
    for (int64_t i = 0; i < n; i++) {
        const double x = 0.5 * ((double)values[i] + (double)values[2 * stride + i]);
        const double y = 0.5 * ((double)values[stride + i] + (double)values[3 * stride + i]);
        const int32_t column = (int32_t)near_cell(x, min_x, per_x, last_column);
        const int32_t row = (int32_t)near_cell(y, min_y, per_y, last_row);
        cells[i] = (uint32_t)(row * columns + column);
    }
}

/* Counting sort by cell. The count of a cell is kept two further on, so that it is the start of the next one after adding
   up, and its own after placing. */
static void FG_NAME(order_by_cell)(fg_nms_group *group, const FG_NAME(boxes) * boxes, uint32_t *codes,
                                   FG_NAME(item) * items)
{
    const nms_grid *grid = &group->index->grid;
    const int64_t cells = grid->columns * grid->rows;
    uint32_t *starts = grid->starts;
    for (int64_t begin = 0, end; begin < boxes->n; begin = end) {
        end = boxes->n - begin < PIECE ? boxes->n : begin + PIECE;
        if (fg_nms_stopped(group))
            return;
        FG_NAME(find_cells)(grid, boxes, begin, end - begin, codes + begin);
        for (int64_t i = begin; i < end; i++)
            starts[codes[i] + 2]++;
    }
    for (int64_t cell = 2; cell <= cells + 1; cell++)
        starts[cell] += starts[cell - 1];
    for (int64_t i = 0; i < boxes->n; i++) {
        if (i % PIECE == 0 && fg_nms_stopped(group))
            return;
        if (i + AHEAD < boxes->n)
            __builtin_prefetch(&items[starts[codes[i + AHEAD] + 1]], 1);
        FG_NAME(item) *item = &items[starts[codes[i] + 1]++];
        for (int run = 0; run < BOX_RUNS; run++)
            item->values[run] = boxes->runs[run * boxes->stride + i];
        item->position = boxes->positions[i];
    }
}

/* Takes out of the grid what the box `a` at position p suppresses, whose values lie `stride` apart in `box`. */
static inline __attribute__((always_inline)) void FG_NAME(suppress_in_grid)(fg_nms_group *group, const real *box,
                                                                            int64_t stride, const vreal *a, int64_t p,
                                                                            const FG_NAME(limits) * limits, int kind)
{
    const nms_grid *grid = &group->index->grid;
    const double offset = (double)group->call->offset;
    const double corners[4] = {(double)box[0], (double)box[stride], (double)box[2 * stride], (double)box[3 * stride]};
    int64_t window[4];
    if (!grid_window(grid, corners, offset, window))
        return;
    for (int64_t row = window[2]; row <= window[3]; row++) {
        const uint32_t *cells = grid->starts + row * grid->columns;
        const int64_t begin = cells[window[0]], end = cells[window[1] + 1];
        for (int64_t leaf = begin / FAN; leaf * FAN < end; leaf++)
            FG_NAME(visit_leaf)(group, leaf, a, p, limits, kind);
        group->work++;
        if (fg_nms_poll_due(group))
            return;
    }
}
