#include "boxes/sparse.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "boxes/box_tree.h"
#include "boxes/parts.h"
#include "boxes/plan.h"
#include "boxes/tuning.h"
#include "runtime/fenv.h"

/* Rows and, of columns, vectors in the sample that tells whether a tree pays. */
enum { SAMPLED_ROWS = 16, SAMPLED_VECTORS = 512 };

/* Steps between two polls, less than a millisecond, and rows, each with fewer steps. */
enum { POLLED = 1 << 18, POLLED_ROWS = 32 };

/* A row in which more than one column in so many is found is not kept: comparing it again is faster than writing so much to
   fresh memory. Nor is one with more pairs than can be copied between two polls. */
enum { REPEATED = 4, MOST_KEPT = 1 << 20 };

/* Vectors of columns that are compared together. */
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
    fg_sparse_plan plan;
    const fg_team *team;
    void *soa1, *soa2;
    int32_t *columns; /* 0, 1, 2, …: those found are picked from them */
    int32_t *counts;  /* of the pairs of each row */
    box_tree tree;    /* of boxes2; without levels if every row is compared with every column */
    char *scratch;    /* of all slots */
    size_t scratch_bytes;
    atomic_int bad, no_memory;
    row_list *lists; /* of each chunk */
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

/* Leaves of a search, which may overshoot its limit by one group of siblings; an even number, to keep words aligned. */
static int64_t most_leaves(const fg_sparse_pairs *pairs)
{
    return (fg_pieces(pairs->call.m, LEAF) / 2 + FAN + 2) / 2 * 2;
}

