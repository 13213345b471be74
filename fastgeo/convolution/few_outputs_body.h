/* Few input and output channels: a vector holds neighbouring pixels of one output channel, two vectors of pixels by
   HALF output channels stay in registers, and each weight is broadcast. The input passes through a strip in which every
   channel has a plane of its own, padding included, and so has every phase of the horizontal stride. The finished tile
   is a square matrix; transposed it holds pixels. */

#if LANES >= 4
#define HALF (LANES / 2)
#else
#define HALF 1
#endif

typedef struct {
    const int64_t *offsets; /* of the values that a window reads, in the order of the chain */
    const real *weights;
    real start[HALF];
    int64_t depth, outputs;
    int relu;
} FG_NAME(few);

#define FEW FG_NAME(few)

/* 2 * LANES pixels beside each other. */
FG_INLINE void FG_NAME(few_tile)(const FEW *few, const real *at, real *out)
{
    vreal sum[2 * HALF];
    FG_UNROLL for (int o = 0; o < HALF; o++) sum[o] = sum[HALF + o] = v_set1(few->start[o]);
    const real *weights = few->weights;
    for (const int64_t *offset = few->offsets; offset < few->offsets + few->depth; offset++, weights += 2 * LANES) {
        const vreal x0 = v_load(at + *offset), x1 = v_load(at + *offset + LANES);
        FG_UNROLL for (int o = 0; o < HALF; o++)
        {
            const vreal w = v_set1(weights[o]);
            sum[o] = v_fma(x0, w, sum[o]);
            sum[HALF + o] = v_fma(x1, w, sum[HALF + o]);
        }
    }
    if (few->relu)
        FG_UNROLL for (int i = 0; i < 2 * HALF; i++) sum[i] = v_max(v_set1(0), sum[i]); /* 0 > x ? 0 : x keeps NaN */
#if LANES >= 4
    v_transpose(sum);
    const int64_t n = few->outputs;
    if (n == HALF) {
        FG_UNROLL for (int p = 0; p < LANES; p++)
        {
            v_store_low(out + p * HALF, sum[p]);
            v_store_high(out + (LANES + p) * HALF, sum[p]);
        }
        return;
    }
    for (int p = 0; p < LANES; p++) {
        real both[LANES];
        v_store(both, sum[p]);
        for (int64_t o = 0; o < n; o++) {
            out[p * n + o] = both[o];
            out[(LANES + p) * n + o] = both[HALF + o];
        }
    }
#else
    (void)out;
#endif
}

/* Every third value of three rows side by side; written so that compilers make shuffles of it. */
static void FG_NAME(split_three)(const real *restrict from, int64_t n, real *restrict a, real *restrict b,
                                 real *restrict c)
{
    for (int64_t i = 0; i < n; i++) {
        a[i] = from[3 * i];
        b[i] = from[3 * i + 1];
        c[i] = from[3 * i + 2];
    }
}

/* One input row, from column `left` of the padded image on, into the planes of a strip; NULL: zeros. */
static void FG_NAME(split_row)(const fg_conv_call *call, const real *row, int64_t left, int64_t columns, int64_t length,
                               real *to)
{
    const int64_t channels = call->channels, stride = call->stride_x;
    if (!row) {
        memset(to, 0, (size_t)(channels * stride * length) * sizeof(real));
        return;
    }
    const int64_t inside = left > 0 ? left : 0, end = least(call->width, left + columns);
    if (channels == 3 && stride == 1 && inside < end) {
        real *at = to + inside - left;
        FG_NAME(split_three)(row + inside * 3, end - inside, at, at + length, at + 2 * length);
    }
    for (int64_t c = 0; c < channels; c++)
        for (int64_t phase = 0; phase < stride; phase++, to += length)
            for (int64_t i = 0, x = left + phase; x < left + columns; x += stride, i++) {
                if (channels == 3 && stride == 1 && x == inside && x < end) {
                    x = end - 1;
                    i = x - left;
                    continue;
                }
                const int64_t found = fg_padded_index(x, call->width, call->padding_mode);
                to[i] = found < 0 ? 0 : row[found * channels + c];
            }
}

static void FG_NAME(few_outputs_chunk)(void *job_, int64_t chunk, int slot)
{
    const conv_job *job = job_;
    const fg_conv_call *call = job->call;
    const int64_t x0 = chunk % job->blocks.columns * job->block.columns;
    const int64_t y0 = chunk / job->blocks.columns % job->blocks.rows * job->block.rows;
    const int64_t image = chunk / job->blocks.columns / job->blocks.rows;
    const int64_t outputs = least(job->block.columns, call->out_width - x0);
    const int64_t rows = least(job->block.rows, call->out_height - y0);
    const int64_t left = x0 * call->stride_x - call->pad_left, top = y0 * call->stride_y - call->pad_top;
    const int64_t columns = (outputs - 1) * call->stride_x + (call->kernel_width - 1) * call->dilation_x + 1;
    const int64_t length = (columns + call->stride_x - 1) / call->stride_x;
    const int64_t pitch = length * call->stride_x * call->channels;
    int64_t *offsets = (int64_t *)(void *)(job->slots + (size_t)slot * job->slot_size), *offset = offsets;
    real *strip = (real *)(void *)(job->slots + (size_t)slot * job->slot_size + job->cells_size);
    FEW few = {.offsets = offsets, .weights = (const real *)(const void *)job->weights};
    few.depth = job->depth;
    few.outputs = call->out_channels;
    few.relu = call->relu;
    for (int64_t o = 0; call->bias && o < call->out_channels; o++)
        few.start[o] = ((const real *)call->bias)[o];
    for (int64_t i = 0; i < call->kernel_height; i++)
        for (int64_t j = 0; j < call->kernel_width; j++)
            for (int64_t c = 0; c < call->channels; c++) {
                const int64_t x = j * call->dilation_x, phase = c * call->stride_x + x % call->stride_x;
                *offset++ = i * call->dilation_y * pitch + phase * length + x / call->stride_x;
            }
    const int64_t strip_rows = (rows - 1) * call->stride_y + (call->kernel_height - 1) * call->dilation_y + 1;
    for (int64_t i = 0; i < strip_rows; i++) {
        const int64_t y = fg_padded_index(top + i, call->height, call->padding_mode);
        const real *row = NULL;
        if (y >= 0)
            row = (const real *)call->input + (image * call->height + y) * call->width * call->channels;
        FG_NAME(split_row)(call, row, left, columns, length, strip + i * pitch);
    }
    for (int64_t y = 0; y < rows; y++) {
        const real *at = strip + y * call->stride_y * pitch;
        real *out = (real *)call->output +
                    ((image * call->out_height + y0 + y) * call->out_width + x0) * call->out_channels;
        /* The last tile is moved back over the one before: the same values twice. */
        for (int64_t x = 0; x < outputs; x += 2 * LANES) {
            const int64_t start = least(x, outputs - 2 * LANES);
            FG_NAME(few_tile)(&few, at + start, out + start * call->out_channels);
        }
    }
}

#undef HALF
#undef FEW
