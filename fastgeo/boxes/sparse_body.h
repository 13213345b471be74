#include "boxes/measures_body.h"
#include "boxes/box_tree_search_body.h"

/* A part of boxes1 or, behind those, of boxes2 with the numbers of its columns. */
static void FG_NAME(sparse_load)(void *pairs_, int64_t chunk, int slot)
{
    (void)slot;
    fg_sparse_pairs *pairs = pairs_;
    const fg_sparse_call *call = &pairs->call;
    const fg_part part = fg_part_of(call->n, call->m, LOADED, chunk);
    if (FG_NAME(load_part)(part.second ? call->boxes2 : call->boxes1, part.begin, part.end, part.n, call->fmt, 0,
                           part.second ? pairs->soa2 : pairs->soa1))
        atomic_store_explicit(&pairs->bad, 1, memory_order_relaxed);
    const int64_t end = part.end == part.n ? padded(part.n) : part.end;
    for (int64_t j = part.begin; part.second && j < end; j++)
        pairs->columns[j] = (int32_t)j;
}

/* What share of a row's comparisons a tree would leave out, on average over a sample of rows: those with a column that it
   does not overlap. */
static double FG_NAME(sparse_sample)(const void *pairs_)
{
    const fg_sparse_pairs *pairs = pairs_;
    const int64_t n = pairs->call.n, stride1 = FG_NAME(soa_stride)(n), stride2 = FG_NAME(soa_stride)(pairs->call.m);
    const int64_t vectors = stride2 / LANES, seen = vectors < SAMPLED_VECTORS ? vectors : SAMPLED_VECTORS;
    double left_out = 0;
    for (int64_t k = 0; k < SAMPLED_ROWS; k++) {
        const real *row = (const real *)pairs->soa1 + k * n / SAMPLED_ROWS;
        const vreal x1 = v_set1(row[0]), y1 = v_set1(row[stride1]);
        const vreal x2 = v_set1(row[2 * stride1]), y2 = v_set1(row[3 * stride1]);
        int64_t overlaps = 0;
        for (int64_t v = 0; v < seen; v++) {
            const real *column = (const real *)pairs->soa2 + v * vectors / seen * LANES;
            vmask across = m_and(v_lt(v_load(column), x2), v_lt(x1, v_load(column + 2 * stride2)));
            vmask along = m_and(v_lt(v_load(column + stride2), y2), v_lt(y1, v_load(column + 3 * stride2)));
            overlaps += __builtin_popcount(m_bits(m_and(across, along)));
        }
        const double share = 1 - AROUND * (double)overlaps / (double)(seen * LANES);
        left_out += share > 0 ? share : 0; /* a search that saves nothing is abandoned */
    }
    return left_out / SAMPLED_ROWS;
}

static inline void FG_NAME(load_sparse_row)(const fg_sparse_pairs *pairs, int64_t i, vreal *row)
{
    for (int run = 0; run < 5; run++)
        row[run] = v_set1(((const real *)pairs->soa1)[run * FG_NAME(soa_stride)(pairs->call.n) + i]);
}

/* IoU of one box with LANES others. */
static inline __attribute__((always_inline)) vreal FG_NAME(iou_with)(const vreal *row, const real *boxes, int64_t stride)
{
    vreal columns[5];
    for (int run = 0; run < 5; run++)
        columns[run] = v_load(boxes + run * stride);
    return FG_NAME(overlap)(row, columns, v_set1(0), FG_IOU, 0);
}

/* Appends those of a few vectors of columns that are above the threshold, with one branch for all of them: with one for
   each, few pairs would cost as much as many do. */
static inline __attribute__((always_inline)) int64_t FG_NAME(append_above)(const fg_sparse_pairs *pairs,
                                                                           const vreal *row, vreal threshold, int64_t j,
                                                                           int vectors, const row_scratch *scratch,
                                                                           int64_t count)
{
    const int64_t stride = FG_NAME(soa_stride)(pairs->call.m);
    vreal iou[VECTORS];
    vmask above[VECTORS];
    unsigned any = 0;
    for (int v = 0; v < vectors; v++) {
        iou[v] = FG_NAME(iou_with)(row, (const real *)pairs->soa2 + j + v * LANES, stride);
        above[v] = v_lt(threshold, iou[v]);
        any |= m_bits(above[v]);
    }
    if (!any)
        return count;
    for (int v = 0; v < vectors; v++) {
        v_store_where((real *)scratch->values + count, above[v], iou[v]);
        v_store_int32_where(scratch->columns + count, above[v], pairs->columns + j + v * LANES);
        count += __builtin_popcount(m_bits(above[v]));
    }
    return count;
}

/* One row against every column in order. Returns how many are found, as leaf_row does. */
static int64_t FG_NAME(plain_row)(const fg_sparse_pairs *pairs, const vreal *row, vreal threshold,
                                  const row_scratch *scratch)
{
    const int64_t stride = FG_NAME(soa_stride)(pairs->call.m);
    int64_t j = 0, count = 0;
    for (; j + VECTORS * LANES <= stride; j += VECTORS * LANES) {
        count = FG_NAME(append_above)(pairs, row, threshold, j, VECTORS, scratch, count);
        if (j % POLLED == POLLED - VECTORS * LANES && pairs->team->stopped(scratch->slot))
            return count;
    }
    for (; j < stride; j += LANES)
        count = FG_NAME(append_above)(pairs, row, threshold, j, 1, scratch, count);
    return count;
}

