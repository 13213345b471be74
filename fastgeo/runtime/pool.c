#include "runtime/pool.h"

#include <stdatomic.h>

#include "runtime/fenv.h"
#include "runtime/threads.h"

enum { POLL_MS = 20 };

/* One job at a time. Whoever finds the pool busy runs its chunks alone: never blocked, never oversubscribed. */
typedef struct {
    fg_mutex lock;
    fg_cond wake, done;
    int n_workers;      /* started so far */
    atomic_int seats;   /* how many more workers may join the current job */
    atomic_int running; /* workers inside the current job */
    int next_slot;      /* slot of the next worker to join */
    int n_slots;        /* of the current job */
    atomic_int stopped; /* whether the rest of it is to be left undone */
    fg_chunk *run;
    void *job;
} fg_pool;

/* A slot's own chunks, neighbours: jobs over the same data find them in the cache of the core that had them last. */
typedef struct {
    _Alignas(64) _Atomic int64_t next;
    int64_t end;
} fg_share;

static const fg_pool fresh_pool = {.lock = FG_MUTEX_INIT, .wake = FG_COND_INIT, .done = FG_COND_INIT};
static fg_pool pool = {.lock = FG_MUTEX_INIT, .wake = FG_COND_INIT, .done = FG_COND_INIT};
static atomic_flag busy = ATOMIC_FLAG_INIT;
static fg_share shares[FG_MAX_THREADS];
static atomic_int forks; /* how many forks lie between the first process and this one */
static atomic_int default_threads = 1;
static _Thread_local int thread_limit;
static _Thread_local double last_poll;
static _Thread_local unsigned single_chunks;
static _Thread_local int stop_due; /* a poll said so during the call that this thread is in */
static fg_poll *poll_callback;

static void share_chunks(int64_t n_chunks, int n_slots)
{
    int64_t begin = 0;
    for (int s = 0; s < n_slots; s++) {
        const int64_t end = begin + n_chunks / n_slots + (s < n_chunks % n_slots);
        shares[s].end = end;
        atomic_store(&shares[s].next, begin);
        begin = end;
    }
}

/* From the slot's own share, then from those of the others; -1 if no chunk is left. */
static int64_t take_chunk(int slot)
{
    for (int i = 0; i < pool.n_slots; i++) {
        fg_share *share = shares + (slot + i) % pool.n_slots;
        if (atomic_load(&share->next) >= share->end)
            continue;
        const int64_t chunk = atomic_fetch_add(&share->next, 1);
        if (chunk < share->end)
            return chunk;
    }
    return -1;
}

static void drop_chunks(void)
{
    atomic_store(&pool.stopped, 1);
    for (int s = 0; s < pool.n_slots; s++)
        atomic_store(&shares[s].next, shares[s].end);
}

static void run_chunks(int slot)
{
    for (int64_t chunk; (chunk = take_chunk(slot)) >= 0;)
        pool.run(pool.job, chunk, slot);
}

/* Looks for a moment whether a count is zero, or no longer is: threads that fell asleep at once would spend a tenth of an
   algorithm of many short jobs on waking up. */
static void look_for(const atomic_int *count, int zero)
{
    const double end = fg_seconds(0) + 50e-6; /* as long as a thread takes to wake up */
    while ((atomic_load(count) == 0) != zero && fg_seconds(0) < end)
        fg_relax();
}

static void serve_jobs(void)
{
    fg_fenv_enter();
    for (;;) {
        look_for(&pool.seats, 0);
        fg_lock(&pool.lock);
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
        fg_unlock(&pool.lock);
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

static int clamp_threads(int n) { return n < 1 ? 1 : n < FG_MAX_THREADS ? n : FG_MAX_THREADS; }

void fg_set_default_threads(int n) { atomic_store(&default_threads, clamp_threads(n)); }

int fg_default_threads(void) { return atomic_load(&default_threads); }

int fg_threads_now(void) { return thread_limit ? thread_limit : fg_default_threads(); }

int fg_set_thread_limit(int n)
{
    int before = thread_limit;
    thread_limit = n;
    return before;
}

/* Polls, but not more often than that. The clock is read across calls, since an algorithm may make many short ones. */
static int poll_if_due(void)
{
    const double now = fg_seconds(1);
    if (now - last_poll < 1e-3 * POLL_MS)
        return 0;
    last_poll = now;
    stop_due = poll_callback && poll_callback();
    return stop_due;
}

int fg_stopped(int slot) { return slot > 0 ? atomic_load(&pool.stopped) : stop_due || poll_if_due(); }

static int run_alone(int64_t n_chunks, fg_chunk *run, void *job)
{
    for (int64_t chunk = 0; chunk < n_chunks; chunk++) {
        run(job, chunk, 0);
        if (fg_stopped(0))
            return FG_INTERRUPTED;
    }
    return FG_OK;
}

/* The caller polls for all. A signal handler may fork: the child has no part in the job. */
static int poll_job(int forks_before)
{
    const int stop = fg_stopped(0);
    if (atomic_load(&forks) != forks_before)
        return FG_FORKED;
    if (stop)
        drop_chunks();
    return stop ? FG_INTERRUPTED : FG_OK;
}

static void open_job(int64_t n_chunks, int n_slots, fg_chunk *run, void *job)
{
    const int helpers = n_slots - 1;
    fg_lock(&pool.lock);
    pool.run = run;
    pool.job = job;
    pool.n_slots = n_slots;
    pool.stopped = 0;
    pool.next_slot = 1;
    pool.seats = helpers;
    share_chunks(n_chunks, n_slots);
    while (pool.n_workers < helpers && fg_start_thread(worker_main))
        pool.n_workers++;
    for (int i = 0; i < helpers; i++)
        fg_wake_one(&pool.wake);
    fg_unlock(&pool.lock);
}

/* The caller's part in the job. */
static int run_shared(int forks_before)
{
    int status = FG_OK;
    for (int64_t chunk; status == FG_OK && (chunk = take_chunk(0)) >= 0;) {
        pool.run(pool.job, chunk, 0);
        status = poll_job(forks_before);
    }
    return status;
}

/* Takes back the seats that no worker has come for, then waits for those inside. */
static int close_job(int status, int forks_before)
{
    fg_lock(&pool.lock);
    pool.seats = 0;
    fg_unlock(&pool.lock);
    look_for(&pool.running, 1);
    fg_lock(&pool.lock);
    while (pool.running > 0) {
        fg_wait_ms(&pool.done, &pool.lock, POLL_MS);
        fg_unlock(&pool.lock);
        if (status == FG_OK)
            status = poll_job(forks_before);
        if (status == FG_FORKED)
            return status;
        fg_lock(&pool.lock);
    }
    fg_unlock(&pool.lock);
    return status;
}

void fg_begin_call(void) { stop_due = 0; }

int fg_parallel(int64_t n_chunks, int threads, fg_chunk *run, void *job)
{
    if (n_chunks == 1) {
        run(job, 0, 0);
        /* Even so, every fourth small call will do. */
        return stop_due || (++single_chunks % 4 == 0 && poll_if_due()) ? FG_INTERRUPTED : FG_OK;
    }
    const int n_slots = threads < n_chunks ? threads : (int)n_chunks;
    if (n_slots <= 1 || atomic_flag_test_and_set(&busy))
        return run_alone(n_chunks, run, job);
    const int forks_before = atomic_load(&forks);
    open_job(n_chunks, n_slots, run, job);
    int status = run_shared(forks_before);
    if (status != FG_FORKED)
        status = close_job(status, forks_before);
    if (status != FG_FORKED)
        atomic_flag_clear(&busy);
    return status;
}
