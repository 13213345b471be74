/* Tuned constants of the boxes family: unit, reason, and the lines of bench/algorithms.py that show them. Only plan.c reads
   those that choose between algorithms and thread counts. */
#ifndef FG_BOXES_TUNING_H
#define FG_BOXES_TUNING_H

/* Pairs from which on waking a second thread pays: every pair, pair by pair, and of rotated boxes. */
enum { MIN_PAIRS_FOR_THREADS = 1 << 18, MIN_PAIRED_FOR_THREADS = 1 << 16, MIN_ROTATED_FOR_THREADS = 1 << 13 };

/* Boxes that one chunk loads: 0.1 ms; rotated ones, with a sine and a cosine each. From so many chunks on they are shared. */
enum { LOADED = 1 << 15, LOADED_ROTATED = 1 << 12, MIN_LOADS_FOR_THREADS = 3 };

/* box_iou: a chunk is ROWS × CHUNK_COLUMNS pairs, a millisecond or two. Chunks that run at the same time lie in
   APART_BANDS parts of the table: so that two threads seldom fault in the same large page. */
enum { APART_BANDS = 4, ROWS = 128, CHUNK_COLUMNS = 16384 };

/* Pairs of a table from which on sorting the columns pays, and columns up to which a row is one chunk
   (bench/algorithms.py: box_iou). */
enum { LEAST_MOSTLY_EMPTY = 1 << 22, LONGEST_ROW = 1 << 17 };

/* Pairs of a chunk, pair by pair: 0.1 ms. Of rotated boxes: about 1 ms where all overlap. */
enum { PAIRS = 8192, ROTATED_PAIRS = 4096 };

/* sparse_box_iou: a chunk is as many rows as make about this many pairs or, with a tree, so many searches; and more where
   there would be too many chunks: each keeps a list of its own, and six million lists took half a second to free. */
enum { PAIRS_PER_CHUNK = 1 << 20, MOST_ROWS = 512, SEARCHED_ROWS = 64, MOST_CHUNKS = 1 << 16 };

/* What a tree costs for each of its boxes and a search for each row, in comparisons of two boxes, and how many boxes are
   compared with a row for each that overlaps it (bench/algorithms.py: sparse_box_iou, uniform and crowd). */
enum { BUILDING = 400, SEARCHING = 512, AROUND = 16 };

/* Rows from which on a tree is built without a sample: if it rules out nothing, that costs an eighth more. */
enum { MANY_ROWS = 8 * BUILDING };

#endif
