/* Pixel vectors, for few output channels: a vector holds neighbouring pixels of one of them. WIDE such vectors of up to MOST channels stay
   in registers, and each weight is broadcast against them, so that no lane is left empty. The input passes through a
   strip in which every channel has a plane of its own, padding included, and so has every phase of the
   horizontal stride. Channels last, the finished vectors are zipped to pixels. */
#include "convolution/common_body.h"

#include "convolution/gather_body.h"

#define WIDE 3
#define LAST_STEPS 4 /* of the chain, which go by vectors */
#define FEW_LINE (64 / (int64_t)sizeof(real))
/* Of one panel of weights, which holds two vectors of outputs; scalar code does not run here. */
#if REGISTERS >= 32 && LANES >= 4
#define MOST 8
#else
#define MOST 4
#endif
_Static_assert(MOST <= 2 * LANES || LANES == 1, "MOST");

typedef struct {
    const int64_t *offsets; /* of the values that a window reads, in the order of the chain */
    int64_t depth;
    const real *weights, *bias; /* of the first output channel of this pass */
    int64_t pitch;              /* from pixel to pixel or, planar, from plane to plane */
    int64_t tile_reach;         /* from the first output of a tile to its last line in memory */
    int planar, relu;
} FG_NAME(few);

#define FEW FG_NAME(few)

/* One vector of pixels, `outs` output channels side by side. Where these are no power of two, what is stored beyond
   them belongs to a pixel that is stored later; the last pixel is stored exactly. */
FG_INLINE void FG_NAME(store_pixels)(const vreal *sums, int64_t pitch, real *out, const int outs)
{
    const int n = outs > 4 ? 8 : outs > 2 ? 4 : outs;
    vreal rows[MOST];
    FG_UNROLL for (int o = 0; o < n; o++) rows[o] = sums[o < outs ? o : 0];
    if (n == 2) {
        rows[0] = v_zip_low(sums[0], sums[1]);
        rows[1] = v_zip_high(sums[0], sums[1]);
    }
    if (n == 4)
        v_zip4(rows);
#if MOST == 8
    if (n == 8)
        v_zip8(rows);
#endif
    if (pitch == n) {
        FG_UNROLL for (int i = 0; i < n; i++) v_store(out + i * LANES, rows[i]);
        return;
    }
    real pixels[MOST * LANES];
    FG_UNROLL for (int i = 0; i < n; i++) v_store(pixels + i * LANES, rows[i]);
    for (int p = 0; p < LANES - 1; p++)
        memcpy(out + p * pitch, pixels + p * n, (size_t)n * sizeof(real));
    memcpy(out + (LANES - 1) * pitch, pixels + (LANES - 1) * n, (size_t)outs * sizeof(real));
}

/* Some more values of the windows join the sums of the vectors `first` to `end`. Meanwhile the lines that the tile will
   write come into the cache. */
FG_INLINE void FG_NAME(few_steps)(const FEW *few, const real *at, int64_t step, int64_t stop, const real *out,
                                  vreal sum[][MOST], const int first, const int end, const int outs)
{
    const real *weights = few->weights + step * 2 * LANES, *const last_line = out + few->tile_reach;
    for (const int64_t *offset = few->offsets + step; offset < few->offsets + stop; offset++, weights += 2 * LANES) {
        vreal x[WIDE];
        FG_UNROLL for (int v = first; v < end; v++) x[v] = v_load(at + *offset + v * LANES);
        FG_UNROLL for (int o = 0; o < outs; o++)
        {
            const vreal w = v_broadcast(weights + o);
            FG_UNROLL for (int v = first; v < end; v++) sum[v][o] = v_fma(x[v], w, sum[v][o]);
        }
        if (first > 0)
            continue;
        FG_PREFETCH_OUT(out);
        out += out < last_line ? FEW_LINE : 0;
    }
}

/* wide * LANES pixels beside each other. The last steps go by vectors: one is zipped while another multiplies. */
FG_INLINE void FG_NAME(few_tile)(const FEW *few, const real *at, real *out, const int outs, const int wide)
{
    vreal sum[WIDE][MOST];
    FG_UNROLL for (int o = 0; o < outs; o++)
    {
        const vreal start = few->bias ? v_broadcast(few->bias + o) : v_set1(0);
        FG_UNROLL for (int v = 0; v < wide; v++) sum[v][o] = start;
    }
    const int64_t together = wide > 1 && few->depth > LAST_STEPS ? few->depth - LAST_STEPS : 0;
    if (wide > 1)
        FG_NAME(few_steps)(few, at, 0, together, out, sum, 0, wide, outs);
    FG_UNROLL for (int v = 0; v < wide; v++)
    {
        FG_NAME(few_steps)(few, at, together, few->depth, out, sum, v, v + 1, outs);
        if (few->relu)
            FG_UNROLL for (int o = 0; o < outs; o++) sum[v][o] = FG_ACTIVATED(1, sum[v][o]);
        if (few->planar)
            FG_UNROLL for (int o = 0; o < outs; o++) v_store(out + o * few->pitch + v * LANES, sum[v][o]);
        else
            FG_NAME(store_pixels)(sum[v], few->pitch, out + v * LANES * few->pitch, outs);
    }
}

