/* A packed tree over boxes, in which a search finds those that may overlap a given box by more than a threshold.

   A box is a point in four dimensions, x1 y1 x2 y2. The tree halves the boxes by rank, along the coordinate that varies most
   beside the size of the boxes, until LEAF are left (Bentley, "Multidimensional binary search trees", 1975; for boxes: Arge
   et al., "The priority R-tree", 2004). Because ranks count and not distances, boxes of another size, shape or place
   (giants, outliers, stripes, heaps) come into nodes of their own. Four halvings make one level of FAN children.
   Only the speed depends on where a box stands in the tree. */
#ifndef FG_BOX_TREE_H
#define FG_BOX_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/runtime.h"

enum { LEAF = 64, FAN = 16, MOST_LEVELS = 16 };

typedef struct {
    int64_t n;      /* boxes */
    int64_t leaves; /* nodes of level 0 */
    int levels;     /* the last one has at most FAN nodes */
    int64_t first[MOST_LEVELS + 1]; /* where the nodes of a level begin; each level is padded to a multiple of FAN */
    int32_t *order; /* (n,): the box in each place of the tree */
    void *boxes;    /* the boxes in that order, as in runtime/box_soa.h */
    void *bounds;   /* x1 y1 x2 y2 around all boxes of a node, and their least area: five runs of first[levels] values */
} box_tree;

/* Builds the tree of the n ≥ 1 boxes in `soa`. FG_OK, FG_NO_MEMORY, FG_INTERRUPTED or FG_FORKED; free it in any case. */
int fg_build_box_tree(const fg_team *team, int threads, int is_f64, const void *soa, int64_t n, box_tree *tree);

void fg_free_box_tree(box_tree *tree);

#endif
