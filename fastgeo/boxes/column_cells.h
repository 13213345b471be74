/* The columns of a table in cells by their first corner, to find those that can overlap a row without looking at all. Only
   the speed depends on how many cells there are: each search takes in the widest and the tallest column. */
#ifndef FG_COLUMN_CELLS_H
#define FG_COLUMN_CELLS_H

#include <stdint.h>

typedef struct {
    void *memory;
    void *boxes;    /* the runs of measures_body.h, cell by cell and band by band */
    int64_t stride; /* of a run */
    int32_t *order; /* which column is at each place */
    int32_t *starts; /* of each cell, and of the end */
    int64_t across, bands; /* cells in a band, bands */
    double low[2], per[2]; /* the first corner of all, and cells in a unit of length: across, then along */
    double longest[2]; /* the widest column and the tallest, rounded up */
} column_cells;

/* Of a coordinate; rising with it. */
static inline int64_t fg_cell_of(const column_cells *cells, int axis, double x)
{
    const double cell = (x - cells->low[axis]) * cells->per[axis];
    const double last = (double)((axis ? cells->bands : cells->across) - 1);
    return (int64_t)(cell > 0 ? cell < last ? cell : last : 0);
}

#endif
