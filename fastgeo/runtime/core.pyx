"""The runtime extension: instruction sets, thread pool, and the capsule through which the families reach them."""
import os
import threading

from libc.stdint cimport int64_t

from fastgeo.runtime import checks
from fastgeo.runtime.cpu_count import usable_cpus


cdef extern from "runtime/runtime.h" nogil:
    enum:
        FG_OK
        FG_NO_MEMORY
        FG_INTERRUPTED
        FG_FORKED
        FG_EXPLAINED
        FG_REFUSED
        FG_ISA_COUNT

cdef extern from "runtime/cpu.h" nogil:
    const char *const fg_isa_names[]
    bint fg_isa_supported(int isa)
    int fg_isa_best()
    const char *fg_feature_name(int feature)
    bint fg_feature_present(int feature)

cdef extern from "runtime/pool.h" nogil:
    enum:
        FG_MAX_THREADS
    void fg_pool_setup(int (*poll)() noexcept nogil)
    void fg_set_default_threads(int n)
    int fg_default_threads()
    int fg_set_thread_limit(int n)
    int fg_threads_now()
    void fg_begin_call()
    int fg_parallel(int64_t n_chunks, int threads, fg_chunk *run, void *job)
    int fg_stopped(int slot)

cdef extern from "runtime/limits.h" nogil:
    int64_t fg_fma_round(int isa)
    double fg_spin_fma(int isa, int64_t rounds)
    double fg_read_floats(int isa, const float *values, int64_t n)

cdef extern from "runtime/probe.h" nogil:
    fg_probe *fg_thread_probe()
    void fg_set_thread_probe(fg_probe *probe)
    void fg_count_run(const char *choice, const char *algorithm, int isa, int threads)
    void fg_count_runs(int counting)
    ctypedef struct fg_run_count:
        const char *choice
        const char *algorithm
        int isa
        int threads
        int64_t runs
    int fg_read_counts(fg_run_count *rows, int most)

cdef extern from *:
    """
    /* Python runs signal handlers in its main thread alone; any other would wait for the GIL for nothing. */
    static unsigned long fg_main_thread;
    static long long fg_polls;

    /* Lets Python's signal handlers run. An exception from one of them stays set and stops the call. */
    static int fg_poll_signals(void)
    {
        if (PyThread_get_thread_ident() != fg_main_thread)
            return 0;
        PyGILState_STATE state = PyGILState_Ensure();
        fg_polls++;
        int stop = PyErr_CheckSignals();
        PyGILState_Release(state);
        return stop;
    }
    static int fg_raise_pending(void) { return PyErr_Occurred() ? -1 : 0; }
    """
    unsigned long fg_main_thread
    long long fg_polls
    int fg_poll_signals() noexcept nogil
    int fg_raise_pending() except -1


cdef int _isa


cdef int open_team(fg_team *team, n_threads) except -1:
    fg_begin_call()
    team.isa = _isa
    team.parallel = fg_parallel
    team.stopped = fg_stopped
    team.probe = fg_thread_probe()
    if n_threads is None:
        team.size = fg_threads_now()
    elif n_threads is 1:
        team.size = 1
    else:
        team.size = min(checks.thread_count(n_threads), FG_MAX_THREADS)
    return 0


cdef int raise_status(int status) except -1:
    if status == FG_OK:
        return 0
    if status == FG_INTERRUPTED or status == FG_FORKED:
        fg_begin_call()  # a team may serve several calls, and the stop was for this one
        fg_raise_pending()  # a signal handler may have raised in a forked child, too
    if status == FG_NO_MEMORY:
        raise MemoryError("fastgeo: not enough memory for this call")
    if status == FG_EXPLAINED:
        raise Explained
    if status == FG_REFUSED:
        raise_refusal()
    if status == FG_FORKED:
        raise RuntimeError("fastgeo: this process was forked inside a running call; call again")
    raise SystemError(f"fastgeo: unexpected status {status} from a kernel; please report it")


def isa_names():
    """Names of the instruction sets compiled in, narrowest first."""
    return [fg_isa_names[i].decode() for i in range(FG_ISA_COUNT)]


def supported_isas():
    """Those of `isa_names` that this CPU and operating system can run."""
    return [name for i, name in enumerate(isa_names()) if fg_isa_supported(i)]


