#include "clustering/filter.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

int fg_filter_suits(const fg_points *points, int64_t k)
{
    return !points->is_f64 && points->metric != FG_BOX_IOU && points->d >= 12 && points->d <= FG_FILTER_MAX_D &&
           k >= 24 && k <= points->n / 4;
}

static void set_shift(fg_filter *filter, const float *centroids, int64_t k, int64_t d)
{
    for (int64_t l = 0; l < 2 * filter->pairs; l++) {
        double sum = 0;
        for (int64_t j = 0; l < d && j < k; j++)
            sum += (double)centroids[j * d + l];
        filter->shift[l] = (float)(sum / (double)k);
    }
}

static double shifted(const fg_filter *filter, const float *centroid, int64_t l)
{
    return (double)centroid[l] - (double)filter->shift[l];
}

/* Lengths of the shifted centroids; returns the largest. */
static double set_squares(fg_filter *filter, const float *centroids, int64_t k, int64_t d)
{
    double largest = 0;
    for (int64_t j = 0; j < k; j++) {
        double square = 0;
        for (int64_t l = 0; l < d; l++)
            square += shifted(filter, centroids + j * d, l) * shifted(filter, centroids + j * d, l);
        filter->squares[j] = (float)square;
        largest = square > largest ? square : largest;
    }
    return sqrt(largest);
}

/* Rounds one centroid; returns how far it lies from its integers. */
static double set_centroid(fg_filter *filter, const float *centroid, int64_t d, int32_t *pairs)
{
    double off = 0;
    for (int64_t pair = 0; pair < filter->pairs; pair++) {
        int32_t whole[2] = {0, 0};
        for (int64_t h = 0; h < 2 && 2 * pair + h < d; h++) {
            const double scaled = shifted(filter, centroid, 2 * pair + h) * (double)filter->scale;
            const double rounded = floor(scaled + 0.5);
            whole[h] = (int32_t)rounded;
            off += (scaled - rounded) * (scaled - rounded);
        }
        pairs[pair] = (int32_t)((uint32_t)whole[1] << 16 | ((uint32_t)whole[0] & 0xffffu));
    }
    return sqrt(off) / (double)filter->scale;
}

int fg_filter_open(fg_filter *filter, const fg_points *points, const float *centroids, int64_t k)
{
    const int64_t d = points->d;
    filter->pairs = (d + 1) / 2;
    filter->shift = malloc((size_t)(2 * filter->pairs) * sizeof(float));
    filter->centroids = malloc((size_t)(k * filter->pairs) * sizeof(int32_t));
    filter->squares = malloc((size_t)k * sizeof(float));
    if (!filter->shift || !filter->centroids || !filter->squares)
        return FG_NO_MEMORY;
    set_shift(filter, centroids, k, d);
    const double length = set_squares(filter, centroids, k, d);
    /* For shorter ones the product of both scales could overflow. */
    filter->scale = (float)(FG_FILTER_LENGTH / (length > 1e-12 ? length : 1e-12));
    double error = 0;
    for (int64_t j = 0; j < k; j++) {
        const double off = set_centroid(filter, centroids + j * d, d, filter->centroids + j * filter->pairs);
        error = off > error ? off : error;
    }
    filter->length = (float)(length * (1 + 0x1p-20));
    filter->error = (float)(error * (1 + 0x1p-20));
    filter->exact_error = (float)(4 * (double)(d + 8) * 0x1p-24);
    return FG_OK;
}

void fg_filter_close(fg_filter *filter)
{
    free(filter->shift);
    free(filter->centroids);
    free(filter->squares);
}
