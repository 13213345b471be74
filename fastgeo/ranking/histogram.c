#include "ranking/histogram.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ranking/wide.h"
#include "runtime/fenv.h"

/* A chunk takes about 200 µs; its borders are multiples of FG_BLOCK. 32-bit counters cannot overflow within it. */
enum { CHUNK = 1 << 18 };

/* Below this many samples, waking a helper costs more than it brings. */
enum { MIN_FOR_THREADS = 1 << 19 };

/* Where many scores fall into one bin, each count would wait for the one before. So a bin has COPIES private
   counters that take turns: side by side, 32 bits each, emptied after every chunk. That pays up to PRIVATE_BINS,
   and where a chunk has at least as many samples as there are counters. */
enum { COPIES = 4, PRIVATE_BINS = 4096 };

typedef int index_function(const fg_histogram_call *call, int64_t i, int64_t n, int32_t *index);

typedef struct {
    uint32_t *private; /* (2 · n_bins, COPIES) */
    int64_t *counts;   /* (2 · n_bins) */
    int bad;
} histogram_slot;

typedef struct {
    const fg_histogram_call *call;
    index_function *index;
    histogram_slot *slots;
    int64_t done; /* direct and weighted counting, on one thread: samples counted so far */
    int bad;
} histogram_job;

#define FG_REAL_BITS 64
#define FG_BODY "ranking/histogram_body.h"
#include "runtime/for_each_isa.h"
#undef FG_BODY
#undef FG_REAL_BITS

/* The body computes in float64 for both types of scores. */
#define INDEX_ROW(isa, arg) [FG_ISA_##isa] = {index_f32_##isa##_f64, index_f64_##isa##_f64},
static index_function *const index_table[FG_ISA_COUNT][2] = {FG_ISA_LIST(INDEX_ROW, )};

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

static void empty_counters(histogram_slot *slot, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        for (int copy = 0; copy < COPIES; copy++)
            slot->counts[i] += slot->private[COPIES * i + copy];
    memset(slot->private, 0, sizeof(uint32_t) * COPIES * (size_t)n);
}

static void count_privately(void *job_, int64_t chunk, int slot_number)
{
    const histogram_job *job = job_;
    const fg_histogram_call *call = job->call;
    histogram_slot *slot = &job->slots[slot_number];
    uint32_t *private = slot->private;
    int32_t index[FG_BLOCK];
    const int64_t end = smaller(call->n, (chunk + 1) * CHUNK);
    for (int64_t i = chunk * CHUNK; i < end && !slot->bad; i += FG_BLOCK) {
        const int64_t n = smaller(FG_BLOCK, end - i);
        if (!job->index(call, i, n, index)) {
            slot->bad = 1;
            return;
        }
        int64_t j = 0;
        for (; j + COPIES <= n; j += COPIES)
            for (int copy = 0; copy < COPIES; copy++)
                private[COPIES * (int64_t)index[j + copy] + copy]++;
        for (; j < n; j++)
            private[COPIES * (int64_t)index[j]]++;
    }
    empty_counters(slot, 2 * call->n_bins);
}

static int count_with_slots(const fg_runtime *runtime, histogram_job *job)
{
    const fg_histogram_call *call = job->call;
    const int n_threads = call->n < MIN_FOR_THREADS ? 1 : call->n_threads;
    const int64_t chunks = (call->n + CHUNK - 1) / CHUNK;
    const int n_slots = (int)smaller(runtime->slots(n_threads), chunks);
    const size_t counters = 2 * (size_t)call->n_bins, bytes = counters * (sizeof(int64_t) + COPIES * sizeof(uint32_t));
    char *memory = calloc((size_t)n_slots, sizeof(histogram_slot) + bytes);
    if (!memory)
        return FG_NO_MEMORY;
    job->slots = (histogram_slot *)memory;
    for (int i = 0; i < n_slots; i++) {
        job->slots[i].counts = (int64_t *)(memory + (size_t)n_slots * sizeof(histogram_slot) + (size_t)i * bytes);
        job->slots[i].private = (uint32_t *)(job->slots[i].counts + counters);
    }
    int status = runtime->parallel(chunks, n_threads, count_privately, job);
    for (int i = 0; i < n_slots && status == FG_OK; i++)
        if (job->slots[i].bad)
            status = FG_BAD_VALUE;
    for (int i = 0; i < n_slots && status == FG_OK; i++)
        for (size_t j = 0; j < counters; j++)
            call->counts[j] += job->slots[i].counts[j];
    free(memory);
    return status;
}

