/* What is the same for all samples of a call. */
typedef struct {
    vreal low, high, width, inverse, last;
    uint32_t rows, outside;
} FG_NAME(binning);

static inline __attribute__((always_inline)) FG_NAME(binning) FG_NAME(binning_of)(const fg_histogram_call *call)
{
    const uint32_t rows = private_rows(call);
    const FG_NAME(binning) by = {v_set1(call->low), v_set1(call->high), v_set1(call->width), v_set1(1 / call->width),
                                 v_set1((double)(call->n_bins - 1)), rows, rows - 1};
    return by;
}

/* Distance from the lower edge in widths; the whole part is the bin. With the rounded reciprocal, one product and two
   fused operations give the very quotient of a division, rounded as it is (Markstein 1990; Brisebarre, Muller and
   Raina, IEEE Transactions on Computers 53, 2004), while nothing overflows and the remainder is no subnormal number,
   which SAFE_WIDTH sees to; of a tiny quotient only that it is below 1 is asked. */
static inline __attribute__((always_inline)) vreal FG_NAME(quotient)(const FG_NAME(binning) *by, vreal score)
{
    const vreal above = v_sub(score, by->low);
    if (LANES == 1) /* where a fused operation may be a call into libm */
        return v_div(above, by->width);
    const vreal nearly = v_mul(above, by->inverse);
    return v_fma(v_fnma(nearly, by->width, above), by->inverse, nearly);
}

/* The cells 2·bin + label of FG_GROUP samples; of a score that lies outside, some cell of the first bin. */
static inline __attribute__((always_inline)) vmask FG_NAME(plain_cells)(const FG_NAME(binning) *by, const void *scores,
                                                                        int is_f64, const uint8_t *labels, vmask inside,
                                                                        uint32_t *cells)
{
    for (int j = 0; j < FG_GROUP; j += LANES) {
        const vreal score = is_f64 ? v_load((const double *)scores + j) : v_load_float((const float *)scores + j);
        const vmask ok = m_and(v_le(by->low, score), v_le(score, by->high));
        const vreal bin = v_min(FG_NAME(quotient)(by, score), by->last);
        inside = m_and(inside, ok);
        v_store_cells8(cells + j, ok, bin, 1, 0, labels + j, 1);
    }
    return inside;
}

/* The same of any number of samples, if all lie inside. */
static inline __attribute__((always_inline)) int FG_NAME(all_cells)(const FG_NAME(binning) *by,
                                                                    const fg_histogram_call *call, int is_f64,
                                                                    const void *scores, const uint8_t *labels,
                                                                    int64_t n, uint32_t *cells)
{
    const double *f64 = scores, last = (double)(call->n_bins - 1);
    const float *f32 = scores;
    const vmask every = v_le(by->low, by->high);
    vmask inside = every;
    int64_t j = 0;
    if (SAFE_WIDTH(call->width))
        for (; j + FG_GROUP <= n; j += FG_GROUP)
            inside = FG_NAME(plain_cells)(by, is_f64 ? (const void *)(f64 + j) : (const void *)(f32 + j), is_f64,
                                          labels + j, inside, cells + j);
    int good = m_bits(inside) == m_bits(every);
    for (; j < n; j++) {
        const double score = is_f64 ? f64[j] : (double)f32[j];
        const int ok = (call->low <= score) & (score <= call->high);
        const double bin = ok ? (score - call->low) / call->width : 0;
        good &= ok;
        cells[j] = 2 * (uint32_t)(bin < last ? bin : last) + labels[j];
    }
    return good;
}

static inline __attribute__((always_inline)) const char *FG_NAME(score_at)(const fg_histogram_call *call, int is_f64,
                                                                           int64_t i)
{
    return (const char *)call->scores + i * (is_f64 ? (int)sizeof(double) : (int)sizeof(float));
}

/* The cells of samples i … i + n - 1, n ≤ FG_BLOCK; 0 if a label or score breaks the contract. */
static inline __attribute__((always_inline)) int FG_NAME(cells_of_block)(const fg_histogram_call *call, int is_f64,
                                                                         int64_t i, int64_t n, uint32_t *cells)
{
    const FG_NAME(binning) by = FG_NAME(binning_of)(call);
    uint8_t room[FG_BLOCK];
    const uint8_t *labels = fg_label_bytes(call->labels, call->label_kind, i, n, room);
    return labels && FG_NAME(all_cells)(&by, call, is_f64, FG_NAME(score_at)(call, is_f64, i), labels, n, cells);
}

