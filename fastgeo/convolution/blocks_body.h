/* A block of output pixels: where its cells are read, copied to a strip or from the image itself, and where its sums go. */

typedef struct {
    int64_t image, y, x;
} FG_NAME(place);

#define PLACE FG_NAME(place)

typedef struct {
    PLACE first; /* output pixel */
    fg_extent size;
    int64_t lines, tiles, tile_pixels, longer_tiles; /* tiles of each line; a line is a row or the whole block */
    /* The first cell of the window of output pixel (image, y, x) is
       source[image * image_pitch + y * line_step + x * pixel_step - origin], and that of its kernel row i and column j
       lies i * tap_row_step + j * tap_column_step further, where neither meets the padding of an image read in place. */
    const real *source;
    int64_t image_pitch, row_pitch, line_step, pixel_step, tap_row_step, tap_column_step, origin;
    real **outs;
    real *tile; /* finished pixels that go to planes */
} FG_NAME(block);

#define BLOCK FG_NAME(block)

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

static int64_t FG_NAME(pixels_of)(const BLOCK *block)
{
    return block->size.images * block->size.rows * block->size.columns;
}

static BLOCK FG_NAME(open_block)(const fg_conv_call *call, const fg_blocks *plan, int64_t index)
{
    BLOCK block = {0};
    block.first.x = index % plan->blocks.columns * plan->block.columns;
    block.first.y = index / plan->blocks.columns % plan->blocks.rows * plan->block.rows;
    block.first.image = index / plan->blocks.columns / plan->blocks.rows * plan->block.images;
    block.size.columns = fg_least(plan->block.columns, call->out_width - block.first.x);
    block.size.rows = fg_least(plan->block.rows, call->out_height - block.first.y);
    block.size.images = fg_least(plan->block.images, call->batch - block.first.image);
    const int64_t pixels = FG_NAME(pixels_of)(&block);
    block.lines = plan->in_rows ? block.size.images * block.size.rows : 1;
    const int64_t line = pixels / block.lines;
    block.tiles = fg_pieces(line, plan->tile);
    block.tile_pixels = line / block.tiles;
    block.longer_tiles = line % block.tiles;
    return block;
}

/* With pitches known: how far windows and their cells lie apart. */
static void FG_NAME(set_steps)(const fg_blocks *plan, BLOCK *block)
{
    block->line_step = plan->y.stride * block->row_pitch;
    block->tap_row_step = plan->y.dilation * block->row_pitch;
    block->pixel_step = plan->x.stride * plan->cell_pitch;
    block->tap_column_step = plan->x.dilation * plan->cell_pitch;
}

/* What becomes of a gathered row of n cells on its way to the strip; NULL: nothing. */
typedef void FG_NAME(spread)(const fg_conv_job *job, const real *line, int64_t n, real *to);

/* The block reads a copy of its cells, padding included, which this makes. `line`: memory for one row, if it is spread. */
static void FG_NAME(read_strip)(const fg_conv_job *job, const fg_blocks *plan, BLOCK *block, real *strip,
                                int64_t *columns, real *line, FG_NAME(spread) *spread)
{
    const fg_conv_call *call = job->call;
    const int64_t rows = fg_strip_length(&plan->y, block->size.rows);
    const int64_t n = fg_strip_length(&plan->x, block->size.columns);
    const int64_t top = block->first.y * call->stride_y - call->pad_top;
    const int64_t left = block->first.x * call->stride_x - call->pad_left;
    for (int64_t i = 0; i < n; i++)
        columns[i] = fg_padded_index(left + fg_strip_cell(&plan->x, i), call->width, call->padding_mode);
    block->source = strip;
    block->row_pitch = n * plan->cell_pitch;
    block->image_pitch = rows * block->row_pitch;
    FG_NAME(set_steps)(plan, block);
    block->origin = block->first.image * block->image_pitch + block->first.y * block->line_step +
                    block->first.x * block->pixel_step;
    for (int64_t image = 0; image < block->size.images; image++)
        for (int64_t i = 0; i < rows; i++, strip += block->row_pitch) {
            const int64_t y = fg_padded_index(top + fg_strip_cell(&plan->y, i), call->height, call->padding_mode);
            FG_NAME(gather_row)(call, block->first.image + image, y, columns, n, spread ? call->channels
                                                                                        : plan->cell_pitch,
                                spread ? line : strip);
            if (spread)
                spread(job, line, n, strip);
        }
}

/* Copies the finished pixels of a block to their planes. */
static void FG_NAME(store_planes)(const fg_conv_call *call, const BLOCK *block, int64_t out_begin, int64_t out_end)
{
    const int64_t plane = call->out_height * call->out_width, n = out_end - out_begin;
    const real *from = block->tile;
    for (int64_t image = block->first.image; image < block->first.image + block->size.images; image++)
        for (int64_t y = block->first.y; y < block->first.y + block->size.rows; y++) {
            real *to = (real *)call->output + (image * call->out_channels + out_begin) * plane +
                       y * call->out_width + block->first.x;
            for (int64_t x0 = 0; x0 < block->size.columns; x0 += 16) {
                const int64_t x1 = fg_least(x0 + 16, block->size.columns);
                for (int64_t o = 0; o < n; o++)
                    for (int64_t x = x0; x < x1; x++)
                        to[o * plane + x] = from[x * n + o];
            }
            from += block->size.columns * n;
        }
}

/* Where the sums of every pixel go: `channels` of them in the block's tile, or the output itself. */
static void FG_NAME(find_outs)(const fg_conv_call *call, BLOCK *block, int64_t channels)
{
    real **outs = block->outs, *tile = block->tile;
    for (int64_t image = block->first.image; image < block->first.image + block->size.images; image++)
        for (int64_t y = block->first.y; y < block->first.y + block->size.rows; y++) {
            real *row = (real *)call->output + ((image * call->out_height + y) * call->out_width + block->first.x) *
                                                   call->out_channels;
            for (int64_t x = 0; x < block->size.columns; x++, tile += channels)
                *outs++ = call->planar ? tile : row + x * call->out_channels;
        }
}
