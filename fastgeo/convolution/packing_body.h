/* One row of n outputs for each (kernel row, column, channel) of HWIO weights. Returns whether to leave the rest. */
static int FG_NAME(pack_rows)(const fg_conv_call *call, int64_t depth, int64_t output, int64_t n, real *to,
                              fg_meter *meter)
{
    const real *from = (const real *)call->kernel + output;
    for (int64_t k = 0; k < depth; k++, from += call->out_channels, to += 2 * LANES) {
        if (n == 2 * LANES) {
            v_store(to, v_load(from));
            v_store(to + LANES, v_load(from + LANES));
        } else {
            memset(to, 0, 2 * LANES * sizeof(real));
            memcpy(to, from, (size_t)n * sizeof(real));
        }
        if (fg_spend(meter, 2 * LANES))
            return 1;
    }
    return 0;
}

/* The same of OIHW weights. */
static int FG_NAME(pack_planes)(const fg_conv_call *call, int64_t depth, int64_t output, int64_t n, real *to,
                                fg_meter *meter)
{
    const int64_t taps = call->kernel_height * call->kernel_width, channels = depth / taps;
    for (int64_t k = 0; k < depth && n < 2 * LANES; k += FG_POLL_STEPS) {
        memset(to + k * 2 * LANES, 0, (size_t)(fg_least(FG_POLL_STEPS, depth - k) * 2 * LANES) * sizeof(real));
        if (fg_spend(meter, FG_POLL_STEPS))
            return 1;
    }
    for (int64_t o = 0; o < n; o++) {
        const real *from = (const real *)call->kernel + (output + o) * depth;
        for (int64_t channel = 0; channel < channels; channel++)
            for (int64_t tap = 0, end; tap < taps; tap = end) {
                end = fg_least(tap + FG_POLL_STEPS, taps);
                for (int64_t t = tap; t < end; t++)
                    to[(t * channels + channel) * 2 * LANES + o] = from[channel * taps + t];
                if (fg_spend(meter, end - tap))
                    return 1;
            }
    }
    return 0;
}

/* 0 * weight, summed over each run that may meet padded cells as a whole. */
static void FG_NAME(pack_padded)(const fg_packing *packing, const real *weights, real *to, fg_meter *meter)
{
    const int64_t run = packing->padded_rows ? packing->depth / packing->padded_rows : 0;
    for (int64_t row = 0; row < packing->padded_rows; row++, to += 2 * LANES) {
        vreal sum0 = v_set1((real)-0.0), sum1 = sum0;
        for (int64_t k = 0; k < run; k++, weights += 2 * LANES) {
            sum0 = v_fma(v_set1(0), v_load(weights), sum0);
            sum1 = v_fma(v_set1(0), v_load(weights + LANES), sum1);
            if (fg_spend(meter, 2 * LANES))
                return;
        }
        v_store(to, sum0);
        v_store(to + LANES, sum1);
    }
}

static void FG_NAME(pack_panel)(void *job_, int64_t panel, int slot)
{
    const pack_job *job = job_;
    const fg_packing *packing = job->packing;
    const int64_t first = panel % packing->panels_per_group * 2 * LANES;
    const int64_t n = fg_least(packing->group_outputs - first, 2 * LANES);
    const int64_t output = panel / packing->panels_per_group * packing->group_outputs + first;
    real *to = (real *)(void *)job->weights + panel * packing->panel_rows * 2 * LANES;
    fg_meter meter = {job->team, slot, FG_POLL_WORK};
    if ((job->call->planar ? FG_NAME(pack_planes) : FG_NAME(pack_rows))(job->call, packing->depth, output, n, to, &meter))
        return;
    FG_NAME(pack_padded)(packing, to, to + packing->depth * 2 * LANES, &meter);
}
