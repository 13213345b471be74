/* Searching a tree of boxes. Part of a body, after boxes/measures_body.h. */

/* Which of LANES nodes may hold a box whose IoU with `box` is above the threshold. */
static inline __attribute__((always_inline)) unsigned FG_NAME(nodes_above)(const vreal *box, vreal threshold,
                                                                           const real *bounds, int64_t stride)
{
    const vreal zero = v_set1(0);
    const vreal width = v_sub(v_min(box[2], v_load(bounds + 2 * stride)), v_max(box[0], v_load(bounds)));
    const vreal height = v_sub(v_min(box[3], v_load(bounds + 3 * stride)), v_max(box[1], v_load(bounds + stride)));
    const vreal common = v_mul(v_max(width, zero), v_max(height, zero));
    const vreal joint = v_sub(v_add(box[4], v_load(bounds + 4 * stride)), common);
    return m_bits(FG_NAME(v_may_exceed)(common, joint, threshold));
}

/* Appends the leaves below FAN sibling nodes that may hold such a box, from `count` on; stops above `limit`. */
static int64_t FG_NAME(tree_search)(const box_tree *tree, const vreal *box, vreal threshold, int level, int64_t node,
                                    int32_t *leaves, int64_t count, int64_t limit)
{
    const int64_t total = tree->first[tree->levels];
    const real *bounds = (const real *)tree->bounds + tree->first[level] + node;
    for (int64_t i = 0; i < FAN && count <= limit; i += LANES)
        for (unsigned bits = FG_NAME(nodes_above)(box, threshold, bounds + i, total); bits; bits &= bits - 1) {
            const int64_t hit = node + i + lowest_bit(bits);
            if (level == 0)
                leaves[count++] = (int32_t)hit;
            else
                count = FG_NAME(tree_search)(tree, box, threshold, level - 1, hit * FAN, leaves, count, limit);
        }
    return count;
}
