/* The probe of each thread, and the counts of what ran while tests count (runtime/plan.h). */
#ifndef FG_PROBE_H
#define FG_PROBE_H

#include "runtime/plan.h"

/* The probe for a call that starts on this thread; NULL: none. */
fg_probe *fg_thread_probe(void);

/* For the calling thread only; NULL takes it away. The probe must outlive its use. */
void fg_set_thread_probe(fg_probe *probe);

/* How often an algorithm ran under one instruction set with so many threads. */
typedef struct {
    const char *choice, *algorithm;
    int isa, threads;
    int64_t runs;
} fg_run_count;

/* Whether calls of every thread are counted; starting clears the counts. */
void fg_count_runs(int counting);

/* What fg_probe.count points to; counts nothing at other times. */
void fg_count_run(const char *choice, const char *algorithm, int isa, int threads);

/* Copies the counts, at most `most` rows; returns how many there are. */
int fg_read_counts(fg_run_count *rows, int most);

#endif
