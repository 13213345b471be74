/* Building and searching a packed R-tree. Part of a body, after runtime/box_soa.h. */

/* Sort keys of the boxes in soa: centre and size, doubled and rounded to float32. */
static void FG_NAME(tree_entries)(const real *soa, int64_t n, tree_entry *entries)
{
    const int64_t stride = FG_NAME(soa_stride)(n);
    for (int64_t i = 0; i < n; i++) {
        const real x1 = soa[i], y1 = soa[i + stride], x2 = soa[i + 2 * stride], y2 = soa[i + 3 * stride];
        const real width = x2 - x1, height = y2 - y1, size = width > height ? width : height;
        const int level = size_level((float)size);
        entries[i] = (tree_entry){(uint64_t)level << 32 | ordered_bits((float)(x1 + x2)), (float)(y1 + y2), level, i};
    }
}

/* Copies the boxes into the order of the tree and bounds its nodes. A padding node contains nothing. */
static void FG_NAME(tree_fill)(box_tree *tree, const real *soa)
{
    const int64_t n = tree->n, stride = FG_NAME(soa_stride)(n), padded = tree->leaves * LEAF;
    const int64_t total = tree->first[tree->levels];
    real *boxes = tree->boxes, *bounds = tree->bounds;
    for (int run = 0; run < 5; run++) {
        for (int64_t i = 0; i < n; i++)
            boxes[run * padded + i] = soa[run * stride + tree->order[i]];
        for (int64_t i = n; i < padded; i++)
            boxes[run * padded + i] = 0;
    }
    for (int level = 0; level < tree->levels; level++) {
        const int64_t begin = tree->first[level], end = tree->first[level + 1];
        const real *below = level ? bounds + tree->first[level - 1] : boxes;
        const int64_t run_below = level ? total : padded, children = level ? FAN : LEAF;
        const int64_t count = level ? begin - tree->first[level - 1] : n;
        for (int64_t node = begin; node < end; node++) {
            real x1 = INFINITY, y1 = INFINITY, x2 = -INFINITY, y2 = -INFINITY;
            const int64_t child = (node - begin) * children, last = child + children < count ? child + children : count;
            for (int64_t i = child; i < last; i++) {
                const real *box = below + i;
                x1 = box[0] < x1 ? box[0] : x1;
                y1 = box[run_below] < y1 ? box[run_below] : y1;
                x2 = box[2 * run_below] > x2 ? box[2 * run_below] : x2;
                y2 = box[3 * run_below] > y2 ? box[3 * run_below] : y2;
            }
            bounds[node] = x1;
            bounds[node + total] = y1;
            bounds[node + 2 * total] = x2;
            bounds[node + 3 * total] = y2;
        }
    }
}

/* Appends the leaves below FAN sibling nodes that the box overlaps, from `count` on; stops above `limit`. */
static int64_t FG_NAME(tree_search)(const box_tree *tree, const vreal *box, int level, int64_t node, int64_t *leaves,
                                    int64_t count, int64_t limit)
{
    const int64_t total = tree->first[tree->levels];
    const real *bounds = (const real *)tree->bounds + tree->first[level] + node;
    for (int64_t i = 0; i < FAN && count <= limit; i += LANES) {
        vmask across = m_and(v_lt(v_load(bounds + i), box[2]), v_lt(box[0], v_load(bounds + 2 * total + i)));
        vmask along = m_and(v_lt(v_load(bounds + total + i), box[3]), v_lt(box[1], v_load(bounds + 3 * total + i)));
        for (unsigned bits = m_bits(m_and(across, along)); bits; bits &= bits - 1) {
            const int64_t hit = node + i + lowest_bit(bits);
            if (level == 0)
                leaves[count++] = hit;
            else
                count = FG_NAME(tree_search)(tree, box, level - 1, hit * FAN, leaves, count, limit);
        }
    }
    return count;
}
