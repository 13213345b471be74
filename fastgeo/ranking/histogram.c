#include "ranking/histogram.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ranking/plan.h"
#include "runtime/fenv.h"

/* Where many scores fall into one bin, each count would wait for the one before. So a cell has private counters that
   take turns, 32 bits each, added up after every chunk: COPIES of them, or for more than FEW_BINS so many fewer that
   the first-level cache holds them. */
enum { FG_GROUP = 8, COPIES = FG_GROUP, FEW_BINS = 512, FEWER_COPIES = 4 };

/* The cells of the next STEP samples are found while those before are counted: an increment whose address is still
   being computed would hold up those after it, or be overtaken by them and done over. Without private counters, those
   LAG samples ahead. */
enum { STEP = 512, LAG = 64, RING = 2 * LAG, LINE = 64 };

/* Widths below FG_SAFE_WIDTH, and what lies within 2^26 of them, are normal numbers and far from overflow after
   multiplication by TINY_SCALE, a power of two. */
static const double TINY_SCALE = 0x1p+600, LEAST_NORMAL = 0x1p-1022;

/* Two counters of a cell, side by side. */
typedef uint32_t counter_pair[2];

/* Counters of one thread, and what it writes beside them, in one piece of memory: in pages far apart they could fall
   together in the first-level cache, whose ways some processors find by a hash of the address. */
typedef struct {
    uint32_t cells[2][STEP];
    uint8_t labels[STEP];
    counter_pair *copies[FG_GROUP / 2]; /* each (2, private_rows) */
    counter_pair counters[];
} private_counters;

/* For each label: the bins, the upper edge, and what lies outside. */
static inline uint32_t private_rows(const fg_histogram_call *call) { return (uint32_t)call->n_bins + 2; }

static inline __attribute__((always_inline)) void count_group(counter_pair *const copies[FG_GROUP / 2],
                                                              const uint32_t *cells)
{
    for (int j = 0; j < FG_GROUP; j++)
        copies[j / 2][cells[j]][j % 2]++;
}

/* Whether a group falls into one bin; then how many of it are positive, else -1. */
static inline __attribute__((always_inline)) int positives_in_one_bin(const uint32_t *cells)
{
    enum { WORDS = FG_GROUP / 2 };
    const uint64_t label = UINT64_C(0x0000000100000001);
    uint64_t words[WORDS], differ = 0, positives = 0;
    memcpy(words, cells, sizeof words);
    for (int j = 0; j < WORDS; j++) {
        differ |= words[j] ^ words[0];
        positives += words[j] & label;
    }
    if (differ & ~label || (cells[0] ^ cells[1]) > 1)
        return -1;
    return (int)(positives + (positives >> 32)) & (2 * FG_GROUP - 1);
}

/* Adds `one` for each sample of a group. Where groups are `alike`, in one step for all that fall into one bin: each
   would wait for the one before to come back from memory. */
static inline __attribute__((always_inline)) void add_group(int64_t *counts, const uint32_t *cells, int64_t one,
                                                            int alike)
{
    const int positives = alike ? positives_in_one_bin(cells) : -1;
    if (positives >= 0) {
        int64_t *bin = counts + (cells[0] & ~UINT32_C(1));
        bin[0] += (FG_GROUP - positives) * one;
        bin[1] += positives * one;
    } else {
        for (int j = 0; j < FG_GROUP; j++)
            counts[cells[j]] += one;
    }
}

static inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

static inline int copies_of(int64_t n_bins) { return n_bins <= FEW_BINS ? COPIES : FEWER_COPIES; }

typedef int cells_function(const fg_histogram_call *call, int64_t i, int64_t n, uint32_t *cells);
typedef int add_function(const fg_histogram_call *call, int64_t *begin, int64_t end, int64_t one);
typedef int count_function(const fg_histogram_call *call, int64_t begin, int64_t end, private_counters *private,
                           int64_t *counts);

typedef struct {
    void *memory;
    private_counters *private; /* therein, aligned to a cache line */
    int64_t *counts;           /* (n_bins, 2) */
    int bad;
} histogram_slot;

typedef struct {
    const fg_histogram_call *call;
    cells_function *cells;
    add_function *add;
    count_function *count;
    histogram_slot *slots;
    int64_t done; /* direct counting, on one thread: samples counted so far */
    int bad;
} histogram_job;

#define FG_REAL_BITS 64
#define FG_BODY "ranking/histogram_body.h"
#include "runtime/for_each_isa.h"
#undef FG_BODY
#undef FG_REAL_BITS

/* The body computes in float64 for both types of scores. */
#define CELLS_ROW(isa, code, dot, arg) [FG_ISA_##isa] = {cells_f32_##code##_f64, cells_f64_##code##_f64},
static cells_function *const cells_table[FG_ISA_COUNT][2] = {FG_ISA_LIST(CELLS_ROW, )};

