/* The few operations of POSIX and Windows that the pool needs, under one set of names. fg_seconds(coarse): of a clock that
   is never set; to some milliseconds where that is cheaper, since a small call shall not pay for reading it. */
#ifndef FG_THREADS_H
#define FG_THREADS_H

#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

typedef SRWLOCK fg_mutex;
typedef CONDITION_VARIABLE fg_cond;
#define FG_MUTEX_INIT SRWLOCK_INIT
#define FG_COND_INIT CONDITION_VARIABLE_INIT
static inline void fg_lock(fg_mutex *m) { AcquireSRWLockExclusive(m); }
static inline void fg_unlock(fg_mutex *m) { ReleaseSRWLockExclusive(m); }
static inline void fg_wait(fg_cond *c, fg_mutex *m) { SleepConditionVariableSRW(c, m, INFINITE, 0); }
static inline void fg_wait_ms(fg_cond *c, fg_mutex *m, int ms) { SleepConditionVariableSRW(c, m, (DWORD)ms, 0); }
static inline void fg_wake_one(fg_cond *c) { WakeConditionVariable(c); }
static inline void fg_wake_all(fg_cond *c) { WakeAllConditionVariable(c); }

#define FG_THREAD_MAIN(name) DWORD WINAPI name(LPVOID unused)

/* Starts a detached thread; returns 0 if the system has none left. */
static inline int fg_start_thread(LPTHREAD_START_ROUTINE main)
{
    HANDLE thread = CreateThread(NULL, 0, main, NULL, 0, NULL);
    if (thread)
        CloseHandle(thread);
    return thread != NULL;
}
static inline void fg_at_fork(void (*child)(void)) { (void)child; }

static inline double fg_seconds(int coarse)
{
    LARGE_INTEGER ticks, per_second;
    if (coarse)
        return 1e-3 * (double)GetTickCount64();
    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&per_second);
    return (double)ticks.QuadPart / (double)per_second.QuadPart;
}

#else
#include <pthread.h>
#include <signal.h>
#include <time.h>

typedef pthread_mutex_t fg_mutex;
typedef pthread_cond_t fg_cond;
#define FG_MUTEX_INIT PTHREAD_MUTEX_INITIALIZER
#define FG_COND_INIT PTHREAD_COND_INITIALIZER
static inline void fg_lock(fg_mutex *m) { pthread_mutex_lock(m); }
static inline void fg_unlock(fg_mutex *m) { pthread_mutex_unlock(m); }
static inline void fg_wait(fg_cond *c, fg_mutex *m) { pthread_cond_wait(c, m); }
static inline void fg_wait_ms(fg_cond *c, fg_mutex *m, int ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    const long ns = until.tv_nsec + ms * 1000000L;
    until.tv_sec += ns / 1000000000L;
    until.tv_nsec = ns % 1000000000L;
    pthread_cond_timedwait(c, m, &until);
}
static inline void fg_wake_one(fg_cond *c) { pthread_cond_signal(c); }
static inline void fg_wake_all(fg_cond *c) { pthread_cond_broadcast(c); }

#define FG_THREAD_MAIN(name) void *name(void *unused)

/* Starts a detached thread that takes no signals; returns 0 if the system has none left. */
static inline int fg_start_thread(void *(*main)(void *))
{
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&thread, 0, main, 0);
    pthread_sigmask(SIG_SETMASK, &before, 0);
    if (!failed)
        pthread_detach(thread);
    return !failed;
}
static inline void fg_at_fork(void (*child)(void)) { pthread_atfork(0, 0, child); }

#ifndef CLOCK_MONOTONIC_COARSE
#define CLOCK_MONOTONIC_COARSE CLOCK_MONOTONIC
#endif
static inline double fg_seconds(int coarse)
{
    struct timespec now;
    clock_gettime(coarse ? CLOCK_MONOTONIC_COARSE : CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
#endif

/* Between two looks at what another thread may change. */
static inline void fg_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

#endif
