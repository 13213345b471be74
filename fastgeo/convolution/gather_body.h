/* The one way in which cells are copied, padding included: a row of the image, some of its columns side by side, channels
   last. */

FG_INLINE void FG_NAME(copy_cells)(const fg_conv_call *call, const real *row, int64_t n, int64_t pitch, real *to)
{
    const int64_t channels = call->channels, plane = call->height * call->width;
    if (!call->planar && pitch == channels)
        memcpy(to, row, (size_t)(n * channels) * sizeof(real));
    else if (!call->planar)
        for (int64_t x = 0; x < n; x++)
            memcpy(to + x * pitch, row + x * channels, (size_t)channels * sizeof(real));
    else /* a cache line of every plane at a time */
        for (int64_t x0 = 0; x0 < n; x0 += 16) {
            const int64_t x1 = fg_least(x0 + 16, n);
            for (int64_t c = 0; c < channels; c++)
                for (int64_t x = x0; x < x1; x++)
                    to[x * pitch + c] = row[c * plane + x];
        }
}

/* Row y and columns as fg_padded_index() gives them: -1 is a cell of zeros. Neighbouring columns are copied as one. */
static void FG_NAME(gather_row)(const fg_conv_call *call, int64_t image, int64_t y, const int64_t *columns, int64_t n,
                                int64_t pitch, real *to)
{
    const real *row = (const real *)call->input + image * call->height * call->width * call->channels +
                      (y < 0 ? 0 : y) * call->width * (call->planar ? 1 : call->channels);
    for (int64_t i = 0, run; i < n; i += run, to += run * pitch) {
        run = 1;
        if (y < 0 || columns[i] < 0) {
            memset(to, 0, (size_t)call->channels * sizeof(real));
            continue;
        }
        while (i + run < n && columns[i + run] == columns[i] + run)
            run++;
        FG_NAME(copy_cells)(call, row + columns[i] * (call->planar ? 1 : call->channels), run, pitch, to);
    }
}
