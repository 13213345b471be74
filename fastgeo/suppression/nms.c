#include "suppression/nms.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "runtime/box_grid.h"
#include "runtime/fenv.h"
#include "runtime/large_memory.h"
#include "suppression/groups.h"
#include "suppression/score_order.h"

/* What a step of a large group covers at most, in vector comparisons, or in boxes that are laid out or sorted into the
   grid: about a millisecond. One box against all others may take it beyond that. */
enum { STEP_WORK = 1 << 17, STEP_BOXES = 1 << 15 };

/* Boxes a chunk of small groups holds; fewer in all than the second number are not worth a second thread. */
enum { CHUNK_BOXES = 2048, MIN_BOXES_FOR_THREADS = 8192 };

/* Groups from this size on go step by step: crowded, they would not fit into a chunk. */
enum { LARGE_GROUP = 2 * CHUNK_BOXES };

/* How many boxes ahead memory is fetched that is visited at random, from a number of boxes on that outgrows a cache. */
enum { AHEAD = 12, BEYOND_CACHE = 1 << 14 };

/* Steps in the first call of `parallel`; each further one has twice as many. */
enum { FIRST_STEPS = 16 };

enum { SMALL_BYTES = 4096 };

/* A grid pays once a box takes more vector comparisons than CHANGE_OVER against the kept ones, counted over a window of
   boxes, and enough boxes are left to make up for building it. */
enum { WINDOW = 256, CHANGE_OVER = 12, MIN_BOXES_FOR_GRID = 1024 };

/* How far the building of a grid is; each stage goes over the boxes once, in steps. */
enum { GRID_RANGE, GRID_SMALL, GRID_COUNT, GRID_BUCKETS, GRID_PLACE, GRID_BUILT };

/* A threshold below bounds nothing: the grid seeks all boxes that meet. */
#define LEAST_THRESHOLD 0x1p-60

/* The boxes that were still ahead when the grid was begun, in its order. */
typedef struct {
    int stage;
    int64_t next; /* box of this stage */
    fg_grid_level all; /* the range of the boxes */
    int64_t small;     /* how many are much smaller than the largest */
    int consistent;
    fg_box_grid index;
    void *memory; /* the boxes, then what the pointers below show: the spare memory of the state, or our own */
    void *own;
    int64_t count;
    size_t n_buckets;
    uint32_t *position; /* of each box */
    uint32_t *slot;     /* of each box by position, from `begin` on: its bucket, then its place; NONE: has no area */
    int64_t begin;
    uint16_t *dead;     /* of each whole vector: the boxes suppressed or kept already */
    int64_t caught_up;  /* kept boxes that have marked theirs */
} nms_grid;

/* One group while it is worked on. Boxes are numbered by position: 0 has the highest score. */
typedef struct {
    const fg_nms_call *call;
    int isa;
    void *soa; /* five runs of n */
    int64_t n;
    const fg_ranked *entries;
    int64_t n_loaded; /* boxes in `soa` */
    uint32_t *owner; /* position of the box that keeps or suppresses it, or NONE */
    uint32_t *kept;  /* positions */
    int64_t n_kept, max_kept;
    int64_t position; /* the next box to look at */
    int64_t work;     /* vector comparisons so far */
    nms_grid *grid;   /* NULL: not begun */
    void *spare;      /* NULL, or room for the grid unless that is of an unusual shape */
    int status;       /* FG_OK or FG_NO_MEMORY */
} nms_state;

#define NONE UINT32_MAX

/* Room that a grid of n boxes wants, unless it is of an unusual shape. */
static size_t grid_bytes(int64_t n, size_t value)
{
    return n < MIN_BOXES_FOR_GRID ? 0 : (size_t)n * (5 * value + 6 * sizeof(uint32_t));
}

static inline int fg_lowest_bit(unsigned bits) { return __builtin_ctz(bits); }

#define FG_BODY "suppression/nms_body.h"
#include "runtime/for_each_target.h"

