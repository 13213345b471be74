/* A stable sort of `item_t`, ascending by KEY(item), an unsigned key_t of KEY_BITS: by digits, least significant first.
   Its functions are SORT(name). */

static void SORT(few)(item_t *items, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        item_t item = items[i];
        int64_t j = i;
        for (; j > 0 && KEY(items[j - 1]) > KEY(item); j--)
            items[j] = items[j - 1];
        items[j] = item;
    }
}

/* One sort by the `passes` digits of `width` bits above `shift`. */
typedef struct {
    item_t *from, *to;
    int64_t n;
    key_t base, high; /* the least and the greatest key */
    int shift, width, passes, pass;
    int64_t at;                                  /* runs: the items before are in order */
    int64_t begin, end;                          /* of the run at hand */
    int is_whole;                                /* or there may be more of it */
    int64_t places[MAX_PASSES][1 << DIGIT_BITS]; /* counts by digit, then where the next item of it goes */
} SORT(job);

static void SORT(span)(void *job_, int64_t chunk, int slot)
{
    SORT(job) *job = job_;
    (void)slot;
    const int64_t end = smaller(job->n, (chunk + 1) * CHUNK);
    key_t low = job->base, high = job->high;
    for (int64_t i = chunk * CHUNK; i < end; i++) {
        const key_t key = KEY(job->from[i]);
        low = key < low ? key : low;
        high = key > high ? key : high;
    }
    job->base = low;
    job->high = high;
}

/* Asks for fresh pages in order, chunk by chunk: the first few items would ask for nearly all of them at once. */
static void SORT(touch)(void *job_, int64_t chunk, int slot)
{
    const SORT(job) *job = job_;
    (void)slot;
    const int64_t end = smaller(job->n, (chunk + 1) * CHUNK);
    for (int64_t i = chunk * CHUNK; i < end; i += PAGE / (int64_t)sizeof(item_t))
        job->to[i] = job->from[i];
}

static void SORT(count_digits)(void *job_, int64_t chunk, int slot)
{
    SORT(job) *job = job_;
    (void)slot;
    const int64_t end = smaller(job->n, (chunk + 1) * CHUNK);
    const key_t mask = ((key_t)1 << job->width) - 1;
    for (int64_t i = chunk * CHUNK; i < end; i++) {
        key_t digits = (KEY(job->from[i]) - job->base) >> job->shift;
        for (int pass = 0; pass < job->passes; pass++)
            job->places[pass][digits >> (pass * job->width) & mask]++;
    }
}

static void SORT(place_items)(void *job_, int64_t chunk, int slot)
{
    SORT(job) *job = job_;
    (void)slot;
    const int64_t end = smaller(job->n, (chunk + 1) * CHUNK);
    const key_t mask = ((key_t)1 << job->width) - 1, base = job->base;
    const int shift = job->shift + job->pass * job->width;
    const item_t *from = job->from;
    item_t *to = job->to;
    int64_t *places = job->places[job->pass];
    for (int64_t i = chunk * CHUNK; i < end; i++) {
        const item_t item = from[i];
        to[places[(KEY(item) - base) >> shift & mask]++] = item;
    }
}

static void SORT(copy)(void *job_, int64_t chunk, int slot)
{
    const SORT(job) *job = job_;
    (void)slot;
    const int64_t begin = chunk * CHUNK, end = smaller(job->n, begin + CHUNK);
    memcpy(job->to + begin, job->from + begin, (size_t)(end - begin) * sizeof(item_t));
}

/* From counts to places; 0 if all items share one digit, so that there is nothing to move. */
static int SORT(start_pass)(SORT(job) *job)
{
    int64_t *places = job->places[job->pass], next = 0;
    for (int64_t digit = 0; digit < (int64_t)1 << job->width; digit++) {
        int64_t count = places[digit];
        if (count == job->n)
            return 0;
        places[digit] = next;
        next += count;
    }
    return 1;
}

/* The keys span `bits` bits. Sorting the leading ones leaves few in wrong order, if n is small against 2^bits. */
static void SORT(choose_digits)(SORT(job) *job, int bits)
{
    const int enough = job->n < 2048 ? 16 : job->n < 65536 ? 22 : 33;
    const int sorted = bits < enough ? bits : enough;
    job->passes = (sorted + DIGIT_BITS - 1) / DIGIT_BITS;
    job->width = (sorted + job->passes - 1) / job->passes;
    job->shift = bits > job->passes * job->width ? bits - job->passes * job->width : 0;
}

