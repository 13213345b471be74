/* Two sets of boxes, cut into parts that are loaded one by one. */
#ifndef FG_PARTS_H
#define FG_PARTS_H

#include <stdint.h>

static inline int64_t fg_pieces(int64_t n, int64_t size) { return (n + size - 1) / size; }

/* Boxes begin … end - 1 of the n boxes of the first or the second set. */
typedef struct {
    int second;
    int64_t begin, end, n;
} fg_part;

/* How many parts of `size` boxes there are of n and m boxes. */
static inline int64_t fg_count_parts(int64_t n, int64_t m, int64_t size) { return fg_pieces(n, size) + fg_pieces(m, size); }

static inline fg_part fg_part_of(int64_t n, int64_t m, int64_t size, int64_t i)
{
    const int64_t parts1 = fg_pieces(n, size);
    fg_part part = {.second = i >= parts1};
    part.n = part.second ? m : n;
    part.begin = (part.second ? i - parts1 : i) * size;
    part.end = part.begin + size < part.n ? part.begin + size : part.n;
    return part;
}

#endif
