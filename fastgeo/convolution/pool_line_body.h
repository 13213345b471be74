/* Pooling of planes: neighbouring output pixels of a row, at most FG_POOL_RUN, go through the cells of their windows
   side by side, as channels do where these come last. Part of pool_body.h. */

typedef struct {
    const real *image;
    real *to;
    int64_t *indices;
    int64_t y, x, n; /* output pixels (y, x) to (y, x + n - 1) */
} FG_NAME(line);

#define LINE FG_NAME(line)

/* The outputs of a line, counted from its first, that find tap j of a row inside the image. */
static void FG_NAME(outputs_of_tap)(const fg_pool_call *call, const LINE *line, int64_t j, int64_t *begin, int64_t *end)
{
    const int64_t column = line->x * call->stride_x - call->pad_left + j * call->dilation_x;
    fg_tap_range(column, line->n, call->stride_x, 0, call->width, begin, end);
}

/* n values, each `stride` after the last, side by side. */
FG_INLINE const real *FG_NAME(side_by_side)(const real *from, int64_t n, int64_t stride, real *buffer)
{
    if (stride == 1)
        return from;
    if (stride == 2) /* the constant lets compilers make shuffles of it */
        for (int64_t i = 0; i < n; i++)
            buffer[i] = from[2 * i];
    else
        for (int64_t i = 0; i < n; i++)
            buffer[i] = from[i * stride];
    return buffer;
}

/* What `take` does with the values of each tap, in the windows' order. */
typedef void FG_NAME(take)(const pool_job *job, const LINE *line, const real *values, int64_t begin, int64_t n,
                           int64_t index, double *sum);

FG_INLINE void FG_NAME(for_taps)(const pool_job *job, const LINE *line, double *sum, FG_NAME(take) *take)
{
    const fg_pool_call *call = job->call;
    const int64_t top = line->y * call->stride_y - call->pad_top, left = line->x * call->stride_x - call->pad_left;
    int64_t row_begin, row_end, column_begin, column_end, unused;
    fg_tap_range(top, call->size_y, call->dilation_y, 0, call->height, &row_begin, &row_end);
    fg_tap_range(left + (line->n - 1) * call->stride_x, call->size_x, call->dilation_x, 0, call->width, &column_begin,
                 &unused);
    fg_tap_range(left, call->size_x, call->dilation_x, 0, call->width, &unused, &column_end);
    for (int64_t i = row_begin; i < row_end; i++)
        for (int64_t j = column_begin; j < column_end; j++) {
            real buffer[FG_POOL_RUN];
            int64_t begin, end;
            FG_NAME(outputs_of_tap)(call, line, j, &begin, &end);
            if (begin == end)
                continue;
            const int64_t index = (top + i * call->dilation_y) * call->width + left + j * call->dilation_x +
                                  begin * call->stride_x;
            const real *values = FG_NAME(side_by_side)(line->image + index, end - begin, call->stride_x, buffer);
            take(job, line, values, begin, end - begin, index, sum);
        }
}

FG_INLINE void FG_NAME(take_max)(const pool_job *job, const LINE *line, const real *values, int64_t begin, int64_t n,
                                 int64_t index, double *sum)
{
    (void)sum;
    if (line->indices)
        FG_NAME(take_indexed)(line->to + begin, line->indices + begin, values, n, index, job->call->stride_x);
    else
        FG_NAME(take_run)(line->to + begin, values, n, FG_MAX_POOL);
}

FG_INLINE void FG_NAME(take_mean)(const pool_job *job, const LINE *line, const real *values, int64_t begin, int64_t n,
                                  int64_t index, double *sum)
{
    (void)job, (void)index, (void)sum;
    FG_NAME(take_run)(line->to + begin, values, n, FG_AVG_POOL);
}

FG_INLINE void FG_NAME(take_powers)(const pool_job *job, const LINE *line, const real *values, int64_t begin,
                                    int64_t n, int64_t index, double *sum)
{
    (void)line, (void)index;
    FG_NAME(add_powers)(job->call->p, values, n, sum + begin);
}

static void FG_NAME(max_line)(const pool_job *job, const LINE *line)
{
    for (int64_t x = 0; x < line->n; x++)
        line->to[x] = -(real)INFINITY;
    for (int64_t x = 0; line->indices && x < line->n; x++)
        line->indices[x] = -1;
    FG_NAME(for_taps)(job, line, NULL, FG_NAME(take_max));
}

