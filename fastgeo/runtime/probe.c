#include "runtime/probe.h"

#include <stdatomic.h>

#include "runtime/threads.h"

enum { MAX_ROWS = 4096 };

static _Thread_local fg_probe *thread_probe;
static atomic_int counting;
static fg_probe counts_only = {.count = fg_count_run};

static fg_mutex lock = FG_MUTEX_INIT;
static fg_run_count counts[MAX_ROWS];
static int n_rows;

fg_probe *fg_thread_probe(void)
{
    return thread_probe ? thread_probe : atomic_load_explicit(&counting, memory_order_relaxed) ? &counts_only : NULL;
}

void fg_set_thread_probe(fg_probe *probe) { thread_probe = probe; }

void fg_count_runs(int on)
{
    fg_lock(&lock);
    if (on)
        n_rows = 0;
    fg_unlock(&lock);
    atomic_store(&counting, on);
}

static int is_row(const fg_run_count *row, const char *choice, const char *algorithm, int isa, int threads)
{
    return row->isa == isa && row->threads == threads && strcmp(row->algorithm, algorithm) == 0 &&
           strcmp(row->choice, choice) == 0;
}

void fg_count_run(const char *choice, const char *algorithm, int isa, int threads)
{
    if (!atomic_load(&counting))
        return;
    fg_lock(&lock);
    int i = 0;
    while (i < n_rows && !is_row(&counts[i], choice, algorithm, isa, threads))
        i++;
    if (i == n_rows && n_rows < MAX_ROWS)
        counts[n_rows++] = (fg_run_count){choice, algorithm, isa, threads, 0};
    if (i < n_rows)
        counts[i].runs++;
    fg_unlock(&lock);
}

int fg_read_counts(fg_run_count *rows, int most)
{
    fg_lock(&lock);
    const int n = n_rows;
    if (rows)
        memcpy(rows, counts, (size_t)(n < most ? n : most) * sizeof *rows);
    fg_unlock(&lock);
    return n;
}
