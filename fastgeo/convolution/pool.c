#include "convolution/pool.h"

#include <stddef.h>

#include "convolution/power.h"
#include "runtime/fenv.h"

/* Input values that a chunk looks at: below 20 ms even with two powers for each. */
enum { CHUNK_WORK = 1 << 16 };

/* Below this many, waking a helper costs more than it brings. */
enum { MIN_WORK_FOR_THREADS = 1 << 18 };

typedef struct {
    const fg_pool_call *call;
    int64_t images, channels; /* channels first: every plane is an image of one channel */
    int64_t together;         /* images of a chunk, where these are small */
    int64_t rows, columns;    /* output pixels of a chunk */
    int64_t row_blocks, column_blocks;
} pool_job;

#define FG_BODY "convolution/pool_body.h"
#include "runtime/for_each_target.h"

FG_TABLE(fg_chunk, pool_chunk);

static int64_t clip(int64_t a, int64_t low, int64_t high) { return a < low ? low : a < high ? a : high; }
static int64_t pieces(int64_t n, int64_t size) { return (n + size - 1) / size; }

int fg_pool2d(const fg_team *team, const fg_pool_call *call)
{
    if (call->batch == 0)
        return FG_OK;
    pool_job job = {.call = call, .images = call->batch, .channels = call->channels};
    if (call->planar) {
        job.images *= call->channels;
        job.channels = 1;
    }
    /* Of a window only the cells inside the image cost time. */
    const double cells = (double)clip(call->size_y, 1, call->height + 1) *
                         (double)clip(call->size_x, 1, call->width + 1) * (double)job.channels;
    const int64_t pixels = cells < CHUNK_WORK ? (int64_t)(CHUNK_WORK / cells) : 1;
    job.columns = clip(pixels, 1, call->out_width);
    job.rows = clip(pixels / call->out_width, 1, call->out_height);
    job.row_blocks = pieces(call->out_height, job.rows);
    job.column_blocks = pieces(call->out_width, job.columns);
    job.together = clip(pixels / (call->out_width * call->out_height), 1, job.images);
    const double work = cells * (double)job.images * (double)call->out_height * (double)call->out_width;
    const int n_threads = work < MIN_WORK_FOR_THREADS ? 1 : team->size;
    fg_fenv saved = fg_fenv_enter();
    int status = team->parallel(pieces(job.images, job.together) * job.row_blocks * job.column_blocks, n_threads,
                                   pool_chunk_table[team->isa][call->is_f64], &job);
    fg_fenv_leave(saved);
    return status;
}
