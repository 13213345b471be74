/* What overlaps of masks are decided by: where runs begin and end, boxes around masks, areas. */
#ifndef FG_MASKS_GEOMETRY_H
#define FG_MASKS_GEOMETRY_H

#include "masks/runs.h"

/* The pixels from left to right - 1 and from top to bottom - 1; all 0 for an empty mask. */
typedef struct {
    int32_t left, top, right, bottom;
} fg_mask_box;

typedef struct {
    uint32_t *borders; /* where each run ends, in the places of the counts */
    fg_mask_box *boxes;
    int64_t *areas;
} fg_geometry;

int fg_geometry_of(const fg_team *team, const fg_masks *masks, fg_geometry *geometry);
void fg_geometry_free(fg_geometry *geometry);

/* One mask: the k-th foreground run goes from borders[2 k] to borders[2 k + 1] - 1. */
typedef struct {
    const uint32_t *borders;
    int64_t n_runs; /* of foreground */
    fg_mask_box box;
    int64_t area;
} fg_outline;

static inline fg_outline fg_outline_of(const fg_masks *masks, const fg_geometry *geometry, int64_t i)
{
    const int64_t begin = masks->offsets[i], end = masks->offsets[i + 1];
    return (fg_outline){geometry->borders + begin, (end - begin) / 2, geometry->boxes[i], geometry->areas[i]};
}

#endif