/* By type of scores, and whether labels are 64-bit integers. */
#define COUNT_ROW(isa, code, dot, arg)                                                  \
    [FG_ISA_##isa] = {{count_f32_bytes_##code##_f64, count_f32_words_##code##_f64}, \
                      {count_f64_bytes_##code##_f64, count_f64_words_##code##_f64}},
static count_function *const count_table[FG_ISA_COUNT][2][2] = {FG_ISA_LIST(COUNT_ROW, )};

#define ADD_ROW(isa, code, dot, arg)                                                \
    [FG_ISA_##isa] = {{add_f32_bytes_##code##_f64, add_f32_words_##code##_f64}, \
                      {add_f64_bytes_##code##_f64, add_f64_words_##code##_f64}},
static add_function *const add_table[FG_ISA_COUNT][2][2] = {FG_ISA_LIST(ADD_ROW, )};

/* Bins that are touched between two polls, and bytes of a page. */
enum { TOUCHED = 1 << 18, PAGE = 4096 };

/* Fresh counts, all zero. */
typedef struct {
    volatile int64_t *counts; /* (n, 2) */
    int64_t n;
} fresh_bins;

static size_t private_memory(const fg_histogram_call *call)
{
    return (size_t)copies_of(call->n_bins) * private_rows(call) * sizeof(counter_pair);
}

/* Samples before the first and after the last whole group, FG_GROUP at most. */
static int count_few(const histogram_job *job, int64_t begin, int64_t end, int64_t *counts)
{
    uint32_t cells[FG_GROUP];
    if (!job->cells(job->call, begin, end - begin, cells))
        return 0;
    for (int64_t j = 0; j < end - begin; j++)
        counts[cells[j]]++;
    return 1;
}

/* How many samples stand before the first float64 scores that fill a cache line, as a group then does. */
static int64_t unaligned(const fg_histogram_call *call)
{
    return call->is_f64 ? (int64_t)(-((uintptr_t)call->scores / sizeof(double)) % FG_GROUP) : 0;
}

static void count_chunk(void *job_, int64_t chunk, int number)
{
    const histogram_job *job = job_;
    const fg_histogram_call *call = job->call;
    histogram_slot *slot = &job->slots[number];
    if (slot->bad)
        return;
    memset(slot->private->counters, 0, private_memory(call));
    const int64_t begin = chunk * FG_PRIVATE_CHUNK, end = smaller(call->n, begin + FG_PRIVATE_CHUNK);
    const int64_t first = smaller(begin + unaligned(call), end), last = end - (end - first) % FG_GROUP;
    slot->bad = !count_few(job, begin, first, slot->counts) ||
                !job->count(call, first, last, slot->private, slot->counts) ||
                !count_few(job, last, end, slot->counts);
}

static int new_slot(const fg_histogram_call *call, histogram_slot *slot)
{
    const size_t pairs = (size_t)copies_of(call->n_bins) / 2;
    slot->bad = 0;
    slot->counts = calloc((size_t)call->n_bins, 2 * sizeof(int64_t));
    slot->memory = malloc(sizeof(private_counters) + private_memory(call) + LINE - 1);
    if (!slot->counts || !slot->memory)
        return FG_NO_MEMORY;
    slot->private = (private_counters *)(((uintptr_t)slot->memory + LINE - 1) / LINE * LINE);
    for (size_t i = 0; i < FG_GROUP / 2; i++)
        slot->private->copies[i] = slot->private->counters + i % pairs * 2 * private_rows(call);
    return FG_OK;
}

static int make_slots(histogram_job *job, int n)
{
    job->slots = calloc((size_t)n, sizeof(histogram_slot));
    int status = job->slots ? FG_OK : FG_NO_MEMORY;
    for (int i = 0; i < n && status == FG_OK; i++)
        status = new_slot(job->call, &job->slots[i]);
    return status;
}

static void free_slots(histogram_job *job, int n)
{
    for (int i = 0; i < n && job->slots; i++) {
        free(job->slots[i].memory);
        free(job->slots[i].counts);
    }
    free(job->slots);
}

static int count_privately(const fg_team *team, histogram_job *job, const fg_ranking_plan *plan)
{
    const fg_histogram_call *call = job->call;
    int status = make_slots(job, plan->threads);
    if (status == FG_OK) {
        fg_ran(team, "histogram_auc", "private_counts", plan->threads);
        status = team->parallel(plan->chunks, plan->threads, count_chunk, job);
    }
    for (int i = 0; i < plan->threads && status == FG_OK; i++)
        if (job->slots[i].bad)
            status = FG_BAD_VALUE;
    for (int i = 0; i < plan->threads && status == FG_OK; i++)
        for (int64_t j = 0; j < 2 * call->n_bins; j++)
            call->counts[j] += job->slots[i].counts[j];
    free_slots(job, plan->threads);
    return status;
}

/* The groups from j on that fall into one bin: their sums stay in registers, for in memory each would wait for the one
   before to come back. Adding 0 changes no sum of weights. Returns the sample after them. */
static int64_t add_to_one_bin(double *sums, const uint32_t *cells, const double *weights, int64_t j, int64_t n)
{
    const uint32_t cell = cells[j] & ~UINT32_C(1);
    double negatives = sums[cell], positives = sums[cell + 1];
    for (; j + FG_GROUP <= n && (cells[j] ^ cell) <= 1 && positives_in_one_bin(cells + j) >= 0; j += FG_GROUP)
        for (int k = 0; k < FG_GROUP; k++) {
            const double positive = weights[j + k] * (double)(int)(cells[j + k] & 1);
            negatives += weights[j + k] - positive;
            positives += positive;
        }
    sums[cell] = negatives;
    sums[cell + 1] = positives;
    return j;
}

/* Weights are checked here too: negative, NaN and infinite ones. */
static int add_weights(const histogram_job *job, const uint32_t *cells, int64_t i, int64_t n)
{
    const double *weights = job->call->weights + i;
    double *sums = job->call->sums;
    int good = 1;
    for (int64_t j = 0; j < n; j++)
        good &= (weights[j] >= 0) & (weights[j] < INFINITY);
    int64_t j = 0;
    while (good && j + FG_GROUP <= n)
        if (positives_in_one_bin(cells + j) >= 0)
            j = add_to_one_bin(sums, cells, weights, j, n);
        else
            for (const int64_t end = j + FG_GROUP; j < end; j++)
                sums[cells[j]] += weights[j];
    for (; good && j < n; j++)
        sums[cells[j]] += weights[j];
    return good;
}

static void add_weighted_chunk(histogram_job *job, int64_t begin, int64_t end)
{
    uint32_t cells[FG_BLOCK];
    for (int64_t i = begin; i < end && !job->bad; i += FG_BLOCK) {
        const int64_t n = smaller(FG_BLOCK, end - i);
        job->bad = !job->cells(job->call, i, n, cells) || !add_weights(job, cells, i, n);
    }
}

/* Straight into the result, in index order. */
static void count_chunk_directly(void *job_, int64_t chunk, int slot)
{
    (void)slot;
    histogram_job *job = job_;
    const int64_t begin = chunk * FG_SHARED_CHUNK, end = smaller(job->call->n, begin + FG_SHARED_CHUNK);
    if (job->bad)
        return;
    if (job->call->weights)
        add_weighted_chunk(job, begin, end);
    else
        job->bad = !job->add(job->call, &job->done, end, 1);
}

/* Asks for fresh pages in order, part by part: the first few samples would ask for nearly all of them at once. */
static void touch_bins(void *job_, int64_t part, int slot)
{
    const fresh_bins *bins = job_;
    (void)slot;
    const int64_t end = smaller(bins->n, (part + 1) * TOUCHED);
    for (int64_t i = part * TOUCHED; i < end; i += PAGE / (2 * (int64_t)sizeof(int64_t)))
        bins->counts[2 * i] = 0;
}

/* One chunk alone needs no poll: it is over before anyone waits. */
static int count_together(const fg_team *team, histogram_job *job, const fg_ranking_plan *plan)
{
    int status = FG_OK;
    fg_ran(team, "histogram_auc", "shared_counts", plan->threads);
    if (plan->touches) {
        fresh_bins bins = {job->call->counts, job->call->n_bins};
        status = team->parallel((bins.n + TOUCHED - 1) / TOUCHED, 1, touch_bins, &bins);
    }
    if (status == FG_OK && plan->chunks <= 1)
        count_chunk_directly(job, 0, 0);
    else if (status == FG_OK)
        status = team->parallel(plan->chunks, plan->threads, count_chunk_directly, job);
    if (job->bad)
        status = FG_BAD_VALUE;
    int64_t begin = 0;
    if (status != FG_OK && job->call->keep_counts && job->done > 0)
        job->add(job->call, &begin, job->done, -1);
    return status;
}

/* Makes the plan, and tells it to whoever asks. */
static int plan(const fg_team *team, const fg_histogram_call *call, fg_ranking_plan *plan)
{
    const int status = fg_plan_histogram(team, call, plan);
    if (status != FG_OK)
        return status;
    const int64_t slot = (int64_t)(private_memory(call) + (size_t)call->n_bins * 2 * sizeof(int64_t));
    const fg_plan shown = {.choice = "histogram_auc",
                           .algorithm = fg_histogram_algorithms[plan->algorithm],
                           .reason = plan->reason,
                           .threads = plan->threads,
                           .chunks = plan->chunks,
                           .scratch_bytes = plan->algorithm == FG_PRIVATE_COUNTS ? plan->threads * slot : 0};
    return fg_planned(team, &shown);
}

int fg_histogram(const fg_team *team, const fg_histogram_call *call)
{
    fg_ranking_plan planned;
    int status = plan(team, call, &planned);
    if (status != FG_OK)
        return status;
    histogram_job job = {.call = call,
                         .cells = cells_table[team->isa][call->is_f64],
                         .add = add_table[team->isa][call->is_f64][call->label_kind == FG_LABEL_64],
                         .count = count_table[team->isa][call->is_f64][call->label_kind == FG_LABEL_64]};
    fg_fenv saved = fg_fenv_enter();
    status = planned.algorithm == FG_PRIVATE_COUNTS ? count_privately(team, &job, &planned)
                                                    : count_together(team, &job, &planned);
    fg_fenv_leave(saved);
    return status;
}
