/* Boxes by descending score, lowest index first among equals. */
#ifndef FG_SCORE_ORDER_H
#define FG_SCORE_ORDER_H

#include <stdint.h>
#include <string.h>

#include "runtime/runtime.h"

/* The upper half of the score's key over the box index: as integers, in the order wanted. */
typedef uint64_t fg_ranked;

static inline int64_t fg_ranked_index(fg_ranked entry) { return (int64_t)(entry & 0xffffffffu); }

/* Keys that rise as the score falls. Adding 0 makes -0 and 0 equal. */
static inline uint32_t fg_score_key_f32(float score)
{
    uint32_t bits;
    score += 0.0f;
    memcpy(&bits, &score, sizeof bits);
    return bits >> 31 ? bits : ~bits & 0x7fffffffu;
}

static inline uint64_t fg_score_key_f64(double score)
{
    uint64_t bits;
    score += 0.0;
    memcpy(&bits, &score, sizeof bits);
    return bits >> 63 ? bits : ~bits & 0x7fffffffffffffffu;
}

static inline double fg_score(const void *scores, int is_f64, int64_t i)
{
    return is_f64 ? ((const double *)scores)[i] : (double)((const float *)scores)[i];
}

static inline fg_ranked fg_rank(const void *scores, int is_f64, int64_t i)
{
    const uint64_t key = is_f64 ? fg_score_key_f64(((const double *)scores)[i]) >> 32
                                : fg_score_key_f32(((const float *)scores)[i]);
    return key << 32 | (uint64_t)i;
}

/* Sorts `n` entries made by fg_rank, which come by ascending index; `scratch` holds as many. The result is in `entries`.
   Inside a chunk of the thread at `slot`: FG_OK, or FG_INTERRUPTED and they are in no order. */
int fg_sort_ranked(const fg_team *team, int slot, fg_ranked *entries, fg_ranked *scratch, int64_t n,
                   const void *scores, int is_f64);

/* 1 if box i comes before box j. */
static inline int fg_ranks_before(const void *scores, int is_f64, int64_t i, int64_t j)
{
    const double a = fg_score(scores, is_f64, i), b = fg_score(scores, is_f64, j);
    return a > b || (a == b && i < j);
}

#endif