typedef int check_function(const void *boxes, int64_t n);
typedef void steps_function(nms_state *state, int64_t end);
typedef int build_function(nms_state *state, int64_t end);
FG_TABLE(check_function, check_boxes);
FG_TABLE(steps_function, gather);
FG_TABLE(steps_function, plain_steps);
FG_TABLE(steps_function, grid_steps);
FG_TABLE(build_function, build_grid);

/* A group that goes step by step, by one thread at a time. */
typedef struct {
    int64_t begin, n; /* its entries */
    int is_open;
    atomic_flag busy;
    nms_state state;
} large_group;

typedef struct {
    fg_nms_call *call;
    int n_threads;
    int isa;
    fg_groups groups;
    fg_ranked *entries, *scratch; /* n each, cut into the groups */
    char *soa;
    char *spare; /* grid_bytes for all of them */
    uint8_t *is_kept; /* by box; NULL: there is one group only */
    atomic_int status; /* FG_OK or FG_NO_MEMORY, of the small groups */
    large_group **large;
    int64_t n_large; /* those not finished */
} nms_job;

/* Begins a group that is sorted; the scratch of the sort now holds `owner` and `kept`. */
static nms_state open_sorted(int isa, const fg_nms_call *call, const fg_ranked *entries, fg_ranked *scratch, int64_t n,
                             void *soa, void *spare)
{
    nms_state state = {.call = call, .isa = isa, .soa = soa, .spare = spare, .n = n, .entries = entries};
    state.owner = (uint32_t *)scratch;
    state.kept = state.owner + n;
    state.max_kept = call->max_output >= 0 && call->max_output < n ? call->max_output : n;
    memset(state.owner, 0xff, (size_t)n * sizeof *state.owner);
    return state;
}

static nms_state open_group(const nms_job *job, int64_t begin, int64_t n)
{
    const fg_nms_call *call = job->call;
    const size_t value = call->boxes_f64 ? sizeof(double) : sizeof(float);
    fg_ranked *entries = job->entries + begin, *scratch = job->scratch + begin;
    fg_sort_ranked(entries, scratch, n, call->scores, call->scores_f64);
    char *spare = grid_bytes(n, value) ? job->spare + grid_bytes(begin, value) : NULL;
    return open_sorted(job->isa, call, entries, scratch, n, job->soa + 5 * (size_t)begin * value, spare);
}

static int wants_grid(const nms_state *state, int64_t work, int64_t boxes)
{
    if (state->call->method != FG_NMS_AUTO)
        return state->call->method == FG_NMS_GRID;
    return work > boxes * CHANGE_OVER && state->n - state->position >= MIN_BOXES_FOR_GRID;
}

static void begin_grid(nms_state *state)
{
    nms_grid *grid = state->grid = calloc(1, sizeof *grid);
    if (!grid) {
        state->status = FG_NO_MEMORY;
        return;
    }
    grid->begin = state->position;
    grid->consistent = state->call->iou_threshold >= LEAST_THRESHOLD;
}

static int is_done(const nms_state *state)
{
    return state->status != FG_OK || state->position == state->n || state->n_kept >= state->max_kept;
}

/* The plain way, until the work of a step is done or a grid pays. */
static void plain_windows(nms_state *state)
{
    const int64_t limit = state->work + STEP_WORK;
    while (!state->grid && !is_done(state) && state->work < limit) {
        const int64_t work = state->work, begin = state->position;
        const int64_t end = begin + WINDOW < state->n ? begin + WINDOW : state->n;
        plain_steps_table[state->isa][state->call->boxes_f64](state, end);
        if (wants_grid(state, state->work - work, state->position - begin))
            begin_grid(state);
    }
}

/* One step: lays out boxes, builds a part of the grid, or decides boxes. */
static void step(nms_state *state)
{
    const int isa = state->isa, is_f64 = state->call->boxes_f64;
    if (state->n_loaded < state->n) {
        const int64_t end = state->n_loaded + STEP_BOXES;
        gather_table[isa][is_f64](state, end < state->n ? end : state->n);
    } else if (!state->grid && wants_grid(state, 0, 0))
        begin_grid(state);
    else if (!state->grid)
        plain_windows(state);
    else if (state->grid->stage != GRID_BUILT) {
        const int64_t end = state->grid->next + STEP_BOXES;
        state->status = build_grid_table[isa][is_f64](state, end < state->n ? end : state->n);
    } else
        grid_steps_table[isa][is_f64](state, state->work + STEP_WORK);
}

