#include "ranking/partition.h"

#include <stdlib.h>
#include <string.h>

#include "ranking/key_finder.h"
#include "runtime/fenv.h"

enum { CHUNK = 1 << 18 };

/* Bins are cleared and read in groups of so many: the untouched part of a table costs nothing. */
enum { GROUP_BITS = 6 };

static inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

static inline int64_t chunks_of(const fg_samples *samples) { return (samples->n + CHUNK - 1) / CHUNK; }

typedef struct {
    fg_count_call *call;
    fg_key_finder finder;
    int bad;
} count_job;

static void clear_group(const fg_count_call *call, int64_t group)
{
    const int64_t begin = group << GROUP_BITS, end = smaller(call->n_bins, begin + (1 << GROUP_BITS));
    memset(call->bins + begin, 0, (size_t)(end - begin) * sizeof *call->bins);
    call->touched[group] = 1;
}

FG_INLINE int count_block(const count_job *job, int kind, int by_lasts, int64_t begin, int64_t n, const uint8_t *labels)
{
    const fg_count_call *call = job->call;
    const fg_key_finder finder = job->finder;
    const int shift = 64 - call->digit_bits;
    const void *scores = call->samples.scores;
    fg_bin *bins = call->bins;
    uint8_t *touched = call->touched;
    int bad = 0;
    for (int64_t j = 0; j < n; j++) {
        const uint64_t key = fg_key_64(scores, kind, begin + j, &bad);
        const int64_t number = by_lasts ? fg_find_key(&finder, key) : (int64_t)(key >> shift);
        if (!touched[number >> GROUP_BITS])
            clear_group(call, number >> GROUP_BITS);
        fg_bin *bin = bins + number;
        bin->counts[labels[j] & 1]++; /* whatever another thread makes of it meanwhile */
        if ((~key > bin->not_low) | (key > bin->high)) { /* ever more rarely */
            bin->not_low = ~key > bin->not_low ? ~key : bin->not_low;
            bin->high = key > bin->high ? key : bin->high;
        }
    }
    return bad;
}

FG_INLINE void count_kind(count_job *job, int kind, int64_t chunk)
{
    const fg_samples *samples = &job->call->samples;
    const int64_t end = smaller(samples->n, (chunk + 1) * CHUNK);
    uint8_t bytes_of_block[FG_BLOCK];
    for (int64_t i = chunk * CHUNK; i < end && !job->bad; i += FG_BLOCK) {
        const int64_t n = smaller(FG_BLOCK, end - i);
        const uint8_t *labels = fg_label_bytes(samples->labels, samples->label_kind, i, n, bytes_of_block);
        if (!labels)
            job->bad = 1;
        else if (job->call->lasts)
            job->bad |= count_block(job, kind, 1, i, n, labels);
        else
            job->bad |= count_block(job, kind, 0, i, n, labels);
    }
}

static void count_chunk(void *job_, int64_t chunk, int slot)
{
    count_job *job = job_;
    (void)slot;
    FOR_KIND(count_kind, job, &job->call->samples, chunk);
}

static int64_t groups_of(const fg_count_call *call) { return (call->n_bins >> GROUP_BITS) + 1; }

static int is_occupied(const fg_bin *bin) { return (bin->counts[0] | bin->counts[1]) != 0; }

static int64_t count_occupied(const fg_count_call *call)
{
    int64_t count = 0;
    for (int64_t group = 0; group < groups_of(call); group++) {
        const int64_t end = smaller(call->n_bins, (group + 1) << GROUP_BITS);
        for (int64_t i = group << GROUP_BITS; call->touched[group] && i < end; i++)
            count += is_occupied(call->bins + i);
    }
    return count;
}

int fg_count_by_key(const fg_team *team, fg_count_call *call)
{
    count_job job = {.call = call};
    call->n_bins = call->lasts ? call->n_lasts + 1 : (int64_t)1 << call->digit_bits;
    call->bins = malloc((size_t)call->n_bins * sizeof *call->bins);
    call->touched = calloc((size_t)groups_of(call), 1);
    int status = call->bins && call->touched ? FG_OK : FG_NO_MEMORY;
    if (status == FG_OK && call->lasts && !fg_key_finder_init(&job.finder, call->lasts, call->n_lasts))
        status = FG_NO_MEMORY;
    if (status == FG_OK) {
        fg_fenv saved = fg_fenv_enter();
        status = team->parallel(chunks_of(&call->samples), 1, count_chunk, &job);
        fg_fenv_leave(saved);
    }
    free(job.finder.first);
    call->occupied = status == FG_OK ? count_occupied(call) : 0;
    return status == FG_OK && job.bad ? FG_BAD_VALUE : status;
}

