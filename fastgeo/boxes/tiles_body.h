/* The algorithm "tiles": a table filled tile by tile, whose columns stay in the first-level cache. Part of iou_body.h. */

/* Fills `rows` rows together from row `i` on, so that the columns are loaded once for all of them. */
static inline __attribute__((always_inline)) void FG_NAME(fill_rows)(FG_NAME(tile) * tile, int64_t i, int rows, int kind,
                                                                     int apart)
{
    const vreal offset = tile->offset;
    const int64_t last = tile->last, stride = tile->stride2;
    const real *soa2 = tile->soa2;
    vreal row[AT_ONCE][MOST_RUNS], columns[MOST_RUNS];
    real *out[AT_ONCE];
    for (int r = 0; r < rows; r++) {
        FG_NAME(load_row)(tile->soa1, tile->stride1, i + r, kind, row[r]);
        out[r] = tile->out + (i + r) * tile->out_stride;
    }
    for (int64_t j = 0;; j = j + LANES < last ? j + LANES : last) {
        FG_NAME(load_columns)(soa2, stride, j, kind, columns);
        for (int r = 0; r < rows; r++)
            v_store(out[r] + j, FG_NAME(overlap)(row[r], columns, offset, kind, apart));
        if (j == last)
            break;
    }
}

static inline __attribute__((always_inline)) void FG_NAME(fill_whole)(FG_NAME(tile) * tile, int64_t i, int64_t end, int kind)
{
    for (; zero_apart(kind) && i + AT_ONCE <= end; i += AT_ONCE)
        FG_NAME(fill_rows)(tile, i, AT_ONCE, kind, 0);
    for (; i < end; i++)
        FG_NAME(fill_rows)(tile, i, 1, kind, 0);
}

/* The corners of row `i` span an area. */
static inline int FG_NAME(has_area)(const FG_NAME(tile) * tile, int64_t i)
{
    const real *box = tile->soa1 + i;
    const int64_t stride = tile->stride1;
    const real width = box[2 * stride] - box[0], height = box[3 * stride] - box[stride];
    return width > 0 && width * height > 0;
}

/* Fills rows as if no pair overlapped. */
static inline __attribute__((always_inline)) void FG_NAME(fill_apart)(FG_NAME(tile) * tile, int64_t i, int64_t end, int kind)
{
    const size_t row_bytes = (size_t)(tile->last + LANES) * sizeof(real);
    if (zero_apart(kind) && tile->last + LANES == tile->out_stride)
        memset(tile->out + i * tile->out_stride, 0, (size_t)(end - i) * row_bytes);
    else
        for (; i < end; i++) {
            if (zero_apart(kind))
                memset(tile->out + i * tile->out_stride, 0, row_bytes);
            else if (i + 1 < end && FG_NAME(has_area)(tile, i) && FG_NAME(has_area)(tile, i + 1))
                FG_NAME(fill_rows)(tile, i++, 2, kind, 1);
            else if (FG_NAME(has_area)(tile, i))
                FG_NAME(fill_rows)(tile, i, 1, kind, 1);
            else
                FG_NAME(fill_rows)(tile, i, 1, kind, 0);
        }
}

/* Computes the listed vectors, in which a pair may overlap, without a branch that depends on the data. */
static inline __attribute__((always_inline)) void FG_NAME(refill_hits)(FG_NAME(tile) * tile, int kind)
{
    const int64_t out_stride = tile->out_stride, n_hits = tile->n_hits, last = tile->last;
    const int64_t stride1 = tile->stride1, stride2 = tile->stride2;
    const real *soa1 = tile->soa1, *soa2 = tile->soa2;
    const vreal offset = tile->offset;
    real *out = tile->out;
    vreal row[MOST_RUNS], columns[MOST_RUNS];
    for (int64_t k = 0; k < n_hits; k++) {
        const int64_t i = tile->hits[k] >> 16, at = tile->hits[k] & 0xffff, j = at < last ? at : last;
        FG_NAME(load_row)(soa1, stride1, i, kind, row);
        FG_NAME(load_columns)(soa2, stride2, j, kind, columns);
        v_store(out + i * out_stride + j, FG_NAME(overlap)(row, columns, offset, kind, 0));
    }
}

