/* Masks as run lengths, column by column as COCO has them: background first, then foreground and background in turn. */
#ifndef FG_MASKS_RUNS_H
#define FG_MASKS_RUNS_H

#include <stdint.h>
#include <stdlib.h>

#include "runtime/runtime.h"

/* Several masks in columns; the counts of mask i are counts[offsets[i]] … counts[offsets[i + 1] - 1], which add up to its
   height times its width, at most 2^31 - 1. */
typedef struct {
    const uint32_t *counts;
    const int64_t *offsets; /* n + 1 */
    const int64_t *sizes;   /* n pairs: height, width */
    int64_t n;
} fg_masks;

/* The counts of one new mask, to be freed; NULL where there was no memory for them. */
typedef struct {
    uint32_t *counts;
    int64_t count;
} fg_runs;

/* For loops over i = 0, 1, …, once in a million of steps: whether to leave the rest undone. */
static inline int fg_stop_at(const fg_team *team, int slot, int64_t i)
{
    enum { STEPS = 1 << 20 };
    return (i & (STEPS - 1)) == STEPS - 1 && team->stopped(slot);
}

/* A list that grows. */
typedef struct {
    uint32_t *values;
    int64_t count, capacity;
} fg_list;

/* Whether there is room for so many more. */
static inline int fg_list_reserve(fg_list *list, int64_t more)
{
    if (list->capacity - list->count >= more)
        return 1;
    const int64_t capacity = 2 * list->capacity > list->count + more ? 2 * list->capacity : list->count + more;
    uint32_t *grown = realloc(list->values, (size_t)capacity * sizeof *grown);
    if (!grown)
        return 0;
    list->values = grown;
    list->capacity = capacity;
    return 1;
}

/* The counts of a mask of `size` pixels whose value changes at these ascending positions. */
static inline fg_runs fg_runs_between(const fg_team *team, int slot, const uint32_t *changes, int64_t n, uint32_t size)
{
    fg_runs runs = {malloc((size_t)(n + 1) * sizeof(uint32_t)), n + 1};
    uint32_t before = 0;
    for (int64_t i = 0; runs.counts && i < n && !fg_stop_at(team, slot, i); i++) {
        runs.counts[i] = changes[i] - before;
        before = changes[i];
    }
    if (runs.counts)
        runs.counts[n] = size - before;
    return runs;
}

/* Chunks of so many out of n; their borders do not depend on the threads. */
static inline int64_t fg_chunk_count(int64_t n, int64_t per_chunk) { return (n + per_chunk - 1) / per_chunk; }
static inline int64_t fg_chunk_end(int64_t n, int64_t per_chunk, int64_t chunk)
{
    return n - chunk * per_chunk < per_chunk ? n : (chunk + 1) * per_chunk;
}

/* FG_NO_MEMORY if a mask is missing. */
static inline int fg_runs_status(const fg_runs *runs, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (!runs[i].counts)
            return FG_NO_MEMORY;
    return FG_OK;
}

#endif
