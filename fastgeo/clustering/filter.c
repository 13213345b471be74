#include "clustering/filter.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

int fg_filter_suits(const fg_points *points, int64_t k)
{
    return !points->is_f64 && points->metric != FG_BOX_IOU && points->d >= 12 && points->d <= FG_FILTER_MAX_D &&
           k >= 24 && k <= FG_FILTER_MAX_K && k <= points->n / 4;
}

static void set_shift(fg_filter *filter, const float *centroids, int64_t k, int64_t d)
{
    for (int64_t l = 0; l < d; l++) {
        double sum = 0;
        for (int64_t j = 0; j < k; j++)
            sum += (double)centroids[j * d + l];
        filter->shift[l] = (float)(sum / (double)k);
    }
}

static double shifted(const fg_filter *filter, const float *centroid, int64_t l)
{
    return (double)centroid[l] - (double)filter->shift[l];
}

static double square_of(const fg_filter *filter, const float *centroid, int64_t d)
{
    double square = 0;
    for (int64_t l = 0; l < d; l++)
        square += shifted(filter, centroid, l) * shifted(filter, centroid, l);
    return square;
}

/* The largest length of a shifted centroid. */
static double longest_of(const fg_filter *filter, const float *centroids, int64_t k, int64_t d)
{
    double largest = 0;
    for (int64_t j = 0; j < k; j++) {
        const double square = square_of(filter, centroids + j * d, d);
        largest = square > largest ? square : largest;
    }
    /* For shorter ones the product of both scales could overflow. */
    return largest > 1e-24 ? sqrt(largest) : 1e-12;
}

/* Rounds one centroid; returns how far it lies from its integers. */
static double set_centroid(fg_filter *filter, const float *centroid, int64_t d, int32_t *pairs)
{
    double off = 0;
    for (int64_t pair = 0; pair + 1 < filter->pairs; pair++) {
        int32_t whole[2] = {0, 0};
        for (int64_t h = 0; h < 2 && 2 * pair + h < d; h++) {
            const double scaled = -shifted(filter, centroid, 2 * pair + h) * (double)filter->scale;
            const double rounded = floor(scaled + 0.5);
            whole[h] = (int32_t)rounded;
            off += (scaled - rounded) * (scaled - rounded);
        }
        pairs[pair] = (int32_t)((uint32_t)whole[1] << 16 | ((uint32_t)whole[0] & 0xffffu));
    }
    /* Half the square in the scale of the products, but for what the points multiply it by: scale · length. */
    pairs[filter->pairs - 1] =
        (int32_t)(square_of(filter, centroid, d) * (double)filter->scale / (2 * (double)filter->length) + 0.5);
    return sqrt(off);
}

/* The lead between two scores: twice what each may be wrong by. `off`: of a centroid from its integers. */
static void set_leads(fg_filter *filter, double off)
{
    const double longest = FG_FILTER_LENGTH + 32.0, half = 0.51, squares = half * 1.5 * (FG_FILTER_LENGTH + 1.0);
    filter->off_lead = (float)(2.02 * longest);
    filter->lead = (float)(2.02 * (longest * off + squares + filter->number_bits + 256)); /* 256: scores as floats */
}

int fg_filter_open(fg_filter *filter, const fg_points *points, const float *centroids, int64_t k)
{
    const int64_t d = points->d;
    filter->pairs = (d + 1) / 2 + 1;
    filter->shift = malloc((size_t)d * sizeof(float));
    filter->centroids = malloc((size_t)(k * filter->pairs) * sizeof(int32_t));
    filter->numbers = malloc((size_t)k * sizeof(int32_t));
    if (!filter->shift || !filter->centroids || !filter->numbers)
        return FG_NO_MEMORY;
    set_shift(filter, centroids, k, d);
    const double length = longest_of(filter, centroids, k, d);
    filter->length = (float)(length * (1 + 0x1p-20));
    filter->scale = (float)(FG_FILTER_LENGTH / length);
    double off = 0;
    for (int64_t j = 0; j < k; j++) {
        const double own = set_centroid(filter, centroids + j * d, d, filter->centroids + j * filter->pairs);
        off = own > off ? own : off;
        filter->numbers[j] = (int32_t)j;
    }
    filter->number_bits = 1;
    while (filter->number_bits < k - 1)
        filter->number_bits = 2 * filter->number_bits + 1;
    set_leads(filter, off);
    filter->exact_error = (float)(4 * (double)(d + 8) * 0x1p-24);
    return FG_OK;
}

void fg_filter_close(fg_filter *filter)
{
    free(filter->shift);
    free(filter->centroids);
    free(filter->numbers);
}
