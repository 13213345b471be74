/* What is the same for all samples of a call. */
typedef struct {
    vreal low, high, width, inverse, last, least, scale, tiny;
    int safe;
    uint32_t rows, outside;
} FG_NAME(binning);

static inline __attribute__((always_inline)) FG_NAME(binning) FG_NAME(binning_of)(const fg_histogram_call *call)
{
    const uint32_t rows = private_rows(call);
    const double scale = call->width < FG_SAFE_WIDTH ? TINY_SCALE : 1, width = call->width * scale;
    const FG_NAME(binning) by = {v_set1(call->low),
                                 v_set1(call->high),
                                 v_set1(width),
                                 v_set1(1 / width),
                                 v_set1((double)(call->n_bins - 1)),
                                 v_set1(width * 0x1p-60),
                                 v_set1(scale),
                                 v_set1(scale > 1 ? LEAST_NORMAL : 0),
                                 fg_is_safe_width(call->width),
                                 rows,
                                 rows - 1};
    return by;
}

/* Times the scale, which is exact. No product has a subnormal factor, which would take many processors a hundred cycles:
   what would be one is raised by the least normal number before, and lowered afterwards. */
static inline __attribute__((always_inline)) vreal FG_NAME(scaled)(const FG_NAME(binning) *by, vreal distance)
{
    const vmask raised = v_lt(distance, by->tiny);
    const vreal normal = v_select(raised, v_add(distance, by->tiny), distance);
    return v_sub(v_mul(normal, by->scale), v_select(raised, v_mul(by->tiny, by->scale), v_set1(0)));
}

/* Distance from the lower edge in widths; the whole part is the bin. With the rounded reciprocal, one product and two
   fused operations give the very quotient of a division, rounded as it is (Markstein 1990; Brisebarre, Muller and
   Raina, IEEE Transactions on Computers 53, 2004), while nothing overflows and the remainder is no subnormal number: where
   the width is safe. Of a tiny quotient only that it is below 1 is asked, so it need not underflow, slowly. */
static inline __attribute__((always_inline)) vreal FG_NAME(quotient)(const FG_NAME(binning) *by, vreal score)
{
    const vreal distance = v_sub(score, by->low);
    if (!by->safe)
        return v_div(v_max(FG_NAME(scaled)(by, distance), by->least), by->width);
    const vreal above = v_max(distance, by->least);
    if (LANES == 1) /* a fused operation may be a call into libm */
        return v_div(above, by->width);
    const vreal nearly = v_mul(above, by->inverse);
    return v_fma(v_fnma(nearly, by->width, above), by->inverse, nearly);
}

static inline __attribute__((always_inline)) const char *FG_NAME(score_at)(const fg_histogram_call *call, int is_f64,
                                                                           int64_t i)
{
    return (const char *)call->scores + i * (is_f64 ? (int)sizeof(double) : (int)sizeof(float));
}

/* What was seen of the samples so far: the bits of all labels, and whether all scores lie inside. */
typedef struct {
    vint words;
    uint64_t bytes;
    vmask inside, every;
    int all_inside; /* of those that are counted one by one */
} FG_NAME(samples_seen);

static inline __attribute__((always_inline)) FG_NAME(samples_seen) FG_NAME(none_seen)(const FG_NAME(binning) *by)
{
    const vmask every = v_le(by->low, by->high);
    const FG_NAME(samples_seen) seen = {i_set1(0), 0, every, every, 1};
    return seen;
}

static inline __attribute__((always_inline)) int FG_NAME(all_good)(const FG_NAME(samples_seen) *seen)
{
    int64_t lanes[LANES], all = 0;
    i_store(lanes, seen->words);
    for (int j = 0; j < LANES; j++)
        all |= lanes[j];
    return !(all & ~INT64_C(1)) && fg_are_labels(seen->bytes) && seen->all_inside &&
           m_bits(seen->inside) == m_bits(seen->every);
}

/* The cells of FG_GROUP samples. `direct`: 2·bin + label, of a score that lies outside some cell of the first bin. Else
   for private counters: the bin, or the row of what lies outside; those of positives after those of negatives. Labels
   are bytes or, `wide`, 64-bit integers; of a bad one the lowest bit is taken. */
