/* Pooling, one output pixel after another, all its channels side by side. */

#ifndef FG_POOL_HELPERS
#define FG_POOL_HELPERS
#define FG_INLINE static inline __attribute__((always_inline))
#define FG_POOL_RUN 256

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

static void FG_NAME(take_indexed)(real *to, int64_t *indices, const real *from, int64_t n, int64_t index)
{
    for (int64_t i = 0; i < n; i++)
        if (indices[i] < 0 || from[i] > to[i] || (from[i] != from[i] && to[i] == to[i])) {
            to[i] = from[i];
            indices[i] = index;
        }
}

/* Where one output pixel lies and what it sees. */
typedef struct {
    const real *image;
    real *to;
    int64_t *indices;
    int64_t top, left;
    int64_t row_begin, row_end, column_begin, column_end; /* taps inside the image */
} FG_NAME(pixel);

#define PIXEL FG_NAME(pixel)

FG_INLINE const real *FG_NAME(cell)(const pool_job *job, const PIXEL *pixel, int64_t i, int64_t j)
{
    const fg_pool_call *call = job->call;
    return pixel->image + ((pixel->top + i * call->dilation_y) * call->width + pixel->left + j * call->dilation_x) *
                              job->channels;
}

static void FG_NAME(max_pixel)(const pool_job *job, const PIXEL *pixel)
{
    const fg_pool_call *call = job->call;
    for (int64_t c = 0; c < job->channels; c++)
        pixel->to[c] = -(real)INFINITY;
    if (pixel->indices)
        for (int64_t c = 0; c < job->channels; c++)
            pixel->indices[c] = -1;
    for (int64_t i = pixel->row_begin; i < pixel->row_end; i++)
        for (int64_t j = pixel->column_begin; j < pixel->column_end; j++) {
            const real *from = FG_NAME(cell)(job, pixel, i, j);
            if (pixel->indices)
                FG_NAME(take_indexed)(pixel->to, pixel->indices, from, job->channels,
                                      (pixel->top + i * call->dilation_y) * call->width + pixel->left +
                                          j * call->dilation_x);
            else
                FG_NAME(take_run)(pixel->to, from, job->channels, FG_MAX_POOL);
        }
}

static void FG_NAME(avg_pixel)(const pool_job *job, const PIXEL *pixel)
{
    const fg_pool_call *call = job->call;
    int64_t rows = pixel->row_end - pixel->row_begin, columns = pixel->column_end - pixel->column_begin, begin, end;
    if (call->count_include_pad) {
        fg_tap_range(pixel->top, call->size_y, call->dilation_y, -call->pad_top, call->height + call->pad_bottom,
                     &begin, &end);
        rows = end - begin;
        fg_tap_range(pixel->left, call->size_x, call->dilation_x, -call->pad_left, call->width + call->pad_right,
                     &begin, &end);
        columns = end - begin;
    }
    for (int64_t c = 0; c < job->channels; c++)
        pixel->to[c] = 0;
    for (int64_t i = pixel->row_begin; i < pixel->row_end; i++)
        for (int64_t j = pixel->column_begin; j < pixel->column_end; j++)
            FG_NAME(take_run)(pixel->to, FG_NAME(cell)(job, pixel, i, j), job->channels, FG_AVG_POOL);
    const real count = (real)(rows * columns);
    if (count > 0)
        for (int64_t c = 0; c < job->channels; c++)
            pixel->to[c] /= count;
}

/* Sums in double for either type. */
static void FG_NAME(lp_pixel)(const pool_job *job, const PIXEL *pixel)
{
    const double p = job->call->p;
    double sum[FG_POOL_RUN];
    for (int64_t first = 0; first < job->channels; first += FG_POOL_RUN) {
        const int64_t left = job->channels - first, n = left < FG_POOL_RUN ? left : FG_POOL_RUN;
        for (int64_t c = 0; c < n; c++)
            sum[c] = 0;
        for (int64_t i = pixel->row_begin; i < pixel->row_end; i++)
            for (int64_t j = pixel->column_begin; j < pixel->column_end; j++) {
                const real *from = FG_NAME(cell)(job, pixel, i, j) + first;
                if (p == 1)
                    for (int64_t c = 0; c < n; c++)
                        sum[c] += fabs((double)from[c]);
                else if (p == 2)
                    for (int64_t c = 0; c < n; c++)
                        sum[c] += (double)from[c] * (double)from[c];
                else
                    for (int64_t c = 0; c < n; c++)
                        sum[c] += fg_power(fabs((double)from[c]), p);
            }
        for (int64_t c = 0; c < n; c++)
            pixel->to[first + c] = (real)(p == 1 ? sum[c] : p == 2 ? sqrt(sum[c]) : fg_power(sum[c], 1 / p));
    }
}

static void FG_NAME(pool_pixel)(const pool_job *job, PIXEL *pixel)
{
    const fg_pool_call *call = job->call;
    fg_tap_range(pixel->left, call->size_x, call->dilation_x, 0, call->width, &pixel->column_begin,
                 &pixel->column_end);
    if (call->kind == FG_MAX_POOL)
        FG_NAME(max_pixel)(job, pixel);
    else if (call->kind == FG_AVG_POOL)
        FG_NAME(avg_pixel)(job, pixel);
    else
        FG_NAME(lp_pixel)(job, pixel);
}

static void FG_NAME(pool_chunk)(void *job_, int64_t chunk, int slot)
{
    const pool_job *job = job_;
    const fg_pool_call *call = job->call;
    const int64_t image = chunk / job->column_blocks / job->row_blocks;
    const int64_t y0 = chunk / job->column_blocks % job->row_blocks * job->rows;
    const int64_t x0 = chunk % job->column_blocks * job->columns;
    const int64_t y1 = y0 + job->rows < call->out_height ? y0 + job->rows : call->out_height;
    const int64_t x1 = x0 + job->columns < call->out_width ? x0 + job->columns : call->out_width;
    (void)slot;
    PIXEL pixel = {.image = (const real *)call->input + image * call->height * call->width * job->channels};
    for (int64_t y = y0; y < y1; y++) {
        pixel.top = y * call->stride_y - call->pad_top;
        fg_tap_range(pixel.top, call->size_y, call->dilation_y, 0, call->height, &pixel.row_begin, &pixel.row_end);
        for (int64_t x = x0; x < x1; x++) {
            const int64_t at = ((image * call->out_height + y) * call->out_width + x) * job->channels;
            pixel.left = x * call->stride_x - call->pad_left;
            pixel.to = (real *)call->output + at;
            pixel.indices = call->indices ? call->indices + at : NULL;
            FG_NAME(pool_pixel)(job, &pixel);
        }
    }
}

#undef PIXEL
