/* Pair by pair. Part of iou_body.h. */

static inline __attribute__((always_inline)) void FG_NAME(fill_pairs)(const real *soa1, const real *soa2, int64_t n,
                                                                      vreal offset, real *out, int kind)
{
    const int64_t stride = FG_NAME(soa_stride)(n);
    vreal a[MOST_RUNS], b[MOST_RUNS];
    for (int64_t i = 0; i < n; i += LANES) {
        FG_NAME(load_columns)(soa1, stride, i, kind, a);
        FG_NAME(load_columns)(soa2, stride, i, kind, b);
        vreal value = FG_NAME(overlap)(a, b, offset, kind, 0);
        if (i + LANES <= n)
            v_store(out + i, value);
        else
            v_store_part(out + i, value, n - i);
    }
}

/* Pair by pair, in blocks that stay in the first-level cache. */
static void FG_NAME(paired_chunk)(void *job_, int64_t chunk, int slot)
{
    (void)slot;
    paired_job *job = job_;
    const fg_iou_call *call = job->call;
    const int64_t first = chunk * PAIRS, last = first + PAIRS < call->n ? first + PAIRS : call->n;
    real soa1[MOST_RUNS * BLOCK], soa2[MOST_RUNS * BLOCK];
    for (int64_t begin = first; begin < last; begin += BLOCK) {
        const int64_t n = begin + BLOCK < last ? BLOCK : last - begin;
        if (FG_NAME(load_runs)(call, (const real *)call->boxes1 + 4 * begin, 0, 0, n, n, soa1) ||
            FG_NAME(load_runs)(call, (const real *)call->boxes2 + 4 * begin, 0, 0, n, n, soa2)) {
            atomic_store_explicit(&job->bad, 1, memory_order_relaxed);
            return;
        }
        real *out = (real *)call->out + begin;
        const vreal offset = v_set1((real)call->offset);
        switch (call->kind) {
#define FG_KIND(kind) case kind: FG_NAME(fill_pairs)(soa1, soa2, n, offset, out, kind); break;
            FG_KINDS
#undef FG_KIND
        }
    }
}
