/* Greedy suppression of very many boxes, tile by tile: what lies together is in the cache together. */
#ifndef FG_NMS_TILES_H
#define FG_NMS_TILES_H

#include "suppression/nms_many.h"

/* A box near the border of its tile, and one that such a box would suppress, stay undecided: whether these are kept
   depends on nothing but each other. FG_OK, FG_NO_MEMORY, FG_INTERRUPTED, FG_FORKED, or FG_NMS_UNSUITED if the boxes are
   too large or too close for tiles. */
int fg_nms_run_tiles(const fg_team *team, const fg_nms_many *many);

#endif
