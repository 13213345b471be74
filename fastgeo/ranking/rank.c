/* A stable radix sort of (key, index) by score, then by group; then one walk. */
#include "ranking/rank.h"

#include <math.h>
#include <stdlib.h>

#include "runtime/fenv.h"

enum { CHUNK = 1 << 17, DIGITS = 8 };

typedef struct {
    uint64_t key;
    int64_t index;
} ranked_sample;

typedef struct {
    fg_rank_call *call;
    ranked_sample *from, *to;
    uint8_t *labels;
    int64_t places[DIGITS][256]; /* counts by digit, then where the next sample of it goes */
    int digit;
    int bad;
    uint64_t last_score, last_group; /* the walk: keys of the row that is being filled */
} rank_job;

static int64_t chunk_end(const rank_job *job, int64_t chunk)
{
    return job->call->n < (chunk + 1) * CHUNK ? job->call->n : (chunk + 1) * CHUNK;
}

static void read_labels(void *job_, int64_t chunk, int slot)
{
    rank_job *job = job_;
    (void)slot;
    const int64_t end = chunk_end(job, chunk);
    uint8_t room[FG_BLOCK];
    for (int64_t i = chunk * CHUNK; i < end && !job->bad; i += FG_BLOCK) {
        const int64_t n = end - i < FG_BLOCK ? end - i : FG_BLOCK;
        const uint8_t *labels = fg_label_bytes(job->call->labels, job->call->label_kind, i, n, room);
        if (labels)
            memcpy(job->labels + i, labels, (size_t)n);
        else
            job->bad = 1;
    }
}

static void score_keys(void *job_, int64_t chunk, int slot)
{
    rank_job *job = job_;
    (void)slot;
    const fg_rank_call *call = job->call;
    for (int64_t i = chunk * CHUNK; i < chunk_end(job, chunk); i++) {
        job->from[i] = (ranked_sample){fg_key_64(call->scores, call->score_kind, i, &job->bad), i};
        if (call->weights)
            job->bad |= !(call->weights[i] >= 0 && call->weights[i] < INFINITY);
    }
}

static uint64_t group_key(const rank_job *job, int64_t index)
{
    int never = 0;
    return job->call->groups ? fg_key_64(job->call->groups, job->call->group_kind, index, &never) : 0;
}

static void group_keys(void *job_, int64_t chunk, int slot)
{
    rank_job *job = job_;
    (void)slot;
    for (int64_t i = chunk * CHUNK; i < chunk_end(job, chunk); i++)
        job->from[i].key = group_key(job, job->from[i].index);
}

static void count_digits(void *job_, int64_t chunk, int slot)
{
    rank_job *job = job_;
    (void)slot;
    for (int64_t i = chunk * CHUNK; i < chunk_end(job, chunk); i++)
        for (int digit = 0; digit < DIGITS; digit++)
            job->places[digit][job->from[i].key >> 8 * digit & 255]++;
}

static void place_samples(void *job_, int64_t chunk, int slot)
{
    rank_job *job = job_;
    (void)slot;
    int64_t *places = job->places[job->digit];
    for (int64_t i = chunk * CHUNK; i < chunk_end(job, chunk); i++)
        job->to[places[job->from[i].key >> 8 * job->digit & 255]++] = job->from[i];
}

/* From counts to places; 0 if all samples share one digit, so that there is nothing to move. */
static int start_digit(rank_job *job)
{
    int64_t next = 0, *places = job->places[job->digit];
    for (int value = 0; value < 256; value++) {
        const int64_t count = places[value];
        if (count == job->call->n)
            return 0;
        places[value] = next;
        next += count;
    }
    return 1;
}

static int sort_by_key(const fg_runtime *runtime, rank_job *job, int64_t chunks)
{
    memset(job->places, 0, sizeof job->places);
    int status = runtime->parallel(chunks, 1, count_digits, job);
    for (job->digit = 0; job->digit < DIGITS && status == FG_OK; job->digit++) {
        if (!start_digit(job))
            continue;
        status = runtime->parallel(chunks, 1, place_samples, job);
        ranked_sample *to = job->from;
        job->from = job->to;
        job->to = to;
    }
    return status;
}