static void FG_NAME(avg_line)(const pool_job *job, const LINE *line)
{
    const fg_pool_call *call = job->call;
    const int64_t padded = call->count_include_pad, rows = FG_NAME(count_rows)(call, line->y);
    for (int64_t x = 0; x < line->n; x++)
        line->to[x] = 0;
    FG_NAME(for_taps)(job, line, NULL, FG_NAME(take_mean));
    /* Between the outputs whose first and whose last tap is outside, all columns count. */
    const int64_t low = padded ? -call->pad_left : 0, high = call->width + (padded ? call->pad_right : 0);
    const int64_t left = line->x * call->stride_x - call->pad_left, reach = (call->size_x - 1) * call->dilation_x;
    int64_t full_begin, full_end, unused;
    fg_tap_range(left, line->n, call->stride_x, low, high, &full_begin, &unused);
    fg_tap_range(left + reach, line->n, call->stride_x, low, high, &unused, &full_end);
    const real full = (real)(rows * call->size_x);
    for (int64_t x = 0; x < line->n; x++) {
        if (x == full_begin && full_begin < full_end) {
            FG_NAME(divide_run)(line->to + x, full_end - x, full);
            x = full_end - 1;
            continue;
        }
        FG_NAME(divide_run)(line->to + x, 1, (real)(rows * FG_NAME(count_columns)(call, line->x + x)));
    }
}

static void FG_NAME(lp_line)(const pool_job *job, const LINE *line)
{
    double sum[FG_POOL_RUN] = {0};
    FG_NAME(for_taps)(job, line, sum, FG_NAME(take_powers));
    FG_NAME(take_roots)(job->call->p, sum, line->n, line->to);
}

/* One output pixel, where a line has too few to fill a vector: its cells pass through one register. */
static void FG_NAME(pool_one)(const pool_job *job, const LINE *line)
{
    const fg_pool_call *call = job->call;
    const int64_t top = line->y * call->stride_y - call->pad_top, left = line->x * call->stride_x - call->pad_left;
    int64_t row_begin, row_end, begin, end;
    fg_tap_range(top, call->size_y, call->dilation_y, 0, call->height, &row_begin, &row_end);
    fg_tap_range(left, call->size_x, call->dilation_x, 0, call->width, &begin, &end);
    real value = call->kind == FG_MAX_POOL ? -(real)INFINITY : 0;
    double sum = 0;
    for (int64_t i = row_begin; i < row_end; i++) {
        const real *row = line->image + (top + i * call->dilation_y) * call->width + left;
        if (call->kind == FG_MAX_POOL)
            for (int64_t j = begin; j < end; j++)
                value = FG_NAME(larger)(value, row[j * call->dilation_x]);
        else if (call->kind == FG_AVG_POOL)
            for (int64_t j = begin; j < end; j++)
                value += row[j * call->dilation_x];
        else
            for (int64_t j = begin; j < end; j++)
                FG_NAME(add_powers)(call->p, row + j * call->dilation_x, 1, &sum);
    }
    if (call->kind == FG_AVG_POOL)
        FG_NAME(divide_run)(&value, 1,
                            (real)(FG_NAME(count_rows)(call, line->y) * FG_NAME(count_columns)(call, line->x)));
    else if (call->kind == FG_LP_POOL)
        FG_NAME(take_roots)(call->p, &sum, 1, &value);
    *line->to = value;
}

/* A block of output pixels of one plane. */
static void FG_NAME(pool_lines)(const pool_job *job, int64_t plane, int64_t y0, int64_t y1, int64_t x0, int64_t x1)
{
    const fg_pool_call *call = job->call;
    const int64_t run = x1 - x0 < FG_POOL_SHORT && !call->indices ? 1 : FG_POOL_RUN;
    LINE line = {.image = (const real *)call->input + plane * call->height * call->width};
    for (line.y = y0; line.y < y1; line.y++)
        for (line.x = x0; line.x < x1; line.x += run) {
            const int64_t at = (plane * call->out_height + line.y) * call->out_width + line.x;
            line.n = line.x + run < x1 ? run : x1 - line.x;
            line.to = (real *)call->output + at;
            line.indices = call->indices ? call->indices + at : NULL;
            if (run == 1)
                FG_NAME(pool_one)(job, &line);
            else if (call->kind == FG_MAX_POOL)
                FG_NAME(max_line)(job, &line);
            else if (call->kind == FG_AVG_POOL)
                FG_NAME(avg_line)(job, &line);
            else
                FG_NAME(lp_line)(job, &line);
        }
}

#undef LINE
