/* Outlines of masks by column, so that many columns of two masks are compared at once. */
#ifndef FG_MASKS_PROFILE_H
#define FG_MASKS_PROFILE_H

#include "masks/geometry.h"

/* Masks that have at most FG_MOST_LAYERS runs in any column; layer k holds the k-th run of each column of the box, empty
   where there is none: first the tops of all columns, then the bottoms. */
enum { FG_MOST_LAYERS = 4 };

typedef struct {
    int32_t *layers;
    int64_t *offsets;  /* n: of each mask into `layers` */
    uint8_t *n_layers; /* 0: this mask is left to its runs */
} fg_profiles;

int fg_profiles_of(const fg_team *team, const fg_masks *masks, const fg_geometry *geometry, fg_profiles *profiles);
void fg_profiles_free(fg_profiles *profiles);

#endif
