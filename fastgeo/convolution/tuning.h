/* Every tuned constant of convolution and pooling. Work is counted in fused multiply-adds of convolution, in cells of
   pooling. What each one buys is printed by `python bench/algorithms.py conv2d`, and by the row named here. */
#ifndef FG_CONVOLUTION_TUNING_H
#define FG_CONVOLUTION_TUNING_H

/* Output pixels of a register tile by two vectors of output channels, for vectors of so many bits: as many sums as the
   registers hold beside two vectors of weights and one broadcast value (31 of 32, 15 of 16, 23 of 32). */
#define FG_TILE(bits) ((bits) == 512 ? 14 : (bits) == 256 ? 6 : (bits) == 128 ? 10 : 4)

/* The same where one vector holds all output channels of a group. */
#define FG_NARROW_TILE(bits) ((bits) == 512 ? 14 : (bits) == 256 ? 12 : (bits) == 128 ? 12 : 4)

/* Output pixels by one vector of channels, each with its own input vector (grouped lanes, depthwise rows). */
#define FG_LANE_TILE(bits) ((bits) == 512 ? 14 : (bits) == 256 ? 8 : (bits) == 128 ? 14 : 4)

/* Channels first, 1×1 kernels: input channels up to which pixel vectors beat register tiles, 256 of float32 with 32
   registers of 512 bits, 64 with 16 of 256 ("1x1/1 24→144 @56", "1x1/1 256→64 @56", "1x1/1 128→512 @28"). */
#define FG_POINTWISE_CHANNELS(lanes) ((lanes) * (lanes))

enum {
    FG_MOST_PIXELS = 14, /* of any tile above */

    /* A chunk: some 30 µs, so that eight threads share a small layer evenly. The scalar code calls libm for each. */
    FG_CHUNK_WORK = 1 << 21,
    FG_SCALAR_CHUNK_WORK = 1 << 18,

    /* Chunks that copy their cells first are so many times as large: neighbours copy the overlap of their windows twice. */
    FG_STRIP_CHUNKS = 4,

    /* A chunk of depthwise or plane rows, which do little with each value. */
    FG_ROWS_WORK = 1 << 20,

    /* Below this, waking a helper (some 5 µs) costs more than it brings. */
    FG_THREADED_WORK = 1 << 20,

    /* Work between two polls for Ctrl-C: below 5 ms in scalar code. */
    FG_POLL_WORK = 1 << 20,

    /* Steps of the chain of one tile between two polls. */
    FG_POLL_STEPS = 1 << 14,

    /* Output pixels of a block at most: beyond that larger blocks bring nothing. */
    FG_BLOCK_PIXELS = 1024,

    /* Scratch memory of a thread in bytes: half of the second-level cache of small CPUs; one window may need more. */
    FG_SCRATCH_LIMIT = 768 << 10,

    /* Kernel rows of fewer input channels are read in one run: below one cache line of float32, a run for each cell costs
       more than it does work. "7x7/2 3→64 @224". */
    FG_FEW_CHANNELS = 16,

    /* Cells that lie a multiple of this apart (bytes) share a few places of the first-level cache; they are moved apart
       by a cache line. "3x3/2 128→128 @56". */
    FG_CROWDED = 4096,
    FG_CACHE_LINE = 64,

    /* Grouped lanes where a group has at most 1/4 of a vector of outputs: a tile then leaves 3/4 of its lanes empty, and
       spreading the input costs less. "3x3/1 128→128 @56, groups 32". */
    FG_LANE_SHARE = 4,

    /* Output pixels of a function call whose weights are read where they lie: packing reads and writes them once more.
       "1x1 4096→4096, one pixel". */
    FG_UNPACKED_PIXELS = 32,

    /* Matrix–vector product: outputs of a chunk (4 KB of each row of weights), rows of weights taken together. */
    FG_PRODUCT_OUTPUTS = 1024,
    FG_PRODUCT_ROWS = 8,

    /* Pixel vectors: columns of a block, split at once; and where outputs leave more than a third of two vectors empty. */
    FG_SPLIT_COLUMNS = 1024,

    /* Pixel vectors of a 1×1 kernel: the columns of a block stay in the first-level cache (bytes) while all outputs pass. */
    FG_NEAR_BYTES = 24 << 10,

    /* Channels first: input channels up to which pixel vectors beat register tiles ("7x7/2 3→64 @224", "3x3/1 8→32 @56");
       output channels up to which one plane is taken to each of them by itself ("5x5/1 1→8 @64"). */
    FG_PLANAR_CHANNELS = 8,
    FG_PLANE_OUTPUTS = 2,

    /* Planes and pixel vectors keep a row and the pointers of a kernel small; a row of outputs stays below some ms. */
    FG_PLANE_WIDTH = 1 << 16,
    FG_PLANE_DEPTH = 1 << 12,
    FG_PLANE_ROW_WORK = 1 << 22,

    /* Pooling: cells of a chunk, below 20 ms even with two powers for each; cells below which no helper is woken. */
    FG_POOL_CHUNK_CELLS = 1 << 16,
    FG_POOL_THREADED_CELLS = 1 << 18,

    /* Outputs of a row, or channels of a pixel, that pass through one buffer; channels of a pixel pooled between polls. */
    FG_POOL_RUN = 256,
    FG_POOL_CHANNELS = 1 << 12,

    /* Planes that are turned to cells together, a multiple of every vector, and fewer where there is no memory for so many;
       rows of at most so many outputs, twice as many where windows overlap ("5x5/1 512 @13, NCHW", "2x2/2 128 @80, NCHW"). */
    FG_POOL_GROUP = 64,
    FG_POOL_SMALL_GROUP = 16,
    FG_POOL_NARROW = 32,

    /* Powers of at most so many halves are multiplied out: beyond that their error exceeds that of a logarithm. */
    FG_MOST_HALVES = 16,

    /* Rows of fewer outputs are taken one by one: their windows are then read as runs. "whole 512 @13, NCHW". */
    FG_POOL_SHORT_ROW = 5
};

#endif
