/* Very many boxes in the order of the input. Part of a body, after grid_box_body.h. */

/* Lays out n boxes that take part, from entry k on. */
static inline void FG_NAME(load_entries)(const fg_nms_many *many, int64_t k, int64_t n, real *runs)
{
    const fg_nms_call *call = many->call;
    const real *boxes = call->boxes, offset = (real)call->offset;
    const int64_t stride = FG_NAME(soa_stride)(n);
    if (many->n == call->n)
        FG_NAME(load_boxes)(boxes + 4 * k, n, call->fmt, offset, runs);
    else
        for (int64_t i = 0; i < n; i++)
            FG_NAME(load_box)(boxes + 4 * fg_ranked_index(many->entries[k + i]), call->fmt, offset, runs + i, stride);
}

/* The same, and the cell of each in a level; one that overlaps nothing may lie in any. */
static inline void FG_NAME(load_into_cells)(const fg_nms_many *many, const fg_grid_level *level, int64_t k, int64_t n,
                                            real *runs, uint32_t *cells)
{
    FG_NAME(load_entries)(many, k, n, runs);
    FG_NAME(find_cells)(level, runs, FG_NAME(soa_stride)(n), n, (real)many->call->offset, cells);
    for (int64_t i = 0; i < n; i++)
        cells[i] = cells[i] == NO_BUCKET ? 0 : cells[i];
}
