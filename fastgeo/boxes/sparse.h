/* The pairs of boxes whose IoU exceeds a threshold, without a table of all pairs. */
#ifndef FG_SPARSE_H
#define FG_SPARSE_H

#include "runtime/box_format.h"
#include "runtime/runtime.h"

typedef struct {
    const void *boxes1, *boxes2; /* (n, 4), (m, 4); m below FG_SPARSE_MOST */
    int64_t n, m;
    double threshold;
    int is_f64;
    int fmt;
} fg_sparse_call;

/* Columns are numbered by 32 bits. */
enum { FG_SPARSE_MOST = INT32_MAX - 64 };

typedef struct fg_sparse_pairs fg_sparse_pairs;

/* Finds the pairs; the caller frees them. FG_OK, FG_NO_MEMORY, FG_BAD_VALUE (a box breaks the contract), FG_INTERRUPTED or
   FG_FORKED; `pairs` is set for FG_OK only. */
int fg_sparse_find(const fg_team *team, const fg_sparse_call *call, fg_sparse_pairs **pairs);

int64_t fg_sparse_count(const fg_sparse_pairs *pairs);

/* Moves them, in row-major order, into arrays of fg_sparse_count() entries. FG_OK, FG_INTERRUPTED or FG_FORKED. */
int fg_sparse_take(const fg_team *team, fg_sparse_pairs *pairs, int64_t *rows, int64_t *cols, void *values);

void fg_sparse_free(fg_sparse_pairs *pairs);

#endif
