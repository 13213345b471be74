#include "runtime/box_soa.h"
#include "suppression/nms_pair_body.h"

/* The extents and centres of some boxes. */
static void FG_NAME(measure_sample)(const fg_nms_crowd *crowd, nms_grid *range)
{
    const fg_nms_call *call = crowd->call;
    for (int d = 0; d < 4; d++) {
        range->least[d] = INFINITY;
        range->greatest[d] = -INFINITY;
    }
    for (int64_t k = 0; k < BOX_SAMPLE; k++) {
        real box[5];
        const int64_t i = fg_ranked_index(crowd->entries[k * crowd->n / BOX_SAMPLE]);
        FG_NAME(load_box)((const real *)call->boxes + 4 * i, call->fmt, (real)call->offset, box, 1);
        const double value[4] = {0.5 * ((double)box[0] + (double)box[2]), 0.5 * ((double)box[1] + (double)box[3]),
                                 (double)FG_NAME(extent)(box[0], box[2], (real)call->offset),
                                 (double)FG_NAME(extent)(box[1], box[3], (real)call->offset)};
        for (int d = 0; d < 4; d++) {
            range->least[d] = fg_lesser(value[d], range->least[d]);
            range->greatest[d] = fg_greater(value[d], range->greatest[d]);
        }
    }
}

/* The cells around the centre of a kept box where boxes of its size lie that it suppresses. */
static inline void FG_NAME(kept_window)(const nms_grid *grid, const real *box, int64_t window[4])
{
    const double dx = fabs((double)box[2] - (double)box[0]) * (1 - grid->threshold);
    const double dy = fabs((double)box[3] - (double)box[1]) * (1 - grid->threshold);
    const double x = 0.5 * ((double)box[0] + (double)box[2]), y = 0.5 * ((double)box[1] + (double)box[3]);
    window[0] = grid_column(grid, x - dx);
    window[1] = grid_column(grid, x + dx);
    window[2] = grid_row(grid, y - dy);
    window[3] = grid_row(grid, y + dy);
}

/* The two passes of a counting sort by cell: the first counts the copies of each cell, two places further on; the second,
   after the counts are added up, lists them in `order`. Boxes in more than MOST_COPIES cells, or without an area, are left
   out. Returns how many copies there are. */
static int64_t FG_NAME(go_through_cells)(const best_first_job *job, uint32_t *next, uint32_t *order)
{
    const nms_grid *grid = &job->cells.grid;
    const real *box = job->values;
    int64_t copies = 0;
    for (int64_t k = 0; k < job->n_kept; k++, box += 5) {
        int64_t window[4];
        FG_NAME(kept_window)(grid, box, window);
        const int64_t cells = (window[1] - window[0] + 1) * (window[3] - window[2] + 1);
        if (!(box[4] > 0) || cells > MOST_COPIES)
            continue;
        copies += cells;
        for (int64_t row = window[2]; row <= window[3]; row++)
            for (int64_t column = window[0]; column <= window[1]; column++) {
                const uint32_t at = next[row * grid->columns + column]++;
                if (order)
                    order[at] = (uint32_t)k;
            }
    }
    return copies;
}

/* Whole vectors of boxes, value after value; those behind the last are padded with a box that meets no other. */
static void FG_NAME(lay_out_cells)(const best_first_job *job, const uint32_t *order, int64_t copies)
{
    const real nowhere[5] = {1, 1, -3, -3, -3};
    real *boxes = job->cells.boxes;
    for (int64_t at = 0; at < FG_NAME(soa_stride)(copies + 1); at++) {
        const real *values = at < copies ? (const real *)job->values + 5 * (size_t)order[at] : nowhere;
        for (int run = 0; run < 5; run++)
            boxes[at / LANES * (5 * LANES) + run * LANES + at % LANES] = values[run];
    }
}

static int FG_NAME(fill_cells)(best_first_job *job)
{
    const fg_nms_call *call = job->crowd->call;
    nms_grid *grid = &job->cells.grid;
    const int64_t cells = grid->columns * grid->rows;
    for (int64_t k = 0; k < job->n_kept; k++) {
        const int64_t i = fg_ranked_index(job->crowd->scratch[job->kept[k]]);
        FG_NAME(load_box)((const real *)call->boxes + 4 * i, call->fmt, (real)call->offset, (real *)job->values + 5 * k, 1);
    }
    grid->starts = calloc((size_t)cells + 2, sizeof *grid->starts);
    if (!grid->starts)
        return FG_NO_MEMORY;
    const int64_t copies = FG_NAME(go_through_cells)(job, grid->starts + 2, NULL);
    for (int64_t cell = 2; cell <= cells + 1; cell++)
        grid->starts[cell] += grid->starts[cell - 1];
    const size_t bytes = 5 * (size_t)FG_NAME(soa_stride)(copies + 1) * sizeof(real);
    job->cells.boxes = fg_malloc_large(bytes + (size_t)copies * sizeof(uint32_t));
    if (!job->cells.boxes)
        return FG_NO_MEMORY;
    uint32_t *order = (uint32_t *)((char *)job->cells.boxes + bytes);
    FG_NAME(go_through_cells)(job, grid->starts + 1, order);
    FG_NAME(lay_out_cells)(job, order, copies);
    return FG_OK;
}

