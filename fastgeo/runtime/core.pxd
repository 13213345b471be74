# What the rooms take from the runtime extension. A cimport goes through a capsule: nothing is linked twice.
from libc.stdint cimport int64_t


cdef extern from "runtime/runtime.h" nogil:
    ctypedef void fg_chunk(void *job, int64_t chunk, int slot)
    ctypedef struct fg_runtime:
        int isa
        int (*slots)(int n_threads)
        int (*parallel)(int64_t n_chunks, int n_threads, fg_chunk *run, void *job)
        int (*stopped)(int slot)

cdef const fg_runtime *runtime() noexcept nogil

# Turns a C status into its exception. FG_BAD_VALUE is the room's own business.
cdef int raise_status(int status) except -1
