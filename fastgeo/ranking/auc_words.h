/* The sort and the walk, for words of WORD_BITS. */
#define FG_CAT_(a, b) a##_##b
#define FG_CAT(a, b) FG_CAT_(a, b)
#define W(function) FG_CAT(function, WORD_BITS)
#if WORD_BITS == 32
#define word_t uint32_t
#define key_of fg_key_32
#else
#define word_t uint64_t
#define key_of fg_key_64
#endif

static inline __attribute__((always_inline)) void W(pack_kind)(auc_job *job, int kind, int64_t chunk)
{
    const fg_auc_call *call = job->call;
    word_t *words = job->words;
    int64_t front = job->front, back = job->back, positives = 0;
    const int64_t end = smaller(call->n, (chunk + 1) * CHUNK);
    uint8_t room[FG_BLOCK];
    for (int64_t i = chunk * CHUNK; i < end && !job->bad; i += FG_BLOCK) {
        const int64_t n = smaller(FG_BLOCK, end - i);
        const uint8_t *labels = fg_label_bytes(call->labels, call->label_kind, i, n, room);
        if (!labels) {
            job->bad = 1;
            return;
        }
        for (int64_t j = 0; j < n; j++) {
            word_t key = key_of(call->scores, kind, i + j, &job->bad), word = key << 1 | labels[j];
            int64_t high = (int64_t)(key >> (WORD_BITS - 1));
            words[front] = word;
            words[back - 1] = word;
            front += 1 - high;
            back -= high;
            positives += labels[j];
        }
    }
    job->front = front;
    job->back = back;
    job->positives += positives;
}

static void W(pack)(void *job_, int64_t chunk, int slot)
{
    auc_job *job = job_;
    (void)slot;
#if WORD_BITS == 32
    W(pack_kind)(job, FG_SCORE_F32, chunk);
#else
    if (job->call->score_kind == FG_SCORE_F64)
        W(pack_kind)(job, FG_SCORE_F64, chunk);
    else if (job->call->score_kind == FG_SCORE_I64)
        W(pack_kind)(job, FG_SCORE_I64, chunk);
    else
        W(pack_kind)(job, FG_SCORE_U64, chunk);
#endif
}

static void W(sort_few)(word_t *words, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        word_t word = words[i];
        int64_t j = i;
        for (; j > 0 && words[j - 1] > word; j--)
            words[j] = words[j - 1];
        words[j] = word;
    }
}

/* One radix sort by the `passes` digits of `width` bits above `shift`, least significant first. */
typedef struct {
    word_t *from, *to;
    int64_t n;
    word_t base;
    int shift, width, passes, pass;
    int64_t places[MAX_PASSES][1 << DIGIT_BITS]; /* counts by digit, then where the next word of it goes */
} W(radix);

static void W(count_digits)(void *sort_, int64_t chunk, int slot)
{
    W(radix) *sort = sort_;
    (void)slot;
    const int64_t end = smaller(sort->n, (chunk + 1) * CHUNK);
    const word_t mask = ((word_t)1 << sort->width) - 1;
    for (int64_t i = chunk * CHUNK; i < end; i++) {
        word_t digits = (sort->from[i] - sort->base) >> sort->shift;
        for (int pass = 0; pass < sort->passes; pass++)
            sort->places[pass][digits >> (pass * sort->width) & mask]++;
    }
}

static void W(place_words)(void *sort_, int64_t chunk, int slot)
{
    W(radix) *sort = sort_;
    (void)slot;
    const int64_t end = smaller(sort->n, (chunk + 1) * CHUNK);
    const word_t mask = ((word_t)1 << sort->width) - 1, base = sort->base;
    const int shift = sort->shift + sort->pass * sort->width;
    const word_t *from = sort->from;
    word_t *to = sort->to;
    int64_t *places = sort->places[sort->pass];
    for (int64_t i = chunk * CHUNK; i < end; i++) {
        word_t word = from[i];
        to[places[(word - base) >> shift & mask]++] = word;
    }
}

/* From counts to places; 0 if all words share one digit, so that there is nothing to move. */
static int W(start_pass)(W(radix) *sort)
{
    int64_t *places = sort->places[sort->pass], next = 0;
    for (int64_t digit = 0; digit < (int64_t)1 << sort->width; digit++) {
        int64_t count = places[digit];
        if (count == sort->n)
            return 0;
        places[digit] = next;
        next += count;
    }
    return 1;
}

