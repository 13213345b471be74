#include "boxes/measures_body.h"
#include "boxes/box_tree_body.h"

static int FG_NAME(sparse_load)(const fg_sparse_call *call, void *soa1, void *soa2)
{
    int status = FG_NAME(load_boxes)(call->boxes1, call->n, call->fmt, 0, soa1);
    return status ? status : FG_NAME(load_boxes)(call->boxes2, call->m, call->fmt, 0, soa2);
}

static void FG_NAME(sparse_entries)(const void *soa, int64_t n, tree_entry *entries)
{
    FG_NAME(tree_entries)(soa, n, entries);
}

static void FG_NAME(sparse_fill)(box_tree *tree, const void *soa) { FG_NAME(tree_fill)(tree, soa); }

/* The greatest value of the boxes' type that is not above the threshold: comparing with it is comparing in float64. */
static real FG_NAME(threshold_below)(double threshold)
{
#if FG_REAL_BITS == 32
    const float rounded = (float)threshold;
    return rounded > threshold ? nextafterf(rounded, -1) : rounded;
#else
    return threshold;
#endif
}

/* IoU of one box with LANES others; returns those above the threshold as bits. */
static inline __attribute__((always_inline)) unsigned FG_NAME(exceeding)(const vreal *row, const real *boxes,
                                                                         int64_t stride, vreal threshold, real *values)
{
    vreal column[5];
    for (int run = 0; run < 5; run++)
        column[run] = v_load(boxes + run * stride);
    vreal iou = FG_NAME(overlap)(row, column, v_set1(0), FG_IOU, 0);
    unsigned bits = m_bits(v_lt(threshold, iou));
    if (bits)
        v_store(values, iou);
    return bits;
}

/* One row against every column in order. */
static int FG_NAME(plain_row)(const sparse_job *job, int64_t i, const vreal *row, vreal threshold, pair_list *list)
{
    const int64_t m = job->call->m, stride = FG_NAME(soa_stride)(m);
    real values[LANES];
    for (int64_t j = 0; j < m; j += LANES) {
        unsigned bits = FG_NAME(exceeding)(row, (const real *)job->soa2 + j, stride, threshold, values);
        if (bits && !reserve(list, LANES))
            return 0;
        for (; bits; bits &= bits - 1) {
            const int lane = lowest_bit(bits);
            list->pairs[list->count++] = (pair){i, j + lane, values[lane]};
        }
    }
    return 1;
}

/* One row against the leaves found; the marks bring the columns back into their order. */
static int FG_NAME(leaf_row)(const sparse_job *job, int64_t i, const vreal *row, vreal threshold, pair_list *list,
                             const row_scratch *scratch, int64_t n_leaves)
{
    const int64_t stride = job->tree.leaves * LEAF;
    real values[LANES];
    int64_t found = 0;
    for (int64_t k = 0; k < n_leaves; k++) {
        for (int64_t j = scratch->leaves[k] * LEAF; j < (scratch->leaves[k] + 1) * LEAF; j += LANES) {
            unsigned bits = FG_NAME(exceeding)(row, (const real *)job->tree.boxes + j, stride, threshold, values);
            for (; bits; bits &= bits - 1) {
                const int lane = lowest_bit(bits);
                mark(scratch, job->tree.order[j + lane], values[lane]);
                found++;
            }
        }
    }
    return found == 0 || (reserve(list, found) && (take_marks(scratch, job->call->m, i, list), 1));
}

static void FG_NAME(sparse_chunk)(void *job_, int64_t chunk, int slot)
{
    sparse_job *job = job_;
    const fg_sparse_call *call = job->call;
    const int64_t begin = chunk * job->rows, end = begin + job->rows < call->n ? begin + job->rows : call->n;
    const int64_t stride = FG_NAME(soa_stride)(call->n), limit = job->tree.leaves / 4;
    const vreal threshold = v_set1(FG_NAME(threshold_below)(call->threshold));
    const row_scratch scratch = scratch_of(job, slot);
    pair_list *list = &job->found->lists[chunk];
    for (int64_t i = begin; i < end; i++) {
        vreal row[5];
        for (int run = 0; run < 5; run++)
            row[run] = v_set1(((const real *)job->soa1)[run * stride + i]);
        int64_t n_leaves = limit + 1;
        if (job->tree.levels)
            n_leaves = FG_NAME(tree_search)(&job->tree, row, job->tree.levels - 1, 0, scratch.leaves, 0, limit);
        int good = n_leaves > limit ? FG_NAME(plain_row)(job, i, row, threshold, list)
                                    : FG_NAME(leaf_row)(job, i, row, threshold, list, &scratch, n_leaves);
        if (!good) {
            atomic_store_explicit(&job->no_memory, 1, memory_order_relaxed);
            return;
        }
    }
}
