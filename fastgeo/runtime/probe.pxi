# Forcing algorithms, explaining calls and counting what ran: the Python side of runtime/plan.h. Part of core.pyx.
from libc.stdlib cimport calloc, free


class Explained(Exception):
    """Ends a call of which only the plan was wanted."""


cdef class _Probe:
    """What this thread asks of its calls; owns the memory that the C side points to."""
    cdef fg_probe probe
    cdef list names  # keeps the bytes alive that forcings point to

    def __cinit__(self):
        self.names = []

    def __dealloc__(self):
        while self.probe.forcing != NULL:
            self.pop()

    cdef int push(self, bytes choice, bytes algorithm) except -1:
        cdef fg_forcing *forcing = <fg_forcing *>calloc(1, sizeof(fg_forcing))
        if forcing == NULL:
            raise MemoryError
        self.names.append((choice, algorithm))
        forcing.choice = choice
        forcing.algorithm = algorithm
        forcing.outer = self.probe.forcing
        self.probe.forcing = forcing
        return 0

    cdef void pop(self) noexcept:
        cdef fg_forcing *forcing = <fg_forcing *>self.probe.forcing
        self.probe.forcing = forcing.outer
        free(forcing)


_probes = threading.local()


cdef _Probe _open_probe():
    """This thread's probe, made at first use and in force from then on until `_close_probe`."""
    cdef _Probe probe = getattr(_probes, "probe", None)
    if probe is None:
        probe = _probes.probe = _Probe()
    probe.probe.count = fg_count_run
    fg_set_thread_probe(&probe.probe)
    return probe


cdef void _close_probe(_Probe probe):
    """Calls are as before again once nothing is asked of them any more."""
    if probe.probe.forcing == NULL and probe.probe.wanted == NULL:
        fg_set_thread_probe(NULL)


def push_forced(str choice, str algorithm):
    """Until `pop_forced`, calls from this thread use `algorithm` where `choice` is made."""
    _open_probe().push(choice.encode(), algorithm.encode())


def pop_forced():
    cdef _Probe probe = _probes.probe
    probe.pop()
    probe.names.pop()
    _close_probe(probe)


def forced(str choice):
    """The algorithm that this thread forces for `choice`; None: the plan chooses."""
    cdef fg_probe *probe = fg_thread_probe()
    cdef const fg_forcing *forcing = NULL
    if probe != NULL:
        forcing = probe.forcing
    while forcing != NULL:
        if forcing.choice == choice.encode():
            return forcing.algorithm.decode()
        forcing = forcing.outer
    return None


def plan_of(str choice, call):
    """The plan for `choice` that the call makes, as a dictionary; None where it returned without making one."""
    cdef _Probe probe = _open_probe()
    wanted = choice.encode()
    cdef const char *before = probe.probe.wanted
    probe.probe.wanted = wanted
    try:
        call()
        return None
    except Explained:
        plan = probe.probe.plan
        return {"algorithm": plan.algorithm.decode(), "threads": plan.threads, "chunks": plan.chunks,
                "scratch_bytes": plan.scratch_bytes, "reason": plan.reason.decode()}
    finally:
        probe.probe.wanted = before
        _close_probe(probe)


def is_explaining(str choice):
    """Whether the running call is asked for its plan of `choice` alone: Python code on the way to it can save its work."""
    cdef fg_probe *probe = fg_thread_probe()
    return probe != NULL and probe.wanted != NULL and probe.wanted == choice.encode()


def count_runs(bint counting):
    """Start to count which algorithms run, in every thread, from zero; or stop."""
    fg_count_runs(counting)


def run_counts():
    """(choice, algorithm, instruction set, threads) -> how often it ran since `count_runs(True)`."""
    cdef int n = fg_read_counts(NULL, 0)
    cdef fg_run_count *rows = <fg_run_count *>calloc(n + 1, sizeof(fg_run_count))
    if rows == NULL:
        raise MemoryError
    try:
        n = min(n, fg_read_counts(rows, n))
        return {(rows[i].choice.decode(), rows[i].algorithm.decode(), fg_isa_names[rows[i].isa].decode(),
                 rows[i].threads): rows[i].runs for i in range(n)}
    finally:
        free(rows)


cdef int raise_refusal() except -1:
    cdef fg_probe *probe = fg_thread_probe()
    raise ValueError(f"{probe.refused.choice.decode()}: the algorithm {probe.refused.algorithm.decode()!r} cannot serve "
                     f"this call: {probe.refusal.decode()}")
