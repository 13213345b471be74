#include "suppression/grid_box_body.h"

/* Lays out n boxes that take part, from entry k on. */
static inline void FG_NAME(load_entries)(const fg_nms_tiled *tiled, int64_t k, int64_t n, real *runs)
{
    const fg_nms_call *call = tiled->call;
    const real *boxes = call->boxes, offset = (real)call->offset;
    const int64_t stride = FG_NAME(soa_stride)(n);
    if (tiled->n == call->n)
        FG_NAME(load_boxes)(boxes + 4 * k, n, call->fmt, offset, runs);
    else
        for (int64_t i = 0; i < n; i++)
            FG_NAME(load_box)(boxes + 4 * fg_ranked_index(tiled->entries[k + i]), call->fmt, offset, runs + i, stride);
}

/* The tile of each box, and how many each tile holds, one further on. */
static void FG_NAME(find_tiles)(const fg_nms_tiled *tiled, nms_tiles *tiles)
{
    for (int64_t k = 0; k < tiled->n; k += CHUNK) {
        const int64_t n = tiled->n - k < CHUNK ? tiled->n - k : CHUNK;
        real runs[5 * CHUNK];
        uint32_t cells[CHUNK];
        FG_NAME(load_entries)(tiled, k, n, runs);
        FG_NAME(find_cells)(tiles->index.levels, runs, FG_NAME(soa_stride)(n), n, (real)tiled->call->offset, cells);
        for (int64_t i = 0; i < n; i++) {
            tiles->tile[k + i] = (uint16_t)(cells[i] == NO_BUCKET ? 0 : cells[i]);
            tiles->begin[tiles->tile[k + i] + 1]++;
        }
    }
}

/* Boxes, scores and their places in the input in the order of the tiles; `next` is where the next one of each goes. */
static void FG_NAME(move_boxes)(const fg_nms_tiled *tiled, nms_tiles *tiles, int64_t *next)
{
    const fg_nms_call *call = tiled->call;
    for (int64_t k = 0; k < tiled->n; k++) {
        const int64_t from = fg_ranked_index(tiled->entries[k]), to = next[tiles->tile[k]]++;
        memcpy((real *)tiled->soa + 4 * to, (const real *)call->boxes + 4 * from, 4 * sizeof(real));
        tiles->origin[to] = (uint32_t)from;
        if (call->scores_f64)
            ((double *)tiles->scores)[to] = ((const double *)call->scores)[from];
        else
            ((float *)tiles->scores)[to] = ((const float *)call->scores)[from];
    }
}
