/* What the stages of an evaluation share: ranked detections, and lanes. */
#ifndef FG_RECORDS_H
#define FG_RECORDS_H

#include <stddef.h>

#include "runtime/runtime.h"

/* A lane is one threshold of overlap in one range of areas: lane a · T + t. Sets of lanes are words of 64 bits, so that
   one pass over the detections serves 64 lanes. */
enum { FG_LANES = 64 };

/* Loops poll after so many steps. */
enum { FG_POLLED_STEPS = 1 << 14 };

/* A detection in its place: class by class, by descending score. */
typedef struct {
    uint64_t key; /* orders scores, the highest first */
    uint32_t detection, image;
} fg_ranked;

static inline int64_t fg_words_of(int64_t lanes) { return (lanes + FG_LANES - 1) / FG_LANES; }

static inline uint64_t fg_low_lanes(int64_t n) { return n >= FG_LANES ? ~(uint64_t)0 : ((uint64_t)1 << n) - 1; }

#endif
