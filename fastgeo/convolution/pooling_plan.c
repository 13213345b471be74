#include "convolution/pooling_plan.h"

const char *const fg_pool_algorithm_names[FG_POOL_ALGORITHMS] = {"channel_vectors", "row_vectors", "plane_vectors"};

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

/* Groups of planes that are turned to cells. Returns why that cannot be, or NULL. */
static const char *group_planes(const fg_team *team, const fg_pool_call *call, fg_pool_plan *plan)
{
    const double pixels = (double)call->height * (double)call->width + (double)call->out_height * (double)call->out_width;
    const int64_t planes = call->batch * call->channels;
    const double value = call->is_f64 ? sizeof(double) : sizeof(float);
    if (call->indices)
        return "it does not say where a maximum was found";
    plan->channels = planes < FG_POOL_GROUP || pixels * FG_POOL_GROUP * value > FG_SCRATCH_LIMIT ? FG_POOL_SMALL_GROUP
                                                                                                 : FG_POOL_GROUP;
    if (pixels * (double)plan->channels * value > FG_SCRATCH_LIMIT)
        return "planes are too large for the scratch memory of a thread";
    cut(team, call, plan);
    plan->images = planes;
    plan->chunks = pieces(planes, plan->channels);
    plan->threads = plan->threads < plan->chunks ? plan->threads : (int)plan->chunks;
    plan->slot_bytes = (size_t)(pixels * (double)plan->channels * value);
    return NULL;
}

static const char *const rows_reason = "planes: neighbouring outputs of a row fill a vector";

/* Of the layouts, and of small planes, which are too narrow to fill vectors with their rows. */
static int choose(const fg_pool_call *call, const char **reason)
{
    if (!call->planar && call->channels > 1) {
        *reason = "the channels of a pixel fill vectors";
        return FG_POOL_PIXELS;
    }
    const int64_t narrow = call->size_x > call->stride_x ? 2 * FG_POOL_NARROW : FG_POOL_NARROW;
    if (call->planar && call->out_width <= narrow && call->batch * call->channels >= FG_POOL_SMALL_GROUP) {
        *reason = "small planes: the same pixel of many fills a vector";
        return FG_POOL_PLANES;
    }
    *reason = rows_reason;
    return FG_POOL_ROWS;
}

static const char *plan_for(const fg_team *team, const fg_pool_call *call, int algorithm, fg_pool_plan *plan)
{
    plan->algorithm = algorithm;
    plan->images = call->batch;
    plan->channels = call->channels;
    if (call->channels > 1 && call->planar == (algorithm == FG_POOL_PIXELS)) /* of one channel, both layouts are one */
        return "the images are not laid out for it";
    if (algorithm == FG_POOL_PLANES)
        return group_planes(team, call, plan);
    if (algorithm == FG_POOL_ROWS) {
        plan->images = call->batch * call->channels;
        plan->channels = 1;
    }
    cut(team, call, plan);
    return NULL;
}

int fg_plan_pool(const fg_team *team, const fg_pool_call *call, fg_pool_plan *plan)
{
    const int forced = fg_forced(team, "pool2d", fg_pool_algorithm_names, FG_POOL_ALGORITHMS);
    *plan = (fg_pool_plan){.reason = "it is forced"};
    const int algorithm = forced >= 0 ? forced : choose(call, &plan->reason);
    const char *refusal = plan_for(team, call, algorithm, plan);
    if (refusal && forced >= 0)
        return fg_refuse(team, "pool2d", fg_pool_algorithm_names[forced], refusal);
    if (refusal) {
        *plan = (fg_pool_plan){.reason = rows_reason};
        plan_for(team, call, FG_POOL_ROWS, plan);
    }
    return FG_OK;
}
