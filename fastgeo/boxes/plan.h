/* What the calls of this family run, and in what pieces: pure functions of team and call. Nothing else chooses. */
#ifndef FG_BOXES_PLAN_H
#define FG_BOXES_PLAN_H

#include "boxes/iou.h"
#include "boxes/sparse.h"
#include "runtime/plan.h"

enum { FG_TILES, FG_COLUMN_CELLS, FG_IOU_ALGORITHMS };
enum { FG_ALL_PAIRS, FG_BOX_TREE, FG_SPARSE_ALGORITHMS };

extern const char *const fg_iou_algorithms[FG_IOU_ALGORITHMS];
extern const char *const fg_sparse_algorithms[FG_SPARSE_ALGORITHMS];

typedef struct {
    int algorithm, threads;
    int64_t chunks;
    int64_t bands;         /* of ROWS rows, in each of APART_BANDS parts of the table */
    int64_t column_chunks; /* of a band */
    const char *reason;
} fg_iou_plan;

/* FG_OK, or FG_REFUSED where the forced algorithm cannot serve the call. */
int fg_plan_iou(const fg_team *team, const fg_iou_call *call, fg_iou_plan *plan);

typedef struct {
    int algorithm, threads;
    int64_t rows; /* of a chunk */
    int64_t chunks;
    const char *reason;
} fg_sparse_plan;

/* The share of the columns that a tree would rule out for a row, on average; asked for only where it decides. */
typedef double fg_share_ruled_out(const void *boxes);

void fg_plan_sparse(const fg_team *team, const fg_sparse_call *call, fg_share_ruled_out *sample, const void *boxes,
                    fg_sparse_plan *plan);

/* How many threads take part in the other steps: loading in so many parts, moving `count` pairs into the answer, n pairs
   one by one, n pairs of rotated boxes. */
int fg_plan_loading(const fg_team *team, int64_t parts);
int fg_plan_taking(const fg_sparse_plan *plan, int64_t count);
int fg_plan_paired(const fg_team *team, int64_t n);
int fg_plan_rotated(const fg_team *team, int64_t n);

#endif
