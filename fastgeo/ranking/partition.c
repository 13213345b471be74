#include "ranking/partition.h"

#include "ranking/key_finder.h"
#include "runtime/fenv.h"
#include "runtime/large_memory.h"

enum { CHUNK = 1 << 18 };

/* Bins are looked through this many at a time: of a table of which little is touched the rest gets no memory. */
enum { GROUP_BITS = 6 };

#define FG_INLINE static inline __attribute__((always_inline))

static inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

static inline int64_t chunks_of(const fg_samples *samples) { return (samples->n + CHUNK - 1) / CHUNK; }

/* Calls with the kind of the scores as a constant, so that the compiler makes a loop for each. */
#define FOR_KIND(function, job, samples, chunk)         \
    do {                                                \
        if ((samples)->score_kind == FG_SCORE_F32)      \
            function(job, FG_SCORE_F32, chunk);         \
        else if ((samples)->score_kind == FG_SCORE_F64) \
            function(job, FG_SCORE_F64, chunk);         \
        else if ((samples)->score_kind == FG_SCORE_I64) \
            function(job, FG_SCORE_I64, chunk);         \
        else                                            \
            function(job, FG_SCORE_U64, chunk);         \
    } while (0)

typedef struct {
    fg_count_call *call;
    fg_key_finder finder;
    int bad;
} count_job;

FG_INLINE void count_block(count_job *job, int kind, int64_t begin, int64_t n, const uint8_t *labels)
{
    const fg_count_call *call = job->call;
    const int shift = 64 - call->digit_bits;
    for (int64_t j = 0; j < n; j++) {
        const uint64_t key = fg_key_64(call->samples.scores, kind, begin + j, &job->bad);
        const int64_t number = call->lasts ? fg_find_key(&job->finder, key) : (int64_t)(key >> shift);
        fg_bin *bin = call->bins + 2 * number + labels[j];
        bin->count++;
        bin->not_low = ~key > bin->not_low ? ~key : bin->not_low;
        bin->high = key > bin->high ? key : bin->high;
        call->touched[number >> GROUP_BITS] = 1;
    }
}

FG_INLINE void count_kind(count_job *job, int kind, int64_t chunk)
{
    const fg_samples *samples = &job->call->samples;
    const int64_t end = smaller(samples->n, (chunk + 1) * CHUNK);
    uint8_t room[FG_BLOCK];
    for (int64_t i = chunk * CHUNK; i < end && !job->bad; i += FG_BLOCK) {
        const int64_t n = smaller(FG_BLOCK, end - i);
        const uint8_t *labels = fg_label_bytes(samples->labels, samples->label_kind, i, n, room);
        if (!labels)
            job->bad = 1;
        else
            count_block(job, kind, i, n, labels);
    }
}

static void count_chunk(void *job_, int64_t chunk, int slot)
{
    count_job *job = job_;
    (void)slot;
    FOR_KIND(count_kind, job, &job->call->samples, chunk);
}

static int64_t groups_of(const fg_count_call *call) { return (call->n_bins >> GROUP_BITS) + 1; }

static void count_occupied(fg_count_call *call)
{
    for (int64_t group = 0; group < groups_of(call); group++) {
        const int64_t end = smaller(call->n_bins, (group + 1) << GROUP_BITS);
        for (int64_t i = group << GROUP_BITS; call->touched[group] && i < end; i++)
            for (int label = 0; label < 2; label++)
                call->occupied[label] += call->bins[2 * i + label].count > 0;
    }
}

int fg_count_by_key(const fg_runtime *runtime, fg_count_call *call)
{
    count_job job = {.call = call};
    call->n_bins = call->lasts ? call->n_lasts + 1 : (int64_t)1 << call->digit_bits;
    call->occupied[0] = call->occupied[1] = 0;
    call->bins = calloc((size_t)call->n_bins, 2 * sizeof *call->bins);
    call->touched = calloc((size_t)groups_of(call), 1);
    int status = call->bins && call->touched ? FG_OK : FG_NO_MEMORY;
    if (status == FG_OK && call->lasts && !fg_key_finder_init(&job.finder, call->lasts, call->n_lasts))
        status = FG_NO_MEMORY;
    if (status == FG_OK) {
        fg_fenv saved = fg_fenv_enter();
        status = runtime->parallel(chunks_of(&call->samples), 1, count_chunk, &job);
        fg_fenv_leave(saved);
    }
    free(job.finder.first);
    if (status == FG_OK)
        count_occupied(call);
    return status == FG_OK && job.bad ? FG_BAD_VALUE : status;
}