static void run_to_end(nms_state *state)
{
    while (!is_done(state))
        step(state);
}

static void close_group(nms_state *state)
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

/* From positions to boxes. */
static void write_owners(const nms_state *state)
{
    int64_t *owner = state->call->owner;
    if (!owner)
        return;
    for (int64_t p = 0; p < state->n; p++) {
        const uint32_t by = state->owner[p];
        owner[fg_ranked_index(state->entries[p])] = by == NONE ? -1 : fg_ranked_index(state->entries[by]);
    }
}

static void finish_group(nms_job *job, nms_state *state)
{
    close_group(state);
    for (int64_t k = 0; job->is_kept && k < state->n_kept; k++)
        job->is_kept[fg_ranked_index(state->entries[state->kept[k]])] = 1;
    write_owners(state);
}

static void groups_chunk(void *argument, int64_t chunk, int slot)
{
    (void)slot;
    nms_job *job = argument;
    for (int64_t g = job->groups.chunk[chunk]; g < job->groups.chunk[chunk + 1]; g++) {
        const int64_t begin = job->groups.begin[g], n = job->groups.begin[g + 1] - begin;
        if (n >= LARGE_GROUP)
            continue;
        nms_state state = open_group(job, begin, n);
        run_to_end(&state);
        finish_group(job, &state);
        if (state.status != FG_OK)
            atomic_store(&job->status, state.status);
    }
}

/* Chunks go round the unfinished groups. Where another thread is at the group there is nothing to do. */
static void large_step(void *argument, int64_t chunk, int slot)
{
    (void)slot;
    nms_job *job = argument;
    large_group *group = job->large[chunk % job->n_large];
    if (atomic_flag_test_and_set(&group->busy))
        return;
    if (!group->is_open)
        group->state = open_group(job, group->begin, group->n);
    else if (!is_done(&group->state))
        step(&group->state);
    group->is_open = 1;
    atomic_flag_clear(&group->busy);
}

/* Drops the groups that are finished; FG_NO_MEMORY if one could not be. */
static int drop_finished(nms_job *job)
{
    int status = FG_OK;
    int64_t left = 0;
    for (int64_t l = 0; l < job->n_large; l++) {
        large_group *group = job->large[l];
        if (group->is_open && group->state.status != FG_OK)
            status = group->state.status;
        if (group->is_open && is_done(&group->state))
            finish_group(job, &group->state);
        else
            job->large[left++] = group;
    }
    job->n_large = left;
    return status;
}

/* How many steps are needed shows only at the end. Calls of `parallel` that double in length poll often enough, and
   what they are too long is less than the work. */
static int run_large(const fg_runtime *runtime, nms_job *job)
{
    int status = FG_OK;
    for (int64_t steps = FIRST_STEPS; status == FG_OK && job->n_large > 0; steps *= 2) {
        const int slots = runtime->slots(job->n_threads);
        status = runtime->parallel(steps * job->n_large, slots < job->n_large ? slots : (int)job->n_large, large_step,
                                   job);
        if (status == FG_OK)
            status = drop_finished(job);
    }
    for (int64_t l = 0; l < job->n_large; l++)
        close_group(&job->large[l]->state);
    return status;
}

static nms_state open_set(int isa, const fg_nms_set *set)
{
    return open_sorted(isa, set->call, set->entries, set->scratch, set->n, set->soa, NULL);
}

static void close_set(fg_nms_set *set, nms_state *state)
{
    close_group(state);
    set->kept = state->kept;
    set->n_kept = state->n_kept;
}

int fg_nms_run_set(int isa, fg_nms_set *set)
{
    nms_state state = open_set(isa, set);
    for (int steps = 0; !is_done(&state) && steps < FIRST_STEPS; steps++)
        step(&state);
    const int status = is_done(&state) ? state.status : FG_NMS_TOO_LONG;
    close_set(set, &state);
    return status;
}

