#include "suppression/nms.h"

#include <stdlib.h>

#include "runtime/box_grid.h"
#include "runtime/fenv.h"
#include "suppression/groups.h"
#include "suppression/score_order.h"

/* Positions a step of one large group covers: a few milliseconds at most. */
enum { STEP = 2048 };

/* Boxes a chunk of small groups holds; fewer in all than the second number are not worth a second thread. */
enum { CHUNK_BOXES = 2048, MIN_BOXES_FOR_THREADS = 8192 };

enum { SMALL_BYTES = 4096 };

/* A grid pays once a box takes more vector comparisons than CHANGE_OVER against the kept ones, counted over a window of
   boxes, and enough boxes are left to make up for building it. */
enum { WINDOW = 256, CHANGE_OVER = 12, MIN_BOXES_FOR_GRID = 1024 };

/* The boxes that were still ahead when the grid was built, in its order. */
typedef struct {
    fg_box_grid index;
    void *memory; /* the boxes, then what the pointers below show */
    int64_t count;
    uint32_t *position; /* of each box */
    uint32_t *bucket;   /* of each box by position, from `begin` on */
    int64_t begin;
    uint16_t *dead;     /* of each whole vector: the boxes that need no look any more */
    int64_t caught_up;  /* kept boxes that have marked theirs */
} nms_grid;

/* One group while it is worked on. Boxes are numbered by position: 0 has the highest score. */
typedef struct {
    const fg_nms_call *call;
    int isa;
    void *soa; /* five runs of n */
    int64_t n;
    uint32_t *owner; /* position of the box that keeps or suppresses it, or NONE */
    uint32_t *kept;  /* positions */
    int64_t n_kept, max_kept;
    int64_t position; /* the next box to look at */
    int64_t work;     /* vector comparisons so far */
    nms_grid *grid;   /* NULL: not built */
} nms_state;

#define NONE UINT32_MAX

static inline int fg_lowest_bit(unsigned bits) { return __builtin_ctz(bits); }

#define FG_BODY "suppression/nms_body.h"
#include "runtime/for_each_target.h"

typedef int check_function(const void *boxes, int64_t n);
typedef void gather_function(const fg_nms_call *call, const fg_ranked *entries, int64_t n, void *soa);
typedef void steps_function(nms_state *state, int64_t end);
FG_TABLE(check_function, check_boxes);
FG_TABLE(gather_function, gather);
typedef int build_function(nms_state *state);
FG_TABLE(steps_function, plain_steps);
FG_TABLE(steps_function, grid_steps);
FG_TABLE(build_function, build_grid);

typedef struct {
    fg_nms_call *call;
    int isa;
    fg_groups groups;
    fg_ranked *entries, *scratch; /* n each, cut into the groups */
    char *soa;
    uint8_t *is_kept; /* by box; NULL: there is one group only, and its state is at hand */
    nms_state single;
} nms_job;

/* Lays out boxes that are sorted; the scratch of the sort now holds `owner` and `kept`. */
static nms_state open_sorted(int isa, const fg_nms_call *call, const fg_ranked *entries, fg_ranked *scratch, int64_t n,
                             void *soa)
{
    nms_state state = {.call = call, .isa = isa, .soa = soa, .n = n};
    state.owner = (uint32_t *)scratch;
    state.kept = state.owner + n;
    state.max_kept = call->max_output >= 0 && call->max_output < n ? call->max_output : n;
    memset(state.owner, 0xff, (size_t)n * sizeof *state.owner);
    gather_table[isa][call->boxes_f64](call, entries, n, soa);
    return state;
}

static nms_state open_group(const nms_job *job, int64_t begin, int64_t n)
{
    const fg_nms_call *call = job->call;
    const size_t value = call->boxes_f64 ? sizeof(double) : sizeof(float);
    fg_ranked *entries = job->entries + begin, *scratch = job->scratch + begin;
    fg_sort_ranked(entries, scratch, n, call->scores, call->scores_f64);
    return open_sorted(job->isa, call, entries, scratch, n, job->soa + 5 * (size_t)begin * value);
}