/* Counts samples begin … end - 1 straight into the result, step by step as below. Where it stopped: at the end, or at
   the step in which a label or score is bad. */
static inline __attribute__((always_inline)) int64_t FG_NAME(add)(const fg_histogram_call *call, int is_f64,
                                                                  int64_t begin, int64_t end)
{
    const FG_NAME(binning) by = FG_NAME(binning_of)(call);
    const int safe = SAFE_WIDTH(call->width);
    uint32_t cells[2][ADD_STEP];
    uint8_t room[ADD_STEP];
    int64_t *counts = call->counts, i = begin, n_ready = 0, n_next;
    for (int step = 0; i < end || n_ready; i += n_next, n_ready = n_next, step ^= 1) {
        uint32_t *next = cells[step], *ready = cells[1 - step];
        n_next = smaller(ADD_STEP, end - i);
        const uint8_t *labels = fg_label_bytes(call->labels, call->label_kind, i, n_next, room);
        if (!labels)
            return i - n_ready;
        const vmask every = v_le(by.low, by.high);
        vmask inside = every;
        int64_t j = 0;
        for (; safe && j + FG_GROUP <= smaller(n_next, n_ready); j += FG_GROUP) {
            inside = FG_NAME(plain_cells)(&by, FG_NAME(score_at)(call, is_f64, i + j), is_f64, labels + j, inside,
                                          next + j);
            for (int k = 0; k < FG_GROUP; k++)
                counts[ready[j + k]]++;
        }
        int good = m_bits(inside) == m_bits(every);
        good &= FG_NAME(all_cells)(&by, call, is_f64, FG_NAME(score_at)(call, is_f64, i + j), labels + j, n_next - j, next + j);
        for (; j < n_ready; j++)
            counts[ready[j]]++;
        if (!good)
            return i;
    }
    return i;
}

static int64_t FG_NAME(add_f64)(const fg_histogram_call *call, int64_t begin, int64_t end)
{
    return FG_NAME(add)(call, 1, begin, end);
}

static int64_t FG_NAME(add_f32)(const fg_histogram_call *call, int64_t begin, int64_t end)
{
    return FG_NAME(add)(call, 0, begin, end);
}

static int FG_NAME(cells_f64)(const fg_histogram_call *call, int64_t i, int64_t n, uint32_t *cells)
{
    return FG_NAME(cells_of_block)(call, 1, i, n, cells);
}

static int FG_NAME(cells_f32)(const fg_histogram_call *call, int64_t i, int64_t n, uint32_t *cells)
{
    return FG_NAME(cells_of_block)(call, 0, i, n, cells);
}

/* The bits of all labels. */
typedef struct {
    vint words;
    uint64_t bytes;
} FG_NAME(labels_seen);

/* The cells of FG_GROUP samples: their bins, or the row of what lies outside; those of positives after those of
   negatives. Labels are bytes or, `wide`, 64-bit integers. */
static inline __attribute__((always_inline)) void FG_NAME(cells_of_group)(const FG_NAME(binning) *by, const void *scores,
                                                                          int is_f64, const void *labels, int wide,
                                                                          FG_NAME(labels_seen) *seen, uint32_t *cells)
{
    for (int j = 0; j < FG_GROUP; j += LANES) {
        vreal score = is_f64 ? v_load((const double *)scores + j) : v_load_float((const float *)scores + j);
        v_keep(score);
        const vmask inside = m_and(v_le(by->low, score), v_le(score, by->high));
        const vreal bin = FG_NAME(quotient)(by, score);
        if (wide) {
            vint label = i_load((const int64_t *)labels + j);
            v_keep(label);
            seen->words = i_or(seen->words, label);
            v_store_cells64(cells + j, inside, bin, 0, by->outside, label, by->rows);
        } else {
            v_store_cells8(cells + j, inside, bin, 0, by->outside, (const uint8_t *)labels + j, by->rows);
        }
    }
    if (!wide) { /* after the stores; before them, one load to a general register would serve the vectors too, slowly */
        uint64_t bytes;
        memcpy(&bytes, labels, FG_GROUP);
        seen->bytes |= bytes;
    }
}