/* Divisions dominate the time, and in most data most boxes are apart. So rows are filled as if all pairs were apart, and the
   vectors in which a pair may overlap are computed afterwards; all of them at once where they are many. */
static inline __attribute__((always_inline)) void FG_NAME(fill_tile)(const iou_job *job, int64_t row, int64_t column,
                                                                     int kind)
{
    const fg_iou_call *call = job->call;
    const int64_t height = call->n - row < ROWS ? call->n - row : ROWS;
    const int64_t width = call->m - column < COLUMNS ? call->m - column : COLUMNS, narrow = width < LANES;
    real *out = (real *)call->out + row * call->m + column;
    real wider[ROWS * LANES]; /* stands in for a tile narrower than a vector */
    FG_NAME(tile) tile;
    tile.soa1 = (const real *)job->soa1 + row;
    tile.soa2 = (const real *)job->soa2 + column;
    tile.stride1 = FG_NAME(soa_stride)(call->n);
    tile.stride2 = FG_NAME(soa_stride)(call->m);
    tile.out = narrow ? wider : out;
    tile.out_stride = narrow ? LANES : call->m;
    tile.width = width;
    tile.last = narrow ? 0 : width - LANES;
    tile.offset = v_set1((real)call->offset);
    /* fill_apart needs an offset of 0, and a grid does not pay for a small tile. */
    const int whole = (call->offset != 0 && !zero_apart(kind)) || height * width < LEAST_PAIRS;
    if (!whole)
        FG_NAME(lay_grid)(&tile, height, (real)call->offset);
    for (int64_t i = 0, end; i < height; i = end) {
        end = i + GROUP < height ? i + GROUP : height;
        tile.n_hits = 0;
        int crowded = whole;
        for (int64_t k = i, rows; k < end && !crowded; k += rows) {
            rows = k + AT_ONCE <= end ? AT_ONCE : 1;
            if (rows > 1)
                FG_NAME(find_hits)(&tile, k, AT_ONCE);
            else
                FG_NAME(find_hits)(&tile, k, 1);
            crowded = 2 * LANES * tile.n_hits > (k + rows - i) * width;
        }
        if (crowded) {
            FG_NAME(fill_whole)(&tile, i, end, kind);
            continue;
        }
        if (!zero_apart(kind) || !call->out_is_zero || narrow)
            FG_NAME(fill_apart)(&tile, i, end, kind);
        FG_NAME(refill_hits)(&tile, kind);
    }
    for (int64_t i = 0; narrow && i < height; i++)
        memcpy(out + i * call->m, wider + i * LANES, (size_t)width * sizeof(real));
}

static void FG_NAME(fill_tiles)(const iou_job *job, int64_t row, int64_t begin, int64_t end, int slot)
{
    for (int64_t column = begin; column < end; column += COLUMNS) {
        if (column > begin && job->team->stopped(slot))
            return;
        switch (job->call->kind) {
#define FG_KIND(kind) case kind: FG_NAME(fill_tile)(job, row, column, kind); break;
            FG_KINDS
#undef FG_KIND
        }
    }
}

static void FG_NAME(iou_chunk)(void *job_, int64_t chunk, int slot)
{
    const iou_job *job = job_;
    const int64_t row = first_row(job, chunk / job->plan.column_chunks), m = job->call->m;
    const int64_t begin = chunk % job->plan.column_chunks * CHUNK_COLUMNS, end = begin + CHUNK_COLUMNS;
    if (row < job->call->n)
        FG_NAME(fill_tiles)(job, row, begin, end < m ? end : m, slot);
}
