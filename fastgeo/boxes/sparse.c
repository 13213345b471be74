#include "boxes/sparse.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "boxes/box_tree.h"
#include "boxes/parts.h"
#include "runtime/fenv.h"

/* A chunk is as many rows as make about this many pairs. */
enum { PAIRS_PER_CHUNK = 1 << 20, MOST_ROWS = 512 };

/* Below this many pairs, waking a helper costs more than it brings. */
enum { MIN_PAIRS_FOR_THREADS = 1 << 18 };

/* What a tree costs for each of its boxes and what searching it costs for each row, in comparisons of two boxes; and how
   many boxes near it are compared with a row for each that it overlaps. */
enum { BUILDING = 400, SEARCHING = 512, AROUND = 16 };

/* The rows, and of columns the vectors, that tell whether a tree pays. From so many rows on it is built whatever they say:
   if they are wrong, that costs an eighth more. */
enum { SAMPLED_ROWS = 16, SAMPLED_VECTORS = 512, MANY_ROWS = 8 * BUILDING };

/* Boxes that one chunk lays out, and steps between two polls: less than a millisecond. */
enum { LOADED = 1 << 15, POLLED = 1 << 18 };

/* A row in which more than one column in so many is found is not kept: to compare it again is sooner done than to write
   so much to fresh memory. */
enum { REPEATED = 4 };

/* Vectors of columns that are looked at together. */
enum { VECTORS = 4 };

/* Of one chunk: the rows that are kept, one after the other, of each the values and then the columns. */
typedef struct {
    char *memory;
    size_t size, capacity;
    int64_t count; /* pairs, of all rows */
    int64_t first; /* how many pairs the chunks before hold */
} row_list;

struct fg_sparse_pairs {
    fg_sparse_call call;
    const fg_team *team;
    int isa;
    int n_threads;    /* at most so many slots */
    void *soa1, *soa2;
    int32_t *columns; /* 0, 1, 2, …: those found are picked from them */
    box_tree tree;          /* of boxes2; without levels if every row is compared with every column */
    char *scratch;          /* of all slots */
    size_t scratch_bytes;
    atomic_int bad, no_memory;
    int32_t *counts; /* of the pairs of each row */
    int64_t rows;    /* per chunk */
    int64_t n_lists; /* chunks */
    row_list lists[];
};

/* Of one slot: the pairs of a row and, if there is a tree, what its search needs. A column found is marked in `marks`,
   and its word of marks in `summary`; all are clear between rows. */
typedef struct {
    int slot;
    void *values;
    int32_t *columns;
    int32_t *leaves;
    uint64_t *summary, *marks;
    void *by_column; /* values */
} row_scratch;

static int64_t words(int64_t bits) { return fg_pieces(bits, 64); }

/* Values for m columns, rounded up to the longest vector. */
static int64_t padded(int64_t m) { return (m + 15) / 16 * 16; }

static size_t value_size(const fg_sparse_pairs *pairs) { return pairs->call.is_f64 ? sizeof(double) : sizeof(float); }

/* Room for the leaves of a search, which may overshoot its limit by one group of siblings; a whole number of words. */
static int64_t most_leaves(const fg_sparse_pairs *pairs) { return (pairs->tree.leaves / 2 + FAN + 2) / 2 * 2; }

static row_scratch scratch_of(const fg_sparse_pairs *pairs, int slot)
{
    const int64_t m = pairs->call.m;
    row_scratch scratch = {.slot = slot, .values = pairs->scratch + (size_t)slot * pairs->scratch_bytes};
    scratch.columns = (int32_t *)((double *)scratch.values + padded(m));
    if (pairs->tree.levels) {
        scratch.leaves = scratch.columns + padded(m);
        scratch.summary = (uint64_t *)(scratch.leaves + most_leaves(pairs));
        scratch.marks = scratch.summary + words(words(m));
        scratch.by_column = scratch.marks + words(m);
    }
    return scratch;
}

