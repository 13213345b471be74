#include "evaluation/ids.h"

#include <stddef.h>

void fg_widen_range(const int64_t *ids, int64_t n, int64_t *low, int64_t *high)
{
    int64_t least = *low, most = *high;
    for (int64_t i = 0; i < n; i++) {
        least = ids[i] < least ? ids[i] : least;
        most = ids[i] > most ? ids[i] : most;
    }
    *low = least;
    *high = most;
}

void fg_mark_ids(const int64_t *ids, int64_t n, int64_t low, int32_t *table)
{
    for (int64_t i = 0; i < n; i++)
        table[ids[i] - low] = 1;
}

int64_t fg_number_ids(int32_t *table, int64_t span, int64_t low, int64_t *ids)
{
    int32_t count = 0;
    for (int64_t i = 0; i < span; i++) {
        if (table[i] && ids)
            ids[count] = low + i;
        table[i] = table[i] ? count++ : -1;
    }
    return count;
}

int64_t fg_look_up_ids(const int64_t *ids, int64_t n, int64_t low, const int32_t *table, int32_t *numbers)
{
    int64_t missing = -1;
    for (int64_t i = n - 1; i >= 0; i--) {
        numbers[i] = table[ids[i] - low];
        missing = numbers[i] < 0 ? i : missing;
    }
    return missing;
}
