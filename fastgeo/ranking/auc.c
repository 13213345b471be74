/* Mann–Whitney: the samples are sorted as integers that hold score and label, then counted in one walk.

   A score becomes an unsigned key of the same order. Its top bit decides between two halves, which are packed from
   both ends of the array; the bit that this sets free takes the label. So a sample is one word, and in the sorted
   array the negatives of one score stand before its positives. */
#include "ranking/auc.h"

#include <stdlib.h>
#include <string.h>

#include "ranking/wide.h"

enum { CHUNK = 1 << 18 };

/* A digit of the radix sort, at most. A pass then writes to 2048 places, which the second-level cache holds. */
enum { DIGIT_BITS = 11, MAX_PASSES = 3 };

/* Fewer words than this are sorted by insertion. */
enum { FEW = 32 };

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

typedef struct {
    const fg_runtime *runtime;
    fg_auc_call *call;
    void *words, *spare;
    int64_t front, back; /* packed so far: words[0 … front) and words[back … n) */
    int bad;
    int64_t positives, negatives;
    uint64_t last_key; /* the walk: key of the last word, and the negatives below it */
    int64_t below;
    fg_wide twice_wins;
} auc_job;

#define WORD_BITS 32
#include "ranking/auc_words.h"
#undef WORD_BITS
#define WORD_BITS 64
#include "ranking/auc_words.h"
#undef WORD_BITS

int fg_auc(const fg_runtime *runtime, fg_auc_call *call)
{
    const int narrow = call->score_kind == FG_SCORE_F32;
    const size_t word = narrow ? sizeof(uint32_t) : sizeof(uint64_t);
    auc_job job = {.runtime = runtime, .call = call, .back = call->n};
    if ((size_t)call->n > SIZE_MAX / (2 * word) - 64)
        return FG_NO_MEMORY;
    job.words = malloc((size_t)call->n * 2 * word + 1);
    if (!job.words)
        return FG_NO_MEMORY;
    job.spare = (char *)job.words + (size_t)call->n * word;
    int status = narrow ? auc_32(&job) : auc_64(&job);
    free(job.words);
    call->positives = job.positives;
    call->auc = fg_wide_auc(job.twice_wins, (uint64_t)job.positives, (uint64_t)job.negatives);
    return status;
}