static int wants_grid(const nms_state *state, int64_t work, int64_t boxes)
{
    if (state->call->method != FG_NMS_AUTO)
        return state->call->method == FG_NMS_GRID;
    return work > boxes * CHANGE_OVER && state->n - state->position >= MIN_BOXES_FOR_GRID;
}

/* Decides the boxes before `end`. Without memory for a grid the plain way goes on. */
static void advance(nms_state *state, int64_t end)
{
    const int isa = state->isa, is_f64 = state->call->boxes_f64;
    if (wants_grid(state, 0, 0) && !state->grid)
        build_grid_table[isa][is_f64](state);
    while (!state->grid && state->position < end && state->n_kept < state->max_kept) {
        const int64_t work = state->work, begin = state->position;
        plain_steps_table[isa][is_f64](state, begin + WINDOW < end ? begin + WINDOW : end);
        if (wants_grid(state, state->work - work, state->position - begin))
            build_grid_table[isa][is_f64](state);
    }
    if (state->grid)
        grid_steps_table[isa][is_f64](state, end);
}

static void close_group(nms_state *state)
{
    if (state->grid)
        free(state->grid->memory);
    free(state->grid);
    state->grid = NULL;
}

int64_t fg_nms_sorted(int isa, const fg_nms_call *call, const fg_ranked *entries, fg_ranked *scratch, int64_t n,
                      void *soa, const uint32_t **kept)
{
    nms_state state = open_sorted(isa, call, entries, scratch, n, soa);
    advance(&state, n);
    close_group(&state);
    *kept = state.kept;
    return state.n_kept;
}

int fg_check_boxes(int isa, const void *boxes, int is_f64, int64_t n)
{
    return check_boxes_table[isa][is_f64](boxes, n);
}

/* From positions to boxes. */
static void write_owners(const nms_state *state, const fg_ranked *entries)
{
    int64_t *owner = state->call->owner;
    if (!owner)
        return;
    for (int64_t p = 0; p < state->n; p++) {
        const uint32_t by = state->owner[p];
        owner[fg_ranked_index(entries[p])] = by == NONE ? -1 : fg_ranked_index(entries[by]);
    }
}

static void single_step(void *argument, int64_t chunk, int slot)
{
    (void)slot;
    nms_job *job = argument;
    nms_state *state = &job->single;
    const int64_t end = (chunk + 1) * STEP;
    advance(state, end < state->n ? end : state->n);
}

static void groups_chunk(void *argument, int64_t chunk, int slot)
{
    (void)slot;
    const nms_job *job = argument;
    for (int64_t g = job->groups.chunk[chunk]; g < job->groups.chunk[chunk + 1]; g++) {
        const int64_t begin = job->groups.begin[g];
        nms_state state = open_group(job, begin, job->groups.begin[g + 1] - begin);
        advance(&state, state.n);
        close_group(&state);
        for (int64_t k = 0; k < state.n_kept; k++)
            job->is_kept[fg_ranked_index(job->entries[begin + state.kept[k]])] = 1;
        write_owners(&state, job->entries + begin);
    }
}

static int takes_part(const fg_nms_call *call, double score)
{
    return !call->has_score_threshold || score > call->score_threshold;
}

/* The entries of all boxes that take part, in the order of the boxes. Returns how many, or -1 for a NaN. */
static int64_t list_boxes(const fg_nms_call *call, fg_ranked *entries)
{
    int64_t count = 0;
    int nan = 0;
    for (int64_t i = 0; i < call->n; i++) {
        const double score = fg_score(call->scores, call->scores_f64, i);
        nan |= score != score;
        entries[count] = fg_rank(call->scores, call->scores_f64, i);
        count += takes_part(call, score);
    }
    return nan ? -1 : count;
}

/* Boxes after the last one kept are left undecided when the output is full. */
static void forget_undecided(const fg_nms_call *call)
{
    if (!call->owner || call->n_keep != call->max_output)
        return;
    const int64_t last = call->n_keep ? call->keep[call->n_keep - 1] : -1;
    for (int64_t i = 0; i < call->n; i++)
        if (last < 0 || fg_ranks_before(call->scores, call->scores_f64, last, i))
            call->owner[i] = -1;
}

