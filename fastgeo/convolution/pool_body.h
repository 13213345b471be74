/* Pooling: where channels come last one output pixel after another, all its channels side by side. */

#ifndef FG_POOL_HELPERS
#define FG_POOL_HELPERS
#define FG_INLINE static inline __attribute__((always_inline))
#define FG_POOL_RUN 256
#define FG_POOL_SHORT 5 /* fewer outputs in a row are taken one by one */
enum { POOL_VECTORS = 4 }; /* of channels that pass through registers together */

/* The taps k of a window beginning at `start` whose cells start + k * dilation lie in [low, high). */
static void fg_tap_range(int64_t start, int64_t size, int64_t dilation, int64_t low, int64_t high, int64_t *begin,
                         int64_t *end)
{
    *begin = start >= low ? 0 : (low - start + dilation - 1) / dilation;
    *end = start >= high ? 0 : (high - start + dilation - 1) / dilation;
    if (*end > size)
        *end = size;
    if (*begin > *end)
        *begin = *end;
}
#endif

FG_INLINE vreal FG_NAME(v_larger)(vreal best, vreal value)
{
    return v_select(v_eq(value, value), v_max(value, best), value);
}

FG_INLINE real FG_NAME(larger)(real best, real value) { return value > best || value != value ? value : best; }

/* Takes n values side by side into a maximum or a sum. */
FG_INLINE void FG_NAME(take_run)(real *to, const real *from, int64_t n, const int kind)
{
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const vreal old = v_load(to + i), value = v_load(from + i);
        v_store(to + i, kind == FG_MAX_POOL ? FG_NAME(v_larger)(old, value) : v_add(old, value));
    }
    for (; i < n; i++)
        to[i] = kind == FG_MAX_POOL ? FG_NAME(larger)(to[i], from[i]) : to[i] + from[i];
}

/* The same with where each was found: at `index`, and `step` further for each after the first. */
static void FG_NAME(take_indexed)(real *to, int64_t *indices, const real *from, int64_t n, int64_t index, int64_t step)
{
    for (int64_t i = 0; i < n; i++)
        if (indices[i] < 0 || from[i] > to[i] || (from[i] != from[i] && to[i] == to[i])) {
            to[i] = from[i];
            indices[i] = index + i * step;
        }
}

/* A mean of no cells is 0. */
static void FG_NAME(divide_run)(real *to, int64_t n, real count)
{
    if (count > 0)
        for (int64_t i = 0; i < n; i++)
            to[i] /= count;
}

static void FG_NAME(add_powers)(double p, const real *from, int64_t n, double *sum)
{
    if (p == 1)
        for (int64_t i = 0; i < n; i++)
            sum[i] += fabs((double)from[i]);
    else if (p == 2)
        for (int64_t i = 0; i < n; i++)
            sum[i] += (double)from[i] * (double)from[i];
    else
        for (int64_t i = 0; i < n; i++)
            sum[i] += fg_power(fabs((double)from[i]), p);
}

static void FG_NAME(take_roots)(double p, const double *sum, int64_t n, real *to)
{
    for (int64_t i = 0; i < n; i++)
        to[i] = (real)(p == 1 ? sum[i] : p == 2 ? sqrt(sum[i]) : fg_power(sum[i], 1 / p));
}

/* The cells of a window that count in a mean are these rows times these columns. */
static int64_t FG_NAME(count_rows)(const fg_pool_call *call, int64_t y)
{
    const int64_t top = y * call->stride_y - call->pad_top, padded = call->count_include_pad;
    int64_t begin, end;
    fg_tap_range(top, call->size_y, call->dilation_y, padded ? -call->pad_top : 0,
                 call->height + (padded ? call->pad_bottom : 0), &begin, &end);
    return end - begin;
}

