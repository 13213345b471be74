/* Which of many ascending keys is the first that is not below a given one: a table by leading bits, then bisection. */
#ifndef FG_KEY_FINDER_H
#define FG_KEY_FINDER_H

#include <stdint.h>
#include <stdlib.h>

enum { FG_MOST_SLOTS = 1 << 18 };

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
    while (span >> finder->shift >= FG_MOST_SLOTS)
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

#endif