/* Moves on to the next item that is smaller than the one before, or past a chunk without any. */
static void SORT(find_disorder)(void *job_, int64_t chunk, int slot)
{
    SORT(job) *job = job_;
    (void)chunk, (void)slot;
    const item_t *items = job->from;
    const int64_t end = smaller(job->n, job->at + CHUNK);
    int64_t i = job->at;
    while (i < end && KEY(items[i - 1]) <= KEY(items[i]))
        i++;
    job->at = i;
}

static key_t SORT(digits_of)(const SORT(job) *job, const item_t *item) { return (KEY(*item) - job->base) >> job->shift; }

/* Widens a run of items that agree in their digits, by a chunk at most either way. */
static void SORT(widen_run)(void *job_, int64_t chunk, int slot)
{
    SORT(job) *job = job_;
    (void)chunk, (void)slot;
    const item_t *items = job->from;
    const int64_t least = job->begin > CHUNK ? job->begin - CHUNK : 0, most = smaller(job->n, job->end + CHUNK);
    const key_t digits = SORT(digits_of)(job, &items[job->begin]);
    int64_t begin = job->begin, end = job->end;
    while (begin > least && SORT(digits_of)(job, &items[begin - 1]) == digits)
        begin--;
    while (end < most && SORT(digits_of)(job, &items[end]) == digits)
        end++;
    job->is_whole = (begin > least || begin == 0) && (end < most || end == job->n);
    job->begin = begin;
    job->end = end;
}

static int SORT(items)(const fg_team *team, item_t *items, item_t *spare, int64_t n);

/* After the digits: items that agree in them may stand in wrong order. Each such run is sorted by itself. */
static int SORT(runs)(const fg_team *team, SORT(job) *job, item_t *items, item_t *spare)
{
    const int64_t n = job->n;
    int status = FG_OK;
    job->from = items;
    job->at = 1;
    while (job->at < n && (status = team->parallel(1, 1, SORT(find_disorder), job)) == FG_OK) {
        const int64_t i = job->at;
        if (i == n || KEY(items[i - 1]) <= KEY(items[i]))
            continue;
        job->begin = i - 1;
        job->end = i + 1;
        SORT(widen_run)(job, 0, 0);
        while (!job->is_whole && (status = team->parallel(1, 1, SORT(widen_run), job)) == FG_OK)
            continue;
        if (status == FG_OK)
            status = SORT(items)(team, items + job->begin, spare + job->begin, job->end - job->begin);
        if (status != FG_OK)
            break;
        job->at = job->end;
    }
    return status;
}

static int SORT(by_digits)(const fg_team *team, SORT(job) *job, item_t *items, item_t *spare)
{
    const int64_t chunks = (job->n + CHUNK - 1) / CHUNK;
    int bits = 0, status = team->parallel(chunks, 1, SORT(span), job);
    while (bits < KEY_BITS && (job->high - job->base) >> bits)
        bits++;
    if (bits == 0 || status != FG_OK)
        return status;
    SORT(choose_digits)(job, bits);
    status = team->parallel(chunks, 1, SORT(count_digits), job);
    if (chunks > 1 && status == FG_OK)
        status = team->parallel(chunks, 1, SORT(touch), job);
    for (; job->pass < job->passes && status == FG_OK; job->pass++) {
        if (!SORT(start_pass)(job))
            continue;
        status = team->parallel(chunks, 1, SORT(place_items), job);
        item_t *to = job->from;
        job->from = job->to;
        job->to = to;
    }
    if (status == FG_OK && job->from != items)
        status = team->parallel(chunks, 1, SORT(copy), job);
    return status == FG_OK && job->shift > 0 ? SORT(runs)(team, job, items, spare) : status;
}

/* By way of `spare` of the same length. Every level of recursion settles 16 bits or more. */
static int SORT(items)(const fg_team *team, item_t *items, item_t *spare, int64_t n)
{
    if (n <= FEW) {
        SORT(few)(items, n);
        return FG_OK;
    }
    SORT(job) *job = calloc(1, sizeof *job);
    if (!job)
        return FG_NO_MEMORY;
    job->from = items;
    job->to = spare;
    job->n = n;
    job->base = job->high = KEY(items[0]);
    const int status = SORT(by_digits)(team, job, items, spare);
    free(job);
    return status;
}

#undef SORT
#undef item_t
#undef key_t
#undef KEY
#undef KEY_BITS
