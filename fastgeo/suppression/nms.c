#include "suppression/nms.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "runtime/fenv.h"
#include "runtime/large_memory.h"
#include "suppression/groups.h"
#include "suppression/nms_adaptive.h"
#include "suppression/nms_best_first.h"
#include "suppression/plan.h"
#include "suppression/score_order.h"
#include "suppression/tuning.h"

/* Boxes of a pass between two polls, a multiple of 8. */
enum { PIECE = 1 << 16 };

enum { SMALL_BYTES = 4096 };

typedef struct {
    fg_nms_call *call;
    const fg_team *team;
    fg_nms_plan plan;
    fg_groups groups;
    fg_ranked *entries, *scratch; /* n + 1 each: the boxes that take part, group by group */
    int64_t n;                    /* how many take part */
    char *runs;                   /* five runs of n values, group by group */
    int is_deep;                  /* the boxes lie deep: best_first */
    uint8_t *is_kept;             /* by box; NULL: there is only one group */
    atomic_int status;
} nms_job;

static int64_t piece_end(int64_t begin, int64_t n) { return n - begin < PIECE ? n : begin + PIECE; }

static fg_nms_group run_group(const nms_job *job, int slot, int64_t begin, int64_t n)
{
    const fg_nms_call *call = job->call;
    const size_t value = call->boxes_f64 ? sizeof(double) : sizeof(float);
    fg_ranked *entries = job->entries + begin, *scratch = job->scratch + begin;
    if (fg_sort_ranked(job->team, slot, entries, scratch, n, call->scores, call->scores_f64) != FG_OK)
        return (fg_nms_group){.status = FG_INTERRUPTED};
    void *runs = job->runs + 5 * (size_t)begin * value;
    return fg_nms_run_group(job->team, slot, job->plan.algorithm, call, entries, scratch, runs, n);
}

/* The entries of all boxes that take part, in the order of the boxes. */
static int list_boxes(nms_job *job)
{
    const fg_nms_call *call = job->call;
    const size_t box = 4 * (call->boxes_f64 ? sizeof(double) : sizeof(float));
    fg_ranked *entries = job->entries;
    int64_t count = 0;
    for (int64_t begin = 0, end; begin < call->n; begin = end) {
        end = piece_end(begin, call->n);
        if (job->team->stopped(0))
            return FG_INTERRUPTED;
        const char *boxes = (const char *)call->boxes + (size_t)begin * box;
        int good = fg_check_boxes(job->team->isa, boxes, call->boxes_f64, end - begin) == FG_OK;
        for (int64_t i = begin; i < end; i++) {
            const double score = fg_score(call->scores, call->scores_f64, i);
            good &= score == score;
            entries[count] = fg_rank(call->scores, call->scores_f64, i);
            count += !call->has_score_threshold || score > call->score_threshold;
        }
        if (!good)
            return FG_BAD_VALUE;
    }
    job->n = count;
    return FG_OK;
}

/* All boxes as one group. */
static int run_single(nms_job *job)
{
    fg_nms_call *call = job->call;
    const fg_nms_group group = run_group(job, 0, 0, job->n);
    if (group.status != FG_OK)
        return group.status;
    for (int64_t k = 0; k < group.n_kept; k++)
        call->keep[k] = fg_ranked_index(job->entries[group.kept[k]]);
    call->n_keep = group.n_kept;
    return FG_OK;
}

static fg_nms_crowd crowd_of(const nms_job *job)
{
    return (fg_nms_crowd){job->call, job->team, &job->plan, job->entries, job->scratch, job->n, job->runs};
}

static int is_deep(const nms_job *job)
{
    if (!job->plan.may_be_best_first && job->plan.algorithm != FG_NMS_BEST_FIRST)
        return 0;
    const fg_nms_crowd crowd = crowd_of(job);
    return fg_nms_is_deep(job->plan.algorithm, fg_nms_depth(&crowd));
}

static void single_chunk(void *argument, int64_t chunk, int slot)
{
    (void)chunk, (void)slot;
    nms_job *job = argument;
    atomic_store(&job->status, run_single(job));
}

static void groups_chunk(void *argument, int64_t chunk, int slot)
{
    nms_job *job = argument;
    for (int64_t g = job->groups.chunk[chunk]; g < job->groups.chunk[chunk + 1]; g++) {
        const int64_t begin = job->groups.begin[g];
        const fg_nms_group group = run_group(job, slot, begin, job->groups.begin[g + 1] - begin);
        if (group.status != FG_OK) {
            atomic_store(&job->status, group.status);
            return;
        }
        for (int64_t k = 0; k < group.n_kept; k++)
            job->is_kept[fg_ranked_index(job->entries[begin + group.kept[k]])] = 1;
    }
}

