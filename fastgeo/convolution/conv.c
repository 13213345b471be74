#include <stdatomic.h>
#include <stdlib.h>

#include "convolution/conv_job.h"
#include "runtime/fenv.h"

/* Fused multiply-adds of a chunk: some 30 µs. The scalar code calls libm for each. */
enum { CHUNK_WORK = 1 << 21, SCALAR_CHUNK_WORK = 1 << 18 };

/* Chunks that first copy what they read are so many times as large. */
enum { STRIP_CHUNKS = 4 };

/* Below this many, waking a helper costs more than it brings. */
enum { MIN_WORK_FOR_THREADS = 1 << 20 };

/* Channels below this are read in one run with their neighbours. */
enum { FEW_CHANNELS = 16 };

/* Pixels of a row that are split at once. */
enum { FEW_COLUMNS = 1024 };

/* The same for chunks of rows that do little with each value. */
enum { ROWS_WORK = 1 << 20 };

/* Planes beyond these sizes go through tiles: a row of zeros and the pointers of a kernel stay small. */
enum { PLANE_WIDTH = 1 << 16, PLANE_DEPTH = 1 << 12 };

/* Cells that lie a multiple of this apart share a few places of the first-level cache. */
enum { CROWDED = 4096, CACHE_LINE = 64 };

/* Scratch memory of a thread; a single pixel may need more. */
enum { SCRATCH_LIMIT = 768 << 10 };

#define FG_BODY "convolution/conv_body.h"
#include "runtime/for_each_target.h"

FG_TABLE(const conv_shape, conv_shape);
FG_TABLE(fg_chunk, pack_panel);
FG_TABLE(fg_chunk, conv_chunk);
FG_TABLE(fg_chunk, depthwise_chunk);
FG_TABLE(fg_chunk, plane_chunk);
FG_TABLE(fg_chunk, few_outputs_chunk);

static int64_t clip(int64_t a, int64_t low, int64_t high) { return a < low ? low : least(a, high); }
static int64_t pieces(int64_t n, int64_t size) { return (n + size - 1) / size; }
static size_t aligned(size_t size) { return (size + 63) & ~(size_t)63; }

static size_t value_size(const fg_conv_call *call) { return call->is_f64 ? sizeof(double) : sizeof(float); }

/* Kernels for which few_outputs_body.h is made, where a vector has so many lanes. */
static int has_few_outputs(const fg_conv_call *call, int64_t lanes)
{
    return call->groups == 1 && call->channels < FEW_CHANNELS && call->kernel_width > 1 &&
           2 * call->out_channels <= 3 * lanes;
}

/* A few output channels fill the narrower vectors better. */
static int isa_for(int isa, const fg_conv_call *call)
{
#if FG_X86
    const int64_t outputs = call->out_channels / call->groups, lanes = call->is_f64 ? 8 : 16;
    if (isa >= FG_ISA_avx512 && call->channels / call->groups * outputs > 1 && 2 * outputs <= lanes &&
        !has_few_outputs(call, lanes))
        return FG_ISA_avx2;
#endif
    (void)call;
    return isa;
}

/* What follows from the kernel alone. */
static conv_job kernel_job(int isa, const fg_conv_call *call)
{
    conv_job job = {.call = call, .isa = isa_for(isa, call)};
    job.shape = conv_shape_table[job.isa][call->is_f64];
    job.depthwise = call->groups > 1 && call->groups == call->channels && call->out_channels == call->channels;
    job.tile = call->out_channels / call->groups <= job.shape->lanes && !job.depthwise ? job.shape->narrow
                                                                                       : job.shape->pixels;
    job.groups = job.depthwise ? 1 : call->groups;
    job.group_outputs = call->out_channels / job.groups;
    job.panels_per_group = pieces(job.group_outputs, 2 * job.shape->lanes);
    job.n_panels = job.groups * job.panels_per_group;
    job.depth = call->kernel_height * call->kernel_width * (call->channels / call->groups);
    if (call->channels / call->groups >= FEW_CHANNELS)
        job.padded_rows = call->kernel_height * call->kernel_width;
    else if (call->groups == 1 && call->kernel_width > 1)
        job.padded_rows = call->kernel_height;
    job.panel_rows = job.depth + job.padded_rows;
    return job;
}

