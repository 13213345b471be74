/* One channel to one channel, each in a plane of its own: neighbouring output pixels fill a vector. ROWS output rows by
   WIDE vectors stay in registers, and an input vector meets every kernel row that reaches it. Input rows go from top
   to bottom, so each sum takes its kernel rows in order. */
#include "convolution/common_body.h"

#if LANES * FG_REAL_BITS == 512
#define ROWS 4
#define WIDE 4
#elif LANES * FG_REAL_BITS == 256
#define ROWS 3
#define WIDE 2
#else
#define ROWS 4
#define WIDE 4
#endif

/* `rows` output rows below each other. */
typedef struct {
    const real *const *lines; /* input rows; output row j begins at j * step */
    const real *weights;      /* kernel[row * columns + column], one for each channel of the panel */
    real start;
    real *out;
    int64_t step, first, end; /* output columns with all their cells inside the image */
} FG_NAME(band);

#define BAND FG_NAME(band)

FG_INLINE void FG_NAME(plane_tile)(const fg_conv_job *job, const BAND *band, int64_t x, const int rows, const int wide,
                                   const int64_t height, const int64_t columns)
{
    const fg_conv_call *call = job->call;
    vreal sum[ROWS][WIDE];
    for (int j = 0; j < rows; j++)
        for (int v = 0; v < wide; v++)
            sum[j][v] = v_set1(band->start);
    const int64_t step = rows == 1 ? 0 : band->step;
    for (int64_t i = 0; i < (rows - 1) * step + height; i++)
        for (int64_t k = 0; k < columns; k++) {
            vreal line[WIDE];
            FG_UNROLL for (int v = 0; v < wide; v++) line[v] =
                v_load(band->lines[i] + (x - call->pad_left + k * call->dilation_x + v * LANES));
            FG_UNROLL for (int j = 0; j < rows; j++)
            {
                const int64_t row = i - j * step;
                if (row < 0 || row >= height)
                    continue;
                const vreal w = v_set1(band->weights[(row * columns + k) * 2 * LANES]);
                FG_UNROLL for (int v = 0; v < wide; v++) sum[j][v] = v_fma(line[v], w, sum[j][v]);
            }
        }
    FG_UNROLL for (int j = 0; j < rows; j++) FG_UNROLL for (int v = 0; v < wide; v++)
        v_store(band->out + j * call->out_width + x + v * LANES,
                FG_ACTIVATED(call->relu, sum[j][v]));
}

/* The vectors of a band; the last one is moved back over the one before. */
FG_INLINE void FG_NAME(plane_vectors)(const fg_conv_job *job, const BAND *band, const int rows, const int64_t height,
                                      const int64_t columns)
{
    int64_t x = band->first;
    for (; x + WIDE * LANES <= band->end; x += WIDE * LANES)
        FG_NAME(plane_tile)(job, band, x, rows, WIDE, height, columns);
    for (; x < band->end; x += LANES)
        FG_NAME(plane_tile)(job, band, x + LANES <= band->end ? x : band->end - LANES, rows, 1, height, columns);
}

static void FG_NAME(plane_3x3)(const fg_conv_job *job, const BAND *band)
{
    FG_NAME(plane_vectors)(job, band, ROWS, 3, 3);
}

static void FG_NAME(plane_many)(const fg_conv_job *job, const BAND *band)
{
    FG_NAME(plane_vectors)(job, band, ROWS, job->call->kernel_height, job->call->kernel_width);
}

static void FG_NAME(plane_one)(const fg_conv_job *job, const BAND *band)
{
    FG_NAME(plane_vectors)(job, band, 1, job->call->kernel_height, job->call->kernel_width);
}