static inline __attribute__((always_inline)) void FG_NAME(cells_of_group)(const FG_NAME(binning) *by,
                                                                          const void *scores, int is_f64,
                                                                          const void *labels, int wide, int direct,
                                                                          FG_NAME(samples_seen) *seen, uint32_t *cells)
{
    const uint32_t outside = direct ? 0 : by->outside, one = direct ? 1 : by->rows;
    for (int j = 0; j < FG_GROUP; j += LANES) {
        vreal score = is_f64 ? v_load((const double *)scores + j) : v_load_float((const float *)scores + j);
        v_keep(score);
        const vmask inside = m_and(v_le(by->low, score), v_le(score, by->high));
        vreal bin = FG_NAME(quotient)(by, score);
        if (direct) {
            bin = v_min(bin, by->last);
            seen->inside = m_and(seen->inside, inside);
        }
        if (wide) {
            vint label = i_load((const int64_t *)labels + j);
            v_keep(label);
            seen->words = i_or(seen->words, label);
            v_store_cells64(cells + j, inside, bin, direct, outside, label, one);
        } else {
            v_store_cells8(cells + j, inside, bin, direct, outside, (const uint8_t *)labels + j, one);
        }
    }
    if (!wide) { /* after the stores; before them, one load to a general register would serve the vectors too, slowly */
        uint64_t bytes;
        memcpy(&bytes, labels, FG_GROUP);
        seen->bytes |= bytes;
    }
}

/* The cell 2·bin + label of one sample, as above. */
static inline __attribute__((always_inline)) uint32_t FG_NAME(cell_of_one)(const fg_histogram_call *call, int is_f64,
                                                                           int64_t i, uint64_t label,
                                                                           FG_NAME(samples_seen) *seen)
{
    const double score = is_f64 ? ((const double *)call->scores)[i] : (double)((const float *)call->scores)[i];
    const double last = (double)(call->n_bins - 1);
    const int inside = (call->low <= score) & (score <= call->high);
    const double bin = inside ? (score - call->low) / call->width : 0;
    seen->all_inside &= inside;
    seen->bytes |= label > 1 ? UINT64_MAX : 0;
    return 2 * (uint32_t)(bin < last ? bin : last) + (label & 1);
}

/* The cells of samples i … i + n - 1, n ≤ FG_BLOCK; 0 if a label or score breaks the contract. */
static inline __attribute__((always_inline)) int FG_NAME(cells_of_block)(const fg_histogram_call *call, int is_f64,
                                                                         int64_t i, int64_t n, uint32_t *cells)
{
    const FG_NAME(binning) by = FG_NAME(binning_of)(call);
    FG_NAME(samples_seen) seen = FG_NAME(none_seen)(&by);
    uint8_t bytes_of_block[FG_BLOCK];
    const uint8_t *labels = fg_unchecked_bytes(call->labels, call->label_kind, i, n, bytes_of_block);
    if (!labels)
        return 0;
    int64_t j = 0;
    for (; j + FG_GROUP <= n; j += FG_GROUP)
        FG_NAME(cells_of_group)(&by, FG_NAME(score_at)(call, is_f64, i + j), is_f64, labels + j, 0, 1, &seen,
                                cells + j);
    for (; j < n; j++)
        cells[j] = FG_NAME(cell_of_one)(call, is_f64, i + j, labels[j], &seen);
    return FG_NAME(all_good)(&seen);
}

static int FG_NAME(cells_f64)(const fg_histogram_call *call, int64_t i, int64_t n, uint32_t *cells)
{
    return FG_NAME(cells_of_block)(call, 1, i, n, cells);
}

static int FG_NAME(cells_f32)(const fg_histogram_call *call, int64_t i, int64_t n, uint32_t *cells)
{
    return FG_NAME(cells_of_block)(call, 0, i, n, cells);
}

/* Adds `one` to the count of each of the samples *begin … end - 1, whose cells are found LAG samples ahead. 0 if a
   label or score is bad. *begin becomes the first sample that was not counted. */
