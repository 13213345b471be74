/* Mann–Whitney: the samples are sorted as words that hold score and label, then counted in one walk. */
#include "ranking/auc.h"

#include <stdlib.h>
#include <string.h>

#include "ranking/plan.h"
#include "ranking/wide.h"

enum { CHUNK = 1 << 18 };

typedef struct {
    fg_words sorted;
    uint64_t negatives, below; /* walked so far; those of them below the score of the last word */
    fg_wide twice_wins;
} auc_job;

/* Every positive wins against the negatives below its score, and half against those of its score. */
static inline __attribute__((always_inline)) void walk(auc_job *job, int narrow, int64_t chunk)
{
    const uint32_t *words_32 = job->sorted.words;
    const uint64_t *words_64 = job->sorted.words;
    const int64_t n = job->sorted.n, front = job->sorted.front, begin = chunk * CHUNK;
    const int64_t end = n < begin + CHUNK ? n : begin + CHUNK;
    uint64_t negatives = job->negatives, below = job->below, twice_wins = 0, last = ~UINT64_C(0);
    if (begin)
        last = (narrow ? words_32[begin - 1] : words_64[begin - 1]) >> 1;
    for (int64_t i = begin; i < end; i++) {
        const uint64_t word = narrow ? words_32[i] : words_64[i], key = word >> 1, positive = word & 1;
        below = key != last || i == front ? negatives : below;
        twice_wins += (negatives + below) & (0 - positive);
        negatives += 1 - positive;
        last = key;
    }
    job->negatives = negatives;
    job->below = below;
    job->twice_wins = fg_wide_add_u64(job->twice_wins, twice_wins);
}

static void walk_32(void *job, int64_t chunk, int slot)
{
    (void)slot;
    walk(job, 1, chunk);
}

static void walk_64(void *job, int64_t chunk, int slot)
{
    (void)slot;
    walk(job, 0, chunk);
}

int fg_auc(const fg_team *team, fg_auc_call *call)
{
    auc_job job = {.negatives = 0};
    const int64_t n_samples = call->samples.n, word = fg_word_bytes(&call->samples);
    fg_ranking_plan plan = {.algorithm = FG_RADIX_SORT};
    int status = n_samples ? fg_plan_sort(team, n_samples, word, FG_WANTS_WORDS, &plan) : FG_OK;
    if (status == FG_OK && n_samples)
        status = fg_tell_sort(team, &plan, 2 * n_samples * word);
    if (status == FG_OK)
        status = fg_sort_samples(team, &call->samples, plan.algorithm == FG_CUT_RADIX_SORT, &job.sorted);
    if (status == FG_OK) {
        const int64_t n = job.sorted.n, positives = job.sorted.positives;
        const int narrow = call->samples.score_kind == FG_SCORE_F32;
        status = team->parallel((n + CHUNK - 1) / CHUNK, 1, narrow ? walk_32 : walk_64, &job);
        call->positives = positives;
        call->auc = fg_wide_auc(job.twice_wins, (uint64_t)positives, (uint64_t)(n - positives));
    }
    free(job.sorted.words);
    return status;
}

static int64_t part_size(const fg_compare_call *call, int64_t part)
{
    int64_t n = 0;
    for (int64_t i = 0; i < call->n_pieces; i++)
        n += call->pieces[i].starts[part + 1] - call->pieces[i].starts[part];
    return n;
}

static void gather_part(const fg_compare_call *call, int64_t part, char *to)
{
    const size_t word = call->narrow ? sizeof(uint32_t) : sizeof(uint64_t);
    for (int64_t i = 0; i < call->n_pieces; i++) {
        const fg_piece *piece = call->pieces + i;
        const size_t begin = (size_t)piece->starts[part] * word, bytes = (size_t)piece->starts[part + 1] * word - begin;
        memcpy(to, (const char *)piece->words + begin, bytes);
        to += bytes;
    }
}

/* Sorted part by part within the cache; the negatives of the parts before stay below. */
static int compare_part(const fg_team *team, const fg_compare_call *call, int64_t part, void *spare, auc_job *job)
{
    const int64_t n = job->sorted.n = part_size(call, part);
    gather_part(call, part, job->sorted.words);
    const int status = fg_sort_words(team, job->sorted.words, spare, n, call->narrow);
    return status == FG_OK ? team->parallel((n + CHUNK - 1) / CHUNK, 1, call->narrow ? walk_32 : walk_64, job)
                           : status;
}

int fg_compare_pieces(const fg_team *team, fg_compare_call *call)
{
    const size_t word = call->narrow ? sizeof(uint32_t) : sizeof(uint64_t);
    int64_t most = 0;
    call->n = 0;
    for (int64_t part = 0; part < call->n_parts; part++) {
        const int64_t n = part_size(call, part);
        call->n += n;
        most = n > most ? n : most;
    }
    char *words = (size_t)most > SIZE_MAX / (2 * word) - 1 ? NULL : malloc(2 * (size_t)most * word + 1);
    auc_job job = {.sorted = {.words = words}};
    int status = words ? FG_OK : FG_NO_MEMORY;
    for (int64_t part = 0; part < call->n_parts && status == FG_OK; part++)
        status = compare_part(team, call, part, words + (size_t)most * word, &job);
    free(words);
    call->positives = call->n - (int64_t)job.negatives;
    call->twice_wins_high = job.twice_wins.high;
    call->twice_wins_low = job.twice_wins.low;
    return status;
}