void fg_list_bins(const fg_count_call *call, int label, int32_t *numbers, int64_t *counts, uint64_t *lows,
                  uint64_t *highs)
{
    int64_t next = 0;
    for (int64_t group = 0; group < groups_of(call); group++) {
        const int64_t end = smaller(call->n_bins, (group + 1) << GROUP_BITS);
        for (int64_t i = group << GROUP_BITS; call->touched[group] && i < end; i++) {
            const fg_bin *bin = call->bins + 2 * i + label;
            if (bin->count == 0)
                continue;
            numbers[next] = (int32_t)i;
            counts[next] = bin->count;
            lows[next] = ~bin->not_low;
            highs[next++] = bin->high;
        }
    }
}

typedef struct {
    fg_cut_call *call;
    fg_key_finder finder;
    int32_t *range_of; /* (n_intervals,) */
    int32_t *range;    /* (n,) of each row; n_ranges where it lies in no interval */
    int64_t *places;   /* (n_ranges + 1,): how many rows a range has, then where its next row goes */
    int bad;
} cut_job;

FG_INLINE void find_kind(cut_job *job, int kind, int64_t chunk)
{
    const fg_cut_call *call = job->call;
    const fg_key_finder finder = job->finder;
    const uint64_t *lows = call->lows;
    const int32_t *range_of = job->range_of;
    int32_t *ranges = job->range;
    int64_t *places = job->places;
    const int32_t none = (int32_t)call->n_ranges;
    const int64_t end = smaller(call->samples.n, (chunk + 1) * CHUNK);
    int bad = 0;
    for (int64_t i = chunk * CHUNK; i < end; i++) {
        const uint64_t key = fg_key_64(call->samples.scores, kind, i, &bad);
        const int64_t interval = fg_find_key(&finder, key);
        const int32_t range = interval < finder.n && key >= lows[interval] ? range_of[interval] : none;
        ranges[i] = range;
        places[range]++;
    }
    job->bad |= bad;
}

static void find_chunk(void *job_, int64_t chunk, int slot)
{
    cut_job *job = job_;
    (void)slot;
    FOR_KIND(find_kind, job, &job->call->samples, chunk);
}

static void place_chunk(void *job_, int64_t chunk, int slot)
{
    cut_job *job = job_;
    (void)slot;
    const fg_cut_call *call = job->call;
    const fg_samples *samples = &call->samples;
    const int64_t end = smaller(samples->n, (chunk + 1) * CHUNK);
    const int narrow = samples->score_kind == FG_SCORE_F32;
    uint8_t room[FG_BLOCK];
    for (int64_t i = chunk * CHUNK; i < end && !job->bad; i += FG_BLOCK) {
        const int64_t n = smaller(FG_BLOCK, end - i);
        const uint8_t *labels = fg_label_bytes(samples->labels, samples->label_kind, i, n, room);
        if (!labels) {
            job->bad = 1;
            return;
        }
        for (int64_t j = 0; j < n; j++) {
            const int32_t range = job->range[i + j];
            if (range == call->n_ranges)
                continue;
            const int64_t place = job->places[range]++;
            call->labels_out[place] = labels[j];
            if (narrow)
                ((uint32_t *)call->scores_out)[place] = ((const uint32_t *)samples->scores)[i + j];
            else
                ((uint64_t *)call->scores_out)[place] = ((const uint64_t *)samples->scores)[i + j];
        }
    }
}

static void number_ranges(cut_job *job)
{
    int64_t range = 0;
    for (int64_t interval = 0; interval < job->call->n_intervals; interval++) {
        while (interval >= job->call->ends[range])
            range++;
        job->range_of[interval] = (int32_t)range;
    }
}

static void start_ranges(cut_job *job)
{
    int64_t next = 0;
    for (int64_t range = 0; range <= job->call->n_ranges; range++) {
        const int64_t count = job->places[range];
        job->call->starts[range] = job->places[range] = next;
        next += count;
    }
}

static int cut_rows(const fg_runtime *runtime, cut_job *job)
{
    const int64_t chunks = chunks_of(&job->call->samples);
    number_ranges(job);
    fg_fenv saved = fg_fenv_enter();
    int status = runtime->parallel(chunks, 1, find_chunk, job);
    fg_fenv_leave(saved);
    if (status != FG_OK || job->bad)
        return status == FG_OK ? FG_BAD_VALUE : status;
    start_ranges(job);
    status = runtime->parallel(chunks, 1, place_chunk, job);
    return status == FG_OK && job->bad ? FG_BAD_VALUE : status;
}

int fg_cut_by_key(const fg_runtime *runtime, fg_cut_call *call)
{
    cut_job job = {.call = call};
    job.range_of = malloc((size_t)call->n_intervals * sizeof *job.range_of + 1);
    job.range = fg_malloc_large((size_t)call->samples.n * sizeof *job.range + 1);
    job.places = calloc((size_t)call->n_ranges + 1, sizeof *job.places);
    int status = FG_NO_MEMORY;
    if (job.range_of && job.range && job.places && fg_key_finder_init(&job.finder, call->highs, call->n_intervals))
        status = cut_rows(runtime, &job);
    free(job.finder.first);
    free(job.places);
    free(job.range);
    free(job.range_of);
    return status;
}
