/* A first look at the centroids in int16, at twice the speed of float32 and with an error that is known.

   Points and centroids are shifted by one vector, scaled to a length of FG_FILTER_LENGTH and rounded to integers, whose
   products add up without error. Where the nearest centroid leads by more than all errors together, the exact search
   would find it too; the other points are left to that search. So the filter never changes an answer. */
#ifndef FG_FILTER_H
#define FG_FILTER_H

#include "clustering/points.h"

/* Both lengths, and their product, stay in range after rounding: (32000 + √4096 / 2)² < 2³¹ and 32032 < 2¹⁵. */
enum { FG_FILTER_LENGTH = 32000, FG_FILTER_MAX_D = 4096 };

typedef struct {
    int64_t pairs;      /* pairs of columns, (d + 1) / 2 */
    float *shift;       /* (2 · pairs,) */
    int32_t *centroids; /* (k, pairs) of two int16 */
    float *squares;     /* (k,) |centroid - shift|² */
    float scale;        /* integers per unit */
    float length;       /* of the longest shifted centroid, rounded up */
    float error;        /* largest distance of a shifted centroid from its integers */
    float exact_error;  /* relative error of the exact search, both sides */
} fg_filter;

/* Whether it pays and applies. */
int fg_filter_suits(const fg_points *points, int64_t k);

/* FG_OK or FG_NO_MEMORY. */
int fg_filter_open(fg_filter *filter, const fg_points *points, const float *centroids, int64_t k);
void fg_filter_close(fg_filter *filter);

#endif
