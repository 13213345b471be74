/* The thread pool under load, for ThreadSanitizer: callers that compete for it, interruptions, changing thread counts.

   Every chunk must run exactly once unless the job was interrupted, and a helper's long chunk must hear of it. Prints how
   many jobs ran; exit code 1 on an error. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "runtime/pool.h"

enum { CALLERS = 6, MAX_CHUNKS = 64, SPIN = 2000, LONG_JOBS = 20, MOST_SECONDS = 20 };

typedef struct {
    int visits[MAX_CHUNKS];       /* plain memory: a chunk run twice at once is a race */
    long by_slot[FG_MAX_THREADS]; /* plain memory: two threads with one slot are a race */
} stress_job;

static atomic_int polls, errors;
static atomic_long jobs;
static int rounds;

/* Interrupts one job in a while. */
static int poll_sometimes(void) { return atomic_fetch_add(&polls, 1) % 7 == 6; }

static void visit(void *argument, int64_t chunk, int slot)
{
    stress_job *job = argument;
    for (int i = 0; i < SPIN; i++)
        job->by_slot[slot]++;
    if (chunk % 8 == 0 && fg_stopped(slot))
        return;
    job->visits[chunk]++;
}

static void *caller(void *argument)
{
    unsigned seed = (unsigned)(size_t)argument;
    for (int round = 0; round < rounds; round++) {
        stress_job job = {0};
        int n_chunks = rand_r(&seed) % MAX_CHUNKS, limit = rand_r(&seed) % 5;
        if (rand_r(&seed) % 4 == 0)
            fg_set_default_threads(rand_r(&seed) % 12 - 1); /* clamped */
        int before = fg_set_thread_limit(limit);
        fg_begin_call();
        int status = fg_parallel(n_chunks, fg_threads_now(), visit, &job);
        fg_set_thread_limit(before);
        for (int chunk = 0; chunk < n_chunks; chunk++)
            if (job.visits[chunk] > 1 || (status == FG_OK && job.visits[chunk] != 1))
                atomic_store(&errors, 1);
        if (status != FG_OK && status != FG_INTERRUPTED)
            atomic_store(&errors, 1);
        atomic_fetch_add(&jobs, 1);
    }
    return NULL;
}

/* The second chunk goes on until it is stopped: by the poll of the caller, who has nothing left to do but wait. */
static void go_on(void *argument, int64_t chunk, int slot)
{
    const time_t begin = *(const time_t *)argument;
    while (chunk == 1 && !fg_stopped(slot))
        if (time(NULL) > begin + MOST_SECONDS) {
            atomic_store(&errors, 1);
            return;
        }
}

static void stop_long_chunks(void)
{
    for (int i = 0; i < LONG_JOBS && !atomic_load(&errors); i++) {
        time_t begin = time(NULL);
        fg_begin_call();
        if (fg_parallel(2, 2, go_on, &begin) != FG_INTERRUPTED)
            atomic_store(&errors, 1);
    }
}

int main(int argc, char **argv)
{
    pthread_t threads[CALLERS];
    rounds = argc > 1 ? atoi(argv[1]) : 500;
    fg_pool_setup(poll_sometimes);
    fg_set_default_threads(4);
    for (size_t i = 0; i < CALLERS; i++)
        if (pthread_create(&threads[i], NULL, caller, (void *)(i + 1)))
            return 1;
    for (int i = 0; i < CALLERS; i++)
        pthread_join(threads[i], NULL);
    stop_long_chunks();
    printf("%ld jobs from %d threads, %d polls\n", atomic_load(&jobs), CALLERS, atomic_load(&polls));
    return atomic_load(&errors);
}