static void walk(void *job_, int64_t chunk, int slot)
{
    rank_job *job = job_;
    (void)slot;
    fg_rank_call *call = job->call;
    const size_t size = call->score_kind == FG_SCORE_F32 ? sizeof(float) : sizeof(double);
    for (int64_t i = chunk * CHUNK; i < chunk_end(job, chunk); i++) {
        const int64_t index = job->from[i].index;
        const uint64_t score = fg_key_64(call->scores, call->score_kind, index, &job->bad);
        const uint64_t group = group_key(job, index);
        if (i == 0 || group != job->last_group)
            call->starts[call->n_groups++] = call->n_rows;
        if (i == 0 || group != job->last_group || score != job->last_score) {
            const int64_t row = call->n_rows++;
            call->first[row] = index;
            memcpy((char *)call->distinct + row * size, (const char *)call->scores + index * size, size);
            if (call->weights)
                call->sums[2 * row] = call->sums[2 * row + 1] = 0;
            else
                call->counts[2 * row] = call->counts[2 * row + 1] = 0;
        }
        job->last_group = group;
        job->last_score = score;
        const int64_t cell = 2 * (call->n_rows - 1) + job->labels[index];
        if (call->weights)
            call->sums[cell] += call->weights[index];
        else
            call->counts[cell]++;
    }
}

static int rank_samples(const fg_runtime *runtime, rank_job *job)
{
    const int64_t chunks = (job->call->n + CHUNK - 1) / CHUNK;
    int status = runtime->parallel(chunks, 1, read_labels, job);
    if (status == FG_OK && !job->bad)
        status = runtime->parallel(chunks, 1, score_keys, job);
    if (status == FG_OK && job->bad)
        status = FG_BAD_VALUE;
    if (status == FG_OK)
        status = sort_by_key(runtime, job, chunks);
    if (status == FG_OK && job->call->groups) {
        status = runtime->parallel(chunks, 1, group_keys, job);
        if (status == FG_OK)
            status = sort_by_key(runtime, job, chunks);
    }
    return status == FG_OK ? runtime->parallel(chunks, 1, walk, job) : status;
}

int fg_rank(const fg_runtime *runtime, fg_rank_call *call)
{
    const size_t n = (size_t)call->n, each = 2 * sizeof(ranked_sample) + 1;
    call->n_rows = call->n_groups = 0;
    if (n > (SIZE_MAX - sizeof(rank_job)) / each)
        return FG_NO_MEMORY;
    rank_job *job = malloc(sizeof *job);
    char *memory = malloc(n * each + 1);
    int status = FG_NO_MEMORY;
    if (job && memory) {
        *job = (rank_job){.call = call, .from = (ranked_sample *)memory};
        job->to = job->from + n;
        job->labels = (uint8_t *)(job->to + n);
        fg_fenv saved = fg_fenv_enter();
        status = rank_samples(runtime, job);
        fg_fenv_leave(saved);
    }
    free(memory);
    free(job);
    return status;
}

double fg_weighted_auc(const double *sums, int64_t n)
{
    fg_fenv saved = fg_fenv_enter();
    double negatives = 0, positives = 0, twice_wins = 0, below = 0, all = 0;
    for (int64_t i = 0; i < n; i++) {
        negatives += sums[2 * i];
        positives += sums[2 * i + 1];
    }
    /* Scaled by powers of two lest a product overflow or vanish. */
    int negative_exponent, positive_exponent;
    frexp(negatives, &negative_exponent);
    frexp(positives, &positive_exponent);
    for (int64_t i = 0; i < n; i++) {
        const double negative = ldexp(sums[2 * i], -negative_exponent);
        const double positive = ldexp(sums[2 * i + 1], -positive_exponent);
        twice_wins += positive * (2 * below + negative);
        below += negative;
        all += positive;
    }
    fg_fenv_leave(saved);
    return twice_wins / (2 * all * below);
}
