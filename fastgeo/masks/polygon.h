/* Polygons to run lengths, as COCO draws them. */
#ifndef FG_MASKS_POLYGON_H
#define FG_MASKS_POLYGON_H

#include "masks/runs.h"

/* Polygon i has the corners offsets[i] … offsets[i + 1] - 1 of `corners`: x and y, at most 2^27 in magnitude. */
typedef struct {
    const double *corners;
    const int64_t *offsets; /* n + 1 */
    int64_t n, height, width;
} fg_polygon_call;

int fg_draw_polygons(const fg_team *team, const fg_polygon_call *call, fg_runs *runs);

#endif
