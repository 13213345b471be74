/* Where each output pixel of a block reads and writes. Part of conv_body.h.

   Tiles lie within one row of outputs where rows are long enough, so that a tap is one pointer and a step. Padding costs
   no copy of the image: taps that meet zeros are passed over; any other cell outside is a pointer to its stand-in.
   Images of few channels, whose kernel rows are read in one run, pass through a strip that holds the padding beside the
   rows; images with the channels first through two, cells in and pixels out; cells that lie a multiple of 4 KB apart, so
   that they crowd each other out of the first-level cache, through one with gaps. */

typedef struct {
    int64_t image, y, x;
} FG_NAME(place);

typedef struct {
    FG_NAME(place) first; /* output pixel */
    conv_extent size;
    int64_t lines, tiles, tile_pixels, longer_tiles; /* tiles of each line; a line is a row or the whole block */
    conv_tap *taps;                                  /* tile by tile */
    const real **pointers;                           /* the next free ones of scattered taps */
    real **outs;
    real *strip, *tile;
    const real *source; /* cell (y, x) of image i: source[i * image_pitch + y * row_pitch + x * cell_pitch - origin] */
    int64_t image_pitch, row_pitch, origin;
} FG_NAME(block);

#define BLOCK FG_NAME(block)
#define PLACE FG_NAME(place)

/* Moves on by n pixels, which do not reach beyond the end of the row. */
FG_INLINE void FG_NAME(advance)(const BLOCK *block, PLACE *at, int64_t n)
{
    at->x += n;
    if (at->x < block->first.x + block->size.columns)
        return;
    at->x = block->first.x;
    if (++at->y == block->first.y + block->size.rows) {
        at->y = block->first.y;
        at->image++;
    }
}

/* The rows or columns that a block reads: smallest and largest index after padding. */
static void FG_NAME(span)(int64_t first, int64_t outputs, int64_t stride, int64_t size, int64_t dilation, int64_t pad,
                          int64_t n, int padding_mode, int64_t *low, int64_t *high)
{
    *low = n;
    *high = -1;
    for (int64_t o = first; o < first + outputs; o++)
        for (int64_t k = 0; k < size; k++) {
            const int64_t i = fg_padded_index(o * stride - pad + k * dilation, n, padding_mode);
            if (i >= 0 && i < *low)
                *low = i;
            if (i > *high)
                *high = i;
        }
}

/* Copies some cells of one row into a strip, channels last. */
static void FG_NAME(load_row)(const conv_job *job, int64_t image, int64_t y, int64_t left, int64_t columns, real *to)
{
    const fg_conv_call *call = job->call;
    const int64_t channels = call->channels, plane = call->height * call->width;
    if (!call->planar) {
        const real *from = (const real *)call->input + ((image * call->height + y) * call->width + left) * channels;
        if (job->cell_pitch == channels)
            memcpy(to, from, (size_t)(columns * channels) * sizeof(real));
        else
            for (int64_t x = 0; x < columns; x++)
                memcpy(to + x * job->cell_pitch, from + x * channels, (size_t)channels * sizeof(real));
        return;
    }
    const real *from = (const real *)call->input + image * channels * plane + y * call->width + left;
    for (int64_t x0 = 0; x0 < columns; x0 += 16) {
        const int64_t x1 = x0 + 16 < columns ? x0 + 16 : columns;
        for (int64_t c = 0; c < channels; c++)
            for (int64_t x = x0; x < x1; x++)
                to[x * job->cell_pitch + c] = from[c * plane + x];
    }
}