void fg_list_bins(const fg_count_call *call, int32_t *numbers, int64_t *negatives, int64_t *positives, uint64_t *lows,
                  uint64_t *highs)
{
    int64_t next = 0;
    for (int64_t group = 0; group < groups_of(call); group++) {
        const int64_t end = smaller(call->n_bins, (group + 1) << GROUP_BITS);
        for (int64_t i = group << GROUP_BITS; call->touched[group] && i < end; i++) {
            const fg_bin *bin = call->bins + i;
            if (!is_occupied(bin))
                continue;
            numbers[next] = (int32_t)i;
            negatives[next] = bin->counts[0];
            positives[next] = bin->counts[1];
            lows[next] = ~bin->not_low;
            highs[next++] = bin->high;
        }
    }
}

typedef struct {
    fg_cut_call *call;
    fg_part_finder finder;
    int64_t *places; /* (n_parts,): how many words a part has, then where its next one goes */
    int bad;
} cut_job;

FG_INLINE void count_parts_kind(cut_job *job, int kind, int64_t chunk)
{
    const fg_samples *samples = &job->call->samples;
    const fg_part_finder finder = job->finder;
    const int64_t end = smaller(samples->n, (chunk + 1) * CHUNK);
    int64_t *places = job->places;
    int bad = 0;
    for (int64_t i = chunk * CHUNK; i < end; i++) {
        const uint64_t key = fg_key_64(samples->scores, kind, i, &bad);
        int64_t part = fg_find_part(&finder, key);
        if (part < 0 && (part = fg_find_part_exactly(&job->finder, key)) < 0)
            continue;
        places[part]++;
    }
    job->bad |= bad;
}

static void count_parts(void *job_, int64_t chunk, int slot)
{
    cut_job *job = job_;
    (void)slot;
    FOR_KIND(count_parts_kind, job, &job->call->samples, chunk);
}

FG_INLINE int pack_block(const cut_job *job, int kind, int narrow, int64_t begin, int64_t n, const uint8_t *labels)
{
    const fg_cut_call *call = job->call;
    const fg_part_finder finder = job->finder;
    const void *scores = call->samples.scores;
    const int64_t *starts = call->starts;
    int64_t *places = job->places;
    uint32_t *narrow_words = call->words;
    uint64_t *wide_words = call->words;
    for (int64_t j = 0; j < n; j++) {
        int nan = 0; /* none was counted */
        const uint64_t key = fg_key_64(scores, kind, begin + j, &nan);
        int64_t part = fg_find_part(&finder, key);
        if (part < 0 && (part = fg_find_part_exactly(&job->finder, key)) < 0)
            continue;
        const int64_t place = places[part];
        if (place >= starts[part + 1])
            return 1; /* another thread has changed a score since it was counted */
        places[part] = place + 1;
        if (narrow)
            narrow_words[place] = fg_key_32(scores, kind, begin + j, &nan) << 1 | labels[j];
        else
            wide_words[place] = key << 1 | labels[j];
    }
    return 0;
}

FG_INLINE void pack_kind(cut_job *job, int kind, int64_t chunk)
{
    const fg_samples *samples = &job->call->samples;
    const int64_t end = smaller(samples->n, (chunk + 1) * CHUNK);
    uint8_t bytes_of_block[FG_BLOCK];
    for (int64_t i = chunk * CHUNK; i < end && !job->bad; i += FG_BLOCK) {
        const int64_t n = smaller(FG_BLOCK, end - i);
        const uint8_t *labels = fg_label_bytes(samples->labels, samples->label_kind, i, n, bytes_of_block);
        if (!labels)
            job->bad = 1;
        else if (kind == FG_SCORE_F32 && job->call->narrow)
            job->bad |= pack_block(job, kind, 1, i, n, labels);
        else
            job->bad |= pack_block(job, kind, 0, i, n, labels);
    }
}

static void pack_chunk(void *job_, int64_t chunk, int slot)
{
    cut_job *job = job_;
    (void)slot;
    FOR_KIND(pack_kind, job, &job->call->samples, chunk);
}

static void start_parts(cut_job *job)
{
    int64_t next = 0;
    for (int64_t part = 0; part < job->call->n_parts; part++) {
        const int64_t count = job->places[part];
        job->call->starts[part] = job->places[part] = next;
        next += count;
    }
    job->call->starts[job->call->n_parts] = next;
}

static int cut_rows(const fg_team *team, cut_job *job)
{
    const int64_t chunks = chunks_of(&job->call->samples);
    int status = team->parallel(chunks, 1, count_parts, job);
    if (status != FG_OK || job->bad)
        return status == FG_OK ? FG_BAD_VALUE : status;
    start_parts(job);
    status = team->parallel(chunks, 1, pack_chunk, job);
    return status == FG_OK && job->bad ? FG_BAD_VALUE : status;
}

int fg_cut_by_key(const fg_team *team, fg_cut_call *call)
{
    cut_job job = {.call = call};
    job.places = calloc((size_t)call->n_parts, sizeof *job.places);
    int status = FG_NO_MEMORY;
    if (job.places &&
        fg_part_finder_init(&job.finder, call->lows, call->highs, call->n_intervals, call->ends, call->n_parts)) {
        fg_fenv saved = fg_fenv_enter();
        status = cut_rows(team, &job);
        fg_fenv_leave(saved);
    }
    fg_part_finder_free(&job.finder);
    free(job.places);
    return status;
}
