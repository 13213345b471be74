#include "clustering/nearest.h"

#include <stdlib.h>

#include "runtime/fenv.h"

typedef struct {
    fg_nearest_call *call;
    int64_t rows;     /* points per chunk */
    char *scratch;    /* one packed block per slot */
    int64_t *changed; /* per chunk */
} nearest_job;

/* A tile of the pairwise table: some rows by this many columns. */
enum { TILE_COLUMNS = 1024 };

typedef struct {
    const fg_points *rows, *columns;
    int kind;
    void *out;
    int64_t tile_rows, column_tiles;
    char *scratch;
} pairwise_job;

#define FG_BODY "clustering/nearest_body.h"
#include "runtime/for_each_target.h"

typedef int64_t bytes_function(int64_t d);
FG_TABLE(fg_chunk, nearest_chunk);
FG_TABLE(fg_chunk, pairwise_tile);
FG_TABLE(bytes_function, packed_bytes);

int fg_nearest(const fg_runtime *runtime, fg_nearest_call *call)
{
    const fg_points *points = call->points;
    const int isa = runtime->isa, is_f64 = points->is_f64;
    nearest_job job = {call, fg_chunk_rows(points->n, points->d * call->k), NULL, NULL};
    const int64_t n_chunks = fg_chunk_count(points->n, job.rows);
    const int n_threads = fg_threads_for(points, (double)points->n * (double)points->d * (double)call->k);
    job.scratch = malloc((size_t)(runtime->slots(n_threads) * packed_bytes_table[isa][is_f64](points->d)));
    job.changed = malloc((size_t)(n_chunks + 1) * sizeof(int64_t));
    int status = FG_NO_MEMORY;
    if (job.scratch && job.changed) {
        fg_fenv saved = fg_fenv_enter();
        status = runtime->parallel(n_chunks, n_threads, nearest_chunk_table[isa][is_f64], &job);
        fg_fenv_leave(saved);
        call->n_changed = 0;
        for (int64_t c = 0; status == FG_OK && c < n_chunks; c++)
            call->n_changed += job.changed[c];
    }
    free(job.scratch);
    free(job.changed);
    return status;
}

int fg_pairwise_distance(const fg_runtime *runtime, const fg_points *rows, const fg_points *columns, int kind,
                         void *out)
{
    const int isa = runtime->isa, is_f64 = rows->is_f64;
    const int64_t d = rows->d;
    pairwise_job job = {.rows = rows, .columns = columns, .kind = kind, .out = out};
    job.tile_rows = fg_chunk_rows(rows->n, d * TILE_COLUMNS);
    job.column_tiles = fg_chunk_count(columns->n, TILE_COLUMNS);
    const int n_threads = fg_threads_for(rows, (double)rows->n * (double)columns->n * (double)d);
    job.scratch = malloc((size_t)(runtime->slots(n_threads) * packed_bytes_table[isa][is_f64](d)));
    if (!job.scratch)
        return FG_NO_MEMORY;
    fg_fenv saved = fg_fenv_enter();
    int status = runtime->parallel(fg_chunk_count(rows->n, job.tile_rows) * job.column_tiles, n_threads,
                                   pairwise_tile_table[isa][is_f64], &job);
    fg_fenv_leave(saved);
    free(job.scratch);
    return status;
}
