/* Matrix–vector product: few output pixels, so that packing the weights would cost more than it brings. They are read
   where they are, some rows at a time, and meet the same cell of every window while they lie in the cache. */
#include "convolution/common_body.h"

#include "convolution/gather_body.h"

/* Chunk: one kernel row of one window, its cells side by side in the order of the chain. */
static void FG_NAME(gather_chunk)(void *job_, int64_t chunk, int slot)
{
    const product_job *job = job_;
    const fg_conv_call *call = job->conv->call;
    const int64_t i = chunk % call->kernel_height, pixel = chunk / call->kernel_height;
    const int64_t plane = call->out_height * call->out_width, image = pixel / plane;
    const int64_t row = pixel % plane / call->out_width * call->stride_y - call->pad_top + i * call->dilation_y;
    const int64_t left = pixel % call->out_width * call->stride_x - call->pad_left;
    int64_t *columns = (int64_t *)(void *)(job->conv->slots + (size_t)slot * job->conv->plan->slot_bytes);
    for (int64_t j = 0; j < call->kernel_width; j++)
        columns[j] = fg_padded_index(left + j * call->dilation_x, call->width, call->padding_mode);
    FG_NAME(gather_row)(call, image, fg_padded_index(row, call->height, call->padding_mode), columns,
                        call->kernel_width, call->channels,
                        (real *)(void *)job->windows + chunk * call->kernel_width * call->channels);
}

/* `rows` values of a window meet as many rows of HWIO weights, `pitch` apart. */
FG_INLINE void FG_NAME(add_rows)(const real *window, const real *weights, int64_t pitch, int64_t outputs, real *sums,
                                 const int rows)
{
    int64_t o = 0;
    for (; o + LANES <= outputs; o += LANES) {
        vreal sum = v_load(sums + o);
        FG_UNROLL for (int k = 0; k < rows; k++) sum = v_fma(v_set1(window[k]), v_load(weights + k * pitch + o), sum);
        v_store(sums + o, sum);
    }
    for (; o < outputs; o++)
        for (int k = 0; k < rows; k++)
            sums[o] = REAL_FMA(window[k], weights[k * pitch + o], sums[o]);
}

/* The sums of every pixel, `outputs` of each. Returns whether to leave the rest of the chunk. */
static int FG_NAME(product_of_rows)(const product_job *job, int64_t first, int64_t outputs, real *sums, fg_meter *meter)
{
    const fg_conv_call *call = job->conv->call;
    const int64_t depth = job->conv->plan->packing.depth, pixels = job->conv->plan->as.product.pixels;
    const real *windows = (const real *)(const void *)job->windows;
    const real *weights = (const real *)call->kernel + first;
    int64_t k = 0;
    for (; k + FG_PRODUCT_ROWS <= depth; k += FG_PRODUCT_ROWS)
        for (int64_t p = 0; p < pixels; p++) {
            FG_NAME(add_rows)(windows + p * depth + k, weights + k * call->out_channels, call->out_channels, outputs,
                              sums + p * outputs, FG_PRODUCT_ROWS);
            if (fg_spend(meter, outputs * FG_PRODUCT_ROWS))
                return 1;
        }
    for (; k < depth; k++)
        for (int64_t p = 0; p < pixels; p++)
            FG_NAME(add_rows)(windows + p * depth + k, weights + k * call->out_channels, call->out_channels, outputs,
                              sums + p * outputs, 1);
    return 0;
}

/* The same of OI weights, a row for each output: squares of them are transposed in registers. */
static int FG_NAME(product_of_columns)(const product_job *job, int64_t first, int64_t outputs, real *sums,
                                       fg_meter *meter)
{
    const int64_t depth = job->conv->plan->packing.depth, pixels = job->conv->plan->as.product.pixels;
    const real *windows = (const real *)(const void *)job->windows;
    for (int64_t o = 0; o < outputs; o += LANES) {
        const real *weights = (const real *)job->conv->call->kernel + (first + o) * depth;
        const int64_t n = fg_least(LANES, outputs - o);
        int64_t k = 0;
        for (; n == LANES && k + LANES <= depth; k += LANES) {
            vreal square[LANES];
            FG_UNROLL for (int i = 0; i < LANES; i++) square[i] = v_load(weights + i * depth + k);
            v_transpose(square);
            for (int64_t p = 0; p < pixels; p++) {
                const real *window = windows + p * depth + k;
                vreal sum = v_load(sums + p * outputs + o);
                FG_UNROLL for (int i = 0; i < LANES; i++) sum = v_fma(v_set1(window[i]), square[i], sum);
                v_store(sums + p * outputs + o, sum);
            }
            if (fg_spend(meter, pixels * LANES * LANES))
                return 1;
        }
        for (; k < depth; k++) {
            for (int64_t p = 0; p < pixels; p++)
                for (int64_t i = 0; i < n; i++) {
                    real *sum = sums + p * outputs + o + i;
                    *sum = REAL_FMA(windows[p * depth + k], weights[i * depth + k], *sum);
                }
            if (fg_spend(meter, pixels * n))
                return 1;
        }
    }
    return 0;
}

static void FG_NAME(product_chunk)(void *job_, int64_t chunk, int slot)
{
    const product_job *job = job_;
    const fg_conv_call *call = job->conv->call;
    const fg_product_plan *plan = &job->conv->plan->as.product;
    const int64_t first = chunk * plan->outputs, outputs = fg_least(plan->outputs, call->out_channels - first);
    real *sums = (real *)(void *)(job->conv->slots + (size_t)slot * job->conv->plan->slot_bytes);
    fg_meter meter = {job->conv->team, slot, FG_POLL_WORK};
    for (int64_t p = 0; p < plan->pixels; p++)
        for (int64_t o = 0; o < outputs; o++)
            sums[p * outputs + o] = call->bias ? ((const real *)call->bias)[first + o] : 0;
    if ((call->planar ? FG_NAME(product_of_columns) : FG_NAME(product_of_rows))(job, first, outputs, sums, &meter))
        return;
    const int64_t plane = call->out_height * call->out_width, pixel_step = call->planar ? 1 : call->out_channels;
    for (int64_t p = 0; p < plan->pixels; p++) {
        real *out = (real *)call->output + p / plane * plane * call->out_channels + p % plane * pixel_step +
                    first * (call->planar ? plane : 1);
        for (int64_t o = 0; o < outputs; o++)
            out[o * (call->planar ? plane : 1)] = call->relu && 0 > sums[p * outputs + o] ? 0 : sums[p * outputs + o];
    }
}

#undef FG_ACTIVATED
