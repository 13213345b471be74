/* The arithmetic of a grid of cells of one size. */
#ifndef FG_NMS_GRID_H
#define FG_NMS_GRID_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "suppression/nms_index.h"

/* Four times as many, the most that cut_cells makes, are numbered in 31 bits. */
enum { MOST_CELLS = 1 << 28 };

static inline double fg_lesser(double a, double b) { return a < b ? a : b; }
static inline double fg_greater(double a, double b) { return a > b ? a : b; }

/* Of a number that is not negative, with its bias. */
static inline int exponent_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (int)(bits >> 52 & 0x7ff);
}

/* Rising with x, which is all that the search relies on; kept between 0 and `last`. */
static inline double near_cell(double x, double first, double per, double last)
{
    const double cell = (x - first) * per, inside = cell > 0 ? cell : 0;
    return inside < last ? inside : last;
}

static inline int64_t grid_column(const nms_grid *grid, double x)
{
    return (int64_t)near_cell(x, grid->least[0], grid->per_x, (double)(grid->columns - 1));
}

static inline int64_t grid_row(const nms_grid *grid, double y)
{
    return (int64_t)near_cell(y, grid->least[1], grid->per_y, (double)(grid->rows - 1));
}

/* Cuts the plane into cells about as large as what a box sees on one side, or larger ones if those are more than twice n.
   Returns how many there would have been. */
static inline double cut_cells(nms_grid *grid, int64_t n)
{
    const double window = 2 * (1 - grid->threshold), cell = window > 1 ? 1 : window < 0.125 ? 0.125 : window;
    const double least = 0x1p-1000, most = fg_lesser(2 * (double)n + 64, MOST_CELLS);
    const double width = grid->greatest[0] - grid->least[0], height = grid->greatest[1] - grid->least[1];
    grid->per_x = 1 / fg_greater(cell * grid->greatest[2], least);
    grid->per_y = 1 / fg_greater(cell * grid->greatest[3], least);
    const double cells = (width * grid->per_x + 1) * (height * grid->per_y + 1);
    const double scale = cells > most ? sqrt(most / cells) : 1;
    const double columns = fg_lesser(width * grid->per_x * scale + 1, most);
    const double rows = fg_lesser(height * grid->per_y * scale + 1, 4 * most / columns);
    grid->columns = (int64_t)columns;
    grid->rows = rows < 1 ? 1 : (int64_t)rows;
    grid->per_x = width > 0 ? fg_lesser(grid->per_x * scale, columns / width) : 0;
    grid->per_y = height > 0 ? fg_lesser(grid->per_y * scale, rows / height) : 0;
    return cells;
}

/* How far apart the middles of two intervals can be that overlap by t of the longer (or, one-sided, of the other): one of
   length `own`, the other of a length from `low` to `high`. */
static inline double grid_reach(const nms_grid *grid, double own, double low, double high)
{
    const double t = grid->threshold;
    const double other = t <= 0.5 ? high : own < low ? low : own > high ? high : own;
    if (grid->one_sided)
        return 0.5 * own + (t <= 0.5 ? high : low) * (0.5 - t);
    return 0.5 * (own + other) - t * (own > other ? own : other);
}

/* The cells where the centre of a box lies that overlaps this one: columns and rows, first and last. 0 if there can be
   none. Rounding may bring up others, but never leaves one out. */
static inline __attribute__((always_inline)) int grid_window(const nms_grid *grid, const double corners[4],
                                                             double offset, int64_t window[4])
{
    const double margin = 1 + 0x1p-8, t = grid->threshold;
    const double w = corners[2] - corners[0] + offset, h = corners[3] - corners[1] + offset;
    const double x = 0.5 * (corners[0] + corners[2]), y = 0.5 * (corners[1] + corners[3]);
    if (t * grid->least[2] > w * margin || t * grid->least[3] > h * margin)
        return 0;
    const double far = fabs(corners[0]) + fabs(corners[1]) + fabs(corners[2]) + fabs(corners[3]);
    const double slack = far * 0x1p-50 + offset * 0x1p-20;
    const double dx = grid_reach(grid, w, grid->least[2], grid->greatest[2]) * margin + slack;
    const double dy = grid_reach(grid, h, grid->least[3], grid->greatest[3]) * margin + slack;
    if (dx < 0 || dy < 0)
        return 0;
    window[0] = grid_column(grid, x - dx);
    window[1] = grid_column(grid, x + dx);
    window[2] = grid_row(grid, y - dy);
    window[3] = grid_row(grid, y + dy);
    return 1;
}

#endif
