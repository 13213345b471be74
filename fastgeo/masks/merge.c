#include "masks/merge.h"

#include "masks/positions.h"

enum { MIN_COUNTS_FOR_THREADS = 1 << 15 };

typedef struct {
    fg_list events, spare;
} merge_scratch;

typedef struct {
    const fg_team *team;
    const fg_merge_call *call;
    fg_runs *runs;
    merge_scratch *scratch; /* by slot */
} merge_job;

/* Where the foreground of a mask begins (even) and ends (odd), twice the position. */
static int add_events(const merge_job *job, int64_t i, fg_list *events, int slot)
{
    const fg_masks *masks = &job->call->masks;
    const uint32_t *counts = masks->counts + masks->offsets[i];
    const int64_t n = (masks->offsets[i + 1] - masks->offsets[i]) / 2 * 2;
    uint32_t position = 0;
    if (!fg_list_reserve(events, n + 1))
        return 0;
    for (int64_t k = 0; k < n; k++) {
        position += counts[k];
        events->values[events->count++] = 2 * position + (uint32_t)(k & 1);
        if (fg_stop_at(job->team, slot, k))
            return 0;
    }
    return 1;
}

/* Positions at which at least `needed` masks begin or cease to hold; over the events. Returns how many. */
static int64_t sweep(uint32_t *events, int64_t n, int64_t needed, uint32_t size)
{
    int64_t depth = 0, found = 0;
    for (int64_t k = 0; k < n;) {
        const uint32_t position = events[k] / 2;
        const int before = depth >= needed;
        for (; k < n && events[k] / 2 == position; k++)
            depth += events[k] & 1 ? -1 : 1;
        if ((depth >= needed) != before && position < size)
            events[found++] = position;
    }
    return found;
}

static void merge_chunk(void *argument, int64_t group, int slot)
{
    const merge_job *job = argument;
    const fg_merge_call *call = job->call;
    merge_scratch *scratch = &job->scratch[slot];
    const int64_t begin = call->offsets[group], end = call->offsets[group + 1];
    const int64_t *size = call->masks.sizes + 2 * call->members[begin];
    const uint32_t pixels = (uint32_t)(size[0] * size[1]);
    scratch->events.count = 0;
    for (int64_t i = begin; i < end; i++)
        if (!add_events(job, call->members[i], &scratch->events, slot) || (i % 1024 == 1023 && job->team->stopped(slot)))
            return;
    if (!fg_list_reserve(&scratch->spare, scratch->events.count))
        return;
    uint32_t *events =
        fg_sort_positions(job->team, slot, scratch->events.values, scratch->spare.values, scratch->events.count);
    if (!events)
        return;
    const int64_t n = sweep(events, scratch->events.count, call->intersect ? end - begin : 1, pixels);
    job->runs[group] = fg_runs_between(job->team, slot, events, n, pixels);
}

int fg_merge(const fg_team *team, const fg_merge_call *call, fg_runs *runs)
{
    const int threads = call->masks.offsets[call->masks.n] < MIN_COUNTS_FOR_THREADS ? 1 : team->size;
    merge_job job = {team, call, runs, calloc((size_t)threads, sizeof(merge_scratch))};
    if (!job.scratch)
        return FG_NO_MEMORY;
    const int status = team->parallel(call->n, threads, merge_chunk, &job);
    for (int slot = 0; slot < threads; slot++) {
        free(job.scratch[slot].events.values);
        free(job.scratch[slot].spare.values);
    }
    free(job.scratch);
    return status == FG_OK ? fg_runs_status(runs, call->n) : status;
}