static inline __attribute__((always_inline)) int FG_NAME(add)(const fg_histogram_call *call, int is_f64, int wide,
                                                              int alike, int64_t *begin, int64_t end, int64_t one)
{
    const FG_NAME(binning) by = FG_NAME(binning_of)(call);
    FG_NAME(samples_seen) seen = FG_NAME(none_seen)(&by);
    const int as_they_are = wide || call->label_kind == FG_LABEL_8;
    uint32_t ring[RING];
    uint8_t bytes_of_block[FG_BLOCK];
    int64_t i = *begin, n_groups = 0, n_added = 0, *counts = call->counts;
    for (int64_t n; i < end; i += n) {
        n = as_they_are ? end - i : smaller(FG_BLOCK, end - i);
        const uint8_t *bytes = wide ? 0 : fg_unchecked_bytes(call->labels, call->label_kind, i, n, bytes_of_block);
        const int64_t *words = (const int64_t *)call->labels + i;
        if (!wide && !bytes)
            break;
        int64_t j = 0;
        for (; j + FG_GROUP <= n; j += FG_GROUP, n_groups += FG_GROUP) {
            FG_NAME(cells_of_group)(&by, FG_NAME(score_at)(call, is_f64, i + j), is_f64,
                                    wide ? (const void *)(words + j) : (const void *)(bytes + j), wide, 1, &seen,
                                    ring + (n_groups & (RING - 1)));
            if (n_groups >= LAG) {
                add_group(counts, ring + (n_added & (RING - 1)), one, alike);
                n_added += FG_GROUP;
            }
        }
        for (; j < n; j++)
            counts[FG_NAME(cell_of_one)(call, is_f64, i + j, wide ? (uint64_t)words[j] : bytes[j], &seen)] += one;
    }
    for (; n_added < n_groups; n_added += FG_GROUP)
        add_group(counts, ring + (n_added & (RING - 1)), one, alike);
    *begin = i;
    return i == end && FG_NAME(all_good)(&seen);
}

/* Whether whole groups may well fall into one bin: the first does. That concerns the speed alone. */
static inline __attribute__((always_inline)) int FG_NAME(looks_alike)(const fg_histogram_call *call, int is_f64,
                                                                      int64_t begin, int64_t end)
{
    const double *f64 = (const double *)call->scores + begin;
    const float *f32 = (const float *)call->scores + begin;
    return end - begin >= FG_GROUP &&
           fabs(is_f64 ? f64[FG_GROUP - 1] - f64[0] : (double)(f32[FG_GROUP - 1] - f32[0])) < call->width;
}

#define FG_ADD(name, is_f64, wide)                                                                     \
    static int FG_NAME(name)(const fg_histogram_call *call, int64_t *begin, int64_t end, int64_t one)  \
    {                                                                                                  \
        if (FG_NAME(looks_alike)(call, is_f64, *begin, end))                                           \
            return FG_NAME(add)(call, is_f64, wide, 1, begin, end, one);                               \
        return FG_NAME(add)(call, is_f64, wide, 0, begin, end, one);                                   \
    }
FG_ADD(add_f32_bytes, 0, 0)
FG_ADD(add_f32_words, 0, 1)
FG_ADD(add_f64_bytes, 1, 0)
FG_ADD(add_f64_words, 1, 1)
#undef FG_ADD

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
    FG_NAME(samples_seen) seen = FG_NAME(none_seen)(&by);
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
            FG_NAME(cells_of_group)(&by, scores, is_f64, labels, wide, 0, &seen, next + j);
            count_group(copies, ready + j);
        }
        for (; j < n_next; j += FG_GROUP, scores += FG_GROUP * score_size, labels += FG_GROUP * label_size)
            FG_NAME(cells_of_group)(&by, scores, is_f64, labels, wide, 0, &seen, next + j);
        for (j = n_both; j < n_ready; j += FG_GROUP)
            count_group(copies, ready + j);
    }
    return FG_NAME(all_good)(&seen) && FG_NAME(add_up)(call, private, counts);
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