/* The struct and the memory of its weights; NULL if there is not enough. */
static fg_packed *new_packed(const conv_job *job)
{
    const size_t row = (size_t)job->shape->lanes * 2 * value_size(job->call), panels = (size_t)job->n_panels;
    if ((size_t)job->panel_rows > (SIZE_MAX / 2 - 64) / row / panels)
        return NULL;
    fg_packed *packed = calloc(1, sizeof *packed);
    if (!packed)
        return NULL;
    packed->isa = job->isa;
    packed->is_f64 = job->call->is_f64;
    packed->memory = malloc(row * panels * (size_t)job->panel_rows + 64);
    if (!packed->memory) {
        free(packed);
        return NULL;
    }
    packed->weights = (char *)packed->memory + (64 - (uintptr_t)packed->memory % 64);
    return packed;
}

int fg_conv_pack(const fg_team *team, const fg_conv_call *call, fg_packed **packed)
{
    conv_job job = kernel_job(team->isa, call);
    *packed = NULL;
    fg_packed *made = new_packed(&job);
    if (!made)
        return FG_NO_MEMORY;
    job.weights = made->weights;
    const int n_threads = job.depth * call->out_channels < MIN_WORK_FOR_THREADS ? 1 : team->size;
    fg_fenv saved = fg_fenv_enter();
    int status = team->parallel(job.n_panels, n_threads, pack_panel_table[job.isa][call->is_f64], &job);
    fg_fenv_leave(saved);
    if (status == FG_OK)
        *packed = made;
    else
        fg_packed_free(made);
    return status;
}

void fg_packed_free(fg_packed *packed)
{
    if (packed) {
        free(packed->memory);
        free(packed->scratch);
        free(packed);
    }
}

/* Input cells that `outputs` windows in a row reach. */
static int64_t reach(int64_t outputs, int64_t stride, int64_t size, int64_t dilation, int64_t length)
{
    return least((outputs - 1) * stride + (size - 1) * dilation + 1, length);
}

static int64_t balanced(int64_t n, int64_t size) { return pieces(n, pieces(n, size)); }

/* Sizes of a thread's scratch memory for the chosen block. */
static void size_slot(conv_job *job)
{
    const fg_conv_call *call = job->call;
    const conv_extent *block = &job->block;
    const size_t value = value_size(call), pixels = (size_t)(block->images * block->rows * block->columns);
    const int64_t work = (int64_t)pixels * job->depth * 2 * job->shape->lanes;
    const int64_t chunk_work = job->shape->lanes == 1 ? SCALAR_CHUNK_WORK : CHUNK_WORK;
    /* Every chunk of panels copies the strip anew. */
    const int64_t most_work = job->strip ? 2 * STRIP_CHUNKS * chunk_work : chunk_work;
    job->panels_per_chunk = balanced(job->n_panels, clip(most_work / work, 1, job->n_panels));
    const int64_t line = job->tiles_in_rows ? block->columns : (int64_t)pixels;
    const size_t tiles = pixels / (size_t)line * (size_t)pieces(line, job->tile);
    job->cells_size = aligned(tiles * (size_t)job->taps * sizeof(conv_tap) +
                              pixels * (size_t)(job->taps + 1) * sizeof(void *));
    job->strip_size = job->tile_size = 0;
    if (job->strip) {
        const int64_t rows = reach(block->rows, call->stride_y, call->kernel_height, call->dilation_y, call->height);
        const int64_t columns =
            reach(block->columns, call->stride_x, call->kernel_width, call->dilation_x,
                  job->merged ? INT64_MAX : call->width);
        job->strip_size = aligned((size_t)(block->images * rows * columns * job->cell_pitch) * value);
    }
    if (call->planar)
        job->tile_size = aligned(pixels * (size_t)(job->panels_per_chunk * 2 * job->shape->lanes) * value);
    job->slot_size = job->cells_size + job->strip_size + job->tile_size;
}

