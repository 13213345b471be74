/* Pooling with the channels last: one output pixel after another, all its channels side by side. */

/* One output pixel, and the piece of its window that is pooled next. */
typedef struct {
    const real *image;
    real *to;
    int64_t *indices;
    int64_t y, x, top, left;
    fg_taps window;
    fg_piece piece;
} FG_NAME(pixel);

#define PIXEL FG_NAME(pixel)

FG_INLINE const real *FG_NAME(cell)(const pool_job *job, const PIXEL *pixel, int64_t i, int64_t j)
{
    const fg_pool_call *call = job->call;
    return pixel->image + ((pixel->top + i * call->dilation_y) * call->width + pixel->left + j * call->dilation_x) *
                              job->plan->channels;
}

/* `n` channels from c on, and where their maxima were found. */
static void FG_NAME(pool_indexed)(const pool_job *job, const PIXEL *pixel, int64_t c, int64_t n)
{
    const fg_pool_call *call = job->call;
    const fg_taps *taps = &pixel->piece.taps;
    for (int64_t i = 0; pixel->piece.first && i < n; i++) {
        pixel->to[c + i] = -(real)INFINITY;
        pixel->indices[c + i] = -1;
    }
    for (int64_t i = taps->row_begin; i < taps->row_end; i++)
        for (int64_t j = taps->column_begin; j < taps->column_end; j++) {
            const int64_t index = (pixel->top + i * call->dilation_y) * call->width + pixel->left + j * call->dilation_x;
            FG_NAME(take_indexed)(pixel->to + c, pixel->indices + c, FG_NAME(cell)(job, pixel, i, j) + c, n, index, 0);
        }
}

/* V vectors of channels from c on pass through registers; or the last `part` channels. */
FG_INLINE void FG_NAME(pool_vectors)(const pool_job *job, const PIXEL *pixel, int64_t c, int64_t part, real count,
                                     const int V, const int kind)
{
    const fg_taps *taps = &pixel->piece.taps;
    vreal pooled[POOL_VECTORS];
    for (int v = 0; v < V; v++) {
        pooled[v] = v_set1(kind == FG_MAX_POOL ? -(real)INFINITY : 0);
        if (!pixel->piece.first)
            pooled[v] = part ? v_load_part(pixel->to + c, part) : v_load(pixel->to + c + v * LANES);
    }
    for (int64_t i = taps->row_begin; i < taps->row_end; i++)
        for (int64_t j = taps->column_begin; j < taps->column_end; j++) {
            const real *from = FG_NAME(cell)(job, pixel, i, j) + c;
            for (int v = 0; v < V; v++) {
                const vreal value = part ? v_load_part(from, part) : v_load(from + v * LANES);
                pooled[v] = kind == FG_MAX_POOL ? FG_NAME(v_larger)(pooled[v], value) : v_add(pooled[v], value);
            }
        }
    for (int v = 0; v < V; v++) {
        if (kind == FG_AVG_POOL && pixel->piece.last && count > 0) /* a mean of no cells is 0 */
            pooled[v] = v_div(pooled[v], v_set1(count));
        if (part)
            v_store_part(pixel->to + c, pooled[v], part);
        else
            v_store(pixel->to + c + v * LANES, pooled[v]);
    }
}

/* The maximum or the mean of the channels from `first` to `end`. */
FG_INLINE void FG_NAME(pool_channels)(const pool_job *job, const PIXEL *pixel, int64_t first, int64_t end, real count,
                                      const int kind)
{
    int64_t c = first;
    for (; c + POOL_VECTORS * LANES <= end; c += POOL_VECTORS * LANES)
        FG_NAME(pool_vectors)(job, pixel, c, 0, count, POOL_VECTORS, kind);
    for (; c + LANES <= end; c += LANES)
        FG_NAME(pool_vectors)(job, pixel, c, 0, count, 1, kind);
    if (c < end)
        FG_NAME(pool_vectors)(job, pixel, c, end - c, count, 1, kind);
}

/* Sums in double for either type, of at most FG_POOL_RUN channels; the last piece takes the root. */
static void FG_NAME(pool_powers)(const pool_job *job, const PIXEL *pixel, int64_t c, int64_t n, double *sum)
{
    const fg_taps *taps = &pixel->piece.taps;
    for (int64_t i = 0; pixel->piece.first && i < n; i++)
        sum[i] = 0;
    for (int64_t i = taps->row_begin; i < taps->row_end; i++)
        for (int64_t j = taps->column_begin; j < taps->column_end; j++)
            FG_NAME(add_powers)(job->call->p, FG_NAME(cell)(job, pixel, i, j) + c, n, sum);
    if (!pixel->piece.last)
        return;
    FG_NAME(take_roots)(job->call->p, sum, n);
    for (int64_t i = 0; i < n; i++)
        pixel->to[c + i] = (real)sum[i];
}

