/* Assignment of least cost by shortest augmenting paths (Crouse 2016). */
#ifndef FG_SHORTEST_PATH_H
#define FG_SHORTEST_PATH_H

#include <stddef.h>

#include "runtime/runtime.h"

/* Beyond the statuses of the runtime: forbidden pairs leave no complete assignment. */
enum { FG_INFEASIBLE = 100 };

typedef struct {
    const double *cost; /* (n, m), rows */
    int64_t n, m;
    double limit;       /* what it costs to leave a row unmatched; infinity: every row is matched, n is at most m */
    int64_t *column_of; /* (n,): the answer, -1 for an unmatched row */
} fg_assignment_call;

/* FG_OK, FG_NO_MEMORY, FG_BAD_VALUE (a NaN or minus infinity), FG_INFEASIBLE, FG_INTERRUPTED or FG_FORKED. */
int fg_assign(const fg_team *team, const fg_assignment_call *call);

/* The same inside a chunk that slot 0 runs. `scratch` has fg_assignment_scratch(n, m) bytes; 0 where that overflows. */
size_t fg_assignment_scratch(int64_t n, int64_t m);
int fg_assign_here(const fg_team *team, const fg_assignment_call *call, void *scratch);

#endif
