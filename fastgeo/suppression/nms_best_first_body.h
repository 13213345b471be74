#include "suppression/grid_box_body.h"
#include "suppression/nms_pair_body.h"
#include "suppression/nms_many_body.h"

/* The kept boxes, the five values of each together. */
static void FG_NAME(load_kept)(const best_first_job *job)
{
    const fg_nms_call *call = job->many->call;
    for (int64_t k = 0; k < job->best.n_kept; k++) {
        const int64_t index = fg_ranked_index(job->best.entries[job->best.kept[k]]);
        FG_NAME(load_box)((const real *)call->boxes + 4 * index, call->fmt, (real)call->offset,
                          (real *)job->kept + 5 * k, 1);
    }
}

static inline fg_grid_box FG_NAME(kept_box)(const best_first_job *job, int64_t k)
{
    return FG_NAME(grid_box)((const real *)job->kept + 5 * k, 1, (real)job->many->call->offset);
}

/* The mean width and height of the windows in which the kept boxes suppress. */
static void FG_NAME(measure_windows)(const best_first_job *job, double mean[2])
{
    const fg_box_grid *index = &job->cells.index;
    const fg_grid_level *level = index->levels;
    const int64_t n = job->best.n_kept;
    FG_NAME(load_kept)(job);
    mean[0] = mean[1] = 0;
    for (int64_t k = 0; k < n; k++) {
        const fg_grid_box box = FG_NAME(kept_box)(job, k);
        mean[0] += 2 * fg_grid_reach(index, box.w, level->min_w, level->max_w) / (double)n;
        mean[1] += 2 * fg_grid_reach(index, box.h, level->min_h, level->max_h) / (double)n;
    }
}

/* Counts the kept boxes of each cell, two further on; or, once these are added up, lists them. Returns how many there
   are in all cells, or -1 where that is more than `most`. */
static int64_t FG_NAME(go_through_cells)(const best_first_job *job, int64_t most, uint32_t *next, uint32_t *order)
{
    const kept_cells *cells = &job->cells;
    int64_t copies = 0;
    for (int64_t k = 0; k < job->best.n_kept; k++) {
        const fg_grid_box box = FG_NAME(kept_box)(job, k);
        int64_t window[4];
        if (!(box.w > 0 && box.h > 0) || !fg_grid_window(&cells->index, cells->index.levels, &box, window))
            continue;
        copies += (window[1] - window[0] + 1) * (window[3] - window[2] + 1);
        if (copies > most)
            return -1;
        for (int64_t row = window[2]; row <= window[3]; row++)
            for (int64_t column = window[0]; column <= window[1]; column++) {
                const uint32_t at = next[fg_grid_bucket(cells->index.levels, column, row)]++;
                if (order)
                    order[at] = (uint32_t)k;
            }
    }
    return copies;
}

/* Whole vectors of boxes, value after value. No box meets those behind the last. */
static void FG_NAME(lay_out_cells)(const best_first_job *job, const uint32_t *order, int64_t copies)
{
    const real nowhere[5] = {1, 1, -3, -3, -3};
    real *boxes = job->cells.boxes;
    for (int64_t at = 0; at < FG_NAME(soa_stride)(copies + 1); at++) {
        const real *values = at < copies ? (const real *)job->kept + 5 * (size_t)order[at] : nowhere;
        for (int run = 0; run < 5; run++)
            boxes[at / LANES * (5 * LANES) + run * LANES + at % LANES] = values[run];
    }
}

/* FG_OK, FG_NO_MEMORY, or FG_NMS_UNSUITED if some kept boxes lie in too many cells. */
static int FG_NAME(fill_cells)(best_first_job *job)
{
    kept_cells *cells = &job->cells;
    cells->starts = calloc((size_t)cells->count + 2, sizeof *cells->starts);
    if (!cells->starts)
        return FG_NO_MEMORY;
    const int64_t most = MOST_COPIES * job->best.n_kept + MOST_COPIES;
    const int64_t copies = FG_NAME(go_through_cells)(job, most < UINT32_MAX ? most : UINT32_MAX, cells->starts + 2, NULL);
    if (copies < 0)
        return FG_NMS_UNSUITED;
    fg_grid_add_up(cells->starts, (uint64_t)cells->count);
    const size_t boxes = 5 * (size_t)FG_NAME(soa_stride)(copies + 1) * sizeof(real);
    cells->boxes = fg_malloc_large(boxes + (size_t)copies * sizeof(uint32_t));
    if (!cells->boxes)
        return FG_NO_MEMORY;
    uint32_t *order = (uint32_t *)((char *)cells->boxes + boxes);
    FG_NAME(go_through_cells)(job, copies, cells->starts + 1, order);
    FG_NAME(lay_out_cells)(job, order, copies);
    return FG_OK;
}

/* What a cell begins in is looked at in any case, so that nearly always the same branches are taken. Boxes of other
   cells that lie in the same vectors are kept as well. */
static inline __attribute__((always_inline)) int FG_NAME(is_suppressed)(const kept_cells *cells, uint32_t cell,
                                                                        const vreal *box,
                                                                        const FG_NAME(limits) * limits, int kind)
{
    const int64_t end = cells->starts[cell + 1];
    int64_t k = cells->starts[cell] / LANES * LANES;
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

static inline void FG_NAME(fetch_cell)(const kept_cells *cells, uint32_t cell)
{
    const real *values = (const real *)cells->boxes + cells->starts[cell] / LANES * (5 * LANES);
    for (size_t line = 0; line < 5 * LANES * sizeof(real); line += 64)
        __builtin_prefetch((const char *)values + line);
}

static inline __attribute__((always_inline)) void FG_NAME(look_at)(const best_first_job *job, int64_t begin,
                                                                   int64_t end, int kind)
{
    const fg_nms_many *many = job->many;
    const FG_NAME(limits) limits = FG_NAME(limits_of)(many->call);
    for (int64_t k = begin; k < end; k += CHUNK) {
        const int64_t n = end - k < CHUNK ? end - k : CHUNK, stride = FG_NAME(soa_stride)(n);
        real runs[5 * CHUNK];
        uint32_t cells[CHUNK];
        FG_NAME(load_into_cells)(many, job->cells.index.levels, k, n, runs, cells);
        for (int64_t i = 0; i < n; i++) {
            if (i + AHEAD < n)
                FG_NAME(fetch_cell)(&job->cells, cells[i + AHEAD]);
            vreal box[5];
            for (int run = 0; run < 5; run++)
                box[run] = v_set1(runs[run * stride + i]);
            const int is_left = !FG_NAME(is_suppressed)(&job->cells, cells[i], box, &limits, kind);
            many->verdict[fg_ranked_index(many->entries[k + i])] = is_left ? FG_NMS_UNDECIDED : FG_NMS_DROPPED;
        }
    }
}

/* The boxes from entry `begin` on that no kept one suppresses are undecided: of the best, these are the kept ones alone. */
static void FG_NAME(look_at_others)(const best_first_job *job, int64_t begin, int64_t end)
{
    if (job->many->call->kind == FG_NMS_IOU)
        FG_NAME(look_at)(job, begin, end, FG_NMS_IOU);
    else if (job->many->call->kind == FG_NMS_DIOU)
        FG_NAME(look_at)(job, begin, end, FG_NMS_DIOU);
    else
        FG_NAME(look_at)(job, begin, end, FG_NMS_IOA);
}
