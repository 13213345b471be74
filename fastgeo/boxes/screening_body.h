/* Which vectors of a tile may hold a pair that overlaps, asked of corners in whole cells: int16 compares twice or four times
   as many pairs at once as the float type, and in whole cells no overlap is missed. Part of iou_body.h. */

/* A tile of the table; rows and columns count from its own first. */
typedef struct {
    const real *soa1, *soa2;
    int64_t stride1, stride2;
    real *out;
    int64_t out_stride;
    int64_t width;
    int64_t last; /* where the last vector of a row begins; it overlaps the one before unless LANES divides the width */
    vreal offset;
    int16_t rows[4 * ROWS], columns[4 * COLUMNS]; /* the corners, in cells */
    int64_t n_hits;
    uint32_t hits[GROUP * COLUMNS / LANES + 1]; /* row << 16 | column: vectors in which some pair may overlap */
} FG_NAME(tile);

/* The least or the greatest of n >= 1 values. */
static inline __attribute__((always_inline)) real FG_NAME(extreme)(const real *values, int64_t n, int greatest)
{
    vreal all = v_broadcast(values);
    for (int64_t i = 0; i < n; i += n < LANES ? 1 : LANES) {
        const vreal some = n < LANES ? v_broadcast(values + i) : v_load(values + (i + LANES <= n ? i : n - LANES));
        all = greatest ? v_max(all, some) : v_min(all, some);
    }
    real lanes[LANES], found;
    v_store(lanes, all);
    found = lanes[0];
    for (int lane = 1; lane < LANES; lane++)
        if (greatest ? lanes[lane] > found : lanes[lane] < found)
            found = lanes[lane];
    return found;
}

/* How many cells there are in a unit of length from `low` to `high`; 0, and all is one cell, if that is out of bounds. */
static inline real FG_NAME(cells_per)(real low, real high)
{
    const real per = (CELLS - 1) / (high - low);
    return high > low && per < 1 / REAL_MIN ? per : 0;
}

/* The corners of boxes in cells, four runs of `size`. The cell is monotone in the coordinate: boxes that overlap overlap in
   cells, too. */
static inline __attribute__((always_inline)) void FG_NAME(to_cells)(const real *soa, int64_t stride, int64_t n,
                                                                    const real *low, const real *per, vreal offset,
                                                                    int16_t *cells, int64_t size)
{
    for (int run = 0; run < 4; run++) {
        const vreal origin = v_set1(low[run & 1]), scale = v_set1(per[run & 1]);
        for (int64_t i = 0; i < n; i += LANES) {
            const vreal x = v_load(soa + run * stride + i), moved = run < 2 ? x : v_add(x, offset);
            const vreal cell = v_mul(v_sub(moved, origin), scale);
            int32_t whole[LANES];
            v_store_int32(whole, v_min(v_max(cell, v_set1(0)), v_set1(CELLS - 1)));
            for (int lane = 0; lane < LANES; lane++)
                cells[run * size + i + lane] = (int16_t)whole[lane];
        }
        for (int64_t i = n; i % SHORTS; i++)
            cells[run * size + i] = CELLS; /* beyond all boxes */
    }
}

/* Lays a grid over the rows of the tile and finds the cells of all corners. Columns outside are clamped to its edge. */
static inline __attribute__((always_inline)) void FG_NAME(lay_grid)(FG_NAME(tile) * tile, int64_t height, real offset)
{
    const real *soa1 = tile->soa1;
    real low[2], per[2];
    for (int axis = 0; axis < 2; axis++) {
        low[axis] = FG_NAME(extreme)(soa1 + axis * tile->stride1, height, 0);
        per[axis] = FG_NAME(cells_per)(low[axis], FG_NAME(extreme)(soa1 + (axis + 2) * tile->stride1, height, 1) + offset);
    }
    FG_NAME(to_cells)(soa1, tile->stride1, height, low, per, tile->offset, tile->rows, ROWS);
    FG_NAME(to_cells)(tile->soa2, tile->stride2, tile->width, low, per, tile->offset, tile->columns, COLUMNS);
}

/* Lists the vectors of `rows` rows from row `i` on in which some pair may overlap. The list is written without a branch:
   every vector is stored, and the end moves on only past a hit. */
static inline __attribute__((always_inline)) void FG_NAME(find_hits)(FG_NAME(tile) * tile, int64_t i, int rows)
{
    enum { BITS = LANES * SHORT_BITS };
    const int16_t *columns = tile->columns;
    const int64_t width = tile->width;
    uint32_t *hit = tile->hits + tile->n_hits;
    vshort a[AT_ONCE][4], b[4];
    for (int r = 0; r < rows; r++)
        for (int run = 0; run < 4; run++)
            a[r][run] = s_set1(tile->rows[run * ROWS + i + r]);
    for (int64_t j = 0; j < width; j += SHORTS) {
        for (int run = 0; run < 4; run++)
            b[run] = s_load(columns + run * COLUMNS + j);
        for (int r = 0; r < rows; r++) {
            const vshort across = s_or(s_sub(b[2], a[r][0]), s_sub(a[r][2], b[0]));
            const vshort along = s_or(s_sub(b[3], a[r][1]), s_sub(a[r][3], b[1]));
            const uint64_t bits = s_nonnegative(s_or(across, along));
            for (int v = 0; v < SHORTS / LANES; v++) {
                *hit = (uint32_t)((i + r) << 16 | (j + v * LANES));
                hit += (bits >> v * BITS & (((uint64_t)1 << BITS) - 1)) != 0;
            }
        }
    }
    tile->n_hits = hit - tile->hits;
}