/* The same with the padding beside the row; `left` and `end` may lie in it. */
static void FG_NAME(load_padded_row)(const conv_job *job, int64_t image, int64_t y, int64_t left, int64_t end, real *to)
{
    const fg_conv_call *call = job->call;
    const int64_t pitch = job->cell_pitch, inside_left = left > 0 ? left : 0;
    const int64_t inside_end = end < call->width ? end : call->width;
    if (inside_left < inside_end)
        FG_NAME(load_row)(job, image, y, inside_left, inside_end - inside_left, to + (inside_left - left) * pitch);
    for (int64_t x = left; x < end; x++) {
        if (x == inside_left && inside_left < inside_end)
            x = inside_end;
        if (x >= end)
            return;
        const int64_t found = fg_padded_index(x, call->width, call->padding_mode);
        if (found < 0)
            memset(to + (x - left) * pitch, 0, (size_t)call->channels * sizeof(real));
        else
            FG_NAME(load_row)(job, image, y, found, 1, to + (x - left) * pitch);
    }
}

/* Copies the cells that a block reads into its strip; where merged with their padding on the left and right. */
static void FG_NAME(load_strip)(const conv_job *job, BLOCK *block)
{
    const fg_conv_call *call = job->call;
    int64_t top, bottom, left, right;
    FG_NAME(span)(block->first.y, block->size.rows, call->stride_y, call->kernel_height, call->dilation_y, call->pad_top,
                  call->height, call->padding_mode, &top, &bottom);
    if (job->merged) {
        left = block->first.x * call->stride_x - call->pad_left;
        right = left + (block->size.columns - 1) * call->stride_x + call->kernel_width - 1;
    } else {
        FG_NAME(span)(block->first.x, block->size.columns, call->stride_x, call->kernel_width, call->dilation_x,
                      call->pad_left, call->width, call->padding_mode, &left, &right);
    }
    const int64_t columns = right < left ? 0 : right - left + 1, rows = bottom < top ? 0 : bottom - top + 1;
    block->source = block->strip;
    block->row_pitch = columns * job->cell_pitch;
    block->image_pitch = rows * block->row_pitch;
    block->origin = block->first.image * block->image_pitch + top * block->row_pitch + left * job->cell_pitch;
    for (int64_t image = 0; image < block->size.images; image++)
        for (int64_t y = 0; y < rows; y++)
            FG_NAME(load_padded_row)(job, block->first.image + image, top + y, left, left + columns,
                                     block->strip + image * block->image_pitch + y * block->row_pitch);
}

/* Copies the finished pixels of a block to their planes. */
static void FG_NAME(store_planes)(const conv_job *job, const BLOCK *block, int64_t out_begin, int64_t out_end)
{
    const fg_conv_call *call = job->call;
    const int64_t plane = call->out_height * call->out_width, n = out_end - out_begin;
    const real *from = block->tile;
    for (int64_t image = block->first.image; image < block->first.image + block->size.images; image++)
        for (int64_t y = block->first.y; y < block->first.y + block->size.rows; y++) {
            real *to = (real *)call->output + (image * call->out_channels + out_begin) * plane +
                       y * call->out_width + block->first.x;
            for (int64_t x0 = 0; x0 < block->size.columns; x0 += 16) {
                const int64_t x1 = x0 + 16 < block->size.columns ? x0 + 16 : block->size.columns;
                for (int64_t o = 0; o < n; o++)
                    for (int64_t x = x0; x < x1; x++)
                        to[o * plane + x] = from[x * n + o];
            }
            from += block->size.columns * n;
        }
}

/* The cells of one pixel; cells[tap * step]. */
static void FG_NAME(border_cells)(const conv_job *job, const BLOCK *block, int64_t image, int64_t top, int64_t left,
                                  const real **cells, int64_t step)
{
    const fg_conv_call *call = job->call;
    for (int64_t row = 0; row < call->kernel_height; row++) {
        const int64_t y = fg_padded_index(top + row * call->dilation_y, call->height, call->padding_mode);
        const int64_t row_start = image * block->image_pitch + y * block->row_pitch - block->origin;
        for (int64_t column = 0; column < job->tap_columns; column++, cells += step) {
            const int64_t at = left + column * call->dilation_x;
            const int64_t x = job->merged ? at : fg_padded_index(at, call->width, call->padding_mode);
            *cells = y < 0 || (x < 0 && !job->merged) ? job->zeros
                                                      : block->source + (row_start + x * job->cell_pitch);
        }
    }
}

