#include "clustering/pairwise.h"

#include <float.h>
#include <stdlib.h>

#include "runtime/fenv.h"

/* A tile of the table: some rows by columns that are packed once and stay in the second cache; less than 1 ms. Columns are
   read anew for every panel of rows: one strip, or some where they do not stay in the first cache. */
enum { MOST_COLUMNS = 1024, LEAST_COLUMNS = 32, SCALAR_COLUMNS = 2, PACKED_BYTES = 1 << 18, WIDE_BYTES = 1 << 10 };
enum { LEAST_ROWS = 60, TILE_WORK = 1 << 25, SCALAR_WORK = 1 << 22 };

/* Rows of a tile in registers, at most. */
enum { MOST_STRIP = 12 };

/* From so many columns on products pay. Half a square below NEAR of what it is the difference of is taken by differences;
   the reference states the same. */
enum { PRODUCT_COLUMNS = 32 };
#define NEAR 0.125

/* Vectors of near pairs whose differences are taken side by side; rows measured in one chunk, at most. */
enum { TOGETHER = 4, LENGTHS = 512 };

/* A row of a panel and a vector of the tile's columns; a bit for each pair that is near. */
typedef struct {
    int32_t row, column;
    unsigned lanes;
} near_vector;

typedef struct {
    const fg_points *rows, *columns;
    int kind;
    void *out;
    int64_t tile_rows, panel_rows, tile_columns, column_tiles;
    int64_t row_stride; /* of the rows in a panel */
    int by_products;
    /* With products, of the points' type: of half the square of each row and column the part NEAR; the whole, and with it
       what crossed products add. Half a square that differences find below `surely` times the sum of the former, less
       `underflow`, products find near too. */
    void *lengths, *row_near, *row_lift, *column_near, *column_lift;
    int64_t measured_rows, row_chunks;
    double surely, underflow;
    char *scratch; /* per slot: the list of near vectors, the packed columns, the rows of a panel */
    int64_t near_bytes, scratch_bytes;
} pairwise_job;

#define FG_BODY "clustering/pairwise_body.h"
#include "runtime/for_each_target.h"

FG_TABLE(fg_chunk, pairwise_tile);
FG_TABLE(fg_chunk, lengths_chunk);

static void set_tiles(const fg_team *team, pairwise_job *job)
{
    const int64_t d = job->rows->d > 0 ? job->rows->d : 1, n = job->rows->n, m = job->columns->n;
    const int scalar = team->isa == FG_ISA_scalar;
    const int64_t value = job->rows->is_f64 ? 8 : 4, work = scalar ? SCALAR_WORK : TILE_WORK;
    /* The first tile to touch its rows of the output waits for their pages: the rows span at most 8 MB there. */
    const int64_t paging = (8 << 20) / (m * value + 1), unit = scalar ? SCALAR_COLUMNS : LEAST_COLUMNS;
    const int64_t fit = PACKED_BYTES / value / d / unit * unit;
    job->tile_columns = fit < unit ? unit : fit < MOST_COLUMNS ? fit : MOST_COLUMNS;
    int64_t rows = work / (d * job->tile_columns);
    rows = rows < paging ? rows : paging;
    /* Fewer rows are not worth the packing of their columns, unless all together take too long for Ctrl-C. */
    const int64_t least = d * job->tile_columns * LEAST_ROWS > 8 * work ? MOST_STRIP : LEAST_ROWS;
    rows = rows > least ? rows : least;
    /* Tiles of about one height, whole strips each. */
    const int64_t tiles = fg_chunk_count(n, rows);
    job->tile_rows = fg_chunk_count(n, (tiles > 1 ? tiles : 1) * MOST_STRIP) * MOST_STRIP;
    job->panel_rows = d * value > WIDE_BYTES ? 4 * MOST_STRIP : MOST_STRIP;
    job->column_tiles = fg_chunk_count(m, job->tile_columns);
    job->near_bytes = fg_whole_lines(2 * job->panel_rows * (int64_t)sizeof(near_vector));
    job->row_stride = fg_spread_stride(d, value);
    const int64_t spread_rows = job->rows->scale || job->row_stride > d ? job->panel_rows : 0;
    job->scratch_bytes =
        job->near_bytes + fg_whole_lines((job->tile_columns * d + spread_rows * job->row_stride) * value);
}

/* Products are off by (8/3 d + 24) roundings of both halves at most, differences of near pairs by (d + 2) / 8. */
static void set_errors(pairwise_job *job)
{
    const int is_f64 = job->rows->is_f64;
    const double part = 1 - (4 * (double)job->rows->d + 32) / NEAR * (is_f64 ? 0x1p-53 : 0x1p-24);
    job->surely = part > 0 ? part : 0;
    job->underflow = (double)(job->rows->d + 3) * (is_f64 ? DBL_MIN : (double)FLT_MIN);
}

static int set_lengths(const fg_team *team, pairwise_job *job, int n_threads)
{
    const int64_t n = job->rows->n, beyond = job->columns->n + LEAST_COLUMNS; /* where the last vectors reach */
    const int is_f64 = job->rows->is_f64, value = is_f64 ? 8 : 4;
    char *at = job->lengths = calloc((size_t)(2 * (n + beyond)), (size_t)value);
    if (!at)
        return FG_NO_MEMORY;
    job->row_near = at;
    job->row_lift = at + n * value;
    job->column_near = at + 2 * n * value;
    job->column_lift = at + (2 * n + beyond) * value;
    job->measured_rows = fg_most_rows(team, job->rows->d, LENGTHS);
    job->row_chunks = fg_chunk_count(n, job->measured_rows);
    return team->parallel(job->row_chunks + fg_chunk_count(job->columns->n, job->measured_rows), n_threads,
                             lengths_chunk_table[team->isa][is_f64], job);
}

int fg_pairwise_distance(const fg_team *team, const fg_points *rows, const fg_points *columns, int kind,
                         void *out)
{
    pairwise_job job = {.rows = rows, .columns = columns, .kind = kind, .out = out};
    const int n_threads = fg_threads_for(team, (double)rows->n * (double)columns->n * (double)rows->d);
    if (rows->n == 0 || columns->n == 0)
        return FG_OK;
    job.by_products = rows->d >= PRODUCT_COLUMNS;
    set_tiles(team, &job);
    set_errors(&job);
    void *scratch = malloc((size_t)(n_threads * job.scratch_bytes + FG_LINE));
    if (!scratch)
        return FG_NO_MEMORY;
    job.scratch = fg_at_line(scratch);
    fg_fenv saved = fg_fenv_enter();
    int status = job.by_products ? set_lengths(team, &job, n_threads) : FG_OK;
    if (status == FG_OK)
        status = team->parallel(fg_chunk_count(rows->n, job.tile_rows) * job.column_tiles, n_threads,
                                   pairwise_tile_table[team->isa][rows->is_f64], &job);
    fg_fenv_leave(saved);
    free(job.lengths);
    free(scratch);
    return status;
}
