# What the families take from the runtime extension. A cimport goes through a capsule: nothing is linked twice.
from libc.stdint cimport int64_t


cdef extern from "runtime/plan.h" nogil:
    ctypedef void fg_chunk(void *job, int64_t chunk, int slot)
    ctypedef struct fg_plan:
        const char *choice
        const char *algorithm
        const char *reason
        int threads
        int64_t chunks
        int64_t scratch_bytes
    ctypedef struct fg_forcing:
        const char *choice
        const char *algorithm
        const fg_forcing *outer
    ctypedef struct fg_probe:
        const fg_forcing *forcing
        const char *wanted
        fg_plan plan
        const char *refusal
        fg_forcing refused
        void (*count)(const char *choice, const char *algorithm, int isa, int threads)
    ctypedef struct fg_team:
        int isa
        int size
        int (*parallel)(int64_t n_chunks, int threads, fg_chunk *run, void *job)
        int (*stopped)(int slot)
        fg_probe *probe

# The team of one call: resolved once, before anything is planned or allocated. `n_threads` is the caller's argument.
cdef int open_team(fg_team *team, n_threads) except -1

# Turns a C status into its exception. FG_BAD_VALUE is the family's own business.
cdef int raise_status(int status) except -1
