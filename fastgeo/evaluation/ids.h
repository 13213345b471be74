/* Small numbers in the place of ids, by a table over the range of the ids. */
#ifndef FG_EVALUATION_IDS_H
#define FG_EVALUATION_IDS_H

#include "runtime/runtime.h"

/* Widens the range [low, high] to hold some ids. */
void fg_widen_range(const int64_t *ids, int64_t n, int64_t *low, int64_t *high);

/* table[id - low] = 1 for each id. */
void fg_mark_ids(const int64_t *ids, int64_t n, int64_t low, int32_t *table);

/* Numbers what is marked, ascending from 0; the rest of the table gets -1. Writes the ids where there is room for them,
   and returns how many there are. */
int64_t fg_number_ids(int32_t *table, int64_t span, int64_t low, int64_t *ids);

/* The numbers of some ids within the table's range. Returns where the first without one stands, or -1. */
int64_t fg_look_up_ids(const int64_t *ids, int64_t n, int64_t low, const int32_t *table, int32_t *numbers);

#endif
