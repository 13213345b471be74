#include "suppression/nms_group.h"

#include <stdlib.h>

#include "runtime/large_memory.h"

/* What a step covers at most, in vector comparisons, or in boxes that are sorted into the grid: about a millisecond.
   One box against all others may take it beyond that. */
enum { STEP_WORK = 1 << 17, STEP_BOXES = 1 << 15 };

/* How many boxes ahead memory is fetched that is visited at random, from a number of boxes on that outgrows a cache. */
enum { AHEAD = 12, BEYOND_CACHE = 1 << 14 };

/* A grid pays once a box takes more vector comparisons than CHANGE_OVER against the kept ones, counted over a window of
   boxes, and enough boxes are left to make up for building it. */
enum { SAMPLE = 32, WINDOW = 256, CHANGE_OVER = 6, MIN_BOXES_FOR_GRID = 512 };

/* How far the building of a grid is; each stage goes over the boxes once, in steps. */
enum { GRID_LOAD, GRID_SMALL, GRID_COUNT, GRID_BUCKETS, GRID_PLACE, GRID_TURN, GRID_BUILT };

/* A threshold below bounds nothing: the grid seeks all boxes that meet. */
#define LEAST_THRESHOLD 0x1p-60

/* All boxes of the group, in the order of the grid. They come in as members: where the group is the whole input in the
   order of that, which reads it once from end to end, else in the order of their scores. */
struct nms_grid {
    int by_index; /* members are numbered as in the input */
    int stage;
    int64_t next; /* member of this stage */
    fg_nms_range range;
    int64_t small; /* how many are much smaller than the largest */
    fg_box_grid index;
    void *memory; /* the boxes, then what the pointers below show: the spare memory of the state, or our own */
    void *own;
    size_t n_buckets;
    uint32_t *box;      /* in the input, of each place */
    uint32_t *slot;     /* of each member: its bucket, then its place; NO_BUCKET: has no area */
    uint16_t *dead;     /* of each whole vector: the boxes suppressed or kept already */
    uint16_t *doubted;  /* … and those that an undecided box would suppress */
    int64_t caught_up;  /* kept boxes that have marked theirs */
};

size_t fg_nms_grid_bytes(int64_t n, size_t value)
{
    return n < MIN_BOXES_FOR_GRID ? 0 : (size_t)n * (5 * value + 6 * sizeof(uint32_t));
}

static inline int fg_lowest_bit(unsigned bits) { return __builtin_ctz(bits); }

/* The box of the input at a position. */
static inline int64_t box_at(const nms_state *state, int64_t p, int64_t repeat)
{
    return fg_ranked_index(state->entries[p]) / repeat;
}

/* The box at position `p` is kept or suppressed by that at `by`. */
static inline void set_owner(const nms_state *state, int64_t p, int64_t by)
{
    if (state->call->owner)
        state->call->owner[fg_ranked_index(state->entries[p])] = fg_ranked_index(state->entries[by]);
}

#define FG_BODY "suppression/nms_body.h"
#include "runtime/for_each_target.h"

typedef int check_function(const void *boxes, int64_t n);
typedef void steps_function(nms_state *state, int64_t end);
typedef void sample_function(const nms_state *state, nms_sample *sample);
typedef int build_function(nms_state *state, int64_t end);
FG_TABLE(check_function, check_boxes);
FG_TABLE(steps_function, plain_steps);
FG_TABLE(steps_function, grid_steps);
FG_TABLE(build_function, build_grid);
FG_TABLE(sample_function, look_at_sample);

nms_state fg_nms_open(int isa, const fg_nms_call *call, const fg_ranked *entries, fg_ranked *scratch, int64_t n,
                      void *soa, void *spare)
{
    nms_state state = {.call = call, .isa = isa, .soa = soa, .spare = spare, .n = n, .entries = entries};
    state.kept = (uint32_t *)scratch;
    state.max_kept = call->max_output >= 0 && call->max_output < n ? call->max_output : n;
    return state;
}

void fg_nms_close(nms_state *state)
{
    if (state->grid)
        free(state->grid->own);
    free(state->grid);
    state->grid = NULL;
}

int fg_check_boxes(int isa, const void *boxes, int is_f64, int64_t n)
{
    return check_boxes_table[isa][is_f64](boxes, n);
}

/* The vector comparisons a box from which on a grid pays. It is built of all boxes, for those that are left. Each search
   goes over all levels, the farther in each the lower the threshold (0.15 over it, as measured); and where most boxes
   lie near the others, it finds them all. */
static double least_work(nms_state *state)
{
    const double n = (double)state->n, left = (double)(state->n - state->position);
    if (!state->sample.levels)
        look_at_sample_table[state->isa][state->call->boxes_f64](state, &state->sample);
    const double levels = 1 + 0.15 * (state->sample.levels - 1) / fg_greater(state->call->iou_threshold, LEAST_THRESHOLD);
    const double kept = (double)state->n_kept / (double)state->position;
    return fg_greater(CHANGE_OVER * levels * n / left, 4 * kept * state->sample.near * n / state->sample.lanes);
}

static int wants_grid(nms_state *state, int64_t work, int64_t boxes)
{
    if (state->call->method == FG_NMS_PLAIN || state->call->method == FG_NMS_GRID)
        return state->call->method == FG_NMS_GRID;
    return work > boxes * CHANGE_OVER && state->n - state->position >= MIN_BOXES_FOR_GRID &&
           (double)work > (double)boxes * least_work(state);
}

static void begin_grid(nms_state *state)
{
    nms_grid *grid = state->grid = calloc(1, sizeof *grid);
    if (!grid) {
        state->status = FG_NO_MEMORY;
        return;
    }
    grid->by_index = state->n == state->call->n && state->call->repeat == 1;
    grid->range.consistent = state->call->iou_threshold >= LEAST_THRESHOLD;
}

/* The plain way, until the work of a step is done or a grid pays. */
static void plain_windows(nms_state *state)
{
    const int64_t limit = state->work + STEP_WORK;
    while (!state->grid && !fg_nms_is_done(state) && state->work < limit) {
        const int64_t work = state->work, begin = state->position;
        const int64_t end = begin + WINDOW < state->n ? begin + WINDOW : state->n;
        plain_steps_table[state->isa][state->call->boxes_f64](state, end);
        if (wants_grid(state, state->work - work, state->position - begin))
            begin_grid(state);
    }
}

static void build_grid_step(nms_state *state)
{
    const int64_t end = state->grid->next + STEP_BOXES;
    state->status = build_grid_table[state->isa][state->call->boxes_f64](state, end < state->n ? end : state->n);
}

void fg_nms_step(nms_state *state)
{
    if (!state->grid && wants_grid(state, 0, 0))
        begin_grid(state);
    else if (!state->grid)
        plain_windows(state);
    else if (state->grid->stage != GRID_BUILT)
        build_grid_step(state);
    else
        grid_steps_table[state->isa][state->call->boxes_f64](state, state->work + STEP_WORK);
}

int fg_nms_find_range(nms_state *state, fg_nms_range *range)
{
    begin_grid(state);
    while (state->status == FG_OK && state->grid->stage == GRID_LOAD)
        build_grid_step(state);
    if (state->status == FG_OK)
        *range = state->grid->range;
    fg_nms_close(state);
    return state->status;
}
