/* Weighted sums of the points of each label and their means: float64 in a fixed order, bit for bit as the reference. */
#ifndef FG_SUMS_H
#define FG_SUMS_H

#include "clustering/points.h"

/* Weighted sums of the rows of each label and their total weights, in `blocks` runs of rows, each in index order. */
typedef struct {
    const fg_points *points;
    int64_t k, blocks;
    int64_t stride;  /* of a row of `partial`: d columns, then the weight, then zeros */
    double *partial; /* (blocks, k, stride), at a cache line of `memory` */
    void *memory;
} fg_sums;

/* FG_OK or FG_NO_MEMORY. May be used again and again: fresh memory costs more time than the additions. */
int fg_sums_open(const fg_team *team, fg_sums *sums, const fg_points *points, int64_t k, int64_t blocks);
void fg_sums_close(fg_sums *sums);

/* The first row of a block; that of block number `blocks` is n. */
static inline int64_t fg_block_begin(const fg_sums *sums, int64_t block)
{
    const int64_t n = sums->points->n;
    return n / sums->blocks * block + n % sums->blocks * block / sums->blocks;
}

/* Sets columns [column, column_end) of a block to zero, for clusters [first, end). */
void fg_sums_clear(const fg_sums *sums, int64_t block, int64_t first, int64_t end, int64_t column, int64_t column_end);

/* Adds rows [first, end) of a block, columns [column, column_end) of the stride; `starts` is memory for k numbers. */
void fg_sums_add(const fg_team *team, const fg_sums *sums, const int32_t *labels, int64_t block, int64_t first,
                 int64_t end, int64_t column, int64_t column_end, int32_t *starts);

/* All rows, where they were not added while they were labelled. */
int fg_sums_add_all(const fg_team *team, const fg_sums *sums, const int32_t *labels);

/* totals (k, d) and weights (k,): block by block. */
int fg_sums_total(const fg_team *team, const fg_sums *sums, double *totals, double *weights);

/* The centroids of these sums, and how far they move. */
typedef struct {
    const double *totals, *weights;
    const void *before; /* (k, d), of the points' type */
    int64_t k;
    int exponent;  /* of the factor that the points were multiplied by and the centroids are not */
    void *moved;   /* out: (k, d), of the points' type: totals / weights, or their direction with FG_COSINE */
    double shift;  /* out: squared distances from `before`, times 4^exponent, added in index order */
} fg_means;

/* Where a weight is 0, and where the directions of a cluster cancel, the centroid stays. */
int fg_set_means(const fg_team *team, const fg_points *points, fg_means *means);

#endif
