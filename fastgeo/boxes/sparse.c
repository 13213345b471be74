#include "boxes/sparse.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "boxes/box_tree.h"
#include "runtime/fenv.h"

/* A chunk is as many rows as make about this many pairs. */
enum { PAIRS_PER_CHUNK = 1 << 21, MOST_ROWS = 512 };

/* Below this many pairs, waking a helper costs more than it brings; with fewer rows or columns, a tree does. */
enum { MIN_PAIRS_FOR_THREADS = 1 << 18, MIN_ROWS_FOR_TREE = 256, MIN_COLUMNS_FOR_TREE = 1024 };

typedef struct {
    int64_t row, col;
    double value;
} pair;

typedef struct {
    pair *pairs;
    int64_t count, capacity;
    int64_t first; /* how many pairs the lists before hold */
} pair_list;

/* One list for each chunk, in order. */
struct fg_sparse_pairs {
    int is_f64;
    int64_t n_lists;
    pair_list lists[];
};

typedef struct {
    const fg_sparse_call *call;
    const void *soa1, *soa2;
    box_tree tree; /* of boxes2; without levels if every row is compared with every column */
    int64_t rows;  /* per chunk */
    char *scratch; /* of all slots */
    size_t scratch_bytes;
    fg_sparse_pairs *found;
    atomic_int no_memory;
} sparse_job;

/* Of one slot. A column found is marked in `marks`, and its word of marks in `summary`; all are clear between rows. */
typedef struct {
    int64_t *leaves;
    uint64_t *summary, *marks;
    double *values;
} row_scratch;

static int64_t words(int64_t bits) { return (bits + 63) / 64; }

static row_scratch scratch_of(const sparse_job *job, int slot)
{
    const int64_t m = job->call->m;
    row_scratch scratch = {0};
    if (job->tree.levels) {
        /* A search may overshoot its limit by one group of siblings. */
        scratch.leaves = (int64_t *)(job->scratch + (size_t)slot * job->scratch_bytes);
        scratch.summary = (uint64_t *)(scratch.leaves + job->tree.leaves / 4 + FAN + 1);
        scratch.marks = scratch.summary + words(words(m));
        scratch.values = (double *)(scratch.marks + words(m));
    }
    return scratch;
}

static size_t scratch_size(int64_t leaves, int64_t m)
{
    return 8 * (size_t)(leaves / 4 + FAN + 1 + words(words(m)) + words(m) + m);
}

static inline int lowest_bit(uint64_t bits) { return __builtin_ctzll(bits); }

static inline void mark(const row_scratch *scratch, int64_t col, double value)
{
    scratch->values[col] = value;
    scratch->marks[col >> 6] |= (uint64_t)1 << (col & 63);
    scratch->summary[col >> 12] |= (uint64_t)1 << (col >> 6 & 63);
}

/* Room for `more` pairs; 0 if there is no memory. */
static int reserve(pair_list *list, int64_t more)
{
    if (list->count + more <= list->capacity)
        return 1;
    int64_t capacity = 2 * list->capacity > list->count + more ? 2 * list->capacity : list->count + more + 64;
    pair *pairs = (size_t)capacity > SIZE_MAX / sizeof(pair) ? 0 : realloc(list->pairs, (size_t)capacity * sizeof(pair));
    if (!pairs)
        return 0;
    list->pairs = pairs;
    list->capacity = capacity;
    return 1;
}

/* Appends the marked columns in ascending order, and clears the marks. */
static void take_marks(const row_scratch *scratch, int64_t m, int64_t row, pair_list *list)
{
    for (int64_t s = 0; s < words(words(m)); s++) {
        for (; scratch->summary[s]; scratch->summary[s] &= scratch->summary[s] - 1) {
            const int64_t w = 64 * s + lowest_bit(scratch->summary[s]);
            for (uint64_t bits = scratch->marks[w]; bits; bits &= bits - 1) {
                const int64_t col = 64 * w + lowest_bit(bits);
                list->pairs[list->count++] = (pair){row, col, scratch->values[col]};
            }
            scratch->marks[w] = 0;
        }
    }
}

/* The bits of x as an integer that sorts as x does. */
static uint32_t ordered_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits >> 31 ? ~bits : bits | 0x80000000u;
}

/* The size in factors of 4, from 0 to 127; 0 for an inverted box. */
static int size_level(float size)
{
    uint32_t bits;
    memcpy(&bits, &size, sizeof bits);
    return bits >> 31 ? 0 : (int)(bits >> 24);
}

#define FG_BODY "boxes/sparse_body.h"
#include "runtime/for_each_target.h"

