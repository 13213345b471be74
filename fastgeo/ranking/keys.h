/* Scores and group ids as unsigned integers of the same order. Adding zero turns -0 into +0; a negative float is
   turned over, a positive one put above it. */
#ifndef FG_KEYS_H
#define FG_KEYS_H

#include <stdint.h>
#include <string.h>

enum { FG_SCORE_F32, FG_SCORE_F64, FG_SCORE_I64, FG_SCORE_U64 };

#define FG_INLINE static inline __attribute__((always_inline))

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

static inline uint32_t fg_key_32(const void *scores, int kind, int64_t i, int *nan)
{
    (void)kind;
    const uint32_t top = UINT32_C(1) << 31;
    float score = ((const float *)scores)[i] + 0.0f;
    uint32_t bits;
    memcpy(&bits, &score, sizeof bits);
    *nan |= score != score;
    return bits ^ ((0 - (bits >> 31)) | top);
}

static inline uint64_t fg_key_64(const void *scores, int kind, int64_t i, int *nan)
{
    const uint64_t top = UINT64_C(1) << 63;
    if (kind == FG_SCORE_I64)
        return ((const uint64_t *)scores)[i] ^ top;
    if (kind == FG_SCORE_U64)
        return ((const uint64_t *)scores)[i];
    double score = (kind == FG_SCORE_F32 ? (double)((const float *)scores)[i] : ((const double *)scores)[i]) + 0.0;
    uint64_t bits;
    memcpy(&bits, &score, sizeof bits);
    *nan |= score != score;
    return bits ^ ((0 - (bits >> 63)) | top);
}

/* The way back, from a key without its top bit: what to combine it with by exclusive or, by whether that bit was set,
   so that the bits of the score come out. */
static inline uint64_t fg_score_flip(int kind, int top_set)
{
    const uint64_t top = UINT64_C(1) << 63;
    if (kind == FG_SCORE_I64)
        return top_set ? 0 : top;
    if (kind == FG_SCORE_U64)
        return top_set ? top : 0;
    return top_set ? 0 : ~UINT64_C(0); /* of float32 the lower half */
}

#endif
