/* Where each tile of a block finds the cells of every kernel position.

   Tiles lie within one row of outputs where rows are long enough, so that a tap is one pointer and a step. Padded zeros
   that a tap meets at its first or last pixel, or at all of them, are passed over; any other cell outside of an image that
   is read in place is a pointer to its stand-in. */

typedef struct {
    BLOCK block;
    fg_tap *taps;          /* tile by tile */
    const real **pointers; /* the next free ones of scattered taps */
} FG_NAME(tap_lists);

#define TAP_LISTS FG_NAME(tap_lists)

/* The block reads the image itself. */
static void FG_NAME(read_image)(const fg_conv_call *call, const fg_blocks *plan, BLOCK *block)
{
    block->source = call->input;
    block->row_pitch = call->width * call->channels;
    block->image_pitch = call->height * block->row_pitch;
    FG_NAME(set_steps)(plan, block);
    block->origin = call->pad_top * block->row_pitch + call->pad_left * call->channels;
}

/* The cells of one pixel of an image that is read in place; cells[tap * step]. */
static void FG_NAME(border_cells)(const fg_conv_job *job, const BLOCK *block, const PLACE *at, const real **cells,
                                  int64_t step)
{
    const fg_conv_call *call = job->call;
    const int64_t top = at->y * call->stride_y - call->pad_top, left = at->x * call->stride_x - call->pad_left;
    for (int64_t i = 0; i < call->kernel_height; i++) {
        const int64_t y = fg_padded_index(top + i * call->dilation_y, call->height, call->padding_mode);
        const real *row = block->source + at->image * block->image_pitch + (y < 0 ? 0 : y) * block->row_pitch;
        for (int64_t j = 0; j < call->kernel_width; j++, cells += step) {
            const int64_t x = fg_padded_index(left + j * call->dilation_x, call->width, call->padding_mode);
            *cells = y < 0 || x < 0 ? (const real *)(const void *)job->shared : row + x * call->channels;
        }
    }
}

/* A tile whose pixels have a pointer each at every tap; moves on to the pixel after it. */
static void FG_NAME(scattered_taps)(const fg_conv_job *job, TAP_LISTS *lists, PLACE *at, fg_tap *taps, int64_t pixels)
{
    const fg_conv_call *call = job->call;
    const fg_tiles_plan *plan = &job->plan->as.tiles;
    const BLOCK *block = &lists->block;
    const int64_t last_top = call->height - 1 - (call->kernel_height - 1) * call->dilation_y;
    const int64_t last_left = call->width - 1 - (call->kernel_width - 1) * call->dilation_x;
    const real **cells = lists->pointers;
    for (int64_t tap = 0; tap < plan->taps; tap++)
        taps[tap] = (fg_tap){cells + tap * pixels, TAP_SCATTERED};
    lists->pointers += plan->taps * pixels;
    for (int64_t p = 0; p < pixels; p++, cells++) {
        const int64_t top = at->y * call->stride_y - call->pad_top, left = at->x * call->stride_x - call->pad_left;
        if (plan->strip || (top >= 0 && left >= 0 && top <= last_top && left <= last_left)) {
            const real *first = block->source + (at->image * block->image_pitch + at->y * block->line_step +
                                                 at->x * block->pixel_step - block->origin);
            for (int64_t tap = 0; tap < plan->taps; tap++)
                cells[tap * pixels] = first + tap / plan->tap_columns * block->tap_row_step +
                                      tap % plan->tap_columns * block->tap_column_step;
        } else {
            FG_NAME(border_cells)(job, block, at, cells, pixels);
        }
        FG_NAME(advance)(block, at, 1);
    }
}

/* A tap that meets the padding: the pixels read the columns x, x + stride_x, … of the image, the first of which would lie
   at `offset` in the source. `in_row`: the row is not one of padded zeros. */
