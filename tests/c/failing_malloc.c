/* The allocator of an instrumented build: counts, and fails the allocation it is told to.

   The extensions are compiled with -Dmalloc=fg_test_malloc and so on, and this library is loaded first. */
#include <stdatomic.h>
#include <stdlib.h>

static atomic_long made;        /* allocations so far */
static atomic_long outstanding; /* blocks not yet given back */
static atomic_long fail_at;     /* the allocation that fails, counted as `made` is; 0: none */

static int refused(void) { return atomic_fetch_add(&made, 1) + 1 == atomic_load(&fail_at); }

static void *counted(void *block)
{
    if (block)
        atomic_fetch_add(&outstanding, 1);
    return block;
}

void *fg_test_malloc(size_t size) { return refused() ? NULL : counted(malloc(size)); }
void *fg_test_calloc(size_t n, size_t size) { return refused() ? NULL : counted(calloc(n, size)); }
void *fg_test_aligned_alloc(size_t a, size_t size) { return refused() ? NULL : counted(aligned_alloc(a, size)); }

void *fg_test_realloc(void *block, size_t size)
{
    if (refused())
        return NULL;
    return block ? realloc(block, size) : counted(malloc(size));
}

void fg_test_free(void *block)
{
    if (block)
        atomic_fetch_sub(&outstanding, 1);
    free(block);
}

long fg_test_made(void) { return atomic_load(&made); }
long fg_test_outstanding(void) { return atomic_load(&outstanding); }
void fg_test_fail_after(long n) { atomic_store(&fail_at, n ? atomic_load(&made) + n : 0); }
