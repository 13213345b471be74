/* Sorted samples become rows in one walk. What carries neither weight nor group is sorted as words, the rest as records
   that lead back to the sample: by score, then by group. */
#include "ranking/rank.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ranking/plan.h"
#include "runtime/fenv.h"
#include "runtime/large_memory.h"

enum { CHUNK = 1 << 17 };

static const uint64_t NO_KEY = ~UINT64_C(0); /* of no word, where the top bit is gone */

typedef struct {
    fg_rank_call *call;
    fg_words sorted;
    fg_record *records, *spare;      /* index: twice that of the sample, plus its label */
    int64_t negatives, positives;    /* of the row that is being filled */
    uint64_t last_score, last_group; /* its keys */
    int bad, weighs;                 /* whether a weight is above 0 */
} rank_job;

static int64_t chunk_end(const rank_job *job, int64_t chunk)
{
    const int64_t n = job->call->samples.n;
    return n < (chunk + 1) * CHUNK ? n : (chunk + 1) * CHUNK;
}

/* Words begin … end - 1 of one half. The row is written at every sample, so that nothing hangs on whether it is done. */
static inline __attribute__((always_inline)) void walk_half(rank_job *job, int narrow, int64_t begin, int64_t end,
                                                            uint64_t flip)
{
    fg_rank_call *call = job->call;
    const uint32_t *words_32 = job->sorted.words;
    const uint64_t *words_64 = job->sorted.words;
    uint32_t *distinct_32 = call->distinct;
    uint64_t *distinct_64 = call->distinct, last = job->last_score;
    int64_t row = call->n_rows - 1, negatives = job->negatives, positives = job->positives, *counts = call->counts;
    for (int64_t i = begin; i < end; i++) {
        const uint64_t word = narrow ? words_32[i] : words_64[i], key = word >> 1;
        const int64_t positive = word & 1, same = 0 - (int64_t)(key == last);
        row += 1 + same;
        positives = (positives & same) + positive;
        negatives = (negatives & same) + 1 - positive;
        counts[2 * row] = negatives;
        counts[2 * row + 1] = positives;
        if (narrow)
            distinct_32[row] = (uint32_t)(key ^ flip);
        else
            distinct_64[row] = key ^ flip;
        last = key;
    }
    call->n_rows = row + 1;
    job->negatives = negatives;
    job->positives = positives;
    job->last_score = last;
}

static inline __attribute__((always_inline)) void walk_both(rank_job *job, int narrow, int64_t chunk)
{
    const int kind = job->call->samples.score_kind;
    const int64_t begin = chunk * CHUNK, end = chunk_end(job, chunk), front = job->sorted.front;
    const int64_t border = front < begin ? begin : front < end ? front : end;
    walk_half(job, narrow, begin, border, fg_score_flip(kind, 0));
    if (border == front)
        job->last_score = NO_KEY;
    walk_half(job, narrow, border, end, fg_score_flip(kind, 1));
}

static void walk_words(void *job_, int64_t chunk, int slot)
{
    rank_job *job = job_;
    (void)slot;
    if (job->call->samples.score_kind == FG_SCORE_F32)
        walk_both(job, 1, chunk);
    else
        walk_both(job, 0, chunk);
}

static int rank_words(const fg_team *team, rank_job *job, int64_t chunks, int cut)
{
    job->last_score = NO_KEY;
    const int status = fg_sort_samples(team, &job->call->samples, cut, &job->sorted);
    return status == FG_OK ? team->parallel(chunks, 1, walk_words, job) : status;
}

static void make_records(void *job_, int64_t chunk, int slot)
{
    rank_job *job = job_;
    (void)slot;
    const fg_samples *samples = &job->call->samples;
    const double *weights = job->call->weights;
    const int64_t end = chunk_end(job, chunk);
    uint8_t bytes_of_block[FG_BLOCK];
    for (int64_t i = chunk * CHUNK; i < end && !job->bad; i += FG_BLOCK) {
        const int64_t n = end - i < FG_BLOCK ? end - i : FG_BLOCK;
        const uint8_t *labels = fg_label_bytes(samples->labels, samples->label_kind, i, n, bytes_of_block);
        if (!labels) {
            job->bad = 1;
            return;
        }
        for (int64_t j = 0; j < n; j++) {
            const uint64_t key = fg_key_64(samples->scores, samples->score_kind, i + j, &job->bad);
            job->records[i + j] = (fg_record){key, 2 * (i + j) + labels[j]};
            if (weights) {
                job->bad |= !(weights[i + j] >= 0 && weights[i + j] < INFINITY);
                job->weighs |= weights[i + j] > 0;
            }
        }
    }
}

static uint64_t group_key(const fg_rank_call *call, int64_t index)
{
    int never = 0;
    return call->groups ? fg_key_64(call->groups, call->group_kind, index, &never) : 0;
}

