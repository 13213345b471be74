/* The algorithm "scan": each box against those kept so far. Part of nms_body.h. */

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

/* Loads the boxes of a window by descending score. `repeat` of 1 has a loop of its own: box_at divides by it. */
static void FG_NAME(lay_out)(const fg_nms_group *group, int64_t begin, int64_t end)
{
    const real *boxes = group->call->boxes, offset = (real)group->call->offset;
    real *runs = group->runs;
    if (group->call->repeat == 1)
        for (int64_t p = begin; p < end; p++)
            FG_NAME(load_box)(boxes + 4 * fg_ranked_index(group->entries[p]), group->call->fmt, offset, runs + p, group->n);
    else
        for (int64_t p = begin; p < end; p++)
            FG_NAME(load_box)(boxes + 4 * box_at(group, p), group->call->fmt, offset, runs + p, group->n);
}

/* Compares each box of the window with those kept so far; the kept ones are packed at the front of the runs. */
static inline __attribute__((always_inline)) void FG_NAME(scan_kept)(fg_nms_group *group, int64_t end, int kind)
{
    const FG_NAME(limits) limits = FG_NAME(limits_of)(group->call);
    const int64_t stride = group->n;
    real *runs = group->runs;
    int64_t kept = group->n_kept, p = group->position;
    for (; p < end && kept < group->max_kept && !fg_nms_poll_due(group); p++) {
        vreal box[5];
        for (int run = 0; run < 5; run++)
            box[run] = v_set1(runs[run * stride + p]);
        const int64_t found = FG_NAME(first_suppressor)(box, runs, stride, kept, &limits, kind);
        group->work += 1 + (found < 0 ? kept : found) / FAN;
        set_owner(group, p, found >= 0 ? group->kept[found] : p);
        if (found >= 0)
            continue;
        for (int run = 0; run < 5; run++)
            runs[run * stride + kept] = runs[run * stride + p];
        group->kept[kept++] = (uint32_t)p;
    }
    group->n_kept = kept;
    group->position = p;
}

static void FG_NAME(scan_window)(fg_nms_group *group, int64_t end)
{
    FG_NAME(lay_out)(group, group->position, end);
    if (group->call->kind == FG_NMS_IOU)
        FG_NAME(scan_kept)(group, end, FG_NMS_IOU);
    else if (group->call->kind == FG_NMS_DIOU)
        FG_NAME(scan_kept)(group, end, FG_NMS_DIOU);
    else
        FG_NAME(scan_kept)(group, end, FG_NMS_IOA);
}