static row_scratch scratch_of(const fg_sparse_pairs *pairs, int slot)
{
    const int64_t m = pairs->call.m;
    row_scratch scratch = {.slot = slot, .values = pairs->scratch + (size_t)slot * pairs->scratch_bytes};
    scratch.columns = (int32_t *)((double *)scratch.values + padded(m));
    if (pairs->plan.algorithm == FG_BOX_TREE) {
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
    return pairs->plan.algorithm == FG_BOX_TREE ? row + sizeof(int32_t) * (size_t)most_leaves(pairs) + marks : row;
}

static inline int lowest_bit(uint64_t bits) { return __builtin_ctzll(bits); }

static inline int is_kept(const fg_sparse_pairs *pairs, int64_t count)
{
    return count <= pairs->call.m / REPEATED && count <= MOST_KEPT;
}

/* Of a row that is kept; whole doubles. */
static size_t row_size(const fg_sparse_pairs *pairs, int64_t count)
{
    return ((size_t)count * (value_size(pairs) + sizeof(int32_t)) + 7) / 8 * 8;
}

/* Makes the list long enough for `more` bytes; 0 if there is no memory. */
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

/* The arrays that the answer is copied into. */
typedef struct {
    fg_sparse_pairs *pairs;
    int64_t *rows, *cols;
    void *values;
} copy_job;

#define FG_BODY "boxes/sparse_body.h"
#include "runtime/for_each_target.h"

FG_TABLE(fg_share_ruled_out, sparse_sample);
FG_TABLE(fg_chunk, sparse_load);
FG_TABLE(fg_chunk, sparse_find);
FG_TABLE(fg_chunk, sparse_copy);

/* Allocates the pairs and the boxes; NULL if there is no memory. */
static fg_sparse_pairs *new_pairs(const fg_team *team, const fg_sparse_call *call)
{
    fg_sparse_pairs *pairs = calloc(1, sizeof *pairs);
    if (!pairs)
        return NULL;
    pairs->call = *call;
    pairs->team = team;
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

static int load(const fg_team *team, fg_sparse_pairs *pairs)
{
    const fg_sparse_call *call = &pairs->call;
    const int64_t parts = fg_count_parts(call->n, call->m, LOADED);
    const int status = team->parallel(parts, fg_plan_loading(team, parts), sparse_load_table[team->isa][call->is_f64], pairs);
    return status == FG_OK && atomic_load(&pairs->bad) ? FG_BAD_VALUE : status;
}

/* Makes the plan, and shows it to fastgeo.explain. */
static int plan(const fg_team *team, fg_sparse_pairs *pairs)
{
    const fg_sparse_call *call = &pairs->call;
    fg_sparse_plan *plan = &pairs->plan;
    fg_plan_sparse(team, call, sparse_sample_table[team->isa][call->is_f64], pairs, plan);
    pairs->scratch_bytes = scratch_size(pairs);
    const fg_plan shown = {.choice = "sparse_box_iou",
                           .algorithm = fg_sparse_algorithms[plan->algorithm],
                           .reason = plan->reason,
                           .threads = plan->threads,
                           .chunks = plan->chunks,
                           .scratch_bytes = plan->threads * (int64_t)pairs->scratch_bytes};
    return fg_planned(team, &shown);
}

static int find(const fg_team *team, fg_sparse_pairs *pairs)
{
    const fg_sparse_plan *plan = &pairs->plan;
    const int is_f64 = pairs->call.is_f64;
    int status = FG_OK;
    if (plan->algorithm == FG_BOX_TREE)
        status = fg_build_box_tree(team, plan->threads, is_f64, pairs->soa2, pairs->call.m, &pairs->tree);
    if (status != FG_OK)
        return status;
    pairs->lists = calloc((size_t)plan->chunks, sizeof *pairs->lists);
    pairs->scratch = calloc((size_t)plan->threads, pairs->scratch_bytes);
    if (!pairs->lists || !pairs->scratch)
        return FG_NO_MEMORY;
    fg_ran(team, "sparse_box_iou", fg_sparse_algorithms[pairs->tree.levels ? FG_BOX_TREE : FG_ALL_PAIRS], plan->threads);
    status = team->parallel(plan->chunks, plan->threads, sparse_find_table[team->isa][is_f64], pairs);
    if (status != FG_OK)
        return status;
    for (int64_t i = 1; i < plan->chunks; i++)
        pairs->lists[i].first = pairs->lists[i - 1].first + pairs->lists[i - 1].count;
    return atomic_load(&pairs->no_memory) ? FG_NO_MEMORY : FG_OK;
}

int fg_sparse_find(const fg_team *team, const fg_sparse_call *call, fg_sparse_pairs **found)
{
    fg_sparse_pairs *pairs = new_pairs(team, call);
    if (!pairs)
        return FG_NO_MEMORY;
    fg_fenv saved = fg_fenv_enter();
    int status = load(team, pairs);
    if (status == FG_OK && call->n && call->m)
        status = plan(team, pairs);
    if (status == FG_OK && call->n && call->m)
        status = find(team, pairs);
    fg_fenv_leave(saved);
    fg_free_box_tree(&pairs->tree);
    if (status != FG_OK) {
        fg_sparse_free(pairs);
        return status;
    }
    *found = pairs;
    return FG_OK;
}

int64_t fg_sparse_count(const fg_sparse_pairs *pairs)
{
    if (!pairs->lists)
        return 0;
    const row_list *last = &pairs->lists[pairs->plan.chunks - 1];
    return last->first + last->count;
}

int fg_sparse_take(const fg_team *team, fg_sparse_pairs *pairs, int64_t *rows, int64_t *cols, void *values)
{
    copy_job job = {pairs, rows, cols, values};
    const int64_t count = fg_sparse_count(pairs);
    if (count == 0)
        return FG_OK;
    const int threads = fg_plan_taking(&pairs->plan, count);
    fg_fenv saved = fg_fenv_enter();
    int status = team->parallel(pairs->plan.chunks, threads, sparse_copy_table[team->isa][pairs->call.is_f64], &job);
    fg_fenv_leave(saved);
    return status;
}

void fg_sparse_free(fg_sparse_pairs *pairs)
{
    for (int64_t i = 0; pairs->lists && i < pairs->plan.chunks; i++)
        free(pairs->lists[i].memory);
    free(pairs->lists);
    free(pairs->soa1);
    free(pairs->scratch);
    free(pairs);
}
