/* Tuned constants of this family. Rows named here are those of bench/algorithms.py. */
#ifndef FG_SUPPRESSION_TUNING_H
#define FG_SUPPRESSION_TUNING_H

/* Boxes that a chunk of small groups holds; boxes in all from which on a second thread pays for waking it up
   ("batched_nms"). */
enum { CHUNK_BOXES = 2048, MIN_BOXES_FOR_THREADS = 8192 };

/* Scores in all from which on multiclass_nms pays for a second thread. */
enum { MIN_SCORES_FOR_THREADS = 1 << 15 };

/* Boxes from which on an index can pay ("nms, uniform, 300"); they are scanned in windows of so many. */
enum { MIN_BOXES_FOR_INDEX = 512, WINDOW = 256 };

/* An index pays once a box is compared with so many kept ones, in sixteens, if all boxes are left; where fewer are left,
   building it has to save more ("nms, loose crowd", "nms, clustered"). */
enum { SCAN_WORK = 6 };

/* A grid suits boxes of which at most one in MANY_SMALL is smaller than the largest by more than SIZE_FACTOR, and that lie
   in at least one cell of SPARSE cells ("nms, all sizes", "nms, sparse"). */
enum { SIZE_FACTOR = 16, MANY_SMALL = 32, SPARSE = 8 };

/* Comparisons, each with sixteen boxes, that a kept box may take in a grid, and those that it takes to put a box into a
   tree. A grid that has wasted more than a tree costs gives way to one, so both together cost at most twice the better. */
enum { GRID_WORK = 32, TREE_WORK = 4 };

/* The order of a tree: boxes that a cell holds on average, and those from which on it gets a pass of its own; factors of
   two between sizes that are told apart first ("nms, all sizes"). */
enum { BOXES_PER_CELL = 2, CROWDED_CELL = 128, SIZE_OCTAVES = 4 };

/* Beginning with the best pays for so many boxes that lie so deep, one above another ("nms, clustered"). A sample says how
   deep; boxes on an area of fewer than HEAP_WIDTH of the largest in one direction are one heap. */
enum { MIN_BOXES_FOR_BEST_FIRST = 1 << 13, DEEP = 8, BOX_SAMPLE = 256, HEAP_WIDTH = 4 };

/* One box of BEST_SHARE is among the best, as a sample of scores says: enough to suppress nearly all others, few enough to
   sort. Where ties make them more than one of MOST_SHARE, it is not worth it. */
enum { SCORE_SAMPLE = 1024, BEST_SHARE = 8, MOST_SHARE = 4 };

/* Cells that a kept box is copied into, and copies that a box is compared with: beyond that the others decide. */
enum { MOST_COPIES = 64, MOST_LOOKED_AT = 256 };

/* How many boxes ahead memory is fetched that is visited at random: its latency over the time a box takes. */
enum { AHEAD = 12 };

#endif