static int64_t FG_NAME(count_columns)(const fg_pool_call *call, int64_t x)
{
    const int64_t left = x * call->stride_x - call->pad_left, padded = call->count_include_pad;
    int64_t begin, end;
    fg_tap_range(left, call->size_x, call->dilation_x, padded ? -call->pad_left : 0,
                 call->width + (padded ? call->pad_right : 0), &begin, &end);
    return end - begin;
}

#include "convolution/pool_line_body.h"

/* Where one output pixel lies and what it sees. */
typedef struct {
    const real *image;
    real *to;
    int64_t *indices;
    int64_t y, x, top, left;
    int64_t row_begin, row_end, column_begin, column_end; /* taps inside the image */
} FG_NAME(pixel);

#define PIXEL FG_NAME(pixel)

FG_INLINE const real *FG_NAME(cell)(const pool_job *job, const PIXEL *pixel, int64_t i, int64_t j)
{
    const fg_pool_call *call = job->call;
    return pixel->image + ((pixel->top + i * call->dilation_y) * call->width + pixel->left + j * call->dilation_x) *
                              job->channels;
}

static void FG_NAME(indexed_pixel)(const pool_job *job, const PIXEL *pixel)
{
    const fg_pool_call *call = job->call;
    for (int64_t c = 0; c < job->channels; c++) {
        pixel->to[c] = -(real)INFINITY;
        pixel->indices[c] = -1;
    }
    for (int64_t i = pixel->row_begin; i < pixel->row_end; i++)
        for (int64_t j = pixel->column_begin; j < pixel->column_end; j++) {
            const int64_t index = (pixel->top + i * call->dilation_y) * call->width + pixel->left + j * call->dilation_x;
            FG_NAME(take_indexed)(pixel->to, pixel->indices, FG_NAME(cell)(job, pixel, i, j), job->channels, index, 0);
        }
}

/* V vectors of channels from c on pass through registers; or the last `part` channels. */
FG_INLINE void FG_NAME(pool_vectors)(const pool_job *job, const PIXEL *pixel, int64_t c, int64_t part, real count,
                                     const int V, const int kind)
{
    vreal pooled[POOL_VECTORS];
    for (int v = 0; v < V; v++)
        pooled[v] = v_set1(kind == FG_MAX_POOL ? -(real)INFINITY : 0);
    for (int64_t i = pixel->row_begin; i < pixel->row_end; i++)
        for (int64_t j = pixel->column_begin; j < pixel->column_end; j++) {
            const real *from = FG_NAME(cell)(job, pixel, i, j) + c;
            for (int v = 0; v < V; v++) {
                const vreal value = part ? v_load_part(from, part) : v_load(from + v * LANES);
                pooled[v] = kind == FG_MAX_POOL ? FG_NAME(v_larger)(pooled[v], value) : v_add(pooled[v], value);
            }
        }
    for (int v = 0; v < V; v++) {
        if (kind == FG_AVG_POOL && count > 0) /* a mean of no cells is 0 */
            pooled[v] = v_div(pooled[v], v_set1(count));
        if (part)
            v_store_part(pixel->to + c, pooled[v], part);
        else
            v_store(pixel->to + c + v * LANES, pooled[v]);
    }
}

/* The maximum or the mean of all channels. */
FG_INLINE void FG_NAME(pool_channels)(const pool_job *job, const PIXEL *pixel, real count, const int kind)
{
    int64_t c = 0;
    for (; c + POOL_VECTORS * LANES <= job->channels; c += POOL_VECTORS * LANES)
        FG_NAME(pool_vectors)(job, pixel, c, 0, count, POOL_VECTORS, kind);
    for (; c + LANES <= job->channels; c += LANES)
        FG_NAME(pool_vectors)(job, pixel, c, 0, count, 1, kind);
    if (c < job->channels)
        FG_NAME(pool_vectors)(job, pixel, c, job->channels - c, count, 1, kind);
}

static void FG_NAME(max_pixel)(const pool_job *job, const PIXEL *pixel)
{
    FG_NAME(pool_channels)(job, pixel, 0, FG_MAX_POOL);
}

