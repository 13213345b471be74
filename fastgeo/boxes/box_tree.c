#include "boxes/box_tree.h"

#include <math.h>
#include <stdlib.h>

#include "boxes/parts.h"

/* Boxes of a chunk: their part of the tree is built in one piece, in about 2 ms. */
enum { SUBTREE = 1 << 14 };

/* Nodes of a chunk. */
enum { NODES = 1 << 12 };

/* Boxes from which a split takes its coordinate and its first guess of the median. */
enum { SAMPLE = 16 };

/* Steps of a split between two polls, less than a millisecond. */
enum { STEPS = 1 << 16 };

/* Bytes of a box on its way into the tree: five values and its number, by type. */
static const size_t entry_bytes[] = {24, 48};

typedef struct {
    const fg_team *team;
    box_tree *tree;
    const void *soa;
    void *entries;
    int64_t span; /* of half a node that is being split */
    int level;    /* whose nodes are being bounded */
} tree_job;

static inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/* How many of n boxes go left: LEAF times a power of two, so that siblings stand side by side. */
static int64_t left_half(int64_t n)
{
    int64_t half = LEAF;
    while (2 * half < n)
        half *= 2;
    return half;
}

/* Where the next sample is taken: at random, since evenly spaced places may all be of one column of a grid. */
static inline int64_t random_below(uint64_t *state, int64_t n)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int64_t)((*state >> 33) % (uint64_t)n);
}

#define FG_BODY "boxes/box_tree_body.h"
#include "runtime/for_each_target.h"

FG_TABLE(fg_chunk, tree_entries);
FG_TABLE(fg_chunk, tree_split);
FG_TABLE(fg_chunk, tree_part);
FG_TABLE(fg_chunk, tree_bound);

/* Fills in the shape of the tree and allocates it; 0 if there is no memory. */
static int shape_tree(box_tree *tree, int64_t n, size_t value)
{
    tree->n = n;
    tree->leaves = fg_pieces(n, LEAF);
    int64_t nodes = tree->leaves;
    for (;;) {
        const int64_t groups = fg_pieces(nodes, FAN);
        tree->first[tree->levels + 1] = tree->first[tree->levels] + groups * FAN;
        tree->levels++;
        if (groups == 1)
            break;
        nodes = groups;
    }
    tree->order = malloc((size_t)(tree->leaves * LEAF) * sizeof *tree->order);
    tree->boxes = malloc(5 * (size_t)(tree->leaves * LEAF) * value);
    tree->bounds = malloc(5 * (size_t)tree->first[tree->levels] * value);
    return tree->order && tree->boxes && tree->bounds;
}

/* From the whole set down to parts of SUBTREE boxes node by node, then part by part, then the levels above the leaves. */
static int build(tree_job *job, int threads, int is_f64)
{
    const fg_team *team = job->team;
    const int isa = team->isa;
    box_tree *tree = job->tree;
    int status = team->parallel(fg_pieces(tree->n, SUBTREE), threads, tree_entries_table[isa][is_f64], job);
    for (job->span = left_half(tree->n); job->span >= SUBTREE && status == FG_OK; job->span /= 2)
        status = team->parallel(fg_pieces(tree->n, 2 * job->span), threads, tree_split_table[isa][is_f64], job);
    if (status == FG_OK)
        status = team->parallel(fg_pieces(tree->n, SUBTREE), threads, tree_part_table[isa][is_f64], job);
    for (job->level = 0; job->level < tree->levels && status == FG_OK; job->level++) {
        const int64_t nodes = tree->first[job->level + 1] - tree->first[job->level];
        status = team->parallel(fg_pieces(nodes, NODES), threads, tree_bound_table[isa][is_f64], job);
    }
    return status;
}

int fg_build_box_tree(const fg_team *team, int threads, int is_f64, const void *soa, int64_t n, box_tree *tree)
{
    tree_job job = {.team = team, .tree = tree, .soa = soa};
    int status = FG_NO_MEMORY;
    job.entries = malloc((size_t)n * entry_bytes[is_f64]);
    if (job.entries && shape_tree(tree, n, is_f64 ? sizeof(double) : sizeof(float)))
        status = build(&job, threads, is_f64);
    free(job.entries);
    return status;
}

void fg_free_box_tree(box_tree *tree)
{
    free(tree->order);
    free(tree->boxes);
    free(tree->bounds);
}
