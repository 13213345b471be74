#include "ranking/sort.h"

#include <stdlib.h>
#include <string.h>

#include "ranking/plan.h"
#include "runtime/fenv.h"
#include "runtime/large_memory.h"

enum { CHUNK = 1 << 18, PAGE = 4096 };

/* A digit of the radix sort, at most. A pass then writes to 2048 places, which the second-level cache holds. */
enum { DIGIT_BITS = 11, MAX_PASSES = 3 };

/* This many items, or fewer, are sorted by insertion. */
enum { FEW = 32 };

/* Many words are cut by the leading digit of their keys, one of MAX_CUTS, into parts of PART words or of one digit: the
   cache then holds what is being sorted, and little spare memory is asked for. */
enum { PART = 1 << 15, MAX_CUTS = 1 << 11 };

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

FG_INLINE uint64_t key_of(const fg_samples *samples, int kind, int64_t i, int *nan)
{
    return kind == FG_SCORE_F32 ? fg_key_32(samples->scores, kind, i, nan) : fg_key_64(samples->scores, kind, i, nan);
}

static int key_bits(const fg_samples *samples) { return samples->score_kind == FG_SCORE_F32 ? 32 : 64; }

/* A digit is what stands above the lowest `shift` bits of a key, less that of the least key. All keys of a digit agree
   in their top bit. */
typedef struct {
    const fg_samples *samples;
    fg_words *out;
    uint64_t low, high; /* the least and the greatest key */
    uint64_t first;     /* low >> shift */
    int shift, bad;
    int64_t back;     /* without cuts: packed so far are words[0 … front) and words[back … n) */
    int64_t n_digits; /* 2, the halves, or MAX_CUTS */
    int64_t *places;  /* (n_digits,) where the next word of a digit goes */
    int64_t ends[];   /* (n_digits,) counts, then the end of the words of a digit; `places` follow */
} pack_job;

