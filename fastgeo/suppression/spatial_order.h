/* The order of boxes in a tree: cells of a k-d partition, finer where boxes crowd.

   A pass over a range of boxes gives each a code of a few bits, every bit halving the feature in which the boxes are then
   farthest apart, measured in the size of the largest box. Where sizes differ widely they are told apart first, by their
   exponents. Cells that stay crowded get a pass of their own, over their own extent: an outlier costs one pass. */
#ifndef FG_SPATIAL_ORDER_H
#define FG_SPATIAL_ORDER_H

#include <stdint.h>
#include <string.h>

#include "suppression/nms_grid.h"
#include "suppression/tuning.h"

/* x, y, width, height. */
enum { FEATURES = 4 };

enum { MOST_CODE_BITS = 18, MOST_FEATURE_BITS = 16, TABLE_BITS = 8, TABLE_SIZE = 1 << TABLE_BITS };

typedef struct {
    int by_exponent; /* the exponents of the sizes are the features */
    double least[FEATURES], greatest[FEATURES];
    int n_bits;         /* of the code */
    int bits[FEATURES]; /* of it, those that tell of a feature */
    double scale[FEATURES];
    /* What the low and the high bits of a feature's cell contribute to the code. */
    uint32_t table[FEATURES][2][TABLE_SIZE];
} spatial_code;

/* Wider than a factor of 16: then a hull says little about the boxes in it. */
static inline int has_many_sizes(const spatial_code *code)
{
    return exponent_of(code->greatest[2]) - exponent_of(code->least[2]) > SIZE_OCTAVES ||
           exponent_of(code->greatest[3]) - exponent_of(code->least[3]) > SIZE_OCTAVES;
}

/* How far apart the boxes are in each feature: in sizes of the largest box, or in octaves. */
static inline void spread_of(const spatial_code *code, double *spread)
{
    for (int d = 0; d < FEATURES; d++) {
        const double range = code->greatest[d] - code->least[d], size = code->greatest[2 + d % 2];
        spread[d] = code->by_exponent ? range : range < 0x1p-1000 || !(size > 0) ? 0 : d < 2 ? range / 2 / size : range / size;
    }
}

/* The table of a feature whose bit j, from the lowest on, stands at place[j] of the code. */
static inline void fill_tables(spatial_code *code, int d, const int *place)
{
    for (int half = 0; half < 2; half++) {
        const int first = half * TABLE_BITS, bits = code->bits[d] - first;
        uint32_t *table = code->table[d][half];
        table[0] = 0;
        for (uint32_t x = 1; bits > 0 && x < 1u << (bits < TABLE_BITS ? bits : TABLE_BITS); x++)
            table[x] = table[x & (x - 1)] | 1u << place[first + __builtin_ctz(x)];
    }
}

/* Shares out the bits of a code for n boxes. No bits: nothing tells the boxes apart. */
static inline void choose_bits(spatial_code *code, int64_t n)
{
    double spread[FEATURES];
    int chosen[MOST_CODE_BITS], most = 1;
    while (most < MOST_CODE_BITS && (int64_t)BOXES_PER_CELL << (most + 1) <= n)
        most++;
    memset(code->bits, 0, sizeof code->bits);
    spread_of(code, spread);
    const double enough = code->by_exponent ? SIZE_OCTAVES : 0;
    for (code->n_bits = 0; code->n_bits < most; code->n_bits++) {
        int widest = -1;
        for (int d = 0; d < FEATURES; d++)
            if (spread[d] > enough && code->bits[d] < MOST_FEATURE_BITS && (widest < 0 || spread[d] > spread[widest]))
                widest = d;
        if (widest < 0)
            break;
        chosen[code->n_bits] = widest;
        code->bits[widest]++;
        spread[widest] /= 2;
    }
    for (int d = 0; d < FEATURES; d++) {
        int place[MOST_FEATURE_BITS], j = 0;
        if (!code->bits[d])
            continue;
        const double cells = (double)((int64_t)1 << code->bits[d]);
        code->scale[d] = code->by_exponent ? 1.0 / SIZE_OCTAVES : cells / (code->greatest[d] - code->least[d]);
        for (int bit = code->n_bits - 1; bit >= 0; bit--)
            if (chosen[bit] == d)
                place[j++] = code->n_bits - 1 - bit;
        fill_tables(code, d, place);
    }
}

static inline uint32_t cell_of_feature(const spatial_code *code, int d, double value)
{
    const uint32_t last = (1u << code->bits[d]) - 1, cell = (uint32_t)((value - code->least[d]) * code->scale[d]);
    const uint32_t inside = cell < last ? cell : last;
    return code->table[d][0][inside & (TABLE_SIZE - 1)] | code->table[d][1][inside >> TABLE_BITS];
}

/* Items begin … end - 1, in one of two buffers. */
typedef struct {
    int64_t begin, end;
    int buffer;
} spatial_range;

typedef struct {
    spatial_code code;
    uint32_t *codes;  /* of the items of a range */
    uint32_t *counts; /* of each cell */
    spatial_range *stack; /* those still to order */
    int64_t depth;
} spatial_order;

#endif
