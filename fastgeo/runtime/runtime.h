/* What a family's C code sees of the runtime: the team of a call, resolved once at its start. */
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
    FG_FORKED,      /* this process was forked off inside the call; its helpers stayed behind */
    FG_EXPLAINED,   /* explain() asked for the plan alone: runtime/plan.h */
    FG_REFUSED      /* a forced algorithm cannot serve this call: runtime/plan.h */
};

/* One piece of work: chunk i of the job. `slot` is below the number of threads that parallel() was given: index scratch
   memory with it. */
typedef void fg_chunk(void *job, int64_t chunk, int slot);

/* Who works on a call. Instruction set and size are read once, so that what is planned, what is allocated and what runs
   agree, whatever another thread sets in the meantime. */
typedef struct {
    int isa;  /* a row of FG_ISA_LIST */
    int size; /* how many threads may take part, 1 … 256 */

    /* Runs chunks 0 … n_chunks - 1 on at most `threads` threads (1 … size), the caller among them. Chunk borders must
       not depend on the thread count, and a chunk must stay below 20 ms, so that Ctrl-C is answered in time.
       Returns FG_OK, FG_INTERRUPTED or FG_FORKED; after the latter two some chunks have not run. */
    int (*parallel)(int64_t n_chunks, int threads, fg_chunk *run, void *job);

    /* For a chunk that cannot be as short: asked every few ms, says whether to leave the rest undone. parallel() will not
       return FG_OK then. */
    int (*stopped)(int slot);

    struct fg_probe *probe; /* what tests and explain() ask of this call (runtime/plan.h); NULL in every other */
} fg_team;

#endif