/* A block is a rectangle of output pixels, of several images where these are small. */
static void choose_block(conv_job *job)
{
    const fg_conv_call *call = job->call;
    const int64_t tile = job->tile, lanes = job->shape->lanes;
    const int64_t chunk_work = (lanes == 1 ? SCALAR_CHUNK_WORK : CHUNK_WORK) * (job->strip ? STRIP_CHUNKS : 1);
    const int64_t at_least = clip(8 * chunk_work / (job->depth * 2 * lanes), tile, 16 * tile);
    int64_t pixels = clip(chunk_work / (job->depth * call->out_channels), job->strip ? 4 * tile : at_least, 1024);
    for (;; pixels = pieces(pixels, 2)) {
        conv_extent *block = &job->block;
        block->columns = balanced(call->out_width, least(pixels, call->out_width));
        block->rows = balanced(call->out_height, clip(pixels / call->out_width, 1, call->out_height));
        block->images = clip(pixels / (call->out_width * call->out_height), 1, call->batch);
        size_slot(job);
        if (job->slot_size <= SCRATCH_LIMIT || pixels == 1)
            break;
    }
    job->blocks.images = pieces(call->batch, job->block.images);
    job->blocks.rows = pieces(call->out_height, job->block.rows);
    job->blocks.columns = pieces(call->out_width, job->block.columns);
    job->panel_chunks = pieces(job->n_panels, job->panels_per_chunk);
}

/* Scratch memory of a call: that of the packed kernel, which belongs to one call at a time, or memory of its own. */
typedef struct {
    void *memory;
    atomic_flag *taken; /* cleared when the call is done; NULL where it owns the memory */
} conv_scratch;

/* With the flag taken: its memory, as large as it has ever been asked for. */
static void *grown_scratch(fg_packed *packed, size_t size)
{
    if (packed->scratch_size < size) {
        free(packed->scratch);
        packed->scratch = malloc(size);
        packed->scratch_size = packed->scratch ? size : 0;
    }
    return packed->scratch;
}

static conv_scratch take_scratch(fg_packed *packed, size_t size)
{
    if (!packed || atomic_flag_test_and_set(&packed->scratch_taken))
        return (conv_scratch){malloc(size), NULL};
    return (conv_scratch){grown_scratch(packed, size), &packed->scratch_taken};
}

static void give_scratch(conv_scratch scratch)
{
    if (scratch.taken)
        atomic_flag_clear(scratch.taken);
    else
        free(scratch.memory);
}

static void lay_out_scratch(conv_job *job, char *scratch, size_t zeros_size, size_t offsets_size)
{
    scratch += 64 - (uintptr_t)scratch % 64;
    memset(scratch, 0, zeros_size);
    job->zeros = scratch;
    job->tap_offsets = (int64_t *)(void *)(scratch + zeros_size);
    job->slots = scratch + zeros_size + offsets_size;
}

/* Scratch memory for all threads, then the chunks. */
static int run_job(const fg_team *team, conv_job *job, int64_t chunks, fg_chunk *run, int64_t zeros,
                   fg_packed *packed)
{
    const fg_conv_call *call = job->call;
    const double work = (double)call->batch * (double)(call->out_height * call->out_width) *
                        (double)call->out_channels * (double)job->depth;
    const int n_threads = work < MIN_WORK_FOR_THREADS ? 1 : team->size;
    const size_t slots = (size_t)least(n_threads, chunks);
    const size_t zeros_size = aligned((size_t)zeros * value_size(call));
    const size_t offsets_size = aligned((size_t)job->taps * sizeof(int64_t));
    const conv_scratch scratch = take_scratch(packed, zeros_size + offsets_size + slots * job->slot_size + 64);
    if (!scratch.memory) {
        give_scratch(scratch);
        return FG_NO_MEMORY;
    }
    lay_out_scratch(job, scratch.memory, zeros_size, offsets_size);
    for (int64_t tap = 0; tap < job->taps; tap++) {
        const int64_t row = tap / job->tap_columns, column = tap % job->tap_columns;
        job->tap_offsets[tap] =
            (row * call->dilation_y * call->width + column * call->dilation_x) * call->channels;
    }
    int status = team->parallel(chunks, n_threads, run, job);
    give_scratch(scratch);
    return status;
}

