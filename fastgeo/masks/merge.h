/* Unions and intersections of masks. */
#ifndef FG_MASKS_MERGE_H
#define FG_MASKS_MERGE_H

#include "masks/runs.h"

typedef struct {
    fg_masks masks;
    const int64_t *members; /* masks group by group, each group's of one size */
    const int64_t *offsets; /* n + 1, into members */
    int64_t n;
    int intersect;
} fg_merge_call;

int fg_merge(const fg_team *team, const fg_merge_call *call, fg_runs *runs);

#endif
