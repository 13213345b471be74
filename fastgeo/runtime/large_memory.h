/* Scratch memory that is visited at random: of large pages where the system has them for the asking. */
#ifndef FG_LARGE_MEMORY_H
#define FG_LARGE_MEMORY_H

#include <stdint.h>
#include <stdlib.h>

#ifdef __linux__
#include <sys/mman.h>
#endif

/* As malloc; to be freed by free. */
static inline void *fg_malloc_large(size_t bytes)
{
    void *memory = malloc(bytes);
#ifdef MADV_HUGEPAGE
    enum { LEAST = 1 << 22, PAGE = 4096 };
    if (memory && bytes >= LEAST) {
        const uintptr_t begin = ((uintptr_t)memory + PAGE - 1) / PAGE * PAGE, end = (uintptr_t)memory + bytes;
        madvise((void *)begin, (end - begin) / PAGE * PAGE, MADV_HUGEPAGE); /* a wish: refusal does no harm */
    }
#endif
    return memory;
}

#endif
