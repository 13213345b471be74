#include "ranking/pairs.h"

#include "ranking/wide.h"

/* Rows between two polls, well below a millisecond. */
enum { CHUNK = 1 << 16 };

/* Up to here twice the pairs of all samples fit into one word. */
static const uint64_t NARROW = UINT64_C(1) << 31;

typedef struct {
    const int64_t *counts;
    int64_t n;
    uint64_t negatives, positives; /* in all */
    uint64_t below;                /* negatives in the rows before */
    fg_wide wins, ties, twice_wins;
} pairs_job;

static int64_t chunk_end(const pairs_job *job, int64_t chunk)
{
    return job->n < (chunk + 1) * CHUNK ? job->n : (chunk + 1) * CHUNK;
}

static void add_totals(void *job_, int64_t chunk, int slot)
{
    pairs_job *job = job_;
    (void)slot;
    uint64_t negatives = 0, positives = 0;
    for (int64_t i = chunk * CHUNK; i < chunk_end(job, chunk); i++) {
        negatives += (uint64_t)job->counts[2 * i];
        positives += (uint64_t)job->counts[2 * i + 1];
    }
    job->negatives += negatives;
    job->positives += positives;
}

static void add_narrow(void *job_, int64_t chunk, int slot)
{
    pairs_job *job = job_;
    (void)slot;
    uint64_t twice_wins = job->twice_wins.low, below = job->below;
    for (int64_t i = chunk * CHUNK; i < chunk_end(job, chunk); i++) {
        const uint64_t n = (uint64_t)job->counts[2 * i], p = (uint64_t)job->counts[2 * i + 1];
        twice_wins += p * (2 * below + n);
        below += n;
    }
    job->twice_wins.low = twice_wins;
    job->below = below;
}

static void add_wide(void *job_, int64_t chunk, int slot)
{
    pairs_job *job = job_;
    (void)slot;
    for (int64_t i = chunk * CHUNK; i < chunk_end(job, chunk); i++) {
        const uint64_t n = (uint64_t)job->counts[2 * i], p = (uint64_t)job->counts[2 * i + 1];
        job->wins = fg_wide_add(job->wins, fg_wide_mul(p, job->below));
        job->ties = fg_wide_add(job->ties, fg_wide_mul(p, n));
        job->below += n;
    }
}

/* In order, on the calling thread. */
static int walk(const fg_team *team, pairs_job *job, fg_chunk *run)
{
    if (job->n > CHUNK)
        return team->parallel((job->n + CHUNK - 1) / CHUNK, 1, run, job);
    run(job, 0, 0);
    return FG_OK;
}

int fg_counted_auc(const fg_team *team, const int64_t *counts, int64_t n, double *auc)
{
    pairs_job job = {.counts = counts, .n = n};
    int status = walk(team, &job, add_totals);
    if (status != FG_OK)
        return status;
    const int narrow = job.positives < NARROW && job.negatives < NARROW;
    status = walk(team, &job, narrow ? add_narrow : add_wide);
    if (!narrow)
        job.twice_wins = fg_wide_add(fg_wide_add(job.wins, job.wins), job.ties);
    *auc = fg_wide_auc(job.twice_wins, job.positives, job.negatives);
    return status;
}

int fg_count_pairs(const fg_team *team, const int64_t *counts, int64_t n, uint64_t pairs[4])
{
    pairs_job job = {.counts = counts, .n = n};
    const int status = walk(team, &job, add_wide);
    pairs[0] = job.wins.high, pairs[1] = job.wins.low;
    pairs[2] = job.ties.high, pairs[3] = job.ties.low;
    return status;
}