typedef int64_t stride_function(int64_t n);
typedef int load_function(const fg_sparse_call *call, void *soa1, void *soa2);
typedef void entries_function(const void *soa, int64_t n, tree_entry *entries);
typedef void fill_function(box_tree *tree, const void *soa);
FG_TABLE(stride_function, soa_stride);
FG_TABLE(load_function, sparse_load);
FG_TABLE(entries_function, sparse_entries);
FG_TABLE(fill_function, sparse_fill);
FG_TABLE(fg_chunk, sparse_chunk);

/* Sorts by key, least significant byte first; passes in which all keys agree are left out. */
static void radix_sort(tree_entry *entries, tree_entry *other, int64_t n)
{
    tree_entry *from = entries, *to = other;
    for (int shift = 0; shift < 64; shift += 8) {
        int64_t count[256] = {0}, at = 0;
        for (int64_t i = 0; i < n; i++)
            count[from[i].key >> shift & 255]++;
        if (count[from[0].key >> shift & 255] == n)
            continue;
        for (int digit = 0; digit < 256; digit++) {
            const int64_t size = count[digit];
            count[digit] = at;
            at += size;
        }
        for (int64_t i = 0; i < n; i++)
            to[count[from[i].key >> shift & 255]++] = from[i];
        tree_entry *swap = from;
        from = to;
        to = swap;
    }
    if (from != entries)
        memcpy(entries, from, (size_t)n * sizeof *entries);
}

/* Replaces the key by the slice of the box among those of its size, and y. Entries come sorted by size and x. */
static void cut_slices(tree_entry *entries, int64_t n)
{
    uint64_t slice = 0;
    for (int64_t begin = 0, end; begin < n; begin = end) {
        end = begin;
        while (end < n && entries[end].level == entries[begin].level)
            end++;
        const int64_t leaves = (end - begin + LEAF - 1) / LEAF;
        int64_t side = 1;
        while (side * side < leaves)
            side++;
        for (int64_t i = begin; i < end; i++) {
            if ((i - begin) % (side * LEAF) == 0)
                slice++;
            entries[i].key = slice << 32 | ordered_bits(entries[i].y);
        }
    }
}

static void free_tree(box_tree *tree)
{
    free(tree->order);
    free(tree->boxes);
    free(tree->bounds);
}

/* Fills in the shape of the tree and allocates it; 0 if there is no memory. */
static int shape_tree(box_tree *tree, int64_t n, size_t value)
{
    tree->n = n;
    tree->leaves = (n + LEAF - 1) / LEAF;
    int64_t nodes = tree->leaves;
    for (;;) {
        const int64_t groups = (nodes + FAN - 1) / FAN;
        tree->first[tree->levels + 1] = tree->first[tree->levels] + groups * FAN;
        tree->levels++;
        if (groups == 1)
            break;
        nodes = groups;
    }
    tree->order = malloc((size_t)(tree->leaves * LEAF) * sizeof *tree->order);
    tree->boxes = malloc(5 * (size_t)(tree->leaves * LEAF) * value);
    tree->bounds = malloc(4 * (size_t)tree->first[tree->levels] * value);
    return tree->order && tree->boxes && tree->bounds;
}

static int build_tree(const fg_runtime *runtime, sparse_job *job)
{
    const int isa = runtime->isa, is_f64 = job->call->is_f64;
    const int64_t m = job->call->m;
    tree_entry *entries = malloc(2 * (size_t)m * sizeof *entries);
    if (!entries || !shape_tree(&job->tree, m, is_f64 ? sizeof(double) : sizeof(float))) {
        free(entries);
        return FG_NO_MEMORY;
    }
    sparse_entries_table[isa][is_f64](job->soa2, m, entries);
    radix_sort(entries, entries + m, m);
    cut_slices(entries, m);
    radix_sort(entries, entries + m, m);
    for (int64_t i = 0; i < m; i++)
        job->tree.order[i] = entries[i].box;
    free(entries);
    sparse_fill_table[isa][is_f64](&job->tree, job->soa2);
    return FG_OK;
}

/* Builds the tree where it pays, and the scratch that its search needs. */
static int prepare(const fg_runtime *runtime, sparse_job *job, int64_t n_chunks)
{
    const fg_sparse_call *call = job->call;
    if (call->n < MIN_ROWS_FOR_TREE || call->m < MIN_COLUMNS_FOR_TREE)
        return FG_OK;
    int status = build_tree(runtime, job);
    if (status != FG_OK)
        return status;
    int64_t slots = runtime->slots(call->n_threads);
    job->scratch_bytes = scratch_size(job->tree.leaves, call->m);
    job->scratch = calloc((size_t)(slots < n_chunks ? slots : n_chunks), job->scratch_bytes);
    return job->scratch ? FG_OK : FG_NO_MEMORY;
}

