#include "clustering/quantized.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* One thread prepares the centroids, and asks after each some thousand values whether to stop. */
enum { POLLED_VALUES = 1 << 16 };
static int is_stopped(const fg_team *team, int64_t j, int64_t d)
{
    return j * d / POLLED_VALUES != (j + 1) * d / POLLED_VALUES && team->stopped(0);
}

static int set_shift(const fg_team *team, fg_quantizer *quantizer, const float *centroids, int64_t k, int64_t d, double *sum)
{
    for (int64_t j = 0; j < k; j++) {
        for (int64_t l = 0; l < d; l++)
            sum[l] += (double)centroids[j * d + l];
        if (is_stopped(team, j, d))
            return FG_INTERRUPTED;
    }
    for (int64_t l = 0; l < d; l++)
        quantizer->shift[l] = (float)(sum[l] / (double)k);
    return FG_OK;
}

static double shifted(const fg_quantizer *quantizer, const float *centroid, int64_t l)
{
    return (double)centroid[l] - (double)quantizer->shift[l];
}

static double square_of(const fg_quantizer *quantizer, const float *centroid, int64_t d)
{
    double square = 0;
    for (int64_t l = 0; l < d; l++)
        square += shifted(quantizer, centroid, l) * shifted(quantizer, centroid, l);
    return square;
}

/* *length: the largest of a shifted centroid. */
static int set_longest(const fg_team *team, const fg_quantizer *quantizer, const float *centroids, int64_t k, int64_t d,
                       double *length)
{
    double largest = 0;
    for (int64_t j = 0; j < k; j++) {
        const double square = square_of(quantizer, centroids + j * d, d);
        largest = square > largest ? square : largest;
        if (is_stopped(team, j, d))
            return FG_INTERRUPTED;
    }
    /* For shorter ones the product of both scales could overflow. */
    *length = largest > 1e-24 ? sqrt(largest) : 1e-12;
    return FG_OK;
}

/* Rounds one centroid; returns how far it lies from its integers. */
static double set_centroid(fg_quantizer *quantizer, const float *centroid, int64_t d, int32_t *pairs)
{
    double off = 0;
    for (int64_t pair = 0; pair + 1 < quantizer->pairs; pair++) {
        int32_t whole[2] = {0, 0};
        for (int64_t h = 0; h < 2 && 2 * pair + h < d; h++) {
            const double scaled = -shifted(quantizer, centroid, 2 * pair + h) * (double)quantizer->scale;
            const double rounded = floor(scaled + 0.5);
            whole[h] = (int32_t)rounded;
            off += (scaled - rounded) * (scaled - rounded);
        }
        pairs[pair] = (int32_t)((uint32_t)whole[1] << 16 | ((uint32_t)whole[0] & 0xffffu));
    }
    /* Half the square in the scale of the products, but for what the points multiply it by: scale · length. */
    pairs[quantizer->pairs - 1] =
        (int32_t)(square_of(quantizer, centroid, d) * (double)quantizer->scale / (2 * (double)quantizer->length) + 0.5);
    return sqrt(off);
}

/* The lead between two scores: twice what each may be wrong by. `off`: of a centroid from its integers. */
static void set_leads(fg_quantizer *quantizer, double off)
{
    const double longest = FG_QUANTIZED_LENGTH + 32.0, half = 0.51, squares = half * 1.5 * (FG_QUANTIZED_LENGTH + 1.0);
    quantizer->off_lead = (float)(2.02 * longest);
    quantizer->lead = (float)(2.02 * (longest * off + squares + quantizer->number_bits + 256)); /* 256: scores as floats */
}

static int set_centroids(const fg_team *team, fg_quantizer *quantizer, const float *centroids, int64_t k, int64_t d)
{
    double off = 0;
    for (int64_t j = 0; j < k; j++) {
        const double own = set_centroid(quantizer, centroids + j * d, d, quantizer->centroids + j * quantizer->pairs);
        off = own > off ? own : off;
        quantizer->numbers[j] = (int32_t)j;
        if (is_stopped(team, j, d))
            return FG_INTERRUPTED;
    }
    quantizer->number_bits = 1;
    while (quantizer->number_bits < k - 1)
        quantizer->number_bits = 2 * quantizer->number_bits + 1;
    set_leads(quantizer, off);
    return FG_OK;
}

int fg_quantizer_open(const fg_team *team, fg_quantizer *quantizer, const fg_points *points, const float *centroids, int64_t k)
{
    const int64_t d = points->d;
    double length = 0, *sum = calloc((size_t)d, sizeof(double));
    quantizer->pairs = (d + 1) / 2 + 1;
    quantizer->shift = malloc((size_t)d * sizeof(float));
    quantizer->centroids = malloc((size_t)(k * quantizer->pairs) * sizeof(int32_t));
    quantizer->numbers = malloc((size_t)k * sizeof(int32_t));
    int status = sum && quantizer->shift && quantizer->centroids && quantizer->numbers ? FG_OK : FG_NO_MEMORY;
    if (status == FG_OK)
        status = set_shift(team, quantizer, centroids, k, d, sum);
    if (status == FG_OK)
        status = set_longest(team, quantizer, centroids, k, d, &length);
    if (status == FG_OK) {
        quantizer->length = (float)(length * (1 + 0x1p-20));
        quantizer->scale = (float)(FG_QUANTIZED_LENGTH / length);
        quantizer->exact_error = (float)(4 * (double)(d + 8) * 0x1p-24);
        status = set_centroids(team, quantizer, centroids, k, d);
    }
    free(sum);
    return status;
}

void fg_quantizer_close(fg_quantizer *quantizer)
{
    free(quantizer->shift);
    free(quantizer->centroids);
    free(quantizer->numbers);
}