static int run_single(const fg_runtime *runtime, nms_job *job, int64_t n)
{
    fg_nms_call *call = job->call;
    nms_state *state = &job->single;
    *state = open_group(job, 0, n);
    const int status = runtime->parallel((n + STEP - 1) / STEP, 1, single_step, job);
    close_group(state);
    if (status != FG_OK)
        return status;
    call->n_keep = state->n_kept;
    for (int64_t k = 0; k < state->n_kept; k++)
        call->keep[k] = fg_ranked_index(job->entries[state->kept[k]]);
    write_owners(state, job->entries);
    return FG_OK;
}

/* The kept boxes of all groups, by descending score. */
static void merge_groups(nms_job *job)
{
    fg_nms_call *call = job->call;
    int64_t n = 0;
    for (int64_t i = 0; i < call->n; i++)
        if (job->is_kept[i])
            job->entries[n++] = fg_rank(call->scores, call->scores_f64, i);
    fg_sort_ranked(job->entries, job->scratch, n, call->scores, call->scores_f64);
    if (call->max_output >= 0 && call->max_output < n)
        n = call->max_output;
    for (int64_t k = 0; k < n; k++)
        call->keep[k] = fg_ranked_index(job->entries[k]);
    call->n_keep = n;
}

static int run_groups(const fg_runtime *runtime, nms_job *job, int64_t n)
{
    const fg_nms_call *call = job->call;
    job->is_kept = calloc((size_t)call->n, 1);
    int status = job->is_kept ? fg_groups_open(&job->groups, call->groups, job->entries, job->scratch, n, CHUNK_BOXES)
                              : FG_NO_MEMORY;
    if (status == FG_OK) {
        const int n_threads = n < MIN_BOXES_FOR_THREADS ? 1 : call->n_threads;
        status = runtime->parallel(job->groups.n_chunks, n_threads, groups_chunk, job);
        fg_groups_close(&job->groups);
    }
    if (status == FG_OK)
        merge_groups(job);
    free(job->is_kept);
    return status;
}

static int run(const fg_runtime *runtime, nms_job *job)
{
    const fg_nms_call *call = job->call;
    if (fg_check_boxes(job->isa, call->boxes, call->boxes_f64, call->n) != FG_OK)
        return FG_BAD_VALUE;
    const int64_t n = list_boxes(call, job->entries);
    if (n < 0)
        return FG_BAD_VALUE;
    if (call->owner)
        memset(call->owner, 0xff, (size_t)call->n * sizeof *call->owner);
    int status = FG_OK;
    if (n > 0 && call->max_output != 0)
        status = call->groups ? run_groups(runtime, job, n) : run_single(runtime, job, n);
    if (status == FG_OK)
        forget_undecided(call);
    return status;
}

int fg_nms(const fg_runtime *runtime, fg_nms_call *call)
{
    call->n_keep = 0;
    const size_t value = call->boxes_f64 ? sizeof(double) : sizeof(float);
    const size_t per_box = 2 * sizeof(fg_ranked) + 5 * value;
    uint64_t small[SMALL_BYTES / sizeof(uint64_t)];
    if (call->n >= INT32_MAX || (size_t)call->n > SIZE_MAX / per_box - 1)
        return FG_NO_MEMORY;
    const size_t bytes = ((size_t)call->n + 1) * per_box;
    char *memory = bytes <= sizeof small ? (char *)small : malloc(bytes);
    if (!memory)
        return FG_NO_MEMORY;
    nms_job job = {.call = call, .isa = runtime->isa};
    /* list_boxes writes one entry past those it counts. */
    job.entries = (fg_ranked *)memory;
    job.scratch = job.entries + call->n + 1;
    job.soa = (char *)(job.scratch + call->n + 1);
    const fg_fenv saved = fg_fenv_enter();
    const int status = run(runtime, &job);
    fg_fenv_leave(saved);
    if (memory != (char *)small)
        free(memory);
    return status;
}