static size_t scratch_size(const fg_sparse_pairs *pairs)
{
    const int64_t m = pairs->call.m;
    const size_t row = (sizeof(double) + sizeof(int32_t)) * (size_t)padded(m);
    const size_t marks = 8 * (size_t)(words(words(m)) + words(m) + m);
    return pairs->tree.levels ? row + sizeof(int32_t) * (size_t)most_leaves(pairs) + marks : row;
}

static inline int lowest_bit(uint64_t bits) { return __builtin_ctzll(bits); }

static inline int is_kept(const fg_sparse_pairs *pairs, int64_t count) { return count <= pairs->call.m / REPEATED; }

/* Of a row that is kept; whole doubles. */
static size_t row_size(const fg_sparse_pairs *pairs, int64_t count)
{
    return ((size_t)count * (value_size(pairs) + sizeof(int32_t)) + 7) / 8 * 8;
}

/* Room for `more` bytes; 0 if there is no memory. */
static int reserve(row_list *list, size_t more)
{
    const size_t size = list->size + more;
    if (size <= list->capacity)
        return 1;
    const size_t capacity = 2 * list->capacity > size ? 2 * list->capacity : size + 512;
    char *memory = realloc(list->memory, capacity);
    if (!memory)
        return 0;
    list->memory = memory;
    list->capacity = capacity;
    return 1;
}

/* Appends the row in `scratch`; 0 if there is no memory. */
static int keep_row(const fg_sparse_pairs *pairs, const row_scratch *scratch, int64_t count, row_list *list)
{
    if (count == 0)
        return 1;
    const size_t size = row_size(pairs, count), value_bytes = (size_t)count * value_size(pairs);
    if (!reserve(list, size))
        return 0;
    memcpy(list->memory + list->size, scratch->values, value_bytes);
    memcpy(list->memory + list->size + value_bytes, scratch->columns, (size_t)count * sizeof(int32_t));
    list->size += size;
    return 1;
}

/* The answer. */
typedef struct {
    fg_sparse_pairs *pairs;
    int64_t *rows, *cols;
    void *values;
} copy_job;

#define FG_BODY "boxes/sparse_body.h"
#include "runtime/for_each_target.h"

typedef double sample_function(const fg_sparse_pairs *pairs);
FG_TABLE(sample_function, sparse_sample);
FG_TABLE(fg_chunk, sparse_load);
FG_TABLE(fg_chunk, sparse_find);
FG_TABLE(fg_chunk, sparse_copy);

/* Whether comparing each row with what is near it saves more than a tree costs. */
static int tree_pays(const fg_sparse_pairs *pairs)
{
    const fg_sparse_call *call = &pairs->call;
    const double costs = BUILDING * (double)call->m, saved = (double)call->m - SEARCHING;
    if (call->tree != FG_TREE_IF_IT_PAYS || (double)call->n * saved <= costs)
        return call->tree == FG_TREE_ALWAYS;
    if (call->n >= MANY_ROWS)
        return 1;
    return (double)call->n * saved * sparse_sample_table[pairs->isa][call->is_f64](pairs) > costs;
}

static int find(const fg_team *team, fg_sparse_pairs *pairs)
{
    const fg_sparse_call *call = &pairs->call;
    const int isa = pairs->isa, is_f64 = call->is_f64;
    const int64_t parts = fg_count_parts(call->n, call->m, LOADED);
    int status = team->parallel(parts, pairs->n_threads, sparse_load_table[isa][is_f64], pairs);
    if (status == FG_OK && atomic_load(&pairs->bad))
        status = FG_BAD_VALUE;
    if (status != FG_OK || call->n == 0 || call->m == 0)
        return status;
    if (tree_pays(pairs))
        status = fg_build_box_tree(team, pairs->n_threads, is_f64, pairs->soa2, call->m, &pairs->tree);
    if (status != FG_OK)
        return status;
    pairs->scratch_bytes = scratch_size(pairs);
    const int64_t slots = pairs->n_threads < pairs->n_lists ? pairs->n_threads : pairs->n_lists;
    pairs->scratch = calloc((size_t)slots, pairs->scratch_bytes);
    if (!pairs->scratch)
        return FG_NO_MEMORY;
    status = team->parallel(pairs->n_lists, pairs->n_threads, sparse_find_table[isa][is_f64], pairs);
    return status == FG_OK && atomic_load(&pairs->no_memory) ? FG_NO_MEMORY : status;
}

