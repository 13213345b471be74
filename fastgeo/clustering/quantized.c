#include "clustering/quantized.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

int fg_filter_suits(const fg_points *points, int64_t k)
{
    return !points->is_f64 && points->metric != FG_BOX_IOU && points->d >= 12 && points->d <= FG_FILTER_MAX_D &&
           k >= 24 && k <= FG_FILTER_MAX_K && k <= points->n / 4;
}

/* One thread prepares the centroids, and asks after each some thousand values whether to stop. */
enum { POLLED_VALUES = 1 << 16 };
static int is_stopped(const fg_team *team, int64_t j, int64_t d)
{
    return j * d / POLLED_VALUES != (j + 1) * d / POLLED_VALUES && team->stopped(0);
}

static int set_shift(const fg_team *team, fg_filter *filter, const float *centroids, int64_t k, int64_t d, double *sum)
{
    for (int64_t j = 0; j < k; j++) {
        for (int64_t l = 0; l < d; l++)
            sum[l] += (double)centroids[j * d + l];
        if (is_stopped(team, j, d))
            return FG_INTERRUPTED;
    }
    for (int64_t l = 0; l < d; l++)
        filter->shift[l] = (float)(sum[l] / (double)k);
    return FG_OK;
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

/* *length: the largest of a shifted centroid. */
static int set_longest(const fg_team *team, const fg_filter *filter, const float *centroids, int64_t k, int64_t d,
                       double *length)
{
    double largest = 0;
    for (int64_t j = 0; j < k; j++) {
        const double square = square_of(filter, centroids + j * d, d);
        largest = square > largest ? square : largest;
        if (is_stopped(team, j, d))
            return FG_INTERRUPTED;
    }
    /* For shorter ones the product of both scales could overflow. */
    *length = largest > 1e-24 ? sqrt(largest) : 1e-12;
    return FG_OK;
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

static int set_centroids(const fg_team *team, fg_filter *filter, const float *centroids, int64_t k, int64_t d)
{
    double off = 0;
    for (int64_t j = 0; j < k; j++) {
        const double own = set_centroid(filter, centroids + j * d, d, filter->centroids + j * filter->pairs);
        off = own > off ? own : off;
        filter->numbers[j] = (int32_t)j;
        if (is_stopped(team, j, d))
            return FG_INTERRUPTED;
    }
    filter->number_bits = 1;
    while (filter->number_bits < k - 1)
        filter->number_bits = 2 * filter->number_bits + 1;
    set_leads(filter, off);
    return FG_OK;
}

int fg_filter_open(const fg_team *team, fg_filter *filter, const fg_points *points, const float *centroids, int64_t k)
{
    const int64_t d = points->d;
    double length = 0, *sum = calloc((size_t)d, sizeof(double));
    filter->pairs = (d + 1) / 2 + 1;
    filter->shift = malloc((size_t)d * sizeof(float));
    filter->centroids = malloc((size_t)(k * filter->pairs) * sizeof(int32_t));
    filter->numbers = malloc((size_t)k * sizeof(int32_t));
    int status = sum && filter->shift && filter->centroids && filter->numbers ? FG_OK : FG_NO_MEMORY;
    if (status == FG_OK)
        status = set_shift(team, filter, centroids, k, d, sum);
    if (status == FG_OK)
        status = set_longest(team, filter, centroids, k, d, &length);
    if (status == FG_OK) {
        filter->length = (float)(length * (1 + 0x1p-20));
        filter->scale = (float)(FG_FILTER_LENGTH / length);
        filter->exact_error = (float)(4 * (double)(d + 8) * 0x1p-24);
        status = set_centroids(team, filter, centroids, k, d);
    }
    free(sum);
    return status;
}

void fg_filter_close(fg_filter *filter)
{
    free(filter->shift);
    free(filter->centroids);
    free(filter->numbers);
}