/* A tile whose pixels have a pointer each at every tap; moves on to the pixel after it. */
static void FG_NAME(scattered_taps)(const conv_job *job, BLOCK *block, PLACE *at, conv_tap *taps, int64_t pixels)
{
    const fg_conv_call *call = job->call;
    const int64_t last_top = call->height - 1 - (call->kernel_height - 1) * call->dilation_y;
    const int64_t last_left = call->width - 1 - (call->kernel_width - 1) * call->dilation_x;
    const real **cells = block->pointers;
    for (int64_t tap = 0; tap < job->taps; tap++)
        taps[tap] = (conv_tap){cells + tap * pixels, TAP_SCATTERED};
    block->pointers += job->taps * pixels;
    for (int64_t p = 0; p < pixels; p++, cells++) {
        const int64_t top = at->y * call->stride_y - call->pad_top, left = at->x * call->stride_x - call->pad_left;
        if (!job->strip && top >= 0 && left >= 0 && top <= last_top && left <= last_left) {
            const real *cell = block->source + at->image * block->image_pitch + top * block->row_pitch +
                               left * call->channels;
            for (int64_t tap = 0; tap < job->taps; tap++)
                cells[tap * pixels] = cell + job->tap_offsets[tap];
        } else {
            FG_NAME(border_cells)(job, block, at->image, top, left, cells, pixels);
        }
        FG_NAME(advance)(block, at, 1);
    }
}

/* A tap that meets the padding: the pixels read the columns x, x + stride_x, … of the row that begins at `row` of the
   source, if it is not one of padded zeros. */
static conv_tap FG_NAME(border_tap)(const conv_job *job, BLOCK *block, int in_row, int64_t row, int64_t x,
                                    int64_t pixels)
{
    const fg_conv_call *call = job->call;
    const int64_t last = x + (pixels - 1) * call->stride_x, step = job->cell_pitch;
    if (in_row && x >= 0 && last < call->width)
        return (conv_tap){block->source + (row + x * step), TAP_ROW};
    if (job->skips_padding && (!in_row || last < 0 || x >= call->width || pixels == 1))
        return (conv_tap){NULL, TAP_PADDED};
    if (job->skips_padding && x < 0 && x + call->stride_x >= 0 && last < call->width)
        return (conv_tap){block->source + (row + (x + call->stride_x) * step), TAP_FIRST_PADDED};
    if (job->skips_padding && x >= 0 && last - call->stride_x < call->width)
        return (conv_tap){block->source + (row + x * step), TAP_LAST_PADDED};
    const real **cells = block->pointers;
    block->pointers += pixels;
    for (int64_t p = 0; p < pixels; p++) {
        const int64_t found = fg_padded_index(x + p * call->stride_x, call->width, call->padding_mode);
        cells[p] = !in_row || found < 0 ? job->zeros : block->source + (row + found * step);
    }
    return (conv_tap){cells, TAP_SCATTERED};
}

/* Pixels of a tile: all alike but for one more in the first few of a line. */
FG_INLINE int64_t FG_NAME(tile_size)(const BLOCK *block, int64_t tile)
{
    return block->tile_pixels + (tile < block->longer_tiles);
}

/* The taps of all tiles in one row of outputs. */
static void FG_NAME(line_taps)(const conv_job *job, BLOCK *block, const PLACE *at, conv_tap *taps)
{
    const fg_conv_call *call = job->call;
    const int64_t top = at->y * call->stride_y - call->pad_top, columns = job->tap_columns;
    const int64_t kernel_reach = (call->kernel_width - 1) * call->dilation_x;
    const int64_t column_step = call->dilation_x * job->cell_pitch;
    for (int64_t i = 0; i < call->kernel_height; i++, taps += columns) {
        const int64_t y = fg_padded_index(top + i * call->dilation_y, call->height, call->padding_mode);
        const int64_t row = at->image * block->image_pitch + y * block->row_pitch - block->origin;
        conv_tap *to = taps;
        int64_t x = at->x * call->stride_x - call->pad_left;
        for (int64_t tile = 0; tile < block->tiles; tile++, to += job->taps) {
            const int64_t n = FG_NAME(tile_size)(block, tile), reach = (n - 1) * call->stride_x + kernel_reach;
            const int inside = y >= 0 && (job->merged || (x >= 0 && x + reach < call->width));
            const int64_t first = row + x * job->cell_pitch;
            for (int64_t j = 0; j < columns; j++)
                to[j] = inside ? (conv_tap){block->source + (first + j * column_step), TAP_ROW}
                               : FG_NAME(border_tap)(job, block, y >= 0, row, x + j * call->dilation_x, n);
            x += n * call->stride_x;
        }
    }
}

