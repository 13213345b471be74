/* Where each output pixel of a block reads and writes. Part of conv_body.h.

   Padding costs no copy of the image: a cell outside it is a pointer to zeros or to the cell that stands in for it.
   Only where a whole kernel row is read in one run are rows that cross the border copied. Images with the channels
   first pass through two strips, cells in and pixels out; cells that lie a multiple of 4 KB apart, so that they crowd
   each other out of the first-level cache, through one with gaps. */

typedef struct {
    int64_t image, y, x;
} FG_NAME(place);

typedef struct {
    FG_NAME(place) first; /* output pixel */
    conv_extent size;
    int64_t pixels, tiles, tile_pixels, longer_tiles;
    const real **cells; /* tile by tile: [tap][pixel of the tile] */
    real **outs;
    real *patches, *strip, *tile;
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

/* Copies the cells that a block reads into its strip. */
static void FG_NAME(load_strip)(const conv_job *job, BLOCK *block)
{
    const fg_conv_call *call = job->call;
    int64_t top, bottom, left, right;
    FG_NAME(span)(block->first.y, block->size.rows, call->stride_y, call->kernel_height, call->dilation_y, call->pad_top,
                  call->height, call->padding_mode, &top, &bottom);
    FG_NAME(span)(block->first.x, block->size.columns, call->stride_x, call->kernel_width, call->dilation_x, call->pad_left,
                  call->width, call->padding_mode, &left, &right);
    const int64_t columns = right < left ? 0 : right - left + 1, rows = bottom < top ? 0 : bottom - top + 1;
    block->source = block->strip;
    block->row_pitch = columns * job->cell_pitch;
    block->image_pitch = rows * block->row_pitch;
    block->origin = block->first.image * block->image_pitch + top * block->row_pitch + left * job->cell_pitch;
    for (int64_t image = 0; image < block->size.images; image++)
        for (int64_t y = 0; y < rows; y++) {
            real *to = block->strip + image * block->image_pitch + y * block->row_pitch;
            FG_NAME(load_row)(job, block->first.image + image, top + y, left, columns, to);
        }
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

/* One kernel row of one pixel, gathered cell by cell across the image's border. */
static const real *FG_NAME(gather_row)(const conv_job *job, BLOCK *block, const real *row, int64_t left)
{
    const fg_conv_call *call = job->call;
    const int64_t channels = call->channels;
    real *patch = block->patches;
    for (int64_t k = 0; k < call->kernel_width; k++) {
        const int64_t x = fg_padded_index(left + k, call->width, call->padding_mode);
        const real *from = x < 0 ? job->zeros : row + x * channels;
        for (int64_t c = 0; c < channels; c++)
            patch[k * channels + c] = from[c];
    }
    block->patches += job->run;
    return patch;
}

/* The cells of one pixel; cells[tap * step]. */
static void FG_NAME(border_cells)(const conv_job *job, BLOCK *block, int64_t image, int64_t top, int64_t left,
                                  const real **cells, int64_t step)
{
    const fg_conv_call *call = job->call;
    const int inside_x = left >= 0 && left + call->kernel_width <= call->width; /* matters where merged */
    for (int64_t row = 0; row < call->kernel_height; row++) {
        const int64_t y = fg_padded_index(top + row * call->dilation_y, call->height, call->padding_mode);
        const int64_t row_start = image * block->image_pitch + y * block->row_pitch - block->origin;
        if (job->merged) {
            cells[row * step] = y < 0      ? job->zeros
                                : inside_x ? block->source + (row_start + left * call->channels)
                                           : FG_NAME(gather_row)(job, block, block->source + row_start, left);
            continue;
        }
        for (int64_t column = 0; column < call->kernel_width; column++) {
            const int64_t x = fg_padded_index(left + column * call->dilation_x, call->width, call->padding_mode);
            cells[(row * call->kernel_width + column) * step] =
                y < 0 || x < 0 ? job->zeros : block->source + (row_start + x * job->cell_pitch);
        }
    }
}

/* The cells of `pixels` neighbours in one row that see no left or right border. */
static void FG_NAME(regular_cells)(const conv_job *job, const BLOCK *block, int64_t image, int64_t top, int64_t left,
                                   const real **cells, int64_t pixels)
{
    const fg_conv_call *call = job->call;
    const int64_t columns = job->taps / call->kernel_height; /* one where merged */
    for (int64_t row = 0; row < call->kernel_height; row++) {
        const int64_t y = fg_padded_index(top + row * call->dilation_y, call->height, call->padding_mode);
        const int64_t start = image * block->image_pitch + y * block->row_pitch - block->origin;
        for (int64_t column = 0; column < columns; column++, cells += pixels) {
            if (y < 0) {
                for (int64_t p = 0; p < pixels; p++)
                    cells[p] = job->zeros;
            } else {
                cells[0] = block->source + (start + (left + column * call->dilation_x) * job->cell_pitch);
                cells[1] = NULL;
            }
        }
    }
}

/* Pixels of a tile: all alike but for one more in the first few. */
FG_INLINE int64_t FG_NAME(tile_size)(const BLOCK *block, int64_t tile)
{
    return block->tile_pixels + (tile < block->longer_tiles);
}

/* The cells of a tile, whatever they meet, pixel by pixel; moves on to the pixel after it. */
static void FG_NAME(any_cells)(const conv_job *job, BLOCK *block, PLACE *at, const real **cells, int64_t pixels)
{
    const fg_conv_call *call = job->call;
    const int64_t last_top = call->height - 1 - (call->kernel_height - 1) * call->dilation_y;
    const int64_t last_left = call->width - 1 - (call->kernel_width - 1) * call->dilation_x;
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

static void FG_NAME(find_cells)(const conv_job *job, BLOCK *block)
{
    const fg_conv_call *call = job->call;
    const int64_t last_left = call->width - 1 - (call->kernel_width - 1) * call->dilation_x;
    const int64_t end_x = block->first.x + block->size.columns;
    const real **cells = block->cells;
    PLACE at = block->first;
    for (int64_t tile = 0; tile < block->tiles; tile++) {
        const int64_t n = FG_NAME(tile_size)(block, tile), left = at.x * call->stride_x - call->pad_left;
        if (n > 1 && at.x + n <= end_x && left >= 0 && left + (n - 1) * call->stride_x <= last_left) {
            FG_NAME(regular_cells)(job, block, at.image, at.y * call->stride_y - call->pad_top, left, cells, n);
            FG_NAME(advance)(block, &at, n);
        } else {
            FG_NAME(any_cells)(job, block, &at, cells, n);
        }
        cells += n * job->taps;
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
    block.pixels = block.size.images * block.size.rows * block.size.columns;
    block.tiles = (block.pixels + job->tile - 1) / job->tile;
    block.tile_pixels = block.pixels / block.tiles;
    block.longer_tiles = block.pixels % block.tiles;
    char *scratch = job->slots + (size_t)slot * job->slot_size;
    block.cells = (const real **)(void *)scratch;
    block.outs = (real **)(void *)(block.cells + block.pixels * job->taps);
    block.patches = (real *)(void *)(scratch + job->cells_size);
    block.strip = (real *)(void *)(scratch + job->cells_size + job->patches_size);
    block.tile = (real *)(void *)(scratch + job->cells_size + job->patches_size + job->strip_size);
    block.source = call->input;
    block.row_pitch = call->width * call->channels;
    block.image_pitch = call->height * block.row_pitch;
    if (job->strip)
        FG_NAME(load_strip)(job, &block);
    FG_NAME(find_cells)(job, &block);
    FG_NAME(find_outs)(job, &block, out_channels);
    return block;
}
