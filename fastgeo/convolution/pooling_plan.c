#include "convolution/pooling_plan.h"

const char *const fg_pool_algorithm_names[FG_POOL_ALGORITHMS] = {"channel_vectors", "row_vectors"};

static int64_t clip(int64_t a, int64_t low, int64_t high) { return a < low ? low : a < high ? a : high; }
static int64_t pieces(int64_t n, int64_t size) { return (n + size - 1) / size; }

/* Blocks of output pixels with about FG_POOL_CHUNK_CELLS cells. */
static void cut(const fg_team *team, const fg_pool_call *call, fg_pool_plan *plan)
{
    /* Of a window only the cells inside the image cost time. */
    const double cells = (double)clip(call->size_y, 1, call->height + 1) *
                         (double)clip(call->size_x, 1, call->width + 1) * (double)plan->channels;
    const int64_t pixels = cells < FG_POOL_CHUNK_CELLS ? (int64_t)(FG_POOL_CHUNK_CELLS / cells) : 1;
    plan->columns = clip(pixels, 1, call->out_width);
    plan->rows = clip(pixels / call->out_width, 1, call->out_height);
    plan->row_blocks = pieces(call->out_height, plan->rows);
    plan->column_blocks = pieces(call->out_width, plan->columns);
    plan->together = clip(pixels / (call->out_width * call->out_height), 1, plan->images);
    plan->chunks = pieces(plan->images, plan->together) * plan->row_blocks * plan->column_blocks;
    plan->piece_cells = clip(FG_POOL_CHUNK_CELLS / plan->channels, 1, FG_POOL_CHUNK_CELLS);
    const double work = cells * (double)plan->images * (double)call->out_height * (double)call->out_width;
    plan->threads = work < FG_POOL_THREADED_CELLS ? 1 : (int)clip(plan->chunks, 1, team->size);
}

int fg_plan_pool(const fg_team *team, const fg_pool_call *call, fg_pool_plan *plan)
{
    const int forced = fg_forced(team, "pool2d", fg_pool_algorithm_names, FG_POOL_ALGORITHMS);
    const int planes = call->planar || call->channels == 1;
    *plan = (fg_pool_plan){.algorithm = planes ? FG_POOL_ROWS : FG_POOL_PIXELS};
    plan->reason = planes ? "planes: neighbouring outputs of a row fill a vector" : "the channels of a pixel fill vectors";
    if (forced >= 0) {
        if (forced == FG_POOL_ROWS ? !planes : call->planar && call->channels > 1)
            return fg_refuse(team, "pool2d", fg_pool_algorithm_names[forced],
                             "the images are not laid out for it");
        plan->algorithm = forced;
        plan->reason = "it is forced";
    }
    plan->images = plan->algorithm == FG_POOL_ROWS ? call->batch * call->channels : call->batch;
    plan->channels = plan->algorithm == FG_POOL_ROWS ? 1 : call->channels;
    cut(team, call, plan);
    return FG_OK;
}