/* One piece of the windows of `n` channels from c on. */
static void FG_NAME(pool_piece)(const pool_job *job, const PIXEL *pixel, int64_t c, int64_t n, double *sum)
{
    const fg_pool_call *call = job->call;
    if (call->indices)
        FG_NAME(pool_indexed)(job, pixel, c, n);
    else if (call->kind == FG_MAX_POOL)
        FG_NAME(pool_channels)(job, pixel, c, c + n, 0, FG_MAX_POOL);
    else if (call->kind == FG_LP_POOL)
        FG_NAME(pool_powers)(job, pixel, c, n, sum);
    else {
        const int64_t cells = FG_NAME(count_rows)(call, pixel->y) * FG_NAME(count_columns)(call, pixel->x);
        FG_NAME(pool_channels)(job, pixel, c, c + n, (real)cells, FG_AVG_POOL);
    }
}

/* Returns whether to leave the rest of the chunk. */
static int FG_NAME(pool_pixel)(const pool_job *job, PIXEL *pixel, fg_pool_meter *meter)
{
    const fg_pool_plan *plan = job->plan;
    const int64_t most = job->call->kind == FG_LP_POOL ? FG_POOL_RUN : FG_POOL_CHANNELS;
    double sum[FG_POOL_RUN];
    for (int64_t c = 0, n; c < plan->channels; c += n) {
        n = fg_smaller(most, plan->channels - c);
        pixel->piece = fg_first_piece(&pixel->window, plan->piece_cells);
        for (;; fg_next_piece(&pixel->window, plan->piece_cells, &pixel->piece)) {
            const fg_taps *taps = &pixel->piece.taps;
            FG_NAME(pool_piece)(job, pixel, c, n, sum);
            if (fg_spend_cells(meter, (taps->row_end - taps->row_begin) * (taps->column_end - taps->column_begin) * n))
                return 1;
            if (pixel->piece.last)
                break;
        }
    }
    return 0;
}

/* A block of output pixels of one image. Returns whether to leave the rest of the chunk. */
static int FG_NAME(pool_pixels)(const pool_job *job, int64_t image, int64_t y0, int64_t y1, int64_t x0, int64_t x1,
                                fg_pool_meter *meter)
{
    const fg_pool_call *call = job->call;
    const int64_t channels = job->plan->channels;
    PIXEL pixel = {.image = (const real *)call->input + image * call->height * call->width * channels};
    for (pixel.y = y0; pixel.y < y1; pixel.y++) {
        int64_t row_begin, row_end;
        pixel.top = pixel.y * call->stride_y - call->pad_top;
        fg_tap_range(pixel.top, call->size_y, call->dilation_y, 0, call->height, &row_begin, &row_end);
        for (pixel.x = x0; pixel.x < x1; pixel.x++) {
            const int64_t at = ((image * call->out_height + pixel.y) * call->out_width + pixel.x) * channels;
            fg_taps *window = &pixel.window;
            window->row_begin = row_begin;
            window->row_end = row_end;
            pixel.left = pixel.x * call->stride_x - call->pad_left;
            fg_tap_range(pixel.left, call->size_x, call->dilation_x, 0, call->width, &window->column_begin,
                         &window->column_end);
            pixel.to = (real *)call->output + at;
            pixel.indices = call->indices ? call->indices + at : NULL;
            if (FG_NAME(pool_pixel)(job, &pixel, meter))
                return 1;
        }
    }
    return 0;
}

static void FG_NAME(pixels_chunk)(void *job_, int64_t chunk, int slot)
{
    const pool_job *job = job_;
    const fg_pool_plan *plan = job->plan;
    const int64_t first = chunk / plan->column_blocks / plan->row_blocks * plan->together;
    const int64_t end = fg_smaller(first + plan->together, plan->images);
    const int64_t y0 = chunk / plan->column_blocks % plan->row_blocks * plan->rows;
    const int64_t x0 = chunk % plan->column_blocks * plan->columns;
    const int64_t y1 = fg_smaller(y0 + plan->rows, job->call->out_height);
    const int64_t x1 = fg_smaller(x0 + plan->columns, job->call->out_width);
    fg_pool_meter meter = {job->team, slot, FG_POOL_CHUNK_CELLS};
    for (int64_t image = first; image < end; image++)
        if (FG_NAME(pool_pixels)(job, image, y0, y1, x0, x1, &meter))
            return;
}

#undef PIXEL