static void add_block(const histogram_job *job, const int32_t *index, int64_t n, int64_t step)
{
    for (int64_t j = 0; j < n; j++)
        job->call->counts[index[j]] += step;
}

/* Weights are checked here too: negative, NaN and infinite ones. */
static int add_weights(const histogram_job *job, const int32_t *index, int64_t i, int64_t n)
{
    const double *weights = job->call->weights + i;
    int good = 1;
    for (int64_t j = 0; j < n; j++)
        good &= (weights[j] >= 0) & (weights[j] < INFINITY);
    if (good)
        for (int64_t j = 0; j < n; j++)
            job->call->sums[index[j]] += weights[j];
    return good;
}

/* Straight into the result, in index order. */
static void count_directly(void *job_, int64_t chunk, int slot)
{
    (void)slot;
    histogram_job *job = job_;
    const fg_histogram_call *call = job->call;
    int32_t index[FG_BLOCK];
    const int64_t end = smaller(call->n, (chunk + 1) * CHUNK);
    for (int64_t i = chunk * CHUNK; i < end && !job->bad; i += FG_BLOCK) {
        const int64_t n = smaller(FG_BLOCK, end - i);
        if (!job->index(call, i, n, index)) {
            job->bad = 1;
        } else if (call->weights) {
            job->bad = !add_weights(job, index, i, n);
        } else {
            add_block(job, index, n, 1);
            job->done = i + n;
        }
    }
}

static void take_back(histogram_job *job)
{
    int32_t index[FG_BLOCK];
    for (int64_t i = 0; i < job->done; i += FG_BLOCK) {
        const int64_t n = smaller(FG_BLOCK, job->done - i);
        job->index(job->call, i, n, index);
        add_block(job, index, n, -1);
    }
}

int fg_histogram(const fg_runtime *runtime, const fg_histogram_call *call)
{
    histogram_job job = {.call = call, .index = index_table[runtime->isa][call->is_f64]};
    int status;
    fg_fenv saved = fg_fenv_enter();
    if (!call->weights && call->n_bins <= PRIVATE_BINS && call->n >= 2 * COPIES * call->n_bins) {
        status = count_with_slots(runtime, &job);
    } else {
        status = runtime->parallel((call->n + CHUNK - 1) / CHUNK, 1, count_directly, &job);
        if (job.bad)
            status = FG_BAD_VALUE;
        if (status != FG_OK)
            take_back(&job);
    }
    fg_fenv_leave(saved);
    return status;
}

double fg_counted_auc(const int64_t *counts, int64_t n_bins)
{
    fg_wide twice_wins = {0, 0};
    uint64_t below = 0, positives = 0;
    for (int64_t i = 0; i < n_bins; i++) {
        const uint64_t n = (uint64_t)counts[2 * i], p = (uint64_t)counts[2 * i + 1];
        twice_wins = fg_wide_add(twice_wins, fg_wide_mul(p, 2 * below + n));
        below += n;
        positives += p;
    }
    return fg_wide_auc(twice_wins, positives, below);
}

void fg_count_pairs(const int64_t *counts, int64_t n_bins, uint64_t out[4])
{
    fg_wide wins = {0, 0}, ties = {0, 0};
    uint64_t below = 0;
    for (int64_t i = 0; i < n_bins; i++) {
        const uint64_t n = (uint64_t)counts[2 * i], p = (uint64_t)counts[2 * i + 1];
        wins = fg_wide_add(wins, fg_wide_mul(p, below));
        ties = fg_wide_add(ties, fg_wide_mul(p, n));
        below += n;
    }
    out[0] = wins.high, out[1] = wins.low;
    out[2] = ties.high, out[3] = ties.low;
}