/* Moves the marked columns out in ascending order, and clears the marks. */
static int64_t FG_NAME(take_marks)(const row_scratch *scratch, int64_t m)
{
    const real *by_column = scratch->by_column;
    real *values = scratch->values;
    int64_t count = 0;
    for (int64_t s = 0; s < words(words(m)); s++) {
        for (; scratch->summary[s]; scratch->summary[s] &= scratch->summary[s] - 1) {
            const int64_t w = 64 * s + lowest_bit(scratch->summary[s]);
            for (uint64_t bits = scratch->marks[w]; bits; bits &= bits - 1) {
                const int64_t col = 64 * w + lowest_bit(bits);
                values[count] = by_column[col];
                scratch->columns[count++] = (int32_t)col;
            }
            scratch->marks[w] = 0;
        }
    }
    return count;
}

/* One row against the leaves found; the marks bring the columns back into their order. */
static int64_t FG_NAME(leaf_row)(const fg_sparse_pairs *pairs, const vreal *row, vreal threshold,
                                 const row_scratch *scratch, int64_t n_leaves)
{
    const int64_t stride = pairs->tree.leaves * LEAF;
    real values[LANES], *by_column = scratch->by_column;
    unsigned any = 0;
    for (int64_t k = 0; k < n_leaves; k++) {
        if (k % (POLLED / LEAF) == POLLED / LEAF - 1 && pairs->team->stopped(scratch->slot))
            break;
        const int64_t begin = (int64_t)scratch->leaves[k] * LEAF;
        for (int64_t j = begin; j < begin + LEAF; j += LANES) {
            const vreal iou = FG_NAME(iou_with)(row, (const real *)pairs->tree.boxes + j, stride);
            unsigned bits = m_bits(v_lt(threshold, iou));
            any |= bits;
            if (bits)
                v_store(values, iou);
            for (; bits; bits &= bits - 1) {
                const int lane = lowest_bit(bits);
                const int64_t col = pairs->tree.order[j + lane];
                by_column[col] = values[lane];
                scratch->marks[col >> 6] |= (uint64_t)1 << (col & 63);
                scratch->summary[col >> 12] |= (uint64_t)1 << (col >> 6 & 63);
            }
        }
    }
    return any ? FG_NAME(take_marks)(scratch, pairs->call.m) : 0;
}

static void FG_NAME(sparse_find)(void *pairs_, int64_t chunk, int slot)
{
    fg_sparse_pairs *pairs = pairs_;
    const int64_t begin = chunk * pairs->plan.rows, n = pairs->call.n, limit = pairs->tree.leaves / 2;
    const int64_t end = begin + pairs->plan.rows < n ? begin + pairs->plan.rows : n;
    const vreal threshold = v_set1(FG_NAME(threshold_below)(pairs->call.threshold));
    const row_scratch scratch = scratch_of(pairs, slot);
    row_list *list = &pairs->lists[chunk];
    for (int64_t i = begin; i < end; i++) {
        if ((i - begin) % POLLED_ROWS == POLLED_ROWS - 1 && pairs->team->stopped(slot))
            return;
        vreal row[5];
        FG_NAME(load_sparse_row)(pairs, i, row);
        int64_t n_leaves = limit + 1;
        if (pairs->tree.levels)
            n_leaves = FG_NAME(tree_search)(&pairs->tree, row, threshold, pairs->tree.levels - 1, 0, scratch.leaves, 0, limit);
        const int64_t count = n_leaves > limit ? FG_NAME(plain_row)(pairs, row, threshold, &scratch)
                                               : FG_NAME(leaf_row)(pairs, row, threshold, &scratch, n_leaves);
        if (is_kept(pairs, count) && !keep_row(pairs, &scratch, count, list)) {
            atomic_store_explicit(&pairs->no_memory, 1, memory_order_relaxed);
            return;
        }
        pairs->counts[i] = (int32_t)count;
        list->count += count;
    }
}

/* Copies one chunk and frees it: the answer grows while the lists shrink. */
static void FG_NAME(sparse_copy)(void *copy_, int64_t chunk, int slot)
{
    const copy_job *copy = copy_;
    fg_sparse_pairs *pairs = copy->pairs;
    row_list *list = &pairs->lists[chunk];
    const int64_t begin = chunk * pairs->plan.rows, n = pairs->call.n;
    const int64_t end = begin + pairs->plan.rows < n ? begin + pairs->plan.rows : n;
    const vreal threshold = v_set1(FG_NAME(threshold_below)(pairs->call.threshold));
    const row_scratch scratch = scratch_of(pairs, slot);
    const char *kept = list->memory;
    for (int64_t i = begin, at = list->first; i < end; at += pairs->counts[i++]) {
        const int64_t count = pairs->counts[i];
        const void *values = scratch.values;
        const int32_t *columns = scratch.columns;
        if (count == 0)
            continue;
        if (is_kept(pairs, count)) {
            values = kept;
            columns = (const int32_t *)(kept + (size_t)count * sizeof(real));
            kept += row_size(pairs, count);
        } else {
            vreal row[5];
            FG_NAME(load_sparse_row)(pairs, i, row);
            FG_NAME(plain_row)(pairs, row, threshold, &scratch);
        }
        for (int64_t k = 0, end; k < count; k = end) {
            end = k + POLLED < count ? k + POLLED : count;
            memcpy((real *)copy->values + at + k, (const real *)values + k, (size_t)(end - k) * sizeof(real));
            for (int64_t j = k; j < end; j++) {
                copy->rows[at + j] = i;
                copy->cols[at + j] = columns[j];
            }
            if (end < count && pairs->team->stopped(slot))
                return;
        }
    }
    free(list->memory);
    list->memory = NULL;
}
