#include "suppression/score_order.h"

enum { INSERTION_LIMIT = 40, BUCKET_LIMIT = 4096, FULLEST_BUCKET = 24 };
/* Entries between two polls: less than a millisecond. */
enum { PIECE = 1 << 16 };
enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS, PASSES = 3 };

static void insertion_sort(fg_ranked *entries, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        const fg_ranked entry = entries[i];
        int64_t j = i;
        for (; j > 0 && entries[j - 1] > entry; j--)
            entries[j] = entries[j - 1];
        entries[j] = entry;
    }
}

static int digit(fg_ranked entry, int pass) { return (int)(entry >> (32 + DIGIT_BITS * pass) & (DIGITS - 1)); }

/* Where the sort runs, and whether it is to stop. */
typedef struct {
    const fg_team *team;
    int slot, stopped;
} sort_context;

static int is_stopped(sort_context *context)
{
    context->stopped |= context->team->stopped(context->slot) != 0;
    return context->stopped;
}

static void count_digits(sort_context *context, const fg_ranked *entries, int64_t n, uint32_t counts[PASSES][DIGITS])
{
    memset(counts, 0, PASSES * sizeof counts[0]);
    for (int64_t begin = 0, end; begin < n && !is_stopped(context); begin = end) {
        end = n - begin < PIECE ? n : begin + PIECE;
        for (int64_t i = begin; i < end; i++)
            for (int pass = 0; pass < PASSES; pass++)
                counts[pass][digit(entries[i], pass)]++;
    }
}

static void sort_by_digit(sort_context *context, const fg_ranked *from, fg_ranked *to, int64_t n, uint32_t *count, int pass)
{
    uint32_t first = 0;
    for (int d = 0; d < DIGITS; d++) {
        const uint32_t size = count[d];
        count[d] = first;
        first += size;
    }
    for (int64_t begin = 0, end; begin < n && !is_stopped(context); begin = end) {
        end = n - begin < PIECE ? n : begin + PIECE;
        for (int64_t i = begin; i < end; i++)
            to[count[digit(from[i], pass)]++] = from[i];
    }
}

/* A radix sort by the upper 32 bits, from the lowest digit up. It is stable and the entries come by ascending index, so that
   ties keep that order. */
static void radix_sort(sort_context *context, fg_ranked *entries, fg_ranked *scratch, int64_t n)
{
    uint32_t counts[PASSES][DIGITS];
    count_digits(context, entries, n, counts);
    fg_ranked *from = entries, *to = scratch;
    for (int pass = 0; pass < PASSES && !context->stopped; pass++) {
        if (counts[pass][digit(from[0], pass)] == n)
            continue;
        sort_by_digit(context, from, to, n, counts[pass], pass);
        fg_ranked *swap = from;
        from = to;
        to = swap;
    }
    if (from != entries)
        memcpy(entries, from, (size_t)n * sizeof *entries);
}

/* A bucket sort: at most as many buckets as entries, by the leading bits in which they differ, then an insertion sort that
   moves entries inside their buckets only. 0, and nothing done, if a bucket gets too full for that. */
static int bucket_sort(fg_ranked *entries, fg_ranked *scratch, int64_t n)
{
    uint16_t counts[BUCKET_LIMIT + 1];
    fg_ranked least = entries[0], most = entries[0];
    for (int64_t i = 1; i < n; i++) {
        least = entries[i] < least ? entries[i] : least;
        most = entries[i] > most ? entries[i] : most;
    }
    int shift = 0;
    while ((most - least) >> shift >= (uint64_t)n)
        shift++;
    memset(counts, 0, ((size_t)n + 1) * sizeof *counts);
    for (int64_t i = 0; i < n; i++)
        counts[((entries[i] - least) >> shift) + 1]++;
    for (int64_t b = 1; b <= n; b++) {
        if (counts[b] > FULLEST_BUCKET)
            return 0;
        counts[b] = (uint16_t)(counts[b] + counts[b - 1]);
    }
    for (int64_t i = 0; i < n; i++)
        scratch[counts[(entries[i] - least) >> shift]++] = entries[i];
    insertion_sort(scratch, n);
    memcpy(entries, scratch, (size_t)n * sizeof *entries);
    return 1;
}

static void sort_by_upper(sort_context *context, fg_ranked *entries, fg_ranked *scratch, int64_t n)
{
    if (n <= INSERTION_LIMIT)
        insertion_sort(entries, n);
    else if (n > BUCKET_LIMIT || !bucket_sort(entries, scratch, n))
        radix_sort(context, entries, scratch, n);
}

/* float64 keys have 64 bits, of which an entry holds the upper half: sorts every run of equal upper halves by the lower. */
static void sort_ties(sort_context *context, fg_ranked *entries, fg_ranked *scratch, int64_t n, const double *scores)
{
    for (int64_t begin = 0, end, piece = 0; begin < n && !context->stopped; begin = end) {
        const uint64_t upper = entries[begin] >> 32;
        for (end = begin + 1; end < n && entries[end] >> 32 == upper;)
            end++;
        if (end >= piece) {
            piece = end + PIECE;
            is_stopped(context);
        }
        if (end - begin == 1)
            continue;
        for (int64_t i = begin; i < end; i++) {
            const int64_t box = fg_ranked_index(entries[i]);
            entries[i] = fg_score_key_f64(scores[box]) << 32 | (uint64_t)box;
        }
        sort_by_upper(context, entries + begin, scratch, end - begin);
        for (int64_t i = begin; i < end; i++)
            entries[i] = upper << 32 | (uint64_t)fg_ranked_index(entries[i]);
    }
}

int fg_sort_ranked(const fg_team *team, int slot, fg_ranked *entries, fg_ranked *scratch, int64_t n,
                   const void *scores, int is_f64)
{
    sort_context context = {team, slot, 0};
    sort_by_upper(&context, entries, scratch, n);
    if (is_f64)
        sort_ties(&context, entries, scratch, n, scores);
    return context.stopped ? FG_INTERRUPTED : FG_OK;
}