static inline __attribute__((always_inline)) int FG_NAME(zero_or_one)(const FG_NAME(labels_seen) *seen)
{
    int64_t lanes[LANES], all = 0;
    i_store(lanes, seen->words);
    for (int j = 0; j < LANES; j++)
        all |= lanes[j];
    return !(all & ~INT64_C(1)) && fg_are_labels(seen->bytes);
}

/* Adds the private counters to the counts. Whether no score lay outside. */
static inline __attribute__((always_inline)) int FG_NAME(add_up)(const fg_histogram_call *call,
                                                                 private_counters *private, int64_t *counts)
{
    const int64_t n_bins = call->n_bins, rows = private_rows(call);
    uint32_t *sums = (uint32_t *)private->counters;
    for (int pair = 1; pair < copies_of(n_bins) / 2; pair++)
        for (int64_t i = 0; i < 4 * rows; i++)
            sums[i] += sums[4 * rows * pair + i];
    const uint32_t *one = sums, *other = sums + 2 * rows;
    for (int64_t bin = 0; bin < n_bins; bin++) {
        counts[2 * bin] += (int64_t)one[2 * bin] + one[2 * bin + 1];
        counts[2 * bin + 1] += (int64_t)other[2 * bin] + other[2 * bin + 1];
    }
    const int64_t edge = 2 * n_bins, outside = edge + 2;
    counts[edge - 2] += (int64_t)one[edge] + one[edge + 1];
    counts[edge - 1] += (int64_t)other[edge] + other[edge + 1];
    return (one[outside] | one[outside + 1] | other[outside] | other[outside + 1]) == 0;
}

/* Counts samples begin … end - 1, a multiple of FG_GROUP: step by step, the cells of the next beside the increments of
   the one before. 0 if a label or score is bad; the counts are undefined then. */
static inline __attribute__((always_inline)) int FG_NAME(count)(const fg_histogram_call *call, int is_f64, int wide,
                                                                int64_t begin, int64_t end, private_counters *private,
                                                                int64_t *counts)
{
    const FG_NAME(binning) by = FG_NAME(binning_of)(call);
    counter_pair *const copies[] = {private->copies[0], private->copies[1], private->copies[2], private->copies[3]};
    const int score_size = is_f64 ? sizeof(double) : sizeof(float), label_size = wide ? sizeof(int64_t) : 1;
    const char *scores = (const char *)call->scores + begin * score_size;
    const char *labels = (const char *)call->labels + begin * label_size;
    FG_NAME(labels_seen) seen = {i_set1(0), 0};
    int64_t n_ready = 0, n_next;
    for (int64_t i = begin, step = 0; i < end || n_ready; i += n_next, n_ready = n_next, step++) {
        uint32_t *next = private->cells[step % 2], *ready = private->cells[1 - step % 2];
        n_next = smaller(STEP, end - i);
        if (!wide)
            labels = (const char *)fg_unchecked_bytes(call->labels, call->label_kind, i, n_next, private->labels);
        if (!labels)
            return 0;
        const int64_t n_both = smaller(n_next, n_ready);
        int64_t j = 0;
        for (; j < n_both; j += FG_GROUP, scores += FG_GROUP * score_size, labels += FG_GROUP * label_size) {
            FG_NAME(cells_of_group)(&by, scores, is_f64, labels, wide, &seen, next + j);
            count_group(copies, ready + j);
        }
        for (; j < n_next; j += FG_GROUP, scores += FG_GROUP * score_size, labels += FG_GROUP * label_size)
            FG_NAME(cells_of_group)(&by, scores, is_f64, labels, wide, &seen, next + j);
        for (j = n_both; j < n_ready; j += FG_GROUP)
            count_group(copies, ready + j);
    }
    return FG_NAME(zero_or_one)(&seen) && FG_NAME(add_up)(call, private, counts);
}

#define FG_COUNT(name, is_f64, wide)                                                      \
    static int FG_NAME(name)(const fg_histogram_call *call, int64_t begin, int64_t end,   \
                             private_counters *private, int64_t *counts)                  \
    {                                                                                     \
        return FG_NAME(count)(call, is_f64, wide, begin, end, private, counts);           \
    }
FG_COUNT(count_f32_bytes, 0, 0)
FG_COUNT(count_f32_words, 0, 1)
FG_COUNT(count_f64_bytes, 1, 0)
FG_COUNT(count_f64_words, 1, 1)
#undef FG_COUNT
