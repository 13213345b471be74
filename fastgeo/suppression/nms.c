#include "suppression/nms.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "runtime/fenv.h"
#include "runtime/large_memory.h"
#include "suppression/groups.h"
#include "suppression/nms_best_first.h"
#include "suppression/nms_tiles.h"
#include "suppression/score_order.h"

/* Boxes a chunk of small groups holds; fewer in all than the second number are not worth a second thread. */
enum { CHUNK_BOXES = 2048, MIN_BOXES_FOR_THREADS = 8192 };

/* Groups from this size on go step by step: crowded, they would not fit into a chunk. */
enum { LARGE_GROUP = 2 * CHUNK_BOXES };

/* So many boxes outgrow a core's own cache. */
enum { MANY_BOXES = 1 << 18 };

/* Beginning with the best pays where so many boxes lie one above another: fewer if the usual way outgrows the cache. */
enum { MIN_BOXES_FOR_BEST_FIRST = 1 << 13, DEEP = 8, VERY_DEEP = 64 };

/* Boxes that tell how they lie. */
enum { SAMPLE = 256, WIDE = 4 };

/* Steps in the first call of `parallel`; each further one has twice as many. */
enum { FIRST_STEPS = 16 };

enum { SMALL_BYTES = 4096 };

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
    uint8_t *marks; /* by box, what is known of it, as in nms_many.h; NULL: there is one group only */
    atomic_int status; /* FG_OK or FG_NO_MEMORY, of the small groups */
    large_group **large;
    int64_t n_large; /* those not finished */
} nms_job;

static nms_state open_group(const nms_job *job, int64_t begin, int64_t n)
{
    const fg_nms_call *call = job->call;
    const size_t value = call->boxes_f64 ? sizeof(double) : sizeof(float);
    fg_ranked *entries = job->entries + begin, *scratch = job->scratch + begin;
    fg_sort_ranked(entries, scratch, n, call->scores, call->scores_f64);
    char *spare = fg_nms_grid_bytes(n, value) ? job->spare + fg_nms_grid_bytes(begin, value) : NULL;
    return fg_nms_open(job->isa, call, entries, scratch, n, job->soa + 5 * (size_t)begin * value, spare);
}

static void run_to_end(nms_state *state)
{
    while (!fg_nms_is_done(state))
        fg_nms_step(state);
}

static void finish_group(nms_job *job, nms_state *state)
{
    fg_nms_close(state);
    for (int64_t k = 0; job->marks && k < state->n_kept; k++)
        job->marks[fg_ranked_index(state->entries[state->kept[k]])] = FG_NMS_KEPT;
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
    else if (!fg_nms_is_done(&group->state))
        fg_nms_step(&group->state);
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
        if (group->is_open && fg_nms_is_done(&group->state))
            finish_group(job, &group->state);
        else
            job->large[left++] = group;
    }
    job->n_large = left;
    return status;
}

/* How many steps are needed shows only at the end. Calls of `parallel` that double in length poll often enough, and
   what they are too long is less than the work. */
static int run_large(const fg_team *team, nms_job *job)
{
    int status = FG_OK;
    for (int64_t steps = FIRST_STEPS; status == FG_OK && job->n_large > 0; steps *= 2) {
        const int slots = job->n_threads;
        status = team->parallel(steps * job->n_large, slots < job->n_large ? slots : (int)job->n_large, large_step,
                                   job);
        if (status == FG_OK)
            status = drop_finished(job);
    }
    for (int64_t l = 0; l < job->n_large; l++)
        fg_nms_close(&job->large[l]->state);
    return status;
}

static nms_state open_set(int isa, const fg_nms_set *set)
{
    return fg_nms_open(isa, set->call, set->entries, set->scratch, set->n, set->soa, NULL);
}

static void close_set(fg_nms_set *set, nms_state *state)
{
    fg_nms_close(state);
    set->kept = state->kept;
    set->n_kept = state->n_kept;
}

int fg_nms_run_set(int isa, fg_nms_set *set)
{
    nms_state state = open_set(isa, set);
    for (int steps = 0; !fg_nms_is_done(&state) && steps < FIRST_STEPS; steps++)
        fg_nms_step(&state);
    const int status = fg_nms_is_done(&state) ? state.status : FG_NMS_TOO_LONG;
    close_set(set, &state);
    return status;
}

