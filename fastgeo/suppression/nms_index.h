/* An index over the undecided boxes: leaves of sixteen that are near each other, found by a grid or by a tree of hulls. */
#ifndef FG_NMS_INDEX_H
#define FG_NMS_INDEX_H

#include <stdint.h>

enum { FAN = 16, TREE_LEVELS = 9 };

/* Values of a box: x1 y1 x2 y2 area; of a hull: the same, of all its boxes, with the least area, and the greatest width
   and height of any. */
enum { BOX_RUNS = 5, HULL_RUNS = 7 };

/* Slots of boxes in no leaf: without an area, so that it overlaps nothing; decided in an earlier index. */
#define NO_SLOT UINT32_MAX
#define LEFT_BEFORE (UINT32_MAX - 1)

/* Cells of one size over the centres of the boxes, row by row. */
typedef struct {
    double threshold; /* of the overlap, less a margin for rounding; 0: boxes that meet at all */
    int one_sided;    /* the overlap is over the area of the box found, not of the union */
    double least[4], greatest[4]; /* of x, y (of the centres), width and height */
    double per_x, per_y;          /* cells in a unit of length */
    int64_t columns, rows;
    uint32_t *starts; /* the slot at which each cell begins, and the end */
} nms_grid;

typedef struct {
    int64_t base;  /* the position of the first box that may be in the index */
    int64_t count; /* boxes in it */
    int levels;    /* 1: leaves, under a grid; else those of the tree */
    void *entries[TREE_LEVELS];  /* boxes; above them, hulls of sixteen entries below: so many runs of FAN for sixteen */
    uint16_t *done[TREE_LEVELS]; /* of sixteen entries: those that are out, or whose boxes all are */
    uint32_t *slot;              /* of the box at position base + i */
    uint32_t *position;          /* of the box in a slot */
    nms_grid grid;
    void *memory;
} nms_index;

static inline int64_t group_values(int level) { return FAN * (level ? HULL_RUNS : BOX_RUNS); }

#endif
