#include "runtime/pool.h"

#include <stdatomic.h>
#include <time.h>

#include "runtime/fenv.h"
#include "runtime/threads.h"

/* One job at a time. Whoever finds the pool busy runs its chunks alone: never blocked, never oversubscribed. */
typedef struct {
    fg_mutex lock;
    fg_cond wake, done;
    int n_workers; /* started so far */
    int seats;     /* how many more workers may join the current job */
    int next_slot; /* slot of the next worker to join */
    int running;   /* workers inside the current job */
    fg_chunk *run;
    void *job;
    int64_t n_chunks;
} fg_pool;

static const fg_pool fresh_pool = {.lock = FG_MUTEX_INIT, .wake = FG_COND_INIT, .done = FG_COND_INIT};
static fg_pool pool = {.lock = FG_MUTEX_INIT, .wake = FG_COND_INIT, .done = FG_COND_INIT};
static atomic_flag busy = ATOMIC_FLAG_INIT;
static _Atomic int64_t next_chunk;
static atomic_int forks; /* how many forks lie between the first process and this one */
static atomic_int default_threads = 1;
static _Thread_local int thread_limit;
static _Thread_local double last_poll;
static _Thread_local unsigned single_chunks;
static fg_poll *poll_callback;

static void run_chunks(int slot)
{
    int64_t chunk;
    while ((chunk = atomic_fetch_add(&next_chunk, 1)) < pool.n_chunks)
        pool.run(pool.job, chunk, slot);
}

static void serve_jobs(void)
{
    fg_fenv_enter();
    fg_lock(&pool.lock);
    for (;;) {
        while (pool.seats == 0)
            fg_wait(&pool.wake, &pool.lock);
        pool.seats--;
        pool.running++;
        int slot = pool.next_slot++;
        fg_unlock(&pool.lock);
        run_chunks(slot);
        fg_lock(&pool.lock);
        if (--pool.running == 0)
            fg_wake_all(&pool.done);
    }
}

static FG_THREAD_MAIN(worker_main)
{
    (void)unused;
    serve_jobs();
    return 0;
}

/* The child has none of the workers. A mutex held by one of them at the fork would stay locked: start afresh. */
static void forget_workers(void)
{
    pool = fresh_pool;
    atomic_flag_clear(&busy);
    atomic_fetch_add(&forks, 1);
}

void fg_pool_setup(fg_poll *poll)
{
    poll_callback = poll;
    fg_at_fork(forget_workers);
}

void fg_set_default_threads(int n) { atomic_store(&default_threads, n); }

int fg_default_threads(void) { return thread_limit ? thread_limit : atomic_load(&default_threads); }

int fg_set_thread_limit(int n)
{
    int before = thread_limit;
    thread_limit = n;
    return before;
}

int fg_slots(int n_threads)
{
    int n = n_threads > 0 ? n_threads : fg_default_threads();
    return n < FG_MAX_THREADS ? n : FG_MAX_THREADS;
}

/* To some milliseconds, where that is cheaper: a small call shall not pay for reading the clock. */
static double seconds(void)
{
    struct timespec now;
#ifdef CLOCK_MONOTONIC_COARSE
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
#else
    timespec_get(&now, TIME_UTC);
#endif
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Polls, but not more often than every 20 ms of this thread. The clock is read across calls, since an algorithm may
   make many short ones. */
static int poll_if_due(void)
{
    const double interval = 0.02;
    const double now = seconds();
    if (now - last_poll < interval && now >= last_poll)
        return 0;
    last_poll = now;
    return poll_callback && poll_callback();
}

/* The calling thread's share: all chunks, or those it takes from the shared counter; a poll from time to time. */
static int run_polling(int64_t n_chunks, fg_chunk *run, void *job, int shared)
{
    const int forks_before = atomic_load(&forks);
    for (int64_t own = 0;; own++) {
        int64_t chunk = shared ? atomic_fetch_add(&next_chunk, 1) : own;
        if (chunk >= n_chunks)
            return FG_OK;
        run(job, chunk, 0);
        const int stop = poll_if_due();
        if (shared && atomic_load(&forks) != forks_before)
            return FG_FORKED;
        if (stop)
            return FG_INTERRUPTED;
    }
}

static void open_job(int64_t n_chunks, int helpers, fg_chunk *run, void *job)
{
    fg_lock(&pool.lock);
    pool.run = run;
    pool.job = job;
    pool.n_chunks = n_chunks;
    pool.next_slot = 1;
    pool.seats = helpers;
    atomic_store(&next_chunk, 0);
    while (pool.n_workers < helpers && fg_start_thread(worker_main))
        pool.n_workers++;
    for (int i = 0; i < helpers; i++)
        fg_wake_one(&pool.wake);
    fg_unlock(&pool.lock);
}

/* Takes back the seats that no worker has come for, then waits for those inside. */
static void close_job(void)
{
    fg_lock(&pool.lock);
    pool.seats = 0;
    while (pool.running > 0)
        fg_wait(&pool.done, &pool.lock);
    fg_unlock(&pool.lock);
}

int fg_parallel(int64_t n_chunks, int n_threads, fg_chunk *run, void *job)
{
    if (n_chunks == 1) {
        run(job, 0, 0);
        /* Even so, every fourth small call will do. */
        return ++single_chunks % 4 == 0 && poll_if_due() ? FG_INTERRUPTED : FG_OK;
    }
    int slots = fg_slots(n_threads);
    int64_t threads = slots < n_chunks ? slots : n_chunks;
    if (threads <= 1 || atomic_flag_test_and_set(&busy))
        return run_polling(n_chunks, run, job, 0);
    open_job(n_chunks, (int)threads - 1, run, job);
    int status = run_polling(n_chunks, run, job, 1);
    if (status == FG_FORKED)
        return status;
    if (status != FG_OK)
        atomic_store(&next_chunk, n_chunks);
    close_job();
    atomic_flag_clear(&busy);
    return status;
}