int fg_nms_run_sets(const fg_team *team, fg_nms_set *sets, int64_t n_sets, int n_threads)
{
    large_group *large = calloc((size_t)n_sets, sizeof *large);
    nms_job job = {.n_threads = n_threads, .isa = team->isa, .n_large = n_sets};
    job.large = malloc((size_t)n_sets * sizeof *job.large);
    int status = FG_NO_MEMORY;
    if (large && job.large) {
        for (int64_t s = 0; s < n_sets; s++) {
            job.large[s] = &large[s];
            large[s].is_open = 1;
            large[s].state = open_set(team->isa, &sets[s]);
            atomic_flag_clear(&large[s].busy);
        }
        status = run_large(team, &job);
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

/* The first n entries as one group. */
static int run_one_group(const fg_team *team, nms_job *job, int64_t n, large_group *group)
{
    *group = (large_group){.n = n, .is_open = 1, .busy = ATOMIC_FLAG_INIT, .state = open_group(job, 0, n)};
    if (n < LARGE_GROUP) {
        run_to_end(&group->state);
        finish_group(job, &group->state);
        return group->state.status;
    }
    job->large = &group;
    job->n_large = 1;
    return run_large(team, job);
}

static int run_single(const fg_team *team, nms_job *job, int64_t n)
{
    fg_nms_call *call = job->call;
    large_group group;
    const int status = run_one_group(team, job, n, &group);
    if (status != FG_OK)
        return status;
    call->n_keep = group.state.n_kept;
    for (int64_t k = 0; k < call->n_keep; k++)
        call->keep[k] = fg_ranked_index(job->entries[group.state.kept[k]]);
    return FG_OK;
}

/* The boxes with this mark become the entries. Most have none, and are passed over eight at a time. */
static int64_t list_marked(const nms_job *job, uint8_t mark)
{
    const fg_nms_call *call = job->call;
    int64_t count = 0;
    for (int64_t begin = 0; begin < call->n; begin += 8) {
        uint64_t eight;
        memcpy(&eight, job->marks + begin, 8);
        for (int64_t i = begin; eight && i < begin + 8; i++)
            if (job->marks[i] == mark)
                job->entries[count++] = fg_rank(call->scores, call->scores_f64, i);
    }
    return count;
}

static uint8_t *new_marks(int64_t n) { return calloc(((size_t)n + 7) / 8, 8); }

/* The kept boxes of all groups, by descending score. */
static void merge_groups(nms_job *job)
{
    fg_nms_call *call = job->call;
    int64_t n = list_marked(job, FG_NMS_KEPT);
    fg_sort_ranked(job->entries, job->scratch, n, call->scores, call->scores_f64);
    if (call->max_output >= 0 && call->max_output < n)
        n = call->max_output;
    for (int64_t k = 0; k < n; k++)
        call->keep[k] = fg_ranked_index(job->entries[k]);
    call->n_keep = n;
}

static int find_range(const nms_job *job, const fg_ranked *entries, int64_t n, fg_nms_range *range)
{
    /* Without runs the whole input is looked at where it is. */
    void *runs = n == job->call->n ? NULL : job->soa;
    nms_state state = fg_nms_open(job->isa, job->call, entries, job->scratch, n, runs, NULL);
    return fg_nms_find_range(&state, range);
}

/* How many boxes lie one above another where these are as large as any, from a sample; 0 if they lie in a heap, where
   the few that are kept soon suppress all. */
static int find_depth(const nms_job *job, int64_t n, double *depth)
{
    fg_ranked sample[SAMPLE];
    fg_nms_range range;
    for (int64_t k = 0; k < SAMPLE; k++)
        sample[k] = job->entries[k * n / SAMPLE];
    const int status = find_range(job, sample, SAMPLE, &range);
    const fg_grid_level *all = &range.all;
    const double width = all->max_x - all->min_x, height = all->max_y - all->min_y;
    const int is_wide = width > WIDE * all->max_w && height > WIDE * all->max_h;
    *depth = status == FG_OK && is_wide ? (double)n * all->max_w * all->max_h / (width * height) : 0;
    return status;
}

/* Where boxes lie deep most are suppressed soon. Other ways than the usual ones give neither owners nor a part only. */
static int choose_way(const nms_job *job, int64_t n, int *way)
{
    const fg_nms_call *call = job->call;
    const int is_whole = !call->owner && call->max_output < 0, many = n >= MANY_BOXES;
    *way = is_whole ? call->method : FG_NMS_AUTO;
    if (!is_whole || call->method != FG_NMS_AUTO || n < MIN_BOXES_FOR_BEST_FIRST)
        return FG_OK;
    double depth;
    const int status = find_depth(job, n, &depth);
    if (depth > (many ? DEEP : VERY_DEEP))
        *way = FG_NMS_BEST_FIRST;
    else if (many)
        *way = FG_NMS_TILES;
    return status;
}

/* Most of the boxes in a way that suits them, if there is one, then what is undecided. */
static int run_many(const fg_team *team, nms_job *job, int64_t n, int way)
{
    job->marks = new_marks(job->call->n);
    if (!job->marks)
        return FG_NO_MEMORY;
    fg_nms_many many = {job->call, job->entries, job->scratch, n, job->soa, .verdict = job->marks};
    int status = find_range(job, job->entries, n, &many.range);
    if (status == FG_OK)
        status = (way == FG_NMS_TILES ? fg_nms_run_tiles : fg_nms_run_best_first)(team, &many);
    if (status == FG_OK) {
        large_group group;
        const int64_t count = list_marked(job, FG_NMS_UNDECIDED);
        for (int64_t k = 0; k < count; k++)
            job->marks[fg_ranked_index(job->entries[k])] = FG_NMS_DROPPED;
        if (count > 0)
            status = run_one_group(team, job, count, &group);
        if (status == FG_OK)
            merge_groups(job);
    }
    free(job->marks);
    job->marks = NULL;
    return status;
}

/* The large groups, if there are any. */
static int run_large_groups(const fg_team *team, nms_job *job)
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
        status = run_large(team, job);
    }
    free(job->large);
    free(large);
    return status;
}

