#include "suppression/grid_box_body.h"
#include "suppression/nms_many_body.h"

/* The tile of each box, and how many each tile holds, one further on. */
static void FG_NAME(find_tiles)(const fg_nms_many *many, nms_tiles *tiles)
{
    for (int64_t k = 0; k < many->n; k += CHUNK) {
        const int64_t n = many->n - k < CHUNK ? many->n - k : CHUNK;
        real runs[5 * CHUNK];
        uint32_t cells[CHUNK];
        FG_NAME(load_into_cells)(many, tiles->index.levels, k, n, runs, cells);
        for (int64_t i = 0; i < n; i++) {
            tiles->tile[k + i] = (uint16_t)cells[i];
            tiles->begin[tiles->tile[k + i] + 1]++;
        }
    }
}

/* Boxes, scores and their places in the input in the order of the tiles; `next` is where the next one of each goes. */
static void FG_NAME(move_boxes)(const fg_nms_many *many, nms_tiles *tiles, int64_t *next)
{
    const fg_nms_call *call = many->call;
    for (int64_t k = 0; k < many->n; k++) {
        const int64_t from = fg_ranked_index(many->entries[k]), to = next[tiles->tile[k]]++;
        memcpy((real *)many->soa + 4 * to, (const real *)call->boxes + 4 * from, 4 * sizeof(real));
        tiles->origin[to] = (uint32_t)from;
        if (call->scores_f64)
            ((double *)tiles->scores)[to] = ((const double *)call->scores)[from];
        else
            ((float *)tiles->scores)[to] = ((const float *)call->scores)[from];
    }
}
