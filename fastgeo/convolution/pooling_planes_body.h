/* Pooling of small planes, channels first: the same pixel of many planes fills vectors, as the channels of a pixel do where
   they come last. A group of planes is turned to cells, pooled by pooling_pixels_body.h, and turned back. */

/* `pixels` values of each of n planes, to cells of `group` values; beyond the last plane that one stands again. */
static void FG_NAME(planes_to_cells)(const real *planes, int64_t n, int64_t pixels, int64_t group, real *cells)
{
    int64_t i = 0;
    for (; i + LANES <= pixels; i += LANES)
        for (int64_t g = 0; g < group; g += LANES) {
            vreal square[LANES];
            for (int64_t k = 0; k < LANES; k++)
                square[k] = v_load(planes + fg_smaller(g + k, n - 1) * pixels + i);
            v_transpose(square);
            for (int64_t k = 0; k < LANES; k++)
                v_store(cells + (i + k) * group + g, square[k]);
        }
    for (; i < pixels; i++)
        for (int64_t g = 0; g < group; g++)
            cells[i * group + g] = planes[fg_smaller(g, n - 1) * pixels + i];
}

static void FG_NAME(cells_to_planes)(const real *cells, int64_t n, int64_t pixels, int64_t group, real *planes)
{
    int64_t i = 0;
    for (; i + LANES <= pixels; i += LANES)
        for (int64_t g = 0; g < n; g += LANES) {
            vreal square[LANES];
            for (int64_t k = 0; k < LANES; k++)
                square[k] = v_load(cells + (i + k) * group + g);
            v_transpose(square);
            for (int64_t k = 0; k < fg_smaller(LANES, n - g); k++)
                v_store(planes + (g + k) * pixels + i, square[k]);
        }
    for (; i < pixels; i++)
        for (int64_t g = 0; g < n; g++)
            planes[g * pixels + i] = cells[i * group + g];
}

static void FG_NAME(planes_chunk)(void *job_, int64_t chunk, int slot)
{
    const pool_job *job = job_;
    const fg_pool_call *call = job->call;
    const int64_t group = job->plan->channels, first = chunk * group, n = fg_smaller(group, job->plan->images - first);
    const int64_t pixels = call->height * call->width, outputs = call->out_height * call->out_width;
    real *cells = (real *)(void *)(job->slots + (size_t)slot * job->plan->slot_bytes), *pooled = cells + pixels * group;
    fg_pool_call inner = *call;
    inner.input = cells;
    inner.output = pooled;
    const pool_job part = {job->team, &inner, job->plan, NULL};
    fg_pool_meter meter = {job->team, slot, FG_POOL_CHUNK_CELLS};
    FG_NAME(planes_to_cells)((const real *)call->input + first * pixels, n, pixels, group, cells);
    if (!FG_NAME(pool_pixels)(&part, 0, 0, call->out_height, 0, call->out_width, &meter))
        FG_NAME(cells_to_planes)(pooled, n, outputs, group, (real *)call->output + first * outputs);
}
