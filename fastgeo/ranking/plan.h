/* What the calls of this family run: pure functions of team and call. Nothing else chooses. */
#ifndef FG_RANKING_PLAN_H
#define FG_RANKING_PLAN_H

#include "ranking/histogram.h"
#include "ranking/sort.h"
#include "runtime/plan.h"

enum { FG_SHARED_COUNTS, FG_PRIVATE_COUNTS, FG_HISTOGRAM_ALGORITHMS };
enum { FG_RADIX_SORT, FG_CUT_RADIX_SORT, FG_RECORD_SORT, FG_SORT_ALGORITHMS };

extern const char *const fg_histogram_algorithms[FG_HISTOGRAM_ALGORITHMS];
extern const char *const fg_sort_algorithms[FG_SORT_ALGORITHMS];

/* Samples of a chunk of a histogram, multiples of FG_BLOCK. With private counters, of 32 bits: 0.1 ms. With shared ones each
   sample may ask the system for a page of its own: 20 ms at worst. */
enum { FG_PRIVATE_CHUNK = 1 << 18, FG_SHARED_CHUNK = 1 << 14 };

typedef struct {
    int algorithm, threads;
    int64_t chunks;
    int touches; /* whether fresh counts are touched first, in order */
    const char *reason;
} fg_ranking_plan;

/* FG_OK, or FG_REFUSED where the forced algorithm cannot serve the call. */
int fg_plan_histogram(const fg_team *team, const fg_histogram_call *call, fg_ranking_plan *plan);

/* What a sort must deliver: words of score and label, records that lead back to the sample, or either. */
enum { FG_WANTS_WORDS = 1, FG_WANTS_RECORDS = 2 };

/* How n ≥ 1 samples are sorted, whose words have so many bytes. As above. */
int fg_plan_sort(const fg_team *team, int64_t n, int64_t word_bytes, int wants, fg_ranking_plan *plan);

/* Tells the plan to whoever asks: FG_OK, or FG_EXPLAINED. */
int fg_tell_sort(const fg_team *team, const fg_ranking_plan *plan, int64_t scratch_bytes);

#endif
