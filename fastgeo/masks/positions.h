/* Sorting positions of pixels. */
#ifndef FG_MASKS_POSITIONS_H
#define FG_MASKS_POSITIONS_H

#include "masks/runs.h"

enum { FG_FEW_POSITIONS = 32 };

static inline void fg_insert_positions(uint32_t *values, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        const uint32_t value = values[i];
        int64_t j = i;
        for (; j > 0 && values[j - 1] > value; j--)
            values[j] = values[j - 1];
        values[j] = value;
    }
}

/* Ascending, by bytes from the lowest on; `spare` has room for n. Returns which of the two arrays holds the answer; NULL if
   the call is to stop. */
static inline uint32_t *fg_sort_positions(const fg_team *team, int slot, uint32_t *values, uint32_t *spare, int64_t n)
{
    uint32_t used = 0;
    if (n <= FG_FEW_POSITIONS) {
        fg_insert_positions(values, n);
        return values;
    }
    for (int64_t i = 0; i < n; i++)
        used |= values[i];
    for (int shift = 0; shift < 32 && used >> shift; shift += 8) {
        int64_t starts[257] = {0};
        for (int64_t i = 0; i < n; i++) {
            starts[(values[i] >> shift & 255) + 1]++;
            if (fg_stop_at(team, slot, i))
                return NULL;
        }
        for (int digit = 0; digit < 256; digit++)
            starts[digit + 1] += starts[digit];
        for (int64_t i = 0; i < n; i++) {
            spare[starts[values[i] >> shift & 255]++] = values[i];
            if (fg_stop_at(team, slot, i))
                return NULL;
        }
        uint32_t *const sorted = spare;
        spare = values;
        values = sorted;
    }
    return values;
}

#endif