/* The words span `bits` bits. Sorting the leading ones leaves few in wrong order, if n is small against 2^bits. */
static void W(choose_digits)(W(radix) *sort, int bits)
{
    const int enough = sort->n < 2048 ? 16 : sort->n < 65536 ? 22 : 33;
    const int sorted = bits < enough ? bits : enough;
    sort->passes = (sorted + DIGIT_BITS - 1) / DIGIT_BITS;
    sort->width = (sorted + sort->passes - 1) / sort->passes;
    sort->shift = bits > sort->passes * sort->width ? bits - sort->passes * sort->width : 0;
}

static int W(sort_words)(auc_job *job, word_t *words, word_t *spare, int64_t n);

/* After the digits: words that agree in them may stand in wrong order. Each such run is sorted by itself. */
static int W(sort_runs)(auc_job *job, const W(radix) *sort, word_t *words, word_t *spare)
{
    const int64_t n = sort->n;
    const word_t base = sort->base;
    const int shift = sort->shift;
    int status = FG_OK;
    for (int64_t i = 1; i < n && status == FG_OK; i++) {
        if (words[i - 1] <= words[i])
            continue;
        int64_t begin = i - 1, end = i + 1;
        const word_t digits = (words[i] - base) >> shift;
        while (begin > 0 && (words[begin - 1] - base) >> shift == digits)
            begin--;
        while (end < n && (words[end] - base) >> shift == digits)
            end++;
        status = W(sort_words)(job, words + begin, spare + begin, end - begin);
        i = end;
    }
    return status;
}

/* Sorts ascending, by way of `spare` of the same length. Every level of recursion settles 16 bits or more. */
static int W(sort_words)(auc_job *job, word_t *words, word_t *spare, int64_t n)
{
    if (n <= FEW) {
        W(sort_few)(words, n);
        return FG_OK;
    }
    word_t low = words[0], high = words[0];
    for (int64_t i = 1; i < n; i++) {
        low = words[i] < low ? words[i] : low;
        high = words[i] > high ? words[i] : high;
    }
    int bits = 0;
    while (bits < WORD_BITS && (high - low) >> bits)
        bits++;
    if (bits == 0)
        return FG_OK;
    W(radix) *sort = calloc(1, sizeof *sort);
    if (!sort)
        return FG_NO_MEMORY;
    sort->from = words;
    sort->to = spare;
    sort->n = n;
    sort->base = low;
    W(choose_digits)(sort, bits);
    const int64_t chunks = (n + CHUNK - 1) / CHUNK;
    int status = job->runtime->parallel(chunks, 1, W(count_digits), sort);
    for (; sort->pass < sort->passes && status == FG_OK; sort->pass++) {
        if (!W(start_pass)(sort))
            continue;
        status = job->runtime->parallel(chunks, 1, W(place_words), sort);
        word_t *to = sort->from;
        sort->from = sort->to;
        sort->to = to;
    }
    if (sort->from != words)
        memcpy(words, sort->from, (size_t)n * sizeof(word_t));
    if (status == FG_OK && sort->shift > 0)
        status = W(sort_runs)(job, sort, words, spare);
    free(sort);
    return status;
}

/* Every positive wins against the negatives below its score, and half against those of its score. */
static void W(walk)(void *job_, int64_t chunk, int slot)
{
    auc_job *job = job_;
    (void)slot;
    const word_t *words = job->words;
    const int64_t begin = chunk * CHUNK, end = smaller(job->call->n, begin + CHUNK), front = job->front;
    uint64_t negatives = (uint64_t)job->negatives, below = (uint64_t)job->below, twice_wins = 0;
    word_t last = begin ? words[begin - 1] >> 1 : ~(word_t)0;
    for (int64_t i = begin; i < end; i++) {
        word_t word = words[i], key = word >> 1;
        uint64_t positive = word & 1;
        below = key != last || i == front ? negatives : below;
        twice_wins += (negatives + below) & (0 - positive);
        negatives += 1 - positive;
        last = key;
    }
    job->negatives = (int64_t)negatives;
    job->below = (int64_t)below;
    job->twice_wins = fg_wide_add_u64(job->twice_wins, twice_wins);
}

static int W(auc)(auc_job *job)
{
    const int64_t n = job->call->n, chunks = (n + CHUNK - 1) / CHUNK;
    word_t *words = job->words, *spare = job->spare;
    fg_fenv saved = fg_fenv_enter();
    int status = job->runtime->parallel(chunks, 1, W(pack), job);
    fg_fenv_leave(saved);
    if (status == FG_OK && job->bad)
        status = FG_BAD_VALUE;
    const int64_t front = job->front;
    if (status == FG_OK)
        status = W(sort_words)(job, words, spare, front);
    if (status == FG_OK)
        status = W(sort_words)(job, words + front, spare + front, n - front);
    return status == FG_OK ? job->runtime->parallel(chunks, 1, W(walk), job) : status;
}

#undef FG_CAT_
#undef FG_CAT
#undef W
#undef word_t
#undef key_of