def active_isa():
    """Name of the instruction set in use."""
    return fg_isa_names[_isa].decode()


def set_isa(name):
    """Switch every kernel to the instruction set `name`; for tests, which run each of them in one process."""
    if name not in isa_names():
        raise ValueError(f"instruction set: expected one of {isa_names()}, got {name!r}")
    if name not in supported_isas():
        raise ValueError(f"instruction set {name!r}: this CPU or operating system does not support it "
                         f"(supported: {supported_isas()})")
    global _isa
    _isa = isa_names().index(name)


def cpu_features():
    """The CPU features looked for -> whether CPU and operating system both have them."""
    features = {}
    cdef int i = 0
    while fg_feature_name(i) != NULL:
        features[fg_feature_name(i).decode()] = bool(fg_feature_present(i))
        i += 1
    return features


def poll_count():
    """How often a kernel has taken the GIL to let signal handlers run."""
    return fg_polls


def spin_fma(int64_t rounds):
    """Run `rounds` of independent float32 FMA chains on this thread; return the floating-point operations done."""
    with nogil:
        fg_spin_fma(_isa, rounds)
    return rounds * fg_fma_round(_isa)


def read_floats(const float[::1] values):
    """Read every value once on this thread; return the bytes read."""
    with nogil:
        fg_read_floats(_isa, &values[0], values.shape[0])
    return 4 * values.shape[0]


cdef int _thread_count(n, str source) except -1:
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise TypeError(f"{source}: expected an integer, got {n!r}")
    if not 1 <= n <= FG_MAX_THREADS:
        raise ValueError(f"{source}: expected a number from 1 to {FG_MAX_THREADS}, got {n}")
    return n


def set_num_threads(n):
    """Set how many threads a call may use, in the whole process.

    Parameters
    ----------
    n : int
        From 1 to 256. Results never depend on it.

    Raises
    ------
    ValueError
        If `n` lies outside that range.

    Examples
    --------
    >>> import fastgeo
    >>> before = fastgeo.get_num_threads()
    >>> fastgeo.set_num_threads(2)
    >>> fastgeo.get_num_threads()
    2
    >>> fastgeo.set_num_threads(before)
    """
    fg_set_default_threads(_thread_count(n, "n"))


def get_num_threads():
    """Return how many threads a call from this Python thread may use.

    Returns
    -------
    int
        The limit set by `threads` in this Python thread, or else the process default: `set_num_threads`,
        ``FASTGEO_NUM_THREADS``, or the CPUs this process may use (affinity and cgroup quota).

    Examples
    --------
    >>> import fastgeo
    >>> fastgeo.get_num_threads() >= 1
    True
    """
    return fg_threads_now()


class threads:
    """Context manager: use `n` threads in calls from this Python thread only.

    Parameters
    ----------
    n : int
        From 1 to 256.

    Examples
    --------
    >>> import fastgeo
    >>> with fastgeo.threads(1):
    ...     fastgeo.get_num_threads()
    1
    """

    def __init__(self, n):
        self.n = _thread_count(n, "n")
        self._before = []

    def __enter__(self):
        self._before.append(fg_set_thread_limit(self.n))
        return self

    def __exit__(self, *exception):
        fg_set_thread_limit(self._before.pop())


include "probe.pxi"


def _use_this_thread_for_signals():
    global fg_main_thread
    fg_main_thread = <unsigned long>threading.main_thread().ident


cdef void _start() except *:
    global _isa
    _isa = fg_isa_best()
    fg_pool_setup(fg_poll_signals)
    _use_this_thread_for_signals()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_use_this_thread_for_signals)
    forced_isa = os.environ.get("FASTGEO_ISA")
    if forced_isa:
        try:
            set_isa(forced_isa)
        except ValueError as error:
            raise ValueError(f"FASTGEO_ISA: {error}") from None
    forced_threads = os.environ.get("FASTGEO_NUM_THREADS")
    if forced_threads:
        if not forced_threads.isdigit():
            raise ValueError(f"FASTGEO_NUM_THREADS: expected a number from 1 to {FG_MAX_THREADS}, got {forced_threads!r}")
        fg_set_default_threads(_thread_count(int(forced_threads), "FASTGEO_NUM_THREADS"))
    else:
        fg_set_default_threads(min(usable_cpus(), FG_MAX_THREADS))


_start()
