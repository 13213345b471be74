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

/* Where many scores fall into one bin, each count would wait for the one before. So a bin has private counters that
   take turns: side by side, 32 bits each, added up after every chunk. That pays up to MANY_BINS, and where there are
   at least as many samples as counters. FEW_BINS leave room for twice as many copies in the first-level cache. */
enum { COPIES = 8, FEW_BINS = 512, FEWER_COPIES = 4, MANY_BINS = 4096 };

typedef int index_function(const fg_histogram_call *call, int64_t i, int64_t n, int32_t *index);

typedef struct {
    uint32_t *private; /* (2 · n_bins, copies) */
    int64_t *counts;   /* (2 · n_bins) */
    int bad;
} histogram_slot;

static int copies_of(int64_t n_bins) { return n_bins <= FEW_BINS ? COPIES : FEWER_COPIES; }

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

static inline __attribute__((always_inline)) void add_up(histogram_slot *slot, int64_t n, int copies)
{
    for (int64_t i = 0; i < n; i++)
        for (int copy = 0; copy < copies; copy++)
            slot->counts[i] += slot->private[copies * i + copy];
}

static inline __attribute__((always_inline)) void count_privately(const histogram_job *job, int64_t chunk,
                                                                  histogram_slot *slot, int copies)
{
    const fg_histogram_call *call = job->call;
    uint32_t *private = slot->private;
    int32_t index[FG_BLOCK];
    const int64_t end = smaller(call->n, (chunk + 1) * CHUNK);
    memset(private, 0, 2 * sizeof(uint32_t) * (size_t)copies * (size_t)call->n_bins);
    for (int64_t i = chunk * CHUNK; i < end && !slot->bad; i += FG_BLOCK) {
        const int64_t n = smaller(FG_BLOCK, end - i);
        if (!job->index(call, i, n, index)) {
            slot->bad = 1;
            return;
        }
        int64_t j = 0;
        for (; j + copies <= n; j += copies)
            for (int copy = 0; copy < copies; copy++)
                private[copies * (int64_t)index[j + copy] + copy]++;
        for (; j < n; j++)
            private[copies * (int64_t)index[j]]++;
    }
    add_up(slot, 2 * call->n_bins, copies);
}

static void count_chunk(void *job_, int64_t chunk, int slot)
{
    const histogram_job *job = job_;
    if (copies_of(job->call->n_bins) == COPIES)
        count_privately(job, chunk, &job->slots[slot], COPIES);
    else
        count_privately(job, chunk, &job->slots[slot], FEWER_COPIES);
}

static int count_with_slots(const fg_runtime *runtime, histogram_job *job)
{
    const fg_histogram_call *call = job->call;
    const int n_threads = call->n < MIN_FOR_THREADS ? 1 : call->n_threads;
    const int64_t chunks = (call->n + CHUNK - 1) / CHUNK;
    const int n_slots = (int)smaller(runtime->slots(n_threads), chunks);
    const size_t counters = 2 * (size_t)call->n_bins, each = sizeof(int64_t) + (size_t)copies_of(call->n_bins) * sizeof(uint32_t);
    const size_t bytes = counters * each;
    char *memory = malloc((size_t)n_slots * (sizeof(histogram_slot) + bytes));
    if (!memory)
        return FG_NO_MEMORY;
    job->slots = (histogram_slot *)memory;
    for (int i = 0; i < n_slots; i++) {
        int64_t *counts = (int64_t *)(memory + (size_t)n_slots * sizeof(histogram_slot) + (size_t)i * bytes);
        memset(counts, 0, counters * sizeof(int64_t));
        job->slots[i] = (histogram_slot){(uint32_t *)(counts + counters), counts, 0};
    }
    int status = runtime->parallel(chunks, n_threads, count_chunk, job);
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
    int64_t *counts = job->call->counts;
    int64_t j = 0;
    for (; j + 4 <= n; j += 4) {
        counts[index[j]] += step;
        counts[index[j + 1]] += step;
        counts[index[j + 2]] += step;
        counts[index[j + 3]] += step;
    }
    for (; j < n; j++)
        counts[index[j]] += step;
}

/* Weights are checked here too: negative, NaN and infinite ones. */
static int add_weights(const histogram_job *job, const int32_t *index, int64_t i, int64_t n)
{
    const double *weights = job->call->weights + i;
    double *sums = job->call->sums;
    int good = 1;
    for (int64_t j = 0; j < n; j++)
        good &= (weights[j] >= 0) & (weights[j] < INFINITY);
    if (good)
        for (int64_t j = 0; j < n; j++)
            sums[index[j]] += weights[j];
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
    if (!call->weights && call->n_bins <= MANY_BINS && call->n >= 2 * copies_of(call->n_bins) * call->n_bins) {
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
    uint64_t positives = 0, negatives = 0, below = 0;
    for (int64_t i = 0; i < n_bins; i++) {
        negatives += (uint64_t)counts[2 * i];
        positives += (uint64_t)counts[2 * i + 1];
    }
    fg_wide twice_wins = {0, 0};
    if (positives < UINT64_C(1) << 31 && negatives < UINT64_C(1) << 31) { /* twice the pairs fit into one word */
        for (int64_t i = 0; i < n_bins; i++) {
            const uint64_t n = (uint64_t)counts[2 * i], p = (uint64_t)counts[2 * i + 1];
            twice_wins.low += p * (2 * below + n);
            below += n;
        }
        return fg_wide_auc(twice_wins, positives, negatives);
    }
    for (int64_t i = 0; i < n_bins; i++) {
        const uint64_t n = (uint64_t)counts[2 * i], p = (uint64_t)counts[2 * i + 1];
        twice_wins = fg_wide_add(twice_wins, fg_wide_mul(p, 2 * below + n));
        below += n;
    }
    return fg_wide_auc(twice_wins, positives, negatives);
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
