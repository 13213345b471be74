/* The float64 side of k-means: sums, inertia and k-means++ in a fixed order, bit for bit as the reference. */
#ifndef FG_EXACT_H
#define FG_EXACT_H

#include "clustering/points.h"

/* Points per partial sum of distances. */
enum { FG_SUM_CHUNK = 4096 };

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

/* Adds rows [first, end) of a block, columns [column, column_end) of the stride; `starts` is room for k numbers. */
void fg_sums_add(const fg_team *team, const fg_sums *sums, const int32_t *labels, int64_t block, int64_t first,
                 int64_t end, int64_t column, int64_t column_end, int32_t *starts);

/* All rows, where no one has added them on the way. */
int fg_sums_add_all(const fg_team *team, const fg_sums *sums, const int32_t *labels);

/* totals (k, d) and weights (k,): block by block. */
int fg_sums_total(const fg_team *team, const fg_sums *sums, double *totals, double *weights);

/* moved (k, d), of the points' type: totals / weights; where a weight is 0, as before. *shift: the squared distances from
   `before`, of the same type, added in index order. */
int fg_averages(const fg_team *team, const fg_points *points, const double *totals, const double *weights,
                const void *before, int64_t k, void *moved, double *shift);

/* Squared distance of every point from the centroid of its label; for FG_BOX_IOU, 1 - IoU. Unweighted. */
int fg_own_distances(const fg_team *team, const fg_points *points, const void *centroids,
                     const int32_t *labels, double *distances);

/* Weighted sum of distances, chunk by chunk. */
double fg_ordered_sum(const fg_points *points, const double *distances);

/* Greedy k-means++: draws (k, trials) in [0, 1) decide; indices (k,) come out. */
int fg_plusplus(const fg_team *team, const fg_points *points, int64_t k, int64_t trials, const double *draws,
                int64_t *indices);

#endif