static int run_groups(const fg_team *team, nms_job *job, int64_t n)
{
    const fg_nms_call *call = job->call;
    job->marks = new_marks(call->n);
    int status = job->marks ? fg_groups_open(&job->groups, call->groups, job->entries, job->scratch, n, CHUNK_BOXES)
                              : FG_NO_MEMORY;
    if (status == FG_OK) {
        const int n_threads = n < MIN_BOXES_FOR_THREADS ? 1 : team->size;
        status = team->parallel(job->groups.n_chunks, n_threads, groups_chunk, job);
        if (status == FG_OK)
            status = atomic_load(&job->status);
        if (status == FG_OK)
            status = run_large_groups(team, job);
        fg_groups_close(&job->groups);
    }
    if (status == FG_OK)
        merge_groups(job);
    free(job->marks);
    return status;
}

static int run_by_size(const fg_team *team, nms_job *job, int64_t n)
{
    if (job->call->groups)
        return run_groups(team, job, n);
    int way, status = choose_way(job, n, &way);
    if (status == FG_OK)
        status = way < FG_NMS_TILES ? FG_NMS_UNSUITED : run_many(team, job, n, way);
    if (status == FG_NMS_UNSUITED && way == FG_NMS_BEST_FIRST && n >= MANY_BOXES)
        status = run_many(team, job, n, FG_NMS_TILES);
    return status == FG_NMS_UNSUITED ? run_single(team, job, n) : status;
}

static int run(const fg_team *team, nms_job *job)
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
        status = run_by_size(team, job, n);
    if (status == FG_OK)
        forget_undecided(call);
    return status;
}

int fg_nms(const fg_team *team, fg_nms_call *call)
{
    call->n_keep = 0;
    const size_t value = call->boxes_f64 ? sizeof(double) : sizeof(float);
    const size_t per_box = 2 * sizeof(fg_ranked) + 10 * value + 6 * sizeof(uint32_t);
    uint64_t small[SMALL_BYTES / sizeof(uint64_t)];
    if (call->n >= INT32_MAX || (size_t)call->n > SIZE_MAX / per_box - 1)
        return FG_NO_MEMORY;
    /* One block for everything: two that are freed together make the allocator give the memory back each time. */
    const size_t bytes = ((size_t)call->n + 1) * (2 * sizeof(fg_ranked) + 5 * value) + fg_nms_grid_bytes(call->n, value);
    char *memory = bytes <= sizeof small ? (char *)small : fg_malloc_large(bytes);
    if (!memory)
        return FG_NO_MEMORY;
    nms_job job = {.call = call, .n_threads = team->size, .isa = team->isa};
    /* list_boxes writes one entry past those it counts. */
    job.entries = (fg_ranked *)memory;
    job.scratch = job.entries + call->n + 1;
    job.soa = (char *)(job.scratch + call->n + 1);
    job.spare = job.soa + 5 * ((size_t)call->n + 1) * value;
    const fg_fenv saved = fg_fenv_enter();
    const int status = run(team, &job);
    fg_fenv_leave(saved);
    if (memory != (char *)small)
        free(memory);
    return status;
}
