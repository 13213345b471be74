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
