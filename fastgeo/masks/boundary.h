/* Boundaries of masks: the foreground that is near to background. */
#ifndef FG_MASKS_BOUNDARY_H
#define FG_MASKS_BOUNDARY_H

#include "masks/geometry.h"

/* Keeps of each mask the foreground with background, or the image's edge, at most widths[i] >= 1 rows and columns away. */
int fg_boundaries(const fg_team *team, const fg_masks *masks, const int64_t *widths, fg_runs *runs);

#endif
