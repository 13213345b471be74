/* A quantized search: the centroids are screened by int16 products, at twice the speed of float32 and with a known error.

   Points and centroids are shifted by one vector, scaled to a length of FG_QUANTIZED_LENGTH at most and rounded to integers,
   whose products add up without error. One more product adds half the square of the centroid, so that the sums are
   scores: for each point, squared distances but for a shift and a factor. The number of the centroid takes the place of
   their last bits. Where the nearest centroid leads by more than all errors together, the exact search would find it
   too; the other points are left to that search. So quantizing never changes an answer. */
#ifndef FG_INT16_SCORES_H
#define FG_INT16_SCORES_H

#include "clustering/points.h"

/* Both lengths, and one and a half times their product, stay in range after rounding: (32000 + √4096 / 2)² · 3/2 < 2³¹
   and 32032 < 2¹⁵. */
enum { FG_QUANTIZED_LENGTH = 32000, FG_QUANTIZED_MAX_D = 4096, FG_QUANTIZED_MAX_K = 1 << 16 };

typedef struct {
    int64_t pairs;       /* pairs of columns, (d + 1) / 2, and one for the square */
    float *shift;        /* (d,) */
    int32_t *centroids;  /* (k, pairs) of two int16: the negative centroid, its square */
    int32_t *numbers;    /* (k,) 0, 1, … */
    int32_t number_bits; /* the bits of a score that they take */
    float scale;         /* integers per unit */
    float length;        /* of the longest shifted centroid, rounded up */
    float lead;          /* of scores, beyond the rounding to integers, */
    float off_lead;      /* and so often the distance of a point from its own */
    float exact_error;   /* relative error of the exact search, both sides */
} fg_quantizer;

/* FG_OK, FG_NO_MEMORY or FG_INTERRUPTED. */
int fg_quantizer_open(const fg_team *team, fg_quantizer *quantizer, const fg_points *points, const float *centroids, int64_t k);
void fg_quantizer_close(fg_quantizer *quantizer);

#endif