static fg_tap FG_NAME(border_tap)(const fg_conv_job *job, TAP_LISTS *lists, int in_row, int64_t x, int64_t offset,
                                  int64_t pixels)
{
    const fg_conv_call *call = job->call;
    const fg_tiles_plan *plan = &job->plan->as.tiles;
    const BLOCK *block = &lists->block;
    const int64_t last = x + (pixels - 1) * call->stride_x;
    if (in_row && x >= 0 && last < call->width)
        return (fg_tap){block->source + offset, TAP_ROW};
    if (plan->skips_padding && (!in_row || last < 0 || x >= call->width || pixels == 1))
        return (fg_tap){NULL, TAP_PADDED};
    if (plan->skips_padding && x < 0 && x + call->stride_x >= 0 && last < call->width)
        return (fg_tap){block->source + (offset + block->pixel_step), TAP_FIRST_PADDED};
    if (plan->skips_padding && x >= 0 && last - call->stride_x < call->width)
        return (fg_tap){block->source + offset, TAP_LAST_PADDED};
    if (plan->strip)
        return (fg_tap){block->source + offset, TAP_ROW};
    const real **cells = lists->pointers;
    lists->pointers += pixels;
    for (int64_t p = 0; p < pixels; p++) {
        const int64_t at = x + p * call->stride_x, found = fg_padded_index(at, call->width, call->padding_mode);
        cells[p] = !in_row || found < 0
                       ? (const real *)(const void *)job->shared
                       : block->source + (offset + p * block->pixel_step + (found - at) * call->channels);
    }
    return (fg_tap){cells, TAP_SCATTERED};
}

/* Pixels of a tile: all alike but for one more in the first few of a line. */
FG_INLINE int64_t FG_NAME(tile_size)(const BLOCK *block, int64_t tile)
{
    return block->tile_pixels + (tile < block->longer_tiles);
}

/* The taps of all tiles in one row of outputs. */
static void FG_NAME(line_taps)(const fg_conv_job *job, TAP_LISTS *lists, const PLACE *at, fg_tap *taps)
{
    const fg_conv_call *call = job->call;
    const fg_tiles_plan *plan = &job->plan->as.tiles;
    const BLOCK *block = &lists->block;
    const int64_t reach = (call->kernel_width - 1) * call->dilation_x;
    for (int64_t i = 0; i < call->kernel_height; i++, taps += plan->tap_columns) {
        const int64_t raw = at->y * call->stride_y - call->pad_top + i * call->dilation_y;
        const int64_t y = fg_padded_index(raw, call->height, call->padding_mode);
        int64_t row = at->image * block->image_pitch + at->y * block->line_step + i * block->tap_row_step - block->origin;
        if (!plan->strip && y >= 0)
            row += (y - raw) * block->row_pitch;
        fg_tap *to = taps;
        int64_t column = at->x;
        for (int64_t tile = 0; tile < block->tiles; tile++, to += plan->taps) {
            const int64_t n = FG_NAME(tile_size)(block, tile), x = column * call->stride_x - call->pad_left;
            const int inside = y >= 0 && (plan->merged || (x >= 0 && x + (n - 1) * call->stride_x + reach < call->width));
            const int64_t first = row + column * block->pixel_step;
            for (int64_t j = 0; j < plan->tap_columns; j++) {
                const int64_t offset = first + j * block->tap_column_step;
                to[j] = inside ? (fg_tap){block->source + offset, TAP_ROW}
                               : FG_NAME(border_tap)(job, lists, y >= 0, x + j * call->dilation_x, offset, n);
            }
            column += n;
        }
    }
}

static void FG_NAME(find_taps)(const fg_conv_job *job, TAP_LISTS *lists)
{
    const fg_tiles_plan *plan = &job->plan->as.tiles;
    const BLOCK *block = &lists->block;
    fg_tap *taps = lists->taps;
    PLACE at = block->first;
    for (int64_t line = 0; line < block->lines; line++, taps += block->tiles * plan->taps) {
        if (plan->blocks.in_rows) {
            FG_NAME(line_taps)(job, lists, &at, taps);
            FG_NAME(advance)(block, &at, block->size.columns);
            continue;
        }
        for (int64_t tile = 0; tile < block->tiles; tile++)
            FG_NAME(scattered_taps)(job, lists, &at, taps + tile * plan->taps, FG_NAME(tile_size)(block, tile));
    }
}