static int find(const fg_runtime *runtime, sparse_job *job, void *soa1, void *soa2)
{
    const fg_sparse_call *call = job->call;
    int status = sparse_load_table[runtime->isa][call->is_f64](call, soa1, soa2);
    if (status != FG_OK || call->n == 0 || call->m == 0)
        return status;
    status = prepare(runtime, job, job->found->n_lists);
    if (status == FG_OK) {
        int n_threads = call->n < MIN_PAIRS_FOR_THREADS / call->m ? 1 : call->n_threads;
        fg_chunk *run = sparse_chunk_table[runtime->isa][call->is_f64];
        status = runtime->parallel(job->found->n_lists, n_threads, run, job);
    }
    if (status == FG_OK && atomic_load(&job->no_memory))
        status = FG_NO_MEMORY;
    free_tree(&job->tree);
    free(job->scratch);
    return status;
}

int fg_sparse_find(const fg_runtime *runtime, const fg_sparse_call *call, fg_sparse_pairs **pairs)
{
    const size_t run_bytes = 5 * (call->is_f64 ? sizeof(double) : sizeof(float));
    const size_t bytes1 = run_bytes * (size_t)soa_stride_table[runtime->isa][call->is_f64](call->n);
    const size_t bytes2 = run_bytes * (size_t)soa_stride_table[runtime->isa][call->is_f64](call->m);
    sparse_job job = {.call = call};
    job.rows = PAIRS_PER_CHUNK / (call->m + 1);
    job.rows = job.rows < 1 ? 1 : job.rows > MOST_ROWS ? MOST_ROWS : job.rows;
    const int64_t n_chunks = (call->n + job.rows - 1) / job.rows;
    char *soa = malloc(bytes1 + bytes2 + 1);
    job.found = calloc(1, sizeof(fg_sparse_pairs) + (size_t)n_chunks * sizeof(pair_list));
    if (!soa || !job.found) {
        free(soa);
        free(job.found);
        return FG_NO_MEMORY;
    }
    job.found->is_f64 = call->is_f64;
    job.found->n_lists = n_chunks;
    job.soa1 = soa;
    job.soa2 = soa + bytes1;
    fg_fenv saved = fg_fenv_enter();
    int status = find(runtime, &job, soa, soa + bytes1);
    fg_fenv_leave(saved);
    free(soa);
    if (status != FG_OK) {
        fg_sparse_free(job.found);
        return status;
    }
    for (int64_t i = 1; i < n_chunks; i++)
        job.found->lists[i].first = job.found->lists[i - 1].first + job.found->lists[i - 1].count;
    *pairs = job.found;
    return FG_OK;
}

int64_t fg_sparse_count(const fg_sparse_pairs *pairs)
{
    if (pairs->n_lists == 0)
        return 0;
    const pair_list *last = &pairs->lists[pairs->n_lists - 1];
    return last->first + last->count;
}

typedef struct {
    fg_sparse_pairs *pairs;
    int64_t *rows, *cols;
    void *values;
} copy_job;

/* Copies one list and frees it: the answer grows while the lists shrink. */
static void copy_list(void *argument, int64_t chunk, int slot)
{
    (void)slot;
    const copy_job *job = argument;
    pair_list *list = &job->pairs->lists[chunk];
    for (int64_t k = 0, at = list->first; k < list->count; k++, at++) {
        job->rows[at] = list->pairs[k].row;
        job->cols[at] = list->pairs[k].col;
        if (job->pairs->is_f64)
            ((double *)job->values)[at] = list->pairs[k].value;
        else
            ((float *)job->values)[at] = (float)list->pairs[k].value;
    }
    free(list->pairs);
    list->pairs = NULL;
}

int fg_sparse_take(const fg_runtime *runtime, int n_threads, fg_sparse_pairs *pairs, int64_t *rows, int64_t *cols,
                   void *values)
{
    copy_job job = {pairs, rows, cols, values};
    const int64_t count = fg_sparse_count(pairs);
    return runtime->parallel(pairs->n_lists, count < MIN_PAIRS_FOR_THREADS ? 1 : n_threads, copy_list, &job);
}

void fg_sparse_free(fg_sparse_pairs *pairs)
{
    for (int64_t i = 0; i < pairs->n_lists; i++)
        free(pairs->lists[i].pairs);
    free(pairs);
}
