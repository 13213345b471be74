/* A packed R-tree over boxes: leaves of LEAF boxes that are near each other and of like size, FAN nodes to a parent.

   Boxes are sorted by size (in factors of 4), then tiled: by x into slices, by y within a slice (Leutenegger et al., STR,
   1997). Only the speed depends on the order, so the sort keys may be coarse. */
#ifndef FG_BOX_TREE_H
#define FG_BOX_TREE_H

#include <stddef.h>
#include <stdint.h>

enum { LEAF = 64, FAN = 16, MOST_LEVELS = 16 };

typedef struct {
    int64_t n;           /* boxes */
    int64_t leaves;      /* nodes of level 0 */
    int levels;          /* the last one has at most FAN nodes */
    int64_t first[MOST_LEVELS + 1]; /* where the nodes of a level begin; each level is padded to a multiple of FAN */
    int64_t *order;      /* (n,): the box in each place of the tree */
    void *boxes;         /* the boxes in that order, as in runtime/box_soa.h */
    void *bounds;        /* x1 y1 x2 y2 of all nodes, four runs of first[levels] values */
} box_tree;

/* What a box is sorted by. */
typedef struct {
    uint64_t key;
    float y;
    int32_t level; /* of size */
    int64_t box;
} tree_entry;

#endif
