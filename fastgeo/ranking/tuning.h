/* Tuned constants of the ranking family that choose between algorithms: unit, reason, and the lines of bench/algorithms.py
   that show them. Only plan.c reads them. */
#ifndef FG_RANKING_TUNING_H
#define FG_RANKING_TUNING_H

/* histogram_auc: samples below which waking a helper costs more than it brings. */
enum { MIN_FOR_THREADS = 1 << 19 };

/* Bins up to which private counters stay in the first-level cache, and samples for each bin from which on clearing and
   adding them up pays (bench/algorithms.py: histogram_auc). */
enum { MANY_BINS = 4096, MANY_SAMPLES = 48 };

/* Bins whose fresh memory takes long to clear (4 MiB), and samples from which on most of its large pages are wanted. */
enum { MANY_PAGES = 1 << 18, SOME_SAMPLES = 1 << 10 };

/* Bytes of sorted words from which on they are cut by leading digit first, so that the cache holds what is being sorted
   (bench/algorithms.py: roc_auc). */
enum { MIN_FOR_CUTS = 1 << 22 };

#endif
