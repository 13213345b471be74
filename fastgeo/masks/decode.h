/* Run lengths to dense masks. */
#ifndef FG_MASKS_DECODE_H
#define FG_MASKS_DECODE_H

#include "masks/runs.h"

/* Masks of one size, to (n, height, width) bytes that are 0 or 1; with by_column to (n, width, height). */
int fg_decode(const fg_team *team, const fg_masks *masks, int by_column, uint8_t *pixels);

#endif
