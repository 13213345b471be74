/* Depthwise convolution, channels last: a run of RUN output pixels by one vector of channels stays in registers. Each
   input vector of a row is loaded once and meets all the kernel columns that reach it, in their order. */
#include "convolution/common_body.h"

#define RUN FG_LANE_TILE(LANES * FG_REAL_BITS)

/* The cells of a run lie in rows of (RUN - 1) * stride + columns pointers. */
FG_INLINE void FG_NAME(depthwise_run)(const fg_conv_job *job, const real *const *cells, real *out, int64_t channel,
                                      const int part, const int columns, const int stride)
{
    const fg_conv_call *call = job->call;
    const int64_t left = call->channels - channel;
    const real *weights = (const real *)(const void *)job->weights +
                          channel / (2 * LANES) * job->plan->packing.panel_rows * 2 * LANES + channel % (2 * LANES);
    const real *bias = call->bias ? (const real *)call->bias + channel : NULL;
    const vreal start = !bias ? v_set1(0) : part ? v_load_part(bias, left) : v_load(bias);
    vreal sum[RUN];
    FG_UNROLL for (int p = 0; p < RUN; p++) sum[p] = start;
    for (int64_t row = 0; row < call->kernel_height; row++) {
        vreal w[5];
        FG_UNROLL for (int k = 0; k < columns; k++) w[k] = v_load(weights + k * 2 * LANES);
        weights += columns * 2 * LANES;
        FG_UNROLL for (int i = 0; i < (RUN - 1) * stride + columns; i++)
        {
            const vreal x = part ? v_load_part(cells[i] + channel, left) : v_load(cells[i] + channel);
            FG_UNROLL for (int k = columns - 1; k >= 0; k--) if (i >= k && (i - k) % stride == 0 &&
                                                                 (i - k) / stride < RUN)
                sum[(i - k) / stride] = v_fma(x, w[k], sum[(i - k) / stride]);
        }
        cells += (RUN - 1) * stride + columns;
    }
    FG_UNROLL for (int p = 0; p < RUN; p++)
    {
        const vreal y = FG_ACTIVATED(call->relu, sum[p]);
        if (part)
            v_store_part(out + p * call->channels + channel, y, left);
        else
            v_store(out + p * call->channels + channel, y);
    }
}

/* All the channels of a run. Returns whether to leave the rest of the chunk. */
FG_INLINE int FG_NAME(depthwise_channels)(const fg_conv_job *job, const real *const *cells, real *out, fg_meter *meter,
                                          const int columns, const int stride)
{
    const int64_t channels = job->call->channels, work = RUN * job->plan->packing.depth * LANES;
    int64_t channel = 0;
    for (; channel + LANES <= channels; channel += LANES) {
        FG_NAME(depthwise_run)(job, cells, out, channel, 0, columns, stride);
        if (fg_spend(meter, work))
            return 1;
    }
    if (channel < channels)
        FG_NAME(depthwise_run)(job, cells, out, channel, 1, columns, stride);
    return fg_spend(meter, work);
}

#define DEPTHWISE_RUN(columns, stride) \
    static int FG_NAME(depthwise_##columns##_##stride)(const fg_conv_job *job, const real *const *cells, real *out, \
                                                       fg_meter *meter) \
    { \
        return FG_NAME(depthwise_channels)(job, cells, out, meter, columns, stride); \
    }

DEPTHWISE_RUN(3, 1)
DEPTHWISE_RUN(3, 2)
DEPTHWISE_RUN(5, 1)
DEPTHWISE_RUN(5, 2)

/* The cells of `n` neighbouring columns, kernel row by kernel row. */
static void FG_NAME(run_cells)(const fg_conv_job *job, int64_t image, int64_t top, int64_t left, int64_t n,
                               const real **cells)
{
    const fg_conv_call *call = job->call;
    const int64_t channels = call->channels;
    for (int64_t row = 0; row < call->kernel_height; row++, cells += n) {
        const int64_t y = fg_padded_index(top + row * call->dilation_y, call->height, call->padding_mode);
        const real *line = (const real *)call->input + (image * call->height + (y < 0 ? 0 : y)) * call->width *
                                                           channels;
        if (y >= 0 && left >= 0 && left + n <= call->width) {
            for (int64_t i = 0; i < n; i++)
                cells[i] = line + (left + i) * channels;
            continue;
        }
        for (int64_t i = 0; i < n; i++) {
            const int64_t x = fg_padded_index(left + i, call->width, call->padding_mode);
            cells[i] = y < 0 || x < 0 ? (const real *)(const void *)job->shared : line + x * channels;
        }
    }
}

/* A run of output pixels, their cells found and then convolved. Returns whether to leave the rest of the chunk. */
static int FG_NAME(depthwise_pixels)(const fg_conv_job *job, int64_t image, int64_t y, int64_t x, const real **cells,
                                     fg_meter *meter)
{
    const fg_conv_call *call = job->call;
    const int64_t n = (RUN - 1) * call->stride_x + call->kernel_width;
    FG_NAME(run_cells)(job, image, y * call->stride_y - call->pad_top, x * call->stride_x - call->pad_left, n, cells);
    real *out = (real *)call->output + ((image * call->out_height + y) * call->out_width + x) * call->out_channels;
    if (call->kernel_width == 3)
        return (call->stride_x == 1 ? FG_NAME(depthwise_3_1) : FG_NAME(depthwise_3_2))(job, cells, out, meter);
    return (call->stride_x == 1 ? FG_NAME(depthwise_5_1) : FG_NAME(depthwise_5_2))(job, cells, out, meter);
}

/* A block of whole output rows. The last run of a row is moved back over the one before: the same values twice. */
static void FG_NAME(depthwise_chunk)(void *job_, int64_t chunk, int slot)
{
    const fg_conv_job *job = job_;
    const fg_rows_plan *rows = &job->plan->as.rows;
    const int64_t width = job->call->out_width;
    const int64_t image = chunk / rows->row_blocks, y0 = chunk % rows->row_blocks * rows->rows;
    const int64_t y1 = fg_least(y0 + rows->rows, job->call->out_height);
    const real **cells = (const real **)(void *)(job->slots + (size_t)slot * job->plan->slot_bytes);
    fg_meter meter = {job->team, slot, FG_POLL_WORK};
    for (int64_t y = y0; y < y1; y++)
        for (int64_t x = 0; x < width; x += RUN)
            if (FG_NAME(depthwise_pixels)(job, image, y, fg_least(x, width - RUN), cells, &meter))
                return;
}

#undef FG_ACTIVATED
#undef RUN
#undef DEPTHWISE_RUN
