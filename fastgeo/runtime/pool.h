/* The thread pool: started at first use, shared by all families; helpers sleep soon after a job. */
#ifndef FG_POOL_H
#define FG_POOL_H

#include "runtime/runtime.h"

enum { FG_MAX_THREADS = 256 };

/* Called between the chunks that the calling thread runs, every few milliseconds; non-zero stops the job. */
typedef int fg_poll(void);

/* Once, at import. */
void fg_pool_setup(fg_poll *poll);

/* The process default. These two are exported: threadpoolctl finds the library by them, and may pass any number, which is
   clamped to 1 … FG_MAX_THREADS. */
#ifdef _WIN32
#define FG_EXPORT __declspec(dllexport)
#else
#define FG_EXPORT __attribute__((visibility("default")))
#endif
FG_EXPORT void fg_set_default_threads(int n);
FG_EXPORT int fg_default_threads(void);

/* For the calling thread only; 0 takes it back. Returns the value before. */
int fg_set_thread_limit(int n);

/* How many threads a call from this thread may use: its limit, or else the process default. */
int fg_threads_now(void);

/* A call starts on this thread, and no signal has asked it to stop; one that a signal ended left word of that behind. */
void fg_begin_call(void);

/* The functions of fg_team. */
int fg_parallel(int64_t n_chunks, int threads, fg_chunk *run, void *job);
int fg_stopped(int slot);

#endif
