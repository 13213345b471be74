#include "boxes/iou.h"

#include <stdlib.h>

#include "runtime/fenv.h"

/* A chunk is a tile of ROWS × COLUMNS pairs: about 20 µs, its columns in the first-level cache. */
enum { ROWS = 64, COLUMNS = 1024 };

/* Below this many pairs, waking a helper costs more than it brings. */
enum { MIN_PAIRS_FOR_THREADS = 1 << 18 };

typedef struct {
    const fg_iou_call *call;
    const void *soa1, *soa2;
    int64_t column_tiles;
    fg_chunk *tile;
} iou_job;

#define FG_BODY "boxes/iou_body.h"
#include "runtime/for_each_target.h"

typedef int64_t stride_function(int64_t n);
typedef int load_function(const fg_iou_call *call, void *soa1, void *soa2);
FG_TABLE(stride_function, soa_stride);
FG_TABLE(load_function, load_both);
FG_TABLE(fg_chunk, iou_tile);

static int64_t tiles(int64_t n, int64_t size) { return (n + size - 1) / size; }

int fg_pairwise_iou(const fg_runtime *runtime, const fg_iou_call *call)
{
    const int isa = runtime->isa, is_f64 = call->is_f64;
    const size_t value = is_f64 ? sizeof(double) : sizeof(float);
    const size_t stride1 = (size_t)soa_stride_table[isa][is_f64](call->n);
    const size_t stride2 = (size_t)soa_stride_table[isa][is_f64](call->m);
    char *soa = malloc(5 * (stride1 + stride2) * value + 1);
    if (!soa)
        return FG_NO_MEMORY;
    fg_fenv saved = fg_fenv_enter();
    iou_job job = {call, soa, soa + 5 * stride1 * value, tiles(call->m, COLUMNS), iou_tile_table[isa][is_f64]};
    int status = load_both_table[isa][is_f64](call, soa, soa + 5 * stride1 * value);
    if (status == FG_OK) {
        int n_threads = call->n * call->m < MIN_PAIRS_FOR_THREADS ? 1 : call->n_threads;
        status = runtime->parallel(tiles(call->n, ROWS) * job.column_tiles, n_threads, job.tile, &job);
    }
    fg_fenv_leave(saved);
    free(soa);
    return status;
}
