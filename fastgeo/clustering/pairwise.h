/* The distance of every row of one matrix from every row of another.

   Rows of many columns go by products: (|x|² + |y|²) / 2 - x·y is half a square. Of three columns two are taken as
   (x1 + y2) (x2 + y1) = x1·y1 + x2·y2 + x1·x2 + y1·y2 (Winograd 1968), whose last terms are known of each row: a
   multiplication and two additions for two columns, and as a CPU adds beside its multiplications, half as many pairs again
   as either products or squared differences would reach. Products lose what cancels: pairs that lie near each other, by
   their lengths, are taken by differences. Which pairs do is decided by the products alone, never by the tile they are in. */
#ifndef FG_PAIRWISE_H
#define FG_PAIRWISE_H

#include "clustering/points.h"

enum { FG_KIND_EUCLIDEAN, FG_KIND_SQEUCLIDEAN, FG_KIND_COSINE };

/* out (n, m): the distance of every row from every column's point. FG_OK, FG_NO_MEMORY, FG_INTERRUPTED or FG_FORKED. */
int fg_pairwise_distance(const fg_team *team, const fg_points *rows, const fg_points *columns, int kind,
                         void *out);

#endif
