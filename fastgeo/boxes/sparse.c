#include "boxes/sparse.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "boxes/box_tree.h"
#include "runtime/fenv.h"

/* A chunk is as many rows as make about this many pairs. */
enum { PAIRS_PER_CHUNK = 1 << 20, MOST_ROWS = 512 };

/* Below this many pairs, waking a helper costs more than it brings. */
enum { MIN_PAIRS_FOR_THREADS = 1 << 18 };

/* What a tree costs for each of its boxes and what searching it costs for each row, in comparisons of two boxes; and how
   many rows tell whether it pays. */
enum { BUILDING = 400, SEARCHING = 512, SAMPLE = 16 };

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
    int isa;
    int n_threads;          /* at most so many slots */
    const void *soa1, *soa2;
    const int32_t *columns; /* 0, 1, 2, …: those found are picked from them */
    box_tree tree;          /* of boxes2; without levels if every row is compared with every column */
    char *scratch;          /* of all slots */
    size_t scratch_bytes;
    atomic_int no_memory;
    int32_t *counts; /* of the pairs of each row */
    int64_t rows;    /* per chunk */
    int64_t n_lists; /* chunks */
    row_list lists[];
};

/* Of one slot: the pairs of a row and, if there is a tree, what its search needs. A column found is marked in `marks`,
   and its word of marks in `summary`; all are clear between rows. */
typedef struct {
    void *values;
    int32_t *columns;
    int64_t *leaves;
    uint64_t *summary, *marks;
    void *by_column; /* values */
} row_scratch;

static int64_t words(int64_t bits) { return (bits + 63) / 64; }

/* Values for m columns, rounded up to the longest vector. */
static int64_t padded(int64_t m) { return (m + 15) / 16 * 16; }

static size_t value_size(const fg_sparse_pairs *pairs) { return pairs->call.is_f64 ? sizeof(double) : sizeof(float); }

static row_scratch scratch_of(const fg_sparse_pairs *pairs, int slot)
{
    const int64_t m = pairs->call.m;
    row_scratch scratch = {.values = pairs->scratch + (size_t)slot * pairs->scratch_bytes};
    scratch.columns = (int32_t *)((double *)scratch.values + padded(m));
    if (pairs->tree.levels) {
        /* A search may overshoot its limit by one group of siblings. */
        scratch.leaves = (int64_t *)(scratch.columns + padded(m));
        scratch.summary = (uint64_t *)(scratch.leaves + pairs->tree.leaves / 2 + FAN + 1);
        scratch.marks = scratch.summary + words(words(m));
        scratch.by_column = scratch.marks + words(m);
    }
    return scratch;
}

static size_t scratch_size(const fg_sparse_pairs *pairs)
{
    const int64_t m = pairs->call.m;
    const size_t row = (sizeof(double) + sizeof(int32_t)) * (size_t)padded(m);
    return pairs->tree.levels ? row + 8 * (size_t)(pairs->tree.leaves / 2 + FAN + 1 + words(words(m)) + words(m) + m) : row;
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

/* The answer. */
typedef struct {
    fg_sparse_pairs *pairs;
    int64_t *rows, *cols;
    void *values;
} copy_job;

#define FG_BODY "boxes/sparse_body.h"
#include "runtime/for_each_target.h"

typedef int load_function(const fg_sparse_call *call, void *soa1, void *soa2);
typedef void entries_function(const void *soa, int64_t n, tree_entry *entries);
typedef void fill_function(box_tree *tree, const void *soa);
typedef int64_t sample_function(const fg_sparse_pairs *pairs, int64_t step);
FG_TABLE(load_function, sparse_load);
FG_TABLE(entries_function, sparse_entries);
FG_TABLE(fill_function, sparse_fill);
FG_TABLE(sample_function, sparse_sample);
FG_TABLE(fg_chunk, sparse_find);
FG_TABLE(fg_chunk, sparse_copy);

/* Sorts by key, least significant byte first; passes in which all keys agree are left out. */
static void radix_sort(tree_entry *entries, tree_entry *other, int64_t n)
{
    tree_entry *from = entries, *to = other;
    uint64_t differing = 0;
    for (int64_t i = 0; i < n; i++)
        differing |= entries[i].key ^ entries[0].key;
    for (int shift = 0; shift < 64; shift += 8) {
        int64_t count[256] = {0}, at = 0;
        if (!(differing >> shift & 255))
            continue;
        for (int64_t i = 0; i < n; i++)
            count[from[i].key >> shift & 255]++;
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

static int build_tree(fg_sparse_pairs *pairs)
{
    const int isa = pairs->isa, is_f64 = pairs->call.is_f64;
    const int64_t m = pairs->call.m;
    tree_entry *entries = malloc(2 * (size_t)m * sizeof *entries);
    if (!entries || !shape_tree(&pairs->tree, m, value_size(pairs))) {
        free(entries);
        return FG_NO_MEMORY;
    }
    sparse_entries_table[isa][is_f64](pairs->soa2, m, entries);
    radix_sort(entries, entries + m, m);
    cut_slices(entries, m);
    radix_sort(entries, entries + m, m);
    for (int64_t i = 0; i < m; i++)
        pairs->tree.order[i] = entries[i].box;
    free(entries);
    sparse_fill_table[isa][is_f64](&pairs->tree, pairs->soa2);
    return FG_OK;
}

/* Whether comparing each row with what is near it saves more than a tree costs. */
static int tree_pays(const fg_sparse_pairs *pairs)
{
    const fg_sparse_call *call = &pairs->call;
    const double costs = BUILDING * (double)call->m, saved = (double)call->m - SEARCHING;
    if (call->tree != FG_TREE_IF_IT_PAYS || (double)call->n * saved <= costs)
        return call->tree == FG_TREE_ALWAYS;
    const int64_t step = call->n / SAMPLE;
    const int64_t overlaps = sparse_sample_table[pairs->isa][call->is_f64](pairs, step);
    return (double)call->n * (saved - 16 * (double)overlaps / SAMPLE) > costs;
}

static int find(const fg_team *team, fg_sparse_pairs *pairs)
{
    const fg_sparse_call *call = &pairs->call;
    int status = sparse_load_table[pairs->isa][call->is_f64](call, (void *)pairs->soa1, (void *)pairs->soa2);
    if (status != FG_OK || call->n == 0 || call->m == 0)
        return status;
    if (tree_pays(pairs) && build_tree(pairs) != FG_OK)
        return FG_NO_MEMORY;
    pairs->scratch_bytes = scratch_size(pairs);
    const int64_t slots = pairs->n_threads < pairs->n_lists ? pairs->n_threads : pairs->n_lists;
    pairs->scratch = calloc((size_t)slots, pairs->scratch_bytes);
    if (!pairs->scratch)
        return FG_NO_MEMORY;
    status = team->parallel(pairs->n_lists, pairs->n_threads, sparse_find_table[pairs->isa][call->is_f64], pairs);
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
    int32_t *columns = (int32_t *)(soa + bytes1 + bytes2);
    for (int64_t j = 0; j < padded(call->m); j++)
        columns[j] = (int32_t)j;
    pairs->columns = columns;
    pairs->counts = columns + padded(call->m);
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
    free_tree(&pairs->tree);
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
    free((void *)pairs->soa1);
    free(pairs->scratch);
    free(pairs);
}
