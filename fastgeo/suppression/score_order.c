#include "suppression/score_order.h"

enum { INSERTION_LIMIT = 40, BUCKET_LIMIT = 4096, FULLEST_BUCKET = 24 };
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

/* By the upper 32 bits; entries come in the order of their indices and equal ones keep it. */
static void radix_sort(fg_ranked *entries, fg_ranked *scratch, int64_t n)
{
    uint32_t counts[PASSES][DIGITS];
    memset(counts, 0, sizeof counts);
    for (int64_t i = 0; i < n; i++)
        for (int pass = 0; pass < PASSES; pass++)
            counts[pass][digit(entries[i], pass)]++;
    fg_ranked *from = entries, *to = scratch;
    for (int pass = 0; pass < PASSES; pass++) {
        uint32_t *count = counts[pass], begin = 0;
        if (count[digit(from[0], pass)] == n)
            continue;
        for (int d = 0; d < DIGITS; d++) {
            const uint32_t size = count[d];
            count[d] = begin;
            begin += size;
        }
        for (int64_t i = 0; i < n; i++)
            to[count[digit(from[i], pass)]++] = from[i];
        fg_ranked *swap = from;
        from = to;
        to = swap;
    }
    if (from != entries)
        memcpy(entries, from, (size_t)n * sizeof *entries);
}

/* Spreads the entries over about as many buckets as there are, by the leading bits in which they differ; what is left
   is small work inside the buckets. 0, and nothing done, if a bucket gets too full for that. */
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

static void sort_by_upper(fg_ranked *entries, fg_ranked *scratch, int64_t n)
{
    if (n <= INSERTION_LIMIT)
        insertion_sort(entries, n);
    else if (n > BUCKET_LIMIT || !bucket_sort(entries, scratch, n))
        radix_sort(entries, scratch, n);
}

/* float64 keys have a lower half: sorts every run of equal upper halves by it. */
static void sort_ties(fg_ranked *entries, fg_ranked *scratch, int64_t n, const double *scores)
{
    for (int64_t begin = 0, end; begin < n; begin = end) {
        const uint64_t upper = entries[begin] >> 32;
        for (end = begin + 1; end < n && entries[end] >> 32 == upper;)
            end++;
        if (end - begin == 1)
            continue;
        for (int64_t i = begin; i < end; i++) {
            const int64_t box = fg_ranked_index(entries[i]);
            entries[i] = fg_score_key_f64(scores[box]) << 32 | (uint64_t)box;
        }
        sort_by_upper(entries + begin, scratch, end - begin);
        for (int64_t i = begin; i < end; i++)
            entries[i] = upper << 32 | (uint64_t)fg_ranked_index(entries[i]);
    }
}

void fg_sort_ranked(fg_ranked *entries, fg_ranked *scratch, int64_t n, const void *scores, int is_f64)
{
    sort_by_upper(entries, scratch, n);
    if (is_f64)
        sort_ties(entries, scratch, n, scores);
}
