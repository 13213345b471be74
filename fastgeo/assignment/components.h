/* The matching of two sets whose overlapping pairs are listed: one assignment problem for each connected component. */
#ifndef FG_COMPONENTS_H
#define FG_COMPONENTS_H

#include "runtime/runtime.h"

typedef struct {
    const int64_t *rows, *columns; /* (n_pairs,), in row-major order */
    const double *gains;           /* (n_pairs,), above 0 */
    int64_t n_pairs, n, m;
    int64_t *pair_of; /* (n,): which pair matches each row, or -1 */
} fg_match_call;

/* The greatest total gain. FG_OK, FG_NO_MEMORY, FG_INTERRUPTED or FG_FORKED. */
int fg_match_pairs(const fg_team *team, const fg_match_call *call);

#endif