/* Whether a kept box of the cell suppresses the box, or one that shares a vector with it. The first vector is compared even
   where the cell is empty: then the branch almost always goes the same way and is predicted. At most MOST_LOOKED_AT copies
   of a crowded cell are compared. */
static inline __attribute__((always_inline)) int FG_NAME(is_suppressed)(const kept_cells *cells, int64_t cell,
                                                                        const vreal *box,
                                                                        const FG_NAME(limits) * limits, int kind)
{
    const uint32_t *starts = cells->grid.starts + cell;
    int64_t k = starts[0] / LANES * LANES;
    const int64_t end = starts[1] - k < MOST_LOOKED_AT ? starts[1] : k + MOST_LOOKED_AT;
    unsigned bits;
    do {
        const real *values = (const real *)cells->boxes + 5 * k;
        vreal kept[5];
        for (int run = 0; run < 5; run++)
            kept[run] = v_load(values + run * LANES);
        bits = m_bits(FG_NAME(suppressed)(box, kept, box[4], limits, kind, 0));
        k += LANES;
    } while ((bits == 0) & (k < end));
    return bits != 0;
}

static inline void FG_NAME(fetch_cell)(const kept_cells *cells, int64_t cell)
{
    const real *values = (const real *)cells->boxes + cells->grid.starts[cell] / LANES * (5 * LANES);
    for (size_t line = 0; line < 5 * LANES * sizeof(real); line += 64)
        __builtin_prefetch((const char *)values + line);
}

/* Lays out the boxes of n entries, and finds the cells of their centres. */
static inline void FG_NAME(lay_out_block)(const best_first_job *job, const fg_ranked *entries, int64_t n, real *runs,
                                          int64_t *cells)
{
    const fg_nms_call *call = job->crowd->call;
    const nms_grid *grid = &job->cells.grid;
    for (int64_t i = 0; i < n; i++)
        FG_NAME(load_box)((const real *)call->boxes + 4 * fg_ranked_index(entries[i]), call->fmt, (real)call->offset,
                          runs + i, BLOCK);
    for (int64_t i = 0; i < n; i++) {
        const double x = 0.5 * ((double)runs[i] + (double)runs[2 * BLOCK + i]);
        const double y = 0.5 * ((double)runs[BLOCK + i] + (double)runs[3 * BLOCK + i]);
        cells[i] = grid_row(grid, y) * grid->columns + grid_column(grid, x);
    }
}

static inline __attribute__((always_inline)) void FG_NAME(drop_as)(const best_first_job *job, int64_t begin, int64_t end,
                                                                   int kind)
{
    const FG_NAME(limits) limits = FG_NAME(limits_of)(job->crowd->call);
    for (int64_t k = begin; k < end; k += BLOCK) {
        const int64_t n = end - k < BLOCK ? end - k : BLOCK;
        real runs[5 * BLOCK];
        int64_t cells[BLOCK];
        FG_NAME(lay_out_block)(job, job->crowd->entries + k, n, runs, cells);
        for (int64_t i = 0; i < n; i++) {
            vreal box[5];
            if (i + AHEAD < n)
                FG_NAME(fetch_cell)(&job->cells, cells[i + AHEAD]);
            for (int run = 0; run < 5; run++)
                box[run] = v_set1(runs[run * BLOCK + i]);
            job->is_dropped[fg_ranked_index(job->crowd->entries[k + i])] =
                (uint8_t)FG_NAME(is_suppressed)(&job->cells, cells[i], box, &limits, kind);
        }
    }
}

static void FG_NAME(drop_others)(const best_first_job *job, int64_t begin, int64_t end)
{
    if (job->crowd->call->kind == FG_NMS_IOU)
        FG_NAME(drop_as)(job, begin, end, FG_NMS_IOU);
    else if (job->crowd->call->kind == FG_NMS_DIOU)
        FG_NAME(drop_as)(job, begin, end, FG_NMS_DIOU);
    else
        FG_NAME(drop_as)(job, begin, end, FG_NMS_IOA);
}
