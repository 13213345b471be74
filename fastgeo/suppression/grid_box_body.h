/* A box as a grid sees it. Part of a body. */
#include "runtime/box_grid.h"
#include "runtime/box_soa.h"

/* From the five values of a box, `stride` apart. Widths and heights of 0 mean that it overlaps nothing. */
static inline fg_grid_box FG_NAME(grid_box)(const real *box, int64_t stride, real offset)
{
    return fg_grid_box_of(box[0], box[stride], box[2 * stride], box[3 * stride],
                          FG_NAME(extent)(box[0], box[2 * stride], offset),
                          FG_NAME(extent)(box[stride], box[3 * stride], offset), offset);
}

/* The buckets of n boxes, five runs of `stride`, in a level whose cells are counted; NO_BUCKET for a box that overlaps
   nothing. As fg_grid_bucket finds them, in loops that compilers turn into vectors. */
static inline void FG_NAME(find_cells)(const fg_grid_level *level, const real *restrict boxes, int64_t stride,
                                       int64_t n, real offset, uint32_t *restrict buckets)
{
    const double min_x = level->min_x, min_y = level->min_y, per_x = level->per_x, per_y = level->per_y;
    const int64_t columns = level->columns, rows = level->rows;
    const int32_t row_length = (int32_t)columns, first = (int32_t)level->first_bucket;
    for (int64_t i = 0; i < n; i++) {
        const double x = 0.5 * ((double)boxes[i] + (double)boxes[2 * stride + i]);
        const double y = 0.5 * ((double)boxes[stride + i] + (double)boxes[3 * stride + i]);
        const int32_t column = (int32_t)fg_grid_near(x, min_x, per_x, columns);
        const int32_t row = (int32_t)fg_grid_near(y, min_y, per_y, rows);
        buckets[i] = (uint32_t)(first + row * row_length + column);
    }
    for (int64_t i = 0; i < n; i++) {
        const real w = boxes[2 * stride + i] - boxes[i] + offset;
        const real h = boxes[3 * stride + i] - boxes[stride + i] + offset;
        buckets[i] = ((w > 0) & (h > 0)) ? buckets[i] : NO_BUCKET;
    }
}