/* One output whose window crosses the border, cell by cell. */
static real FG_NAME(plane_pixel)(const fg_conv_job *job, const real *plane, const BAND *band, int64_t top, int64_t left)
{
    const fg_conv_call *call = job->call;
    const real *weights = band->weights;
    real sum = band->start;
    for (int64_t row = 0; row < call->kernel_height; row++) {
        const int64_t y = fg_padded_index(top + row * call->dilation_y, call->height, call->padding_mode);
        for (int64_t column = 0; column < call->kernel_width; column++, weights += 2 * LANES) {
            const int64_t x = fg_padded_index(left + column * call->dilation_x, call->width, call->padding_mode);
            sum = REAL_FMA(y < 0 || x < 0 ? 0 : plane[y * call->width + x], *weights, sum);
        }
    }
    return call->relu && 0 > sum ? 0 : sum;
}

static void FG_NAME(plane_band)(const fg_conv_job *job, const real *plane, BAND *band, const real **lines, int64_t y,
                                int64_t rows)
{
    const fg_conv_call *call = job->call;
    const int64_t n_lines = (rows - 1) * band->step + call->kernel_height;
    for (int64_t i = 0; i < n_lines; i++) {
        const int64_t row = fg_padded_index(y * call->stride_y - call->pad_top + i * call->dilation_y, call->height,
                                            call->padding_mode);
        lines[i] = row < 0 ? (const real *)(const void *)job->shared : plane + row * call->width;
    }
    if (rows == 1)
        FG_NAME(plane_one)(job, band);
    else if (call->kernel_height == 3 && call->kernel_width == 3 && band->step == 1)
        FG_NAME(plane_3x3)(job, band);
    else
        FG_NAME(plane_many)(job, band);
    for (int64_t j = 0; j < rows; j++)
        for (int64_t x = 0; x < call->out_width; x++) {
            if (x == band->first)
                x = band->end;
            if (x < call->out_width)
                band->out[j * call->out_width + x] = FG_NAME(plane_pixel)(
                    job, plane, band, (y + j) * call->stride_y - call->pad_top, x - call->pad_left);
        }
}

/* The output plane that a band belongs to: its weights, its bias, and the columns whose windows lie inside the image. */
static BAND FG_NAME(band_of)(const fg_conv_job *job, int64_t channel, const real **lines)
{
    const fg_conv_call *call = job->call;
    BAND band = {.lines = lines, .step = call->stride_y};
    band.weights = (const real *)(const void *)job->weights +
                   channel / (2 * LANES) * job->plan->packing.panel_rows * 2 * LANES + channel % (2 * LANES);
    band.start = call->bias ? ((const real *)call->bias)[channel] : 0;
    band.first = fg_least(call->pad_left, call->out_width);
    band.end = fg_least(call->width + call->pad_left - (call->kernel_width - 1) * call->dilation_x, call->out_width);
    return band;
}

/* Some output rows of one plane. Several outputs may come from one input plane. */
static void FG_NAME(plane_chunk)(void *job_, int64_t chunk, int slot)
{
    const fg_conv_job *job = job_;
    const fg_conv_call *call = job->call;
    const fg_rows_plan *plan = &job->plan->as.rows;
    const int64_t plane = chunk / plan->row_blocks, channel = plane % call->out_channels;
    const int64_t source = plane / (call->out_channels / call->channels);
    const int64_t begin = chunk % plan->row_blocks * plan->rows;
    const int64_t end = fg_least(begin + plan->rows, call->out_height);
    const real **lines = (const real **)(void *)(job->slots + (size_t)slot * job->plan->slot_bytes);
    const real *image = (const real *)call->input + source * call->height * call->width;
    BAND band = FG_NAME(band_of)(job, channel, lines);
    fg_meter meter = {job->team, slot, FG_POLL_WORK};
    const int together = call->dilation_y == 1 && call->stride_y <= call->kernel_height;
    for (int64_t y = begin, rows; y < end; y += rows) {
        rows = together && y + ROWS <= end ? ROWS : 1;
        band.out = (real *)call->output + (plane * call->out_height + y) * call->out_width;
        FG_NAME(plane_band)(job, image, &band, lines, y, rows);
        if (fg_spend(&meter, rows * job->plan->packing.depth * call->out_width))
            return;
    }
}

#undef FG_ACTIVATED
#undef ROWS
#undef WIDE
#undef BAND