/* Where every pixel meets one cell of its own, rows and, channels last, images are one long row. */
static fg_conv_call as_one_row(const fg_conv_call *call)
{
    fg_conv_call row = *call;
    if (call->kernel_height == 1 && call->kernel_width == 1 && call->stride_y == 1 && call->stride_x == 1 &&
        call->pad_top == 0 && call->pad_left == 0 && call->out_height == call->height &&
        call->out_width == call->width) {
        row.batch = call->planar ? call->batch : 1;
        row.width = row.out_width = call->batch / row.batch * call->height * call->width;
        row.height = row.out_height = 1;
    }
    return row;
}

/* Register tiles of pixels by output channels: every convolution that the two below leave. */
static int run_tiles(const fg_team *team, conv_job *job, fg_packed *packed)
{
    const fg_conv_call row = as_one_row(job->call), *call = &row;
    job->call = call;
    job->merged = call->groups == 1 && call->dilation_x == 1 && call->kernel_width > 1 &&
                  call->channels < FEW_CHANNELS;
    job->tap_columns = job->merged ? 1 : call->kernel_width;
    job->taps = call->kernel_height * job->tap_columns;
    job->skips_padding = job->padded_rows == job->taps && call->padding_mode == FG_PAD_ZEROS;
    job->run = job->depth / job->taps;
    job->cell_pitch = call->channels;
    job->strip = call->planar || job->merged;
    const int64_t step = call->channels * (int64_t)value_size(call);
    if (!job->merged && step * call->stride_x % CROWDED == 0 && step % CACHE_LINE == 0) {
        job->strip = 1;
        job->cell_pitch += CACHE_LINE / (int64_t)value_size(call);
    }
    /* Rows that fill their tiles at least by half. */
    job->tiles_in_rows = 2 * call->out_width >= job->tile * pieces(call->out_width, job->tile);
    choose_block(job);
    const int64_t chunks = job->blocks.images * job->blocks.rows * job->blocks.columns * job->panel_chunks;
    const int64_t zeros = job->run > call->channels ? job->run : call->channels;
    return run_job(team, job, chunks, conv_chunk_table[job->isa][call->is_f64], zeros, packed);
}

/* Whole rows of outputs, about ROWS_WORK fused multiply-adds a chunk. */
static int64_t rows_of_chunk(conv_job *job, int64_t row_work)
{
    const int64_t chunk_work = job->shape->lanes == 1 ? SCALAR_CHUNK_WORK : ROWS_WORK;
    job->block.rows = balanced(job->call->out_height, clip(chunk_work / row_work, 4, job->call->out_height));
    job->blocks.rows = pieces(job->call->out_height, job->block.rows);
    return job->blocks.rows;
}

/* Runs of pixels by one vector of channels; the kernel sizes of depthwise layers only. */
static int fits_depthwise(const conv_job *job)
{
    const fg_conv_call *call = job->call;
    return job->depthwise && !call->planar && call->dilation_x == 1 && call->stride_x <= 2 &&
           (call->kernel_width == 3 || call->kernel_width == 5) && call->out_width >= job->shape->run;
}

static int run_depthwise(const fg_team *team, conv_job *job, fg_packed *packed)
{
    const fg_conv_call *call = job->call;
    const int64_t cells = ((job->shape->run - 1) * call->stride_x + call->kernel_width) * call->kernel_height;
    job->slot_size = aligned((size_t)cells * sizeof(void *));
    const int64_t chunks = call->batch * rows_of_chunk(job, job->depth * call->out_width * call->channels);
    return run_job(team, job, chunks, depthwise_chunk_table[job->isa][call->is_f64], call->channels, packed);
}