static void FG_NAME(find_taps)(const conv_job *job, BLOCK *block)
{
    conv_tap *taps = block->taps;
    PLACE at = block->first;
    for (int64_t line = 0; line < block->lines; line++, taps += block->tiles * job->taps) {
        if (job->tiles_in_rows) {
            FG_NAME(line_taps)(job, block, &at, taps);
            FG_NAME(advance)(block, &at, block->size.columns);
            continue;
        }
        for (int64_t tile = 0; tile < block->tiles; tile++)
            FG_NAME(scattered_taps)(job, block, &at, taps + tile * job->taps, FG_NAME(tile_size)(block, tile));
    }
}

static void FG_NAME(find_outs)(const conv_job *job, BLOCK *block, int64_t out_channels)
{
    const fg_conv_call *call = job->call;
    real **outs = block->outs, *tile = block->tile;
    for (int64_t image = block->first.image; image < block->first.image + block->size.images; image++)
        for (int64_t y = block->first.y; y < block->first.y + block->size.rows; y++) {
            real *row = (real *)call->output + ((image * call->out_height + y) * call->out_width + block->first.x) *
                                                   call->out_channels;
            for (int64_t x = 0; x < block->size.columns; x++, tile += out_channels)
                *outs++ = call->planar ? tile : row + x * call->out_channels;
        }
}

static int64_t FG_NAME(shorter)(int64_t size, int64_t left) { return size < left ? size : left; }

static BLOCK FG_NAME(open_block)(const conv_job *job, int64_t index, int slot, int64_t out_channels)
{
    const fg_conv_call *call = job->call;
    BLOCK block = {0};
    block.first.x = index % job->blocks.columns * job->block.columns;
    block.first.y = index / job->blocks.columns % job->blocks.rows * job->block.rows;
    block.first.image = index / job->blocks.columns / job->blocks.rows * job->block.images;
    block.size.columns = FG_NAME(shorter)(job->block.columns, call->out_width - block.first.x);
    block.size.rows = FG_NAME(shorter)(job->block.rows, call->out_height - block.first.y);
    block.size.images = FG_NAME(shorter)(job->block.images, call->batch - block.first.image);
    const int64_t pixels = block.size.images * block.size.rows * block.size.columns;
    block.lines = job->tiles_in_rows ? block.size.images * block.size.rows : 1;
    const int64_t line = pixels / block.lines;
    block.tiles = (line + job->tile - 1) / job->tile;
    block.tile_pixels = line / block.tiles;
    block.longer_tiles = line % block.tiles;
    char *scratch = job->slots + (size_t)slot * job->slot_size;
    block.taps = (conv_tap *)(void *)scratch;
    block.pointers = (const real **)(void *)(block.taps + block.lines * block.tiles * job->taps);
    block.outs = (real **)(void *)(block.pointers + pixels * job->taps);
    block.strip = (real *)(void *)(scratch + job->cells_size);
    block.tile = (real *)(void *)(scratch + job->cells_size + job->strip_size);
    block.source = call->input;
    block.row_pitch = call->width * call->channels;
    block.image_pitch = call->height * block.row_pitch;
    if (job->strip)
        FG_NAME(load_strip)(job, &block);
    FG_NAME(find_taps)(job, &block);
    FG_NAME(find_outs)(job, &block, out_channels);
    return block;
}