#define CHUNK_BY_KIND(name)                                          \
    static void name(void *job_, int64_t chunk, int slot)            \
    {                                                                \
        pack_job *job = job_;                                        \
        (void)slot;                                                  \
        FOR_KIND(name##_kind, job, job->samples, chunk);             \
    }

/* Widens the span to these scores of one floating type. Several extremes apart, since each waits for the one before. */
#define WIDEN_TO_FLOATS(type)                                                                  \
    do {                                                                                       \
        enum { APART = 8 };                                                                    \
        const type *scores = job->samples->scores;                                             \
        type ends_of[2 * APART], *low = ends_of, *high = ends_of + APART;                      \
        for (int k = 0; k < APART; k++)                                                        \
            low[k] = high[k] = scores[i];                                                      \
        for (; i + APART <= end; i += APART)                                                   \
            for (int k = 0; k < APART; k++) {                                                  \
                const type score = scores[i + k];                                              \
                low[k] = score < low[k] ? score : low[k];                                      \
                high[k] = score > high[k] ? score : high[k];                                   \
            }                                                                                  \
        const fg_samples extremes = {.scores = ends_of, .score_kind = kind, .n = 2 * APART};   \
        for (int k = 0; k < extremes.n; k++)                                                   \
            widen(job, key_of(&extremes, kind, k, &job->bad));                                 \
    } while (0)

FG_INLINE void widen(pack_job *job, uint64_t key)
{
    job->low = key < job->low ? key : job->low;
    job->high = key > job->high ? key : job->high;
}

/* A NaN may go unnoticed; what the span leaves out is one. */
FG_INLINE void find_span_kind(pack_job *job, int kind, int64_t chunk)
{
    const int64_t end = smaller(job->samples->n, (chunk + 1) * CHUNK);
    int64_t i = chunk * CHUNK;
    if (kind == FG_SCORE_F32)
        WIDEN_TO_FLOATS(float);
    else if (kind == FG_SCORE_F64)
        WIDEN_TO_FLOATS(double);
    for (; i < end; i++)
        widen(job, key_of(job->samples, kind, i, &job->bad));
}
CHUNK_BY_KIND(find_span)

FG_INLINE void count_cuts_kind(pack_job *job, int kind, int64_t chunk)
{
    const int64_t end = smaller(job->samples->n, (chunk + 1) * CHUNK);
    const uint64_t first = job->first;
    const int shift = job->shift;
    int64_t *ends = job->ends;
    int bad = 0;
    for (int64_t i = chunk * CHUNK; i < end; i++) {
        const uint64_t digit = (key_of(job->samples, kind, i, &bad) >> shift) - first;
        ends[digit < MAX_CUTS ? digit : 0]++;
    }
    job->bad |= bad;
}
CHUNK_BY_KIND(count_cuts)

/* With cuts every word goes where its digit stands; without, the halves are packed from both ends. */
FG_INLINE void pack_samples(pack_job *job, int kind, int cut, int64_t chunk)
{
    const fg_samples *samples = job->samples;
    uint32_t *narrow = job->out->words;
    uint64_t *wide = job->out->words;
    int64_t front = job->out->front, back = job->back, positives = 0, *places = job->places;
    const uint64_t first = job->first;
    const int shift = job->shift, top = kind == FG_SCORE_F32 ? 31 : 63;
    const int64_t end = smaller(samples->n, (chunk + 1) * CHUNK);
    uint8_t bytes_of_block[FG_BLOCK];
    int bad = 0;
    for (int64_t i = chunk * CHUNK; i < end && !job->bad; i += FG_BLOCK) {
        const int64_t n = smaller(FG_BLOCK, end - i);
        const uint8_t *labels = fg_label_bytes(samples->labels, samples->label_kind, i, n, bytes_of_block);
        if (!labels) {
            job->bad = 1;
            return;
        }
        for (int64_t j = 0; j < n; j++) {
            const uint64_t key = key_of(samples, kind, i + j, &bad), word = key << 1 | labels[j];
            const int64_t high = (int64_t)(key >> top);
            const uint64_t digit = cut ? (key >> shift) - first : 0;
            /* Scores that another thread changes after they are counted must not lead out of the words. */
            if (cut && (digit >= MAX_CUTS || places[digit] >= job->ends[digit])) {
                bad = 1;
                continue;
            }
            const int64_t place = cut ? places[digit]++ : front;
            if (kind == FG_SCORE_F32)
                narrow[place] = (uint32_t)word;
            else
                wide[place] = word;
            if (!cut && kind == FG_SCORE_F32)
                narrow[back - 1] = (uint32_t)word;
            else if (!cut)
                wide[back - 1] = word;
            front += 1 - high;
            back -= high;
            positives += labels[j];
        }
    }
    job->bad |= bad;
    job->out->front = front;
    job->out->positives += positives;
    job->back = back;
}

FG_INLINE void pack_halves_kind(pack_job *job, int kind, int64_t chunk) { pack_samples(job, kind, 0, chunk); }
CHUNK_BY_KIND(pack_halves)

FG_INLINE void pack_cuts_kind(pack_job *job, int kind, int64_t chunk) { pack_samples(job, kind, 1, chunk); }
CHUNK_BY_KIND(pack_cuts)

/* As in the sort: asks for fresh pages in order, chunk by chunk. */
static void touch(void *job_, int64_t chunk, int slot)
{
    const pack_job *job = job_;
    (void)slot;
    const int64_t word = job->samples->score_kind == FG_SCORE_F32 ? sizeof(uint32_t) : sizeof(uint64_t);
    volatile char *bytes = job->out->words;
    const int64_t end = smaller(job->samples->n, (chunk + 1) * CHUNK) * word;
    for (int64_t i = chunk * CHUNK * word; i < end; i += PAGE)
        bytes[i] = 0;
}

/* Counts the words up to the end of each digit. */
static int count_by_digit(const fg_team *team, pack_job *job, int64_t chunks)
{
    int status = team->parallel(chunks, 1, find_span, job);
    if (status != FG_OK)
        return status;
    while ((job->high >> job->shift) - (job->low >> job->shift) >= MAX_CUTS)
        job->shift++;
    job->first = job->low >> job->shift;
    status = team->parallel(chunks, 1, count_cuts, job);
    for (int64_t digit = 1; digit < job->n_digits; digit++)
        job->ends[digit] += job->ends[digit - 1];
    return status == FG_OK && job->bad ? FG_BAD_VALUE : status;
}

/* The digit after the last of the part that begins with `digit`, whose words begin at `begin`. */
static int64_t end_of_part(const pack_job *job, int64_t digit, int64_t begin)
{
    const uint64_t middle = UINT64_C(1) << (key_bits(job->samples) - 1 - job->shift); /* the first with the top bit set */
    for (digit++; digit < job->n_digits && job->first + (uint64_t)digit != middle; digit++)
        if (job->ends[digit] - begin > PART)
            break;
    return digit;
}

/* The most words that a part has. */
static int64_t largest_part(const pack_job *job)
{
    int64_t most = 0;
    for (int64_t digit = 0, begin = 0; digit < job->n_digits; begin = job->ends[digit - 1]) {
        digit = end_of_part(job, digit, begin);
        most = job->ends[digit - 1] - begin > most ? job->ends[digit - 1] - begin : most;
    }
    return most;
}

/* Words, and `spare` more behind them. */
static int allocate_words(const pack_job *job, int64_t spare)
{
    const size_t word = (size_t)key_bits(job->samples) / 8;
    if ((size_t)job->samples->n > SIZE_MAX / (2 * word) - 64)
        return FG_NO_MEMORY;
    job->out->words = fg_malloc_large((size_t)(job->samples->n + spare) * word + 1);
    return job->out->words ? FG_OK : FG_NO_MEMORY;
}

static int pack_in_halves(const fg_team *team, pack_job *job, int64_t chunks)
{
    const int64_t n = job->samples->n;
    job->shift = key_bits(job->samples) - 1;
    job->back = n;
    int status = allocate_words(job, n);
    if (status == FG_OK)
        status = team->parallel(chunks, 1, pack_halves, job);
    job->ends[0] = job->out->front;
    job->ends[1] = n;
    return status;
}

static int pack_in_cuts(const fg_team *team, pack_job *job, int64_t chunks)
{
    int status = count_by_digit(team, job, chunks);
    if (status == FG_OK)
        status = allocate_words(job, largest_part(job));
    if (status == FG_OK)
        status = team->parallel(chunks, 1, touch, job);
    for (int64_t digit = 1; digit < job->n_digits; digit++)
        job->places[digit] = job->ends[digit - 1];
    return status == FG_OK ? team->parallel(chunks, 1, pack_cuts, job) : status;
}

int fg_sort_words(const fg_team *team, void *words, void *spare, int64_t n, int narrow)
{
    return narrow ? sort_words_32_items(team, words, spare, n) : sort_words_64_items(team, words, spare, n);
}

static int sort_part(const fg_team *team, const pack_job *job, int64_t begin, int64_t end)
{
    const int narrow = job->samples->score_kind == FG_SCORE_F32;
    const int64_t word = key_bits(job->samples) / 8;
    char *words = job->out->words;
    return fg_sort_words(team, words + begin * word, words + job->samples->n * word, end - begin, narrow);
}

static int sort_parts(const fg_team *team, const pack_job *job)
{
    int status = FG_OK;
    for (int64_t digit = 0, begin = 0; digit < job->n_digits && status == FG_OK; begin = job->ends[digit - 1]) {
        digit = end_of_part(job, digit, begin);
        status = sort_part(team, job, begin, job->ends[digit - 1]);
    }
    return status;
}

static int pack_and_sort(const fg_team *team, pack_job *job)
{
    const int64_t chunks = (job->samples->n + CHUNK - 1) / CHUNK;
    const int cut = job->n_digits == MAX_CUTS;
    fg_ran(team, "roc_auc", fg_sort_algorithms[cut ? FG_CUT_RADIX_SORT : FG_RADIX_SORT], 1);
    fg_fenv saved = fg_fenv_enter();
    int status = cut ? pack_in_cuts(team, job, chunks) : pack_in_halves(team, job, chunks);
    fg_fenv_leave(saved);
    if (status == FG_OK && job->bad)
        status = FG_BAD_VALUE;
    return status == FG_OK ? sort_parts(team, job) : status;
}

int fg_sort_samples(const fg_team *team, const fg_samples *samples, int cut, fg_words *out)
{
    const int64_t n_digits = cut ? MAX_CUTS : 2;
    *out = (fg_words){.n = samples->n};
    pack_job *job = calloc(1, sizeof *job + 2 * (size_t)n_digits * sizeof *job->ends);
    if (!job)
        return FG_NO_MEMORY;
    job->samples = samples;
    job->out = out;
    job->low = ~UINT64_C(0);
    job->n_digits = n_digits;
    job->places = job->ends + n_digits;
    const int status = pack_and_sort(team, job);
    free(job);
    return status;
}

int fg_sort_records(const fg_team *team, fg_record *records, fg_record *spare, int64_t n)
{
    return sort_records_items(team, records, spare, n);
}
