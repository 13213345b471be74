/* Which of many ascending keys is the first that is not below a given one: a table by leading bits, then bisection. */
#ifndef FG_KEY_FINDER_H
#define FG_KEY_FINDER_H

#include <stdint.h>
#include <stdlib.h>

enum { FG_MOST_SLOTS = 1 << 18, FG_SLOTS_PER_KEY = 8 };

typedef struct {
    const uint64_t *ends; /* (n,) ascending */
    int32_t *first;       /* of each slot the first end in it or after it; to be freed */
    int64_t n;
    uint64_t base;
    int shift;
} fg_key_finder;

static inline uint64_t fg_slot(const fg_key_finder *finder, uint64_t key) { return (key - finder->base) >> finder->shift; }

/* 0 without memory. */
static inline int fg_key_finder_init(fg_key_finder *finder, const uint64_t *ends, int64_t n)
{
    *finder = (fg_key_finder){.ends = ends, .n = n, .base = n ? ends[0] : 0};
    const uint64_t span = n ? ends[n - 1] - ends[0] : 0;
    const uint64_t some = FG_SLOTS_PER_KEY * (uint64_t)n, most = some < FG_MOST_SLOTS ? some : FG_MOST_SLOTS;
    while (finder->shift < 63 && span >> finder->shift >= most)
        finder->shift++;
    const int64_t slots = (int64_t)(span >> finder->shift) + 1;
    finder->first = malloc(((size_t)slots + 1) * sizeof *finder->first);
    if (!finder->first)
        return 0;
    int64_t i = 0;
    for (int64_t slot = 0; slot <= slots; slot++) {
        while (i < n && (int64_t)fg_slot(finder, ends[i]) < slot)
            i++;
        finder->first[slot] = (int32_t)i;
    }
    return 1;
}

static inline int64_t fg_find_key(const fg_key_finder *finder, uint64_t key)
{
    if (finder->n == 0 || key <= finder->base)
        return 0;
    if (key > finder->ends[finder->n - 1])
        return finder->n;
    const uint64_t slot = fg_slot(finder, key);
    int64_t low = finder->first[slot], high = finder->first[slot + 1];
    while (low < high) {
        const int64_t middle = (low + high) / 2;
        if (finder->ends[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Which part a key lies in: a table of slots, and where a slot is not of one part the finder. Slots are aligned to a
   power of two, so that intervals which are aligned as well leave no such slot. */
typedef struct {
    fg_key_finder by_high;
    const uint64_t *lows; /* (n,) of the intervals */
    int32_t *part_of;     /* (n,); to be freed, like the slots */
    int32_t *slots;       /* (n_slots + 1,) a part, FG_NO_PART or FG_MIXED; the last stands for all keys outside */
    uint64_t base, n_slots;
    int shift;
} fg_part_finder;

enum { FG_NO_PART = -1, FG_MIXED = -2 };

/* Apart, so that the registers remain to the loops that seldom call it. */
static __attribute__((noinline)) int64_t fg_find_part_exactly(const fg_part_finder *finder, uint64_t key)
{
    const int64_t interval = fg_find_key(&finder->by_high, key);
    return interval < finder->by_high.n && key >= finder->lows[interval] ? finder->part_of[interval] : FG_NO_PART;
}

/* FG_NO_PART or FG_MIXED, both negative, are settled by fg_find_part_exactly. */
static inline int64_t fg_find_part(const fg_part_finder *finder, uint64_t key)
{
    const uint64_t slot = (key >> finder->shift) - finder->base;
    return finder->slots[slot < finder->n_slots ? slot : finder->n_slots];
}

/* Slots of the size to which all borders are aligned, if there are not too many; otherwise some of each interval. */
static inline void fg_choose_slots(fg_part_finder *finder, const uint64_t *highs, int64_t n)
{
    const uint64_t *lows = finder->lows;
    /* An end interval that goes on to the end of all keys needs no slots. */
    const uint64_t low = lows[0] ? lows[0] : highs[0], high = ~highs[n - 1] ? highs[n - 1] : lows[n - 1];
    uint64_t borders = 0;
    for (int64_t i = 0; i < n; i++)
        borders |= lows[i] | (highs[i] + 1);
    while (finder->shift < 63 && !(borders >> finder->shift & 1))
        finder->shift++;
    const uint64_t some = FG_SLOTS_PER_KEY * (uint64_t)n, most = some < FG_MOST_SLOTS ? some : FG_MOST_SLOTS;
    const int is_aligned = high < low || (high - low) >> finder->shift < FG_MOST_SLOTS;
    while (!is_aligned && (high - low) >> finder->shift >= most)
        finder->shift++;
    finder->base = low >> finder->shift;
    finder->n_slots = high < low ? 0 : (high >> finder->shift) - finder->base + 1;
}

static inline void fg_fill_slots(fg_part_finder *finder, const uint64_t *highs, int64_t n)
{
    const uint64_t *lows = finder->lows, within = (UINT64_C(1) << finder->shift) - 1, n_slots = finder->n_slots;
    for (uint64_t slot = 0; slot < n_slots; slot++)
        finder->slots[slot] = FG_NO_PART;
    finder->slots[n_slots] = lows[0] == 0 || ~highs[n - 1] == 0 ? FG_MIXED : FG_NO_PART;
    for (int64_t i = 0; i < n; i++) {
        const uint64_t first = (lows[i] >> finder->shift) - finder->base;
        const uint64_t last = (highs[i] >> finder->shift) - finder->base;
        for (uint64_t slot = first < n_slots ? first : 0; slot <= last && slot < n_slots; slot++)
            finder->slots[slot] = finder->part_of[i];
        if (lows[i] & within && first < n_slots)
            finder->slots[first] = FG_MIXED;
        if (~highs[i] & within && last < n_slots)
            finder->slots[last] = FG_MIXED;
    }
}

/* Part p ends before interval ends[p]; there is one interval at least. 0 without memory. */
static inline int fg_part_finder_init(fg_part_finder *finder, const uint64_t *lows, const uint64_t *highs, int64_t n,
                                      const int64_t *ends, int64_t n_parts)
{
    *finder = (fg_part_finder){.lows = lows};
    fg_choose_slots(finder, highs, n);
    finder->part_of = malloc((size_t)n * sizeof *finder->part_of);
    finder->slots = malloc(((size_t)finder->n_slots + 1) * sizeof *finder->slots);
    if (!finder->part_of || !finder->slots || !fg_key_finder_init(&finder->by_high, highs, n))
        return 0;
    for (int64_t i = 0, part = 0; i < n && part < n_parts; i++) {
        while (i >= ends[part])
            part++;
        finder->part_of[i] = (int32_t)part;
    }
    fg_fill_slots(finder, highs, n);
    return 1;
}

static inline void fg_part_finder_free(fg_part_finder *finder)
{
    free(finder->by_high.first);
    free(finder->part_of);
    free(finder->slots);
}

#endif