static void take_group_keys(void *job_, int64_t chunk, int slot)
{
    rank_job *job = job_;
    (void)slot;
    for (int64_t i = chunk * CHUNK; i < chunk_end(job, chunk); i++)
        job->records[i].key = group_key(job->call, job->records[i].index / 2);
}

static void put_score(const fg_samples *samples, int64_t index, void *distinct, int64_t row)
{
    if (samples->score_kind == FG_SCORE_F32)
        ((float *)distinct)[row] = ((const float *)samples->scores)[index] + 0.0f; /* -0 becomes +0 */
    else if (samples->score_kind == FG_SCORE_F64)
        ((double *)distinct)[row] = ((const double *)samples->scores)[index] + 0.0;
    else
        ((uint64_t *)distinct)[row] = ((const uint64_t *)samples->scores)[index];
}

static void start_row(fg_rank_call *call, int64_t row, int64_t index)
{
    put_score(&call->samples, index, call->distinct, row);
    if (call->weights)
        call->sums[2 * row] = call->sums[2 * row + 1] = 0;
    else
        call->counts[2 * row] = call->counts[2 * row + 1] = 0;
}

static void walk_records(void *job_, int64_t chunk, int slot)
{
    rank_job *job = job_;
    (void)slot;
    fg_rank_call *call = job->call;
    const fg_samples *samples = &call->samples;
    for (int64_t i = chunk * CHUNK; i < chunk_end(job, chunk); i++) {
        const int64_t index = job->records[i].index / 2;
        const uint64_t score = fg_key_64(samples->scores, samples->score_kind, index, &job->bad);
        const uint64_t group = group_key(call, index);
        const int new_group = i == 0 || group != job->last_group;
        if (new_group && call->groups) {
            call->starts[call->n_groups] = call->n_rows;
            call->first[call->n_groups++] = index;
        }
        if (new_group || score != job->last_score)
            start_row(call, call->n_rows++, index);
        job->last_group = group;
        job->last_score = score;
        const int64_t cell = 2 * (call->n_rows - 1) + job->records[i].index % 2;
        if (call->weights)
            call->sums[cell] += call->weights[index];
        else
            call->counts[cell]++;
    }
}

static int rank_records(const fg_team *team, rank_job *job, int64_t chunks)
{
    const int64_t n = job->call->samples.n;
    if ((size_t)n > SIZE_MAX / (2 * sizeof(fg_record)) - 1)
        return FG_NO_MEMORY;
    job->records = fg_malloc_large((size_t)n * 2 * sizeof(fg_record) + 1);
    if (!job->records)
        return FG_NO_MEMORY;
    job->spare = job->records + n;
    fg_ran(team, "roc_auc", "record_sort", 1);
    int status = team->parallel(chunks, 1, make_records, job);
    if (status == FG_OK && (job->bad || (job->call->weights && n && !job->weighs)))
        status = FG_BAD_VALUE;
    if (status == FG_OK)
        status = fg_sort_records(team, job->records, job->spare, n);
    if (status == FG_OK && job->call->groups) {
        status = team->parallel(chunks, 1, take_group_keys, job);
        if (status == FG_OK)
            status = fg_sort_records(team, job->records, job->spare, n);
    }
    return status == FG_OK ? team->parallel(chunks, 1, walk_records, job) : status;
}

/* Makes the plan, and tells it to whoever asks. */
static int plan(const fg_team *team, const fg_rank_call *call, fg_ranking_plan *plan)
{
    const int wants = call->weights || call->groups ? FG_WANTS_RECORDS : FG_WANTS_WORDS | FG_WANTS_RECORDS;
    const int64_t n = call->samples.n, word = fg_word_bytes(&call->samples);
    const int status = fg_plan_sort(team, n, word, wants, plan);
    const int64_t item = plan->algorithm == FG_RECORD_SORT ? (int64_t)sizeof(fg_record) : word;
    return status == FG_OK ? fg_tell_sort(team, plan, 2 * n * item) : status;
}

int fg_rank(const fg_team *team, fg_rank_call *call)
{
    rank_job job = {.call = call};
    const int64_t chunks = (call->samples.n + CHUNK - 1) / CHUNK;
    fg_ranking_plan planned = {.algorithm = call->weights || call->groups ? FG_RECORD_SORT : FG_RADIX_SORT};
    call->n_rows = call->n_groups = 0;
    int status = call->samples.n ? plan(team, call, &planned) : FG_OK;
    if (status != FG_OK)
        return status;
    fg_fenv saved = fg_fenv_enter();
    status = planned.algorithm == FG_RECORD_SORT
                 ? rank_records(team, &job, chunks)
                 : rank_words(team, &job, chunks, planned.algorithm == FG_CUT_RADIX_SORT);
    fg_fenv_leave(saved);
    free(job.sorted.words);
    free(job.records);
    return status;
}
