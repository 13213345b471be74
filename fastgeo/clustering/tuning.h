/* Every tuned constant of clustering. Those that choose an algorithm name the rows of bench/algorithms.py that show it. */
#ifndef FG_CLUSTERING_TUNING_H
#define FG_CLUSTERING_TUNING_H

/* Operations, of all points together, below which waking a helper costs more than it brings. */
enum { FG_MIN_WORK_FOR_THREADS = 1 << 20 };

/* Points. CHUNK_BLOCK and CHUNK_SCALAR_BLOCK are multiples of every block of points, so that only the last block of a chunk is
   ragged. A large call is cut into CHUNKS, each of LEAST_CHUNK_WORK operations at least and of MOST_CHUNK_WORK at most: a
   few ms, where the operations are vectors; without them a chunk of LEAST_CHUNK_WORK takes as long. */
enum {
    CHUNK_BLOCK = 32,
    CHUNK_SCALAR_BLOCK = 2,
    CHUNKS = 128,
    LEAST_CHUNK_WORK = 1 << 22,
    MOST_CHUNK_WORK = 1 << 26,
};

/* Operations that a point of an assignment costs besides its distances. */
enum { ASSIGN_ROW_WORK = 200 };

/* Columns: points of more are searched so many at a time, which stay in the first cache. */
enum { DEEP_COLUMNS = 128 };

/* Points: from so many on, copying the centroids apart pays where their rows would fall into the same sets of a cache. */
enum { SPREAD_POINTS = 128 };

/* Bytes of rows that stay in the second cache while they are labelled and added. */
enum { ADDED_BYTES = 1 << 19 };

/* Blocks of the sums: so many at least keep the threads busy where each is labelled and added by one of them; operations
   of one at most, so that Ctrl-C need not wait. */
enum { ADDED_BLOCKS = 16 };
#define ADDED_BLOCK_WORK 0x1p27
#define ADDED_BLOCK_SCALAR_WORK 0x1p22

/* A tile of the table of distances: some rows by columns that are packed once and stay in the second cache; less than 1 ms.
   Columns are read anew for every panel of rows: one strip, or some where they do not stay in the first cache. */
enum { PAIRWISE_MOST_COLUMNS = 1024, PAIRWISE_SCALAR_COLUMNS = 2, PAIRWISE_PACKED_BYTES = 1 << 18 };
enum { PAIRWISE_WIDE_BYTES = 1 << 10, PAIRWISE_WIDE_STRIPS = 4 };
enum { PAIRWISE_LEAST_ROWS = 60, PAIRWISE_TILE_WORK = 1 << 25, PAIRWISE_SCALAR_WORK = 1 << 22 };

/* Bytes: the first tile to touch its rows of the table waits for their pages, so they span no more. */
enum { PAIRWISE_PAGED_BYTES = 8 << 20 };

/* Columns from which on products pay. The reference states the same, since the last bits depend on it. */
enum { PAIRWISE_PRODUCT_COLUMNS = 32 };

/* Rows whose lengths are measured in one chunk, at most. */
enum { PAIRWISE_MEASURED_ROWS = 512 };

/* The horizontal search wins where rows are long, as transposing them costs much, and centroids few, which makes that a large
   part: assign in kmeans 10000x128 k=10, 10000x64 k=4. With more centroids than columns / 8 for each that fits into the registers, and
   beyond DEEP_COLUMNS with few registers, rows are read too often from beyond the first cache. */
enum { HORIZONTAL_COLUMNS = 32, HORIZONTAL_MOST_K = 48, HORIZONTAL_COLUMNS_EACH = 8, HORIZONTAL_FEW_K = 5 };

/* The quantized search pays for its preparation from so many columns, centroids and points for each of these on:
   assign in kmeans 10000x16 k=64, 10000x64 k=256. */
enum { QUANTIZED_COLUMNS = 12, QUANTIZED_K = 24, QUANTIZED_POINTS_EACH = 4 };

/* Where distances are wanted every point needs an exact one in the end: assign 5000x128 k=512, not 10000x16 k=64. */
enum { QUANTIZED_DISTANCE_COLUMNS = 32, QUANTIZED_DISTANCE_K = 128 };

/* Centroids: from so many on, measuring how far a point lies from its integers costs less than it leaves open. */
enum { QUANTIZED_MEASURED_K = 128 };

/* Columns times centroids from which on Hamerly's bounds are worth their keeping: kmeans 10000x16 k=64, blobs. */
enum { HAMERLY_LEAST_WORK = 128 };

/* While more than one label in so many changes, the centroids move too far for bounds to settle much. */
enum { HAMERLY_CHANGED = 8 };

/* Where bounds leave more than one point in so many open they rest, each time longer, for so many assignments at most. */
enum { HAMERLY_OPEN = 2, HAMERLY_MOST_REST = 15 };

/* Points for each centroid from which on the distances between centroids cost little beside those of the points. */
enum { HAMERLY_GAP_POINTS = 16 };

#endif
