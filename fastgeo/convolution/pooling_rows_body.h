/* Pooling of planes: neighbouring output pixels of a row, at most FG_POOL_RUN, go through the cells of their windows side
   by side, as channels do where these come last. */

typedef struct {
    const real *image;
    real *to;
    int64_t *indices;
    int64_t y, x, n; /* output pixels (y, x) to (y, x + n - 1) */
    fg_pool_meter *meter;
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
            if (fg_spend_cells(line->meter, end - begin))
                return;
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
    FG_NAME(take_roots)(job->call->p, sum, line->n);
    for (int64_t x = 0; x < line->n; x++)
        line->to[x] = (real)sum[x];
}

/* Cells of one window, `step` apart, join what has been found of it, one after the other. */
FG_INLINE void FG_NAME(take_cells)(const fg_pool_call *call, const real *from, int64_t n, int64_t step, real *value,
                                   double *sum)
{
    if (call->kind == FG_MAX_POOL)
        for (int64_t i = 0; i < n; i++)
            *value = FG_NAME(larger)(*value, from[i * step]);
    else if (call->kind == FG_AVG_POOL)
        for (int64_t i = 0; i < n; i++)
            *value += from[i * step];
    else
        for (int64_t i = 0; i < n; i += FG_POOL_RUN) {
            const int64_t run = fg_smaller(FG_POOL_RUN, n - i);
            real cells[FG_POOL_RUN];
            double powers[FG_POOL_RUN] = {0};
            for (int64_t k = 0; k < run; k++)
                cells[k] = from[(i + k) * step];
            FG_NAME(add_powers)(call->p, cells, run, powers);
            for (int64_t k = 0; k < run; k++)
                *sum += powers[k];
        }
}

/* One output pixel, where a line has too few to fill a vector: its cells pass through one register. */
static void FG_NAME(pool_one)(const pool_job *job, const LINE *line)
{
    const fg_pool_call *call = job->call;
    const int64_t top = line->y * call->stride_y - call->pad_top, left = line->x * call->stride_x - call->pad_left;
    fg_taps window;
    fg_tap_range(top, call->size_y, call->dilation_y, 0, call->height, &window.row_begin, &window.row_end);
    fg_tap_range(left, call->size_x, call->dilation_x, 0, call->width, &window.column_begin, &window.column_end);
    real value = call->kind == FG_MAX_POOL ? -(real)INFINITY : 0;
    double sum = 0;
    fg_piece piece = fg_first_piece(&window, job->plan->piece_cells);
    for (;; fg_next_piece(&window, job->plan->piece_cells, &piece)) {
        const int64_t n = piece.taps.column_end - piece.taps.column_begin;
        for (int64_t i = piece.taps.row_begin; i < piece.taps.row_end; i++)
            FG_NAME(take_cells)(call, line->image + (top + i * call->dilation_y) * call->width + left +
                                          piece.taps.column_begin * call->dilation_x,
                                n, call->dilation_x, &value, &sum);
        if (fg_spend_cells(line->meter, n * (piece.taps.row_end - piece.taps.row_begin)))
            return;
        if (piece.last)
            break;
    }
    if (call->kind == FG_AVG_POOL)
        FG_NAME(divide_run)(&value, 1,
                            (real)(FG_NAME(count_rows)(call, line->y) * FG_NAME(count_columns)(call, line->x)));
    else if (call->kind == FG_LP_POOL) {
        FG_NAME(take_roots)(call->p, &sum, 1);
        value = (real)sum;
    }
    *line->to = value;
}

/* A block of output pixels of one plane. */
static void FG_NAME(pool_lines)(const pool_job *job, int64_t plane, int64_t y0, int64_t y1, int64_t x0, int64_t x1,
                                fg_pool_meter *meter)
{
    const fg_pool_call *call = job->call;
    const int64_t run = x1 - x0 < FG_POOL_SHORT_ROW && !call->indices ? 1 : FG_POOL_RUN;
    LINE line = {.image = (const real *)call->input + plane * call->height * call->width, .meter = meter};
    for (line.y = y0; line.y < y1; line.y++)
        for (line.x = x0; line.x < x1; line.x += run) {
            const int64_t at = (plane * call->out_height + line.y) * call->out_width + line.x;
            line.n = fg_smaller(run, x1 - line.x);
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

static void FG_NAME(rows_chunk)(void *job_, int64_t chunk, int slot)
{
    const pool_job *job = job_;
    const fg_pool_plan *plan = job->plan;
    const int64_t first = chunk / plan->column_blocks / plan->row_blocks * plan->together;
    const int64_t end = fg_smaller(first + plan->together, plan->images);
    const int64_t y0 = chunk / plan->column_blocks % plan->row_blocks * plan->rows;
    const int64_t x0 = chunk % plan->column_blocks * plan->columns;
    fg_pool_meter meter = {job->team, slot, FG_POOL_CHUNK_CELLS};
    for (int64_t plane = first; plane < end; plane++)
        FG_NAME(pool_lines)(job, plane, y0, fg_smaller(y0 + plan->rows, job->call->out_height), x0,
                            fg_smaller(x0 + plan->columns, job->call->out_width), &meter);
}

#undef LINE