/* With all that a search needs but the tree; NULL if there is no memory. */
static fg_sparse_pairs *new_pairs(const fg_team *team, const fg_sparse_call *call)
{
    int64_t rows = PAIRS_PER_CHUNK / (call->m + 1);
    rows = rows < 1 ? 1 : rows > MOST_ROWS ? MOST_ROWS : rows;
    const int64_t n_chunks = (call->n + rows - 1) / rows;
    fg_sparse_pairs *pairs = calloc(1, sizeof *pairs + (size_t)n_chunks * sizeof *pairs->lists);
    if (!pairs)
        return NULL;
    pairs->call = *call;
    pairs->team = team;
    pairs->isa = team->isa;
    pairs->n_threads = call->m == 0 || call->n < MIN_PAIRS_FOR_THREADS / call->m ? 1 : team->size;
    pairs->rows = rows;
    pairs->n_lists = n_chunks;
    const size_t bytes1 = 5 * value_size(pairs) * (size_t)padded(call->n);
    const size_t bytes2 = 5 * value_size(pairs) * (size_t)padded(call->m);
    char *soa = malloc(bytes1 + bytes2 + sizeof(int32_t) * (size_t)(padded(call->m) + call->n) + 1);
    pairs->soa1 = soa;
    if (!soa) {
        fg_sparse_free(pairs);
        return NULL;
    }
    pairs->soa2 = soa + bytes1;
    pairs->columns = (int32_t *)(soa + bytes1 + bytes2);
    pairs->counts = pairs->columns + padded(call->m);
    return pairs;
}

int fg_sparse_find(const fg_team *team, const fg_sparse_call *call, fg_sparse_pairs **found)
{
    fg_sparse_pairs *pairs = call->m < INT32_MAX - 16 ? new_pairs(team, call) : NULL;
    if (!pairs)
        return FG_NO_MEMORY;
    fg_fenv saved = fg_fenv_enter();
    int status = find(team, pairs);
    fg_fenv_leave(saved);
    fg_free_box_tree(&pairs->tree);
    if (status != FG_OK) {
        fg_sparse_free(pairs);
        return status;
    }
    for (int64_t i = 1; i < pairs->n_lists; i++)
        pairs->lists[i].first = pairs->lists[i - 1].first + pairs->lists[i - 1].count;
    *found = pairs;
    return FG_OK;
}

int64_t fg_sparse_count(const fg_sparse_pairs *pairs)
{
    if (pairs->n_lists == 0)
        return 0;
    const row_list *last = &pairs->lists[pairs->n_lists - 1];
    return last->first + last->count;
}

int fg_sparse_take(const fg_team *team, fg_sparse_pairs *pairs, int64_t *rows, int64_t *cols, void *values)
{
    copy_job job = {pairs, rows, cols, values};
    const int64_t count = fg_sparse_count(pairs);
    if (count == 0)
        return FG_OK;
    const int n_threads = count < MIN_PAIRS_FOR_THREADS ? 1 : pairs->n_threads;
    fg_fenv saved = fg_fenv_enter();
    int status = team->parallel(pairs->n_lists, n_threads, sparse_copy_table[pairs->isa][pairs->call.is_f64], &job);
    fg_fenv_leave(saved);
    return status;
}

void fg_sparse_free(fg_sparse_pairs *pairs)
{
    for (int64_t i = 0; i < pairs->n_lists; i++)
        free(pairs->lists[i].memory);
    free(pairs->soa1);
    free(pairs->scratch);
    free(pairs);
}