int fg_nms_run_sets(const fg_runtime *runtime, fg_nms_set *sets, int64_t n_sets, int n_threads)
{
    large_group *large = calloc((size_t)n_sets, sizeof *large);
    nms_job job = {.n_threads = n_threads, .isa = runtime->isa, .n_large = n_sets};
    job.large = malloc((size_t)n_sets * sizeof *job.large);
    int status = FG_NO_MEMORY;
    if (large && job.large) {
        for (int64_t s = 0; s < n_sets; s++) {
            job.large[s] = &large[s];
            large[s].is_open = 1;
            large[s].state = open_set(runtime->isa, &sets[s]);
            atomic_flag_clear(&large[s].busy);
        }
        status = run_large(runtime, &job);
        for (int64_t s = 0; s < n_sets; s++)
            close_set(&sets[s], &large[s].state);
    }
    free(job.large);
    free(large);
    return status;
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
    large_group group = {.n = n, .is_open = 1, .busy = ATOMIC_FLAG_INIT, .state = open_group(job, 0, n)};
    large_group *large = &group;
    nms_state *state = &group.state;
    if (n < LARGE_GROUP) {
        run_to_end(state);
        finish_group(job, state);
    } else {
        job->large = &large;
        job->n_large = 1;
        const int status = run_large(runtime, job);
        if (status != FG_OK)
            return status;
    }
    call->n_keep = state->n_kept;
    for (int64_t k = 0; k < state->n_kept; k++)
        call->keep[k] = fg_ranked_index(job->entries[state->kept[k]]);
    return state->status;
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

/* The large groups, if there are any. */
static int run_large_groups(const fg_runtime *runtime, nms_job *job)
{
    const fg_groups *groups = &job->groups;
    int64_t count = 0;
    for (int64_t g = 0; g < groups->n_groups; g++)
        count += groups->begin[g + 1] - groups->begin[g] >= LARGE_GROUP;
    if (count == 0)
        return FG_OK;
    large_group *large = calloc((size_t)count, sizeof *large);
    job->large = malloc((size_t)count * sizeof *job->large);
    int status = FG_NO_MEMORY;
    if (large && job->large) {
        for (int64_t g = 0; g < groups->n_groups; g++) {
            const int64_t begin = groups->begin[g], n = groups->begin[g + 1] - begin;
            if (n < LARGE_GROUP)
                continue;
            large_group *group = job->large[job->n_large] = &large[job->n_large];
            job->n_large++;
            group->begin = begin;
            group->n = n;
            atomic_flag_clear(&group->busy);
        }
        status = run_large(runtime, job);
    }
    free(job->large);
    free(large);
    return status;
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
        if (status == FG_OK)
            status = atomic_load(&job->status);
        if (status == FG_OK)
            status = run_large_groups(runtime, job);
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
    const size_t per_box = 2 * sizeof(fg_ranked) + 10 * value + 6 * sizeof(uint32_t);
    uint64_t small[SMALL_BYTES / sizeof(uint64_t)];
    if (call->n >= INT32_MAX || (size_t)call->n > SIZE_MAX / per_box - 1)
        return FG_NO_MEMORY;
    /* One block for everything: two that are freed together make the allocator give the memory back each time. */
    const size_t bytes = ((size_t)call->n + 1) * (2 * sizeof(fg_ranked) + 5 * value) + grid_bytes(call->n, value);
    char *memory = bytes <= sizeof small ? (char *)small : fg_malloc_large(bytes);
    if (!memory)
        return FG_NO_MEMORY;
    nms_job job = {.call = call, .n_threads = call->n_threads, .isa = runtime->isa};
    /* list_boxes writes one entry past those it counts. */
    job.entries = (fg_ranked *)memory;
    job.scratch = job.entries + call->n + 1;
    job.soa = (char *)(job.scratch + call->n + 1);
    job.spare = job.soa + 5 * ((size_t)call->n + 1) * value;
    const fg_fenv saved = fg_fenv_enter();
    const int status = run(runtime, &job);
    fg_fenv_leave(saved);
    if (memory != (char *)small)
        free(memory);
    return status;
}