/* Rows of pixels leave fewer lanes empty than output channels would. */
static int fits_few_outputs(const conv_job *job)
{
    const fg_conv_call *call = job->call;
    const int64_t lanes = job->shape->lanes, width = call->out_width, outputs = call->out_channels;
    return lanes > 1 && has_few_outputs(call, lanes) && width >= lanes && width < PLANE_WIDTH &&
           job->depth < PLANE_DEPTH && width * pieces(outputs, lanes) >= outputs * pieces(width, lanes);
}

static int run_few_outputs(const fg_team *team, conv_job *job, fg_packed *packed)
{
    const fg_conv_call *call = job->call;
    const int64_t reach_y = (call->kernel_height - 1) * call->dilation_y + 1;
    conv_extent *block = &job->block;
    block->columns = balanced(call->out_width, least(FEW_COLUMNS, call->out_width));
    const int64_t row_work = job->depth * call->out_channels * block->columns;
    block->rows = balanced(call->out_height, clip(2 * STRIP_CHUNKS * CHUNK_WORK / row_work, 1, call->out_height));
    const int64_t columns = (block->columns - 1) * call->stride_x + (call->kernel_width - 1) * call->dilation_x + 1;
    const int64_t line = (columns + call->stride_x) * call->channels * (int64_t)value_size(call);
    while (block->rows > 1 && ((block->rows - 1) * call->stride_y + reach_y) * line > SCRATCH_LIMIT)
        block->rows = pieces(block->rows, 2);
    if ((reach_y + 1) * line > SCRATCH_LIMIT)
        return run_tiles(team, job, packed);
    job->blocks.columns = pieces(call->out_width, block->columns);
    job->blocks.rows = pieces(call->out_height, block->rows);
    job->cells_size = aligned((size_t)job->depth * sizeof(int64_t));
    job->slot_size = job->cells_size + aligned((size_t)(((block->rows - 1) * call->stride_y + reach_y) * line));
    const int64_t chunks = call->batch * job->blocks.rows * job->blocks.columns;
    return run_job(team, job, chunks, few_outputs_chunk_table[job->isa][call->is_f64], 0, packed);
}

/* Planes of one channel: rows wide enough for whole vectors between their borders. */
static int fits_planes(const conv_job *job)
{
    const fg_conv_call *call = job->call;
    const int64_t inside = call->width - (call->kernel_width - 1) * call->dilation_x;
    return (job->depthwise ? call->planar : call->channels == 1 && call->out_channels == 1) && call->stride_x == 1 &&
           least(inside, call->out_width - call->pad_left) >= 2 * job->shape->lanes && job->shape->lanes > 1 &&
           call->width < PLANE_WIDTH && job->depth < PLANE_DEPTH;
}

static int run_planes(const fg_team *team, conv_job *job, fg_packed *packed)
{
    const fg_conv_call *call = job->call;
    job->slot_size = aligned((size_t)(8 * call->kernel_height) * sizeof(void *));
    const int64_t chunks = call->batch * call->channels * rows_of_chunk(job, job->depth * call->out_width);
    return run_job(team, job, chunks, plane_chunk_table[job->isa][call->is_f64], call->width, packed);
}

int fg_conv2d(const fg_team *team, const fg_conv_call *call, fg_packed *packed)
{
    if (call->batch == 0)
        return FG_OK;
    fg_packed *own = NULL;
    if (!packed || packed->isa != isa_for(team->isa, call) || packed->is_f64 != call->is_f64) {
        int packing = fg_conv_pack(team, call, &own);
        if (packing != FG_OK)
            return packing;
        packed = own;
    }
    conv_job job = kernel_job(team->isa, call);
    job.weights = packed->weights;
    fg_fenv saved = fg_fenv_enter();
    int status = fits_depthwise(&job)     ? run_depthwise(team, &job, packed)
                 : fits_planes(&job)      ? run_planes(team, &job, packed)
                 : fits_few_outputs(&job) ? run_few_outputs(team, &job, packed)
                                          : run_tiles(team, &job, packed);
    fg_fenv_leave(saved);
    fg_packed_free(own);
    return status;
}
