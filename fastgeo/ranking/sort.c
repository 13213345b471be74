#include "ranking/sort.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/fenv.h"
#include "runtime/large_memory.h"

enum { CHUNK = 1 << 18, PAGE = 4096 };

/* A digit of the radix sort, at most. A pass then writes to 2048 places, which the second-level cache holds. */
enum { DIGIT_BITS = 11, MAX_PASSES = 3 };

/* This many items, or fewer, are sorted by insertion. */
enum { FEW = 32 };

static inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

#define SORT(name) sort_words_32_##name
#define item_t uint32_t
#define key_t uint32_t
#define KEY(item) (item)
#define KEY_BITS 32
#include "ranking/sort_body.h"

#define SORT(name) sort_words_64_##name
#define item_t uint64_t
#define key_t uint64_t
#define KEY(item) (item)
#define KEY_BITS 64
#include "ranking/sort_body.h"

#define SORT(name) sort_records_##name
#define item_t fg_record
#define key_t uint64_t
#define KEY(item) (item).key
#define KEY_BITS 64
#include "ranking/sort_body.h"

typedef struct {
    const fg_samples *samples;
    fg_words *out;
    int64_t back; /* packed so far: words[0 … front) and words[back … n) */
    int bad;
} pack_job;

/* The halves are packed from both ends. */
static inline __attribute__((always_inline)) void pack_kind(pack_job *job, int kind, int64_t chunk)
{
    const fg_samples *samples = job->samples;
    uint32_t *narrow = job->out->words;
    uint64_t *wide = job->out->words;
    int64_t front = job->out->front, back = job->back, positives = 0;
    const int64_t end = smaller(samples->n, (chunk + 1) * CHUNK);
    uint8_t room[FG_BLOCK];
    for (int64_t i = chunk * CHUNK; i < end && !job->bad; i += FG_BLOCK) {
        const int64_t n = smaller(FG_BLOCK, end - i);
        const uint8_t *labels = fg_label_bytes(samples->labels, samples->label_kind, i, n, room);
        if (!labels) {
            job->bad = 1;
            return;
        }
        for (int64_t j = 0; j < n; j++) {
            int64_t high;
            if (kind == FG_SCORE_F32) {
                const uint32_t key = fg_key_32(samples->scores, kind, i + j, &job->bad);
                narrow[front] = narrow[back - 1] = key << 1 | labels[j];
                high = key >> 31;
            } else {
                const uint64_t key = fg_key_64(samples->scores, kind, i + j, &job->bad);
                wide[front] = wide[back - 1] = key << 1 | labels[j];
                high = (int64_t)(key >> 63);
            }
            front += 1 - high;
            back -= high;
            positives += labels[j];
        }
    }
    job->out->front = front;
    job->out->positives += positives;
    job->back = back;
}

static void pack(void *job_, int64_t chunk, int slot)
{
    pack_job *job = job_;
    (void)slot;
    if (job->samples->score_kind == FG_SCORE_F32)
        pack_kind(job, FG_SCORE_F32, chunk);
    else if (job->samples->score_kind == FG_SCORE_F64)
        pack_kind(job, FG_SCORE_F64, chunk);
    else if (job->samples->score_kind == FG_SCORE_I64)
        pack_kind(job, FG_SCORE_I64, chunk);
    else
        pack_kind(job, FG_SCORE_U64, chunk);
}

static int sort_half(const fg_runtime *runtime, int narrow, void *words, int64_t n_words, int64_t begin, int64_t end)
{
    if (narrow) {
        uint32_t *first = (uint32_t *)words + begin;
        return sort_words_32_items(runtime, first, first + n_words, end - begin);
    }
    uint64_t *first = (uint64_t *)words + begin;
    return sort_words_64_items(runtime, first, first + n_words, end - begin);
}

int fg_sort_samples(const fg_runtime *runtime, const fg_samples *samples, fg_words *out)
{
    const int64_t n = samples->n;
    const int narrow = samples->score_kind == FG_SCORE_F32;
    const size_t word = narrow ? sizeof(uint32_t) : sizeof(uint64_t);
    *out = (fg_words){.n = n};
    if ((size_t)n > SIZE_MAX / (2 * word) - 64)
        return FG_NO_MEMORY;
    out->words = fg_malloc_large((size_t)n * 2 * word + 1);
    if (!out->words)
        return FG_NO_MEMORY;
    pack_job job = {.samples = samples, .out = out, .back = n};
    fg_fenv saved = fg_fenv_enter();
    int status = runtime->parallel((n + CHUNK - 1) / CHUNK, 1, pack, &job);
    fg_fenv_leave(saved);
    if (status == FG_OK && job.bad)
        status = FG_BAD_VALUE;
    if (status == FG_OK)
        status = sort_half(runtime, narrow, out->words, n, 0, out->front);
    return status == FG_OK ? sort_half(runtime, narrow, out->words, n, out->front, n) : status;
}

int fg_sort_records(const fg_runtime *runtime, fg_record *records, fg_record *spare, int64_t n)
{
    return sort_records_items(runtime, records, spare, n);
}
