/* Greedy suppression of very many boxes, tile by tile: what lies together is in the cache together. */
#ifndef FG_NMS_TILES_H
#define FG_NMS_TILES_H

#include "suppression/nms.h"

/* What is known of a box. */
enum { FG_NMS_DROPPED, FG_NMS_KEPT, FG_NMS_UNDECIDED };

typedef struct {
    const fg_nms_call *call;
    fg_ranked *entries;      /* of the n boxes that take part, by ascending index; used up, unless untiled */
    fg_ranked *scratch;      /* room for n entries */
    int64_t n;
    void *soa;        /* room for 5n values */
    uint8_t *verdict; /* by box of the input: FG_NMS_DROPPED; receives what is known of it */
} fg_nms_tiled;

/* Whether n boxes are many enough, and nothing is asked for that tiles do not give. */
int fg_nms_wants_tiles(const fg_nms_call *call, int64_t n);

/* A box near the border of its tile, and one that such a box would suppress, stay undecided: whether these are kept
   depends on nothing but each other. FG_OK, FG_NO_MEMORY, FG_INTERRUPTED, FG_FORKED, or FG_NMS_UNTILED if the boxes are
   too large or too close for tiles. */
enum { FG_NMS_UNTILED = -2 };
int fg_nms_run_tiles(const fg_runtime *runtime, const fg_nms_tiled *tiled);

#endif
