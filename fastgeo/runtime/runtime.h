/* What a room's C code sees of the runtime: one struct, fetched once through the capsule of runtime/core. */
#ifndef FG_RUNTIME_H
#define FG_RUNTIME_H

#include <stdint.h>

#include "runtime/isa.h"

/* How every C entry answers. */
enum {
    FG_OK = 0,
    FG_NO_MEMORY,
    FG_BAD_VALUE,   /* the input breaks the contract; runtime/checks.py finds where and says so */
    FG_INTERRUPTED, /* the poll callback has set a Python exception */
    FG_FORKED       /* this process was forked off inside the call; its helpers stayed behind */
};

/* One piece of work: chunk i of the job. `slot` is below the count given by slots(): index scratch memory with it. */
typedef void fg_chunk(void *job, int64_t chunk, int slot);

typedef struct {
    int isa; /* the active row of FG_ISA_LIST */

    /* How many threads may take part when the caller passes n_threads (0: the default). */
    int (*slots)(int n_threads);

    /* Runs chunks 0 … n_chunks - 1 on at most slots(n_threads) threads, the caller among them. Chunk borders must
       not depend on the thread count, and a chunk must stay below 20 ms, so that Ctrl-C is answered in time.
       Returns FG_OK, FG_INTERRUPTED or FG_FORKED; after the latter two some chunks have not run. */
    int (*parallel)(int64_t n_chunks, int n_threads, fg_chunk *run, void *job);

    /* For a chunk that cannot be as short: asked every few ms, says whether to leave the rest undone. parallel() will not
       return FG_OK then. */
    int (*stopped)(int slot);
} fg_runtime;

#endif
