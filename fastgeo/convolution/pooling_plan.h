/* How a pooling is computed: fg_plan_pool() is a pure function of team and call, and alone decides. */
#ifndef FG_POOLING_PLAN_H
#define FG_POOLING_PLAN_H

#include "convolution/pooling.h"
#include "convolution/tuning.h"
#include "runtime/plan.h"

enum { FG_POOL_PIXELS, FG_POOL_ROWS, FG_POOL_PLANES, FG_POOL_ALGORITHMS };
extern const char *const fg_pool_algorithm_names[FG_POOL_ALGORITHMS];

typedef struct {
    int algorithm, threads;
    int64_t chunks;
    int64_t images, channels; /* channels first: every plane is an image of one channel, or of as many as are turned */
    int64_t together;                          /* images of a chunk, where these are small */
    int64_t rows, columns;                     /* output pixels of a chunk */
    int64_t row_blocks, column_blocks;
    int64_t piece_cells;                       /* of a window between two polls */
    size_t slot_bytes;                         /* scratch memory of a thread: planes turned to cells */
    const char *reason;
} fg_pool_plan;

/* FG_OK or FG_REFUSED. */
int fg_plan_pool(const fg_team *team, const fg_pool_call *call, fg_pool_plan *plan);

#endif
