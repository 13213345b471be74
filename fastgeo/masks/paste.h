/* Small masks of probabilities, stretched over their boxes, to run lengths. */
#ifndef FG_MASKS_PASTE_H
#define FG_MASKS_PASTE_H

#include "masks/runs.h"

typedef struct {
    const double *probabilities; /* (n, rows, columns) */
    const double *boxes;         /* (n, 4): left, top, right, bottom */
    int64_t n, rows, columns;
    int64_t height, width;
    double threshold;
} fg_paste_call;

int fg_paste(const fg_team *team, const fg_paste_call *call, fg_runs *runs);

#endif