/* A row of pixels. The last tile is moved back over the one before: the same values twice. */
FG_INLINE void FG_NAME(few_row)(const FEW *few, const real *at, real *out, int64_t pixels, const int outs)
{
    const int64_t step = few->planar ? 1 : few->pitch;
    int64_t x = 0;
    for (; x + WIDE * LANES <= pixels; x += WIDE * LANES)
        FG_NAME(few_tile)(few, at + x, out + x * step, outs, WIDE);
    while (x < pixels) {
        const int64_t vectors = pixels - x > LANES && pixels >= 2 * LANES ? 2 : 1;
        const int64_t begin = fg_least(x, pixels - vectors * LANES);
        if (vectors == 2)
            FG_NAME(few_tile)(few, at + begin, out + begin * step, outs, 2);
        else
            FG_NAME(few_tile)(few, at + begin, out + begin * step, outs, 1);
        x = begin + vectors * LANES;
    }
}

#define FEW_ROW(outs) \
    static void FG_NAME(few_row_##outs)(const FEW *few, const real *at, real *out, int64_t pixels) \
    { \
        FG_NAME(few_row)(few, at, out, pixels, outs); \
    }

FEW_ROW(1)
FEW_ROW(2)
FEW_ROW(3)
FEW_ROW(4)
#if MOST == 8
FEW_ROW(5)
FEW_ROW(6)
FEW_ROW(7)
FEW_ROW(8)
#endif

static void (*const FG_NAME(few_rows)[MOST])(const FEW *, const real *, real *, int64_t) = {
    FG_NAME(few_row_1), FG_NAME(few_row_2), FG_NAME(few_row_3), FG_NAME(few_row_4),
#if MOST == 8
    FG_NAME(few_row_5), FG_NAME(few_row_6), FG_NAME(few_row_7), FG_NAME(few_row_8),
#endif
};

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

/* n cells of m values, at least 2: value j of each goes to row j of `to`, `pitch` values long. */
static void FG_NAME(split_cells)(const real *from, int64_t n, int64_t m, real *to, int64_t pitch)
{
    if (m == 3) {
        FG_NAME(split_three)(from, n, to, to + pitch, to + 2 * pitch);
        return;
    }
    int64_t i = 0;
    for (; i + LANES <= n && (i + LANES - 1) * m + (m - 1) / LANES * LANES + LANES <= n * m; i += LANES)
        for (int64_t j = 0; j < m; j += LANES) {
            vreal square[LANES];
            FG_UNROLL for (int k = 0; k < LANES; k++) square[k] = v_load(from + (i + k) * m + j);
            v_transpose(square);
            for (int64_t k = 0; k < LANES && j + k < m; k++)
                v_store(to + (j + k) * pitch + i, square[k]);
        }
    for (; i < n; i++)
        for (int64_t j = 0; j < m; j++)
            to[j * pitch + i] = from[i * m + j];
}

/* The input rows from `top` on that a chunk reads, with the padding, each as stride_x * channels planes of `length` values:
   value c of column x goes to place x / stride of plane x % stride * channels + c; channels first, the planes of one
   channel after those of another. */
static void FG_NAME(split_rows)(const fg_conv_call *call, int64_t image, int64_t top, int64_t rows,
                                const int64_t *columns, int64_t length, real *line, real *to)
{
    /* Channels first, every plane is an image of one channel. */
    fg_conv_call part = *call;
    const int64_t parts = call->planar ? call->channels : 1;
    part.channels = call->channels / parts;
    part.planar = 0;
    const int64_t m = part.channels * call->stride_x, n = length * call->stride_x;
    /* A column is at most one away from the one before: ends so far apart are those of one run, without padding. */
    const int is_run = columns[0] >= 0 && columns[n - 1] - columns[0] == n - 1;
    for (int64_t i = 0; i < rows; i++) {
        const int64_t y = fg_padded_index(top + i, call->height, call->padding_mode);
        for (int64_t p = 0; p < parts; p++, to += m * length) {
            const int64_t plane = image * parts + p;
            real *cells = m > 1 ? line : to;
            if (is_run && y >= 0)
                memcpy(cells, (const real *)call->input + ((plane * call->height + y) * call->width + columns[0]) * part.channels,
                       (size_t)(n * part.channels) * sizeof(real));
            else
                FG_NAME(gather_row)(&part, plane, y, columns, n, part.channels, cells);
            if (m > 1)
                FG_NAME(split_cells)(line, length, m, to, length);
        }
    }
}

/* Where a window finds its values in the strip, in the order of the chain. */
static void FG_NAME(few_offsets)(const fg_conv_call *call, int64_t length, int64_t *offset)
{
    const int64_t stride = call->stride_x, channels = call->channels;
    for (int64_t i = 0; i < call->kernel_height; i++)
        for (int64_t j = 0; j < call->kernel_width; j++)
            for (int64_t c = 0; c < channels; c++) {
                const int64_t x = j * call->dilation_x, phase = x % stride;
                const int64_t plane = call->planar ? c * stride + phase : phase * channels + c;
                *offset++ = (i * call->dilation_y * stride * channels + plane) * length + x / stride;
            }
}

/* One row of outputs. The pass over the last channels comes first: what it stores beyond them is stored again. */
static void FG_NAME(few_outputs)(const fg_conv_job *job, FEW *few, const real *at, real *out, int64_t pixels)
{
    const fg_conv_call *call = job->call;
    for (int64_t first = (call->out_channels - 1) / MOST * MOST; first >= 0; first -= MOST) {
        few->weights = (const real *)(const void *)job->weights +
                       first / (2 * LANES) * job->plan->packing.panel_rows * 2 * LANES + first % (2 * LANES);
        few->bias = call->bias ? (const real *)call->bias + first : NULL;
        FG_NAME(few_rows)
        [fg_least(MOST, call->out_channels - first) - 1](few, at, out + first * (call->planar ? few->pitch : 1), pixels);
    }
}

/* The rows of outputs of a chunk from the strip of its input rows. */
static void FG_NAME(few_block)(const fg_conv_job *job, const int64_t *offsets, const real *strip, int64_t length,
                               real *out, int64_t rows, int64_t pixels, fg_meter *meter)
{
    const fg_conv_call *call = job->call;
    FEW few = {.offsets = offsets, .depth = job->plan->packing.depth, .planar = call->planar, .relu = call->relu};
    few.pitch = call->planar ? call->out_height * call->out_width : call->out_channels;
    few.tile_reach = call->planar ? 0 : WIDE * LANES * call->out_channels - FEW_LINE;
    for (int64_t y = 0; y < rows; y++) {
        FG_NAME(few_outputs)(job, &few, strip, out, pixels);
        if (fg_spend(meter, few.depth * call->out_channels * pixels))
            return;
        strip += call->stride_y * call->stride_x * call->channels * length;
        out += call->out_width * (call->planar ? 1 : call->out_channels);
    }
}

static void FG_NAME(pixels_chunk)(void *job_, int64_t chunk, int slot)
{
    const fg_conv_job *job = job_;
    const fg_conv_call *call = job->call;
    const fg_pixels_plan *plan = &job->plan->as.pixels;
    const int64_t x0 = chunk % plan->column_blocks * plan->columns;
    const int64_t y0 = chunk / plan->column_blocks % plan->row_blocks * plan->rows;
    const int64_t image = chunk / plan->column_blocks / plan->row_blocks;
    const int64_t pixels = fg_least(plan->columns, call->out_width - x0);
    const int64_t rows = fg_least(plan->rows, call->out_height - y0);
    const int64_t reach_x = (pixels - 1) * call->stride_x + (call->kernel_width - 1) * call->dilation_x + 1;
    const int64_t length = fg_pieces(reach_x, call->stride_x), left = x0 * call->stride_x - call->pad_left;
    char *scratch = job->slots + (size_t)slot * job->plan->slot_bytes;
    int64_t *offsets = (int64_t *)(void *)scratch, *columns = (int64_t *)(void *)(scratch + plan->offsets_bytes);
    scratch += plan->offsets_bytes + plan->columns_bytes;
    real *line = (real *)(void *)scratch, *strip = (real *)(void *)(scratch + plan->line_bytes);
    fg_meter meter = {job->team, slot, FG_POLL_WORK};
    FG_NAME(few_offsets)(call, length, offsets);
    /* The last columns of all but the first phase may lie beyond the padding; nothing reads them. */
    for (int64_t i = 0; i < length * call->stride_x; i++)
        columns[i] = i < reach_x ? fg_padded_index(left + i, call->width, call->padding_mode) : -1;
    FG_NAME(split_rows)(call, image, y0 * call->stride_y - call->pad_top,
                        (rows - 1) * call->stride_y + (call->kernel_height - 1) * call->dilation_y + 1, columns, length,
                        line, strip);
    real *out = (real *)call->output + image * call->out_height * call->out_width * call->out_channels +
                (y0 * call->out_width + x0) * (call->planar ? 1 : call->out_channels);
    FG_NAME(few_block)(job, offsets, strip, length, out, rows, pixels, &meter);
}

#undef FG_ACTIVATED
#undef WIDE
#undef LAST_STEPS
#undef FEW_LINE
#undef MOST
#undef FEW
#undef FEW_ROW
