#include "clustering/tile_body.h"

#include "clustering/exhaustive_body.h"
#include "clustering/screening_body.h"

#include "clustering/hamerly_body.h"
#include "clustering/horizontal_body.h"
#if FG_REAL_BITS == 32
#include "clustering/quantized_body.h"
#endif

static int64_t FG_NAME(list_all)(int64_t begin, int64_t end, int64_t *numbers)
{
    for (int64_t i = begin; i < end; i++)
        numbers[i - begin] = i;
    return end - begin;
}

static void FG_NAME(label_block)(const nearest_job *job, const int64_t *numbers, int64_t count, FG_NAME(state) *state)
{
    switch (job->plan->algorithm) {
#if FG_REAL_BITS == 32
    case FG_QUANTIZED: FG_NAME(search_quantized)(job->call, job->quantizer, numbers, count, state); break;
#endif
    case FG_HORIZONTAL: FG_NAME(search_horizontally)(numbers, count, state); break;
    default: state->changed += FG_NAME(settle)(state, numbers, count);
    }
}

/* Labels points [begin, end). */
static void FG_NAME(label_rows)(const nearest_job *job, int64_t begin, int64_t end, FG_NAME(state) *state)
{
    const fg_nearest_call *call = job->call;
    const int aged = call->bounds && call->bounds->valid;
    int64_t numbers[LISTED + POINTS], waiting = 0;
    for (int64_t first = begin; first < end; first += LISTED) {
        const int64_t last = first + LISTED < end ? first + LISTED : end, before = waiting;
        if (aged)
            waiting += FG_NAME(list_open)(call, first, last, numbers + waiting);
        else
            waiting += FG_NAME(list_all)(first, last, numbers + waiting);
        state->searched += waiting - before;
        int64_t done = 0;
        for (; done + POINTS <= waiting; done += POINTS)
            FG_NAME(label_block)(job, numbers + done, POINTS, state);
        waiting -= done;
        memmove(numbers, numbers + done, (size_t)waiting * sizeof(int64_t));
    }
    if (waiting > 0)
        FG_NAME(label_block)(job, numbers, waiting, state);
    FG_NAME(settle_all_pairs)(call, state);
}

/* Labels a block of the sums and adds its rows, some at a time that stay in cache meanwhile. */
static void FG_NAME(label_and_add)(const nearest_job *job, int64_t block, FG_NAME(state) *state)
{
    const fg_sums *sums = job->call->sums;
    const int64_t end = fg_block_begin(sums, block + 1), fit = ADDED_BYTES / (sums->points->d * (int64_t)sizeof(real));
    const int64_t rows = fit > POINTS ? fit / POINTS * POINTS : POINTS;
    fg_sums_clear(sums, block, 0, sums->k, 0, sums->stride);
    for (int64_t first = fg_block_begin(sums, block); first < end; first += rows) {
        const int64_t last = first + rows < end ? first + rows : end;
        FG_NAME(label_rows)(job, first, last, state);
        fg_sums_add(job->team, sums, job->call->labels, block, first, last, 0, sums->stride, state->starts);
    }
}

static void FG_NAME(nearest_chunk)(void *job_, int64_t chunk, int slot)
{
    nearest_job *job = job_;
    const int64_t n = job->call->points->n, begin = chunk * job->plan->rows;
    FG_NAME(state) state = {.job = job, .slot = slot, .current = -1};
    state.packed = (real *)(job->scratch + slot * job->plan->scratch_bytes);
    state.scores = (real *)((char *)state.packed + job->plan->packed_bytes);
    state.hits = (hit *)(void *)(state.scores + job->call->k * POINTS);
    if (job->starts)
        state.starts = job->starts + slot * job->call->k;
    if (job->plan->adds_sums)
        FG_NAME(label_and_add)(job, chunk, &state);
    else
        FG_NAME(label_rows)(job, begin, begin + job->plan->rows < n ? begin + job->plan->rows : n, &state);
    job->counts[chunk] = (nearest_counts){state.changed, state.searched};
}

#undef ALL_POINTS
#undef POINTS
#undef CENTROIDS
