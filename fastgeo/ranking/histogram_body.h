/* The joint index 2·bin + label of samples i … i + n - 1, n ≤ FG_BLOCK; 0 if a label or score breaks the contract.
   The division is the contract's own: multiplying by a reciprocal could fall into the next bin. */
static inline __attribute__((always_inline)) int FG_NAME(index_of)(const fg_histogram_call *call, int is_f64,
                                                                   int64_t i, int64_t n, int32_t *index)
{
    const double *f64 = (const double *)call->scores + i;
    const float *f32 = (const float *)call->scores + i;
    const double last = (double)(call->n_bins - 1);
    const vreal low = v_set1(call->low), high = v_set1(call->high), width = v_set1(call->width);
    vmask inside = v_le(low, high);
    int64_t j = 0;
    for (; j + LANES <= n; j += LANES) {
        vreal score = is_f64 ? v_load(f64 + j) : v_load_float(f32 + j);
        vmask ok = m_and(v_le(low, score), v_le(score, high));
        vreal bin = v_select(ok, v_div(v_sub(score, low), width), v_set1(0));
        inside = m_and(inside, ok);
        v_store_int32(index + j, v_min(bin, v_set1(last)));
    }
    int good = m_bits(inside) == m_bits(v_le(low, high));
    for (; j < n; j++) {
        double score = is_f64 ? f64[j] : (double)f32[j];
        int ok = (call->low <= score) & (score <= call->high);
        double bin = ok ? (score - call->low) / call->width : 0;
        good &= ok;
        index[j] = (int32_t)(bin < last ? bin : last);
    }
    uint8_t room[FG_BLOCK];
    const uint8_t *labels = fg_label_bytes(call->labels, call->label_kind, i, n, room);
    if (!labels)
        return 0;
    for (j = 0; j < n; j++)
        index[j] = 2 * index[j] + labels[j];
    return good;
}

static int FG_NAME(index_f64)(const fg_histogram_call *call, int64_t i, int64_t n, int32_t *index)
{
    return FG_NAME(index_of)(call, 1, i, n, index);
}

static int FG_NAME(index_f32)(const fg_histogram_call *call, int64_t i, int64_t n, int32_t *index)
{
    return FG_NAME(index_of)(call, 0, i, n, index);
}