/* The kept boxes of all groups, by descending score. Eight flags are read as one word: most words are 0. */
static int merge_groups(nms_job *job)
{
    fg_nms_call *call = job->call;
    int64_t n = 0;
    for (int64_t begin = 0; begin < call->n; begin += 8) {
        uint64_t eight;
        if (begin % PIECE == 0 && job->team->stopped(0))
            return FG_INTERRUPTED;
        memcpy(&eight, job->is_kept + begin, 8);
        for (int64_t i = begin; eight && i < begin + 8; i++)
            if (job->is_kept[i])
                job->entries[n++] = fg_rank(call->scores, call->scores_f64, i);
    }
    if (fg_sort_ranked(job->team, 0, job->entries, job->scratch, n, call->scores, call->scores_f64) != FG_OK)
        return FG_INTERRUPTED;
    if (call->max_output >= 0 && call->max_output < n)
        n = call->max_output;
    for (int64_t k = 0; k < n; k++)
        call->keep[k] = fg_ranked_index(job->entries[k]);
    call->n_keep = n;
    return FG_OK;
}

/* Where the output is full, the boxes after the last kept one have no owner. */
static void forget_undecided(const fg_nms_call *call)
{
    if (!call->owner || call->n_keep != call->max_output)
        return;
    const int64_t last = call->n_keep ? call->keep[call->n_keep - 1] : -1;
    for (int64_t i = 0; i < call->n; i++)
        if (last < 0 || fg_ranks_before(call->scores, call->scores_f64, last, i))
            call->owner[i] = -1;
}

/* The stages of a call. The first and the last are single chunks; between them the groups run in parallel. */

static void begin_call(void *argument, int64_t chunk, int slot)
{
    (void)chunk, (void)slot;
    nms_job *job = argument;
    const fg_nms_call *call = job->call;
    int status = list_boxes(job);
    if (call->owner)
        memset(call->owner, 0xff, (size_t)call->n * sizeof *call->owner);
    if (status == FG_OK && job->n > 0 && call->max_output != 0) {
        job->is_deep = is_deep(job);
        if (call->groups)
            status = fg_groups_open(&job->groups, job->team, call->groups, job->entries, job->scratch, job->n,
                                    CHUNK_BOXES);
        else if (!job->is_deep)
            status = run_single(job);
    }
    atomic_store(&job->status, status);
}

static void end_call(void *argument, int64_t chunk, int slot)
{
    (void)chunk, (void)slot;
    nms_job *job = argument;
    if (job->groups.n_chunks > 0)
        atomic_store(&job->status, merge_groups(job));
    forget_undecided(job->call);
}

static int run_stage(nms_job *job, int64_t n_chunks, int n_threads, fg_chunk *stage)
{
    const int status = job->team->parallel(n_chunks, n_threads, stage, job);
    return status != FG_OK ? status : atomic_load(&job->status);
}

static int run(nms_job *job)
{
    const fg_nms_call *call = job->call;
    if (call->groups && !(job->is_kept = calloc(((size_t)call->n + 7) / 8, 8)))
        return FG_NO_MEMORY;
    fg_ran(job->team, FG_NMS_CHOICE, fg_nms_names[job->plan.algorithm], job->plan.threads);
    int status = run_stage(job, 1, 1, begin_call);
    if (status == FG_OK && job->is_deep) {
        fg_nms_crowd crowd = crowd_of(job);
        status = fg_nms_drop_suppressed(&crowd);
        job->n = crowd.n;
        if (status == FG_OK)
            status = run_stage(job, 1, 1, single_chunk);
    }
    if (status == FG_OK && job->groups.n_chunks > 0)
        status = run_stage(job, job->groups.n_chunks, job->plan.threads, groups_chunk);
    if (status == FG_OK && (call->groups || call->owner))
        status = run_stage(job, 1, 1, end_call);
    fg_groups_close(&job->groups);
    free(job->is_kept);
    return status;
}

int fg_nms(const fg_team *team, fg_nms_call *call)
{
    call->n_keep = 0;
    const size_t value = call->boxes_f64 ? sizeof(double) : sizeof(float), n = (size_t)call->n + 1;
    const fg_nms_plan plan = fg_plan_nms(team, (fg_nms_size){call->n, 1, call->groups != NULL, call->owner != NULL, value});
    if (plan.status != FG_OK)
        return plan.status;
    uint64_t small[SMALL_BYTES / sizeof(uint64_t)];
    const size_t per_box = 2 * sizeof(fg_ranked) + 5 * value;
    if (n > SIZE_MAX / per_box)
        return FG_NO_MEMORY;
    /* One block for everything: freeing two large ones makes the allocator return the memory to the system at each call. */
    char *memory = n * per_box <= sizeof small ? (char *)small : fg_malloc_large(n * per_box);
    if (!memory)
        return FG_NO_MEMORY;
    nms_job job = {.call = call, .team = team, .plan = plan};
    /* list_boxes writes one entry past those it counts. */
    job.entries = (fg_ranked *)memory;
    job.scratch = job.entries + n;
    job.runs = (char *)(job.scratch + n);
    const fg_fenv saved = fg_fenv_enter();
    const int status = run(&job);
    fg_fenv_leave(saved);
    if (memory != (char *)small)
        free(memory);
    return status;
}