static void FG_NAME(avg_pixel)(const pool_job *job, const PIXEL *pixel)
{
    const fg_pool_call *call = job->call;
    const int64_t cells = FG_NAME(count_rows)(call, pixel->y) * FG_NAME(count_columns)(call, pixel->x);
    FG_NAME(pool_channels)(job, pixel, (real)cells, FG_AVG_POOL);
}

/* Sums in double for either type. */
static void FG_NAME(lp_pixel)(const pool_job *job, const PIXEL *pixel)
{
    double sum[FG_POOL_RUN];
    for (int64_t first = 0; first < job->channels; first += FG_POOL_RUN) {
        const int64_t left = job->channels - first, n = left < FG_POOL_RUN ? left : FG_POOL_RUN;
        for (int64_t c = 0; c < n; c++)
            sum[c] = 0;
        for (int64_t i = pixel->row_begin; i < pixel->row_end; i++)
            for (int64_t j = pixel->column_begin; j < pixel->column_end; j++)
                FG_NAME(add_powers)(job->call->p, FG_NAME(cell)(job, pixel, i, j) + first, n, sum);
        FG_NAME(take_roots)(job->call->p, sum, n, pixel->to + first);
    }
}

static void FG_NAME(pool_pixel)(const pool_job *job, PIXEL *pixel)
{
    const fg_pool_call *call = job->call;
    fg_tap_range(pixel->left, call->size_x, call->dilation_x, 0, call->width, &pixel->column_begin,
                 &pixel->column_end);
    if (call->indices)
        FG_NAME(indexed_pixel)(job, pixel);
    else if (call->kind == FG_MAX_POOL)
        FG_NAME(max_pixel)(job, pixel);
    else if (call->kind == FG_AVG_POOL)
        FG_NAME(avg_pixel)(job, pixel);
    else
        FG_NAME(lp_pixel)(job, pixel);
}

/* A block of output pixels, channels last. */
static void FG_NAME(pool_pixels)(const pool_job *job, int64_t image, int64_t y0, int64_t y1, int64_t x0, int64_t x1)
{
    const fg_pool_call *call = job->call;
    PIXEL pixel = {.image = (const real *)call->input + image * call->height * call->width * job->channels};
    for (int64_t y = y0; y < y1; y++) {
        pixel.y = y;
        pixel.top = y * call->stride_y - call->pad_top;
        fg_tap_range(pixel.top, call->size_y, call->dilation_y, 0, call->height, &pixel.row_begin, &pixel.row_end);
        for (int64_t x = x0; x < x1; x++) {
            const int64_t at = ((image * call->out_height + y) * call->out_width + x) * job->channels;
            pixel.x = x;
            pixel.left = x * call->stride_x - call->pad_left;
            pixel.to = (real *)call->output + at;
            pixel.indices = call->indices ? call->indices + at : NULL;
            FG_NAME(pool_pixel)(job, &pixel);
        }
    }
}

static void FG_NAME(pool_chunk)(void *job_, int64_t chunk, int slot)
{
    const pool_job *job = job_;
    const fg_pool_call *call = job->call;
    const int64_t first = chunk / job->column_blocks / job->row_blocks * job->together;
    const int64_t end = first + job->together < job->images ? first + job->together : job->images;
    const int64_t y0 = chunk / job->column_blocks % job->row_blocks * job->rows;
    const int64_t x0 = chunk % job->column_blocks * job->columns;
    const int64_t y1 = y0 + job->rows < call->out_height ? y0 + job->rows : call->out_height;
    const int64_t x1 = x0 + job->columns < call->out_width ? x0 + job->columns : call->out_width;
    (void)slot;
    for (int64_t image = first; image < end; image++)
        if (call->planar)
            FG_NAME(pool_lines)(job, image, y0, y1, x0, x1);
        else
            FG_NAME(pool_pixels)(job, image, y0, y1, x0, x1);
}

#undef PIXEL
