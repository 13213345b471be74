#include "evaluation/order.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/fenv.h"

enum { DIGITS = 8, RADIX = 256 }; /* of a key */

typedef struct {
    const fg_team *team;
    const fg_order_call *call;
    uint32_t *order;  /* (n,): rows by class and image */
    fg_ranked *spare; /* (n,) */
    uint32_t *seen;   /* (slots, n_images): how many of an image have passed, zeros between classes */
    int *bad;         /* (n_classes,): whether a score is no number */
    int status;       /* of the grouping */
} order_job;

/* Unsigned integers in the order of the scores, reversed. -0 is 0. */
static inline uint64_t key_of(double score)
{
    uint64_t bits;
    score += 0.0;
    memcpy(&bits, &score, sizeof bits);
    return bits >> 63 ? bits : bits ^ UINT64_C(0x7fffffffffffffff);
}

static void group_chunk(void *argument, int64_t chunk, int slot)
{
    order_job *job = argument;
    const fg_order_call *call = job->call;
    (void)chunk;
    (void)slot;
    job->status = fg_group_rows(job->team, call->n, call->image, call->n_images, call->class_id, call->n_classes,
                                job->order, call->starts);
}

/* The records of a class, not yet sorted. Says whether it went to the end; `bad` is whether a score is no number. */
static int fill_records(const order_job *job, int slot, int64_t begin, int64_t end, int *bad)
{
    const fg_order_call *call = job->call;
    *bad = 0;
    for (int64_t i = begin; i < end; i++) {
        if ((i - begin) % FG_POLLED_STEPS == 0 && job->team->stopped(slot))
            return 0;
        const uint32_t row = job->order[i];
        *bad |= call->scores[row] != call->scores[row];
        call->ranked[i] = (fg_ranked){key_of(call->scores[row]), row, (uint32_t)call->image[row]};
    }
    return 1;
}

/* How often each value of each digit occurs. Says whether it went to the end. */
static int count_digits(const order_job *job, int slot, const fg_ranked *ranked, int64_t n, uint32_t (*counts)[RADIX])
{
    memset(counts, 0, DIGITS * sizeof *counts);
    for (int64_t i = 0; i < n; i++) {
        if (i % FG_POLLED_STEPS == 0 && job->team->stopped(slot))
            return 0;
        for (int d = 0; d < DIGITS; d++)
            counts[d][ranked[i].key >> 8 * d & 0xff]++;
    }
    return 1;
}

/* A stable sort by the keys, lowest digit first; digits that are all the same are left out. */
static int sort_by_score(const order_job *job, int slot, fg_ranked *ranked, fg_ranked *spare, int64_t n)
{
    uint32_t counts[DIGITS][RADIX];
    fg_ranked *from = ranked, *to = spare;
    if (!count_digits(job, slot, ranked, n, counts))
        return 0;
    for (int d = 0; d < DIGITS && n; d++) {
        uint32_t begin = 0;
        if (counts[d][from[0].key >> 8 * d & 0xff] == n)
            continue;
        for (int value = 0; value < RADIX; value++) {
            const uint32_t count = counts[d][value];
            counts[d][value] = begin;
            begin += count;
        }
        for (int64_t i = 0; i < n; i++) {
            if (i % FG_POLLED_STEPS == 0 && job->team->stopped(slot))
                return 0;
            to[counts[d][from[i].key >> 8 * d & 0xff]++] = from[i];
        }
        fg_ranked *swap = from;
        from = to;
        to = swap;
    }
    if (from != ranked)
        memcpy(ranked, from, (size_t)n * sizeof *ranked);
    return 1;
}

/* Ranks the detections of a class, and drops those beyond the limit. */
static void rank_in_images(const order_job *job, int slot, int64_t class_id)
{
    const fg_order_call *call = job->call;
    const int64_t begin = call->starts[class_id], n = call->starts[class_id + 1] - begin;
    fg_ranked *ranked = call->ranked + begin;
    uint32_t *seen = job->seen + slot * call->n_images;
    int64_t kept = 0;
    for (int64_t i = 0; i < n; i++) {
        const uint32_t rank = seen[ranked[i].image];
        if (rank < call->limit) {
            seen[ranked[i].image]++;
            ranked[kept] = ranked[i];
            call->rank[begin + kept++] = rank;
        }
    }
    for (int64_t i = 0; i < kept; i++)
        seen[ranked[i].image] = 0;
    call->counts[class_id] = kept;
}

static void order_class(void *argument, int64_t class_id, int slot)
{
    const order_job *job = argument;
    const int64_t begin = job->call->starts[class_id], n = job->call->starts[class_id + 1] - begin;
    const fg_fenv saved = fg_fenv_enter();
    if (fill_records(job, slot, begin, begin + n, job->bad + class_id) &&
        sort_by_score(job, slot, job->call->ranked + begin, job->spare + begin, n))
        rank_in_images(job, slot, class_id);
    fg_fenv_leave(saved);
}

static int order_all(order_job *job, int threads)
{
    const fg_team *team = job->team;
    int status = team->parallel(1, 1, group_chunk, job);
    if (status != FG_OK || job->status != FG_OK)
        return status != FG_OK ? status : job->status;
    status = team->parallel(job->call->n_classes, threads, order_class, job);
    for (int64_t k = 0; k < job->call->n_classes && status == FG_OK; k++)
        status = job->bad[k] ? FG_BAD_VALUE : FG_OK;
    return status;
}

int fg_order_detections(const fg_team *team, const fg_order_call *call)
{
    const int threads = call->n_classes < team->size ? (int)call->n_classes : team->size;
    order_job job = {.team = team, .call = call};
    int status = FG_NO_MEMORY;
    job.order = malloc(((size_t)call->n + 1) * sizeof *job.order);
    job.spare = malloc(((size_t)call->n + 1) * sizeof *job.spare);
    job.seen = calloc((size_t)(threads + 1) * ((size_t)call->n_images + 1), sizeof *job.seen);
    job.bad = calloc((size_t)call->n_classes + 1, sizeof *job.bad);
    if (job.order && job.spare && job.seen && job.bad)
        status = call->n_classes ? order_all(&job, threads) : FG_OK;
    free(job.bad);
    free(job.seen);
    free(job.spare);
    free(job.order);
    return status;
}
