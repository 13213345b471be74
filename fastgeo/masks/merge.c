#include "masks/merge.h"

#include "masks/plan.h"
#include "masks/positions.h"

enum { GROUPS_PER_CHUNK = 16 };

/* Memory of a chunk. */
typedef struct {
    fg_list events, spare;
} merge_scratch;

typedef struct {
    const fg_team *team;
    const fg_merge_call *call;
    fg_runs *runs;
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

static void merge_group(const merge_job *job, int64_t group, merge_scratch *scratch, int slot)
{
    const fg_merge_call *call = job->call;
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

static void merge_chunk(void *argument, int64_t chunk, int slot)
{
    const merge_job *job = argument;
    const int64_t end = fg_chunk_end(job->call->n, GROUPS_PER_CHUNK, chunk);
    merge_scratch scratch = {{0}, {0}};
    for (int64_t group = chunk * GROUPS_PER_CHUNK; group < end; group++)
        merge_group(job, group, &scratch, slot);
    free(scratch.events.values);
    free(scratch.spare.values);
}

int fg_merge(const fg_team *team, const fg_merge_call *call, fg_runs *runs)
{
    merge_job job = {team, call, runs};
    const int threads = fg_plan_mask_threads(team, FG_MERGED_COUNTS, call->masks.offsets[call->masks.n], 1);
    const int status = team->parallel(fg_chunk_count(call->n, GROUPS_PER_CHUNK), threads, merge_chunk, &job);
    return status == FG_OK ? fg_runs_status(runs, call->n) : status;
}
