/* The columns of a table in cells by their first corner, to find those that can overlap a row without comparing all. A
   search extends by the width of the widest column and the height of the tallest, so the number of cells is a matter of
   speed alone. */
#ifndef FG_COLUMN_CELLS_H
#define FG_COLUMN_CELLS_H

#include <stdint.h>

typedef struct {
    void *memory;
    void *boxes;    /* the runs of measures_body.h, cell by cell and band by band */
    int64_t stride; /* of a run */
    int32_t *order; /* the column in each place */
    int32_t *starts; /* of each cell, and of the end */
    int64_t across, bands; /* cells in a band, bands */
    double low[2], per[2]; /* the least first corner, and cells in a unit of length: x, y */
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
