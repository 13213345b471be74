/* Building a tree of boxes, chunk by chunk; see box_tree.h. */
#include "runtime/box_soa.h"

/* A box on its way into the tree. */
typedef struct {
    real value[5]; /* x1 y1 x2 y2 area */
    int32_t box;
} FG_NAME(tree_entry);

_Static_assert(sizeof(FG_NAME(tree_entry)) == 24 * FG_REAL_BITS / 32, "entry_bytes");

static void FG_NAME(tree_entries)(void *job_, int64_t chunk, int slot)
{
    (void)slot;
    const tree_job *job = job_;
    const int64_t n = job->tree->n, stride = FG_NAME(soa_stride)(n), end = smaller((chunk + 1) * SUBTREE, n);
    const real *soa = job->soa;
    FG_NAME(tree_entry) *entries = job->entries;
    for (int64_t i = chunk * SUBTREE; i < end; i++) {
        for (int run = 0; run < 5; run++)
            entries[i].value[run] = soa[run * stride + i];
        entries[i].box = (int32_t)i;
    }
}

static void FG_NAME(sort_sample)(real *sample)
{
    for (int i = 1; i < SAMPLE; i++) {
        const real value = sample[i];
        int j = i;
        for (; j > 0 && sample[j - 1] > value; j--)
            sample[j] = sample[j - 1];
        sample[j] = value;
    }
}

/* The coordinate to split by: whose middle half spreads most, measured by the median width or height. */
static int FG_NAME(widest_axis)(const FG_NAME(tree_entry) * entries, int64_t n, uint64_t *random)
{
    real sample[6][SAMPLE], spread[4]; /* the coordinates, widths, heights */
    for (int i = 0; i < SAMPLE; i++) {
        const real *value = entries[random_below(random, n)].value;
        for (int axis = 0; axis < 4; axis++)
            sample[axis][i] = value[axis];
        sample[4][i] = FG_NAME(extent)(value[0], value[2], 0);
        sample[5][i] = FG_NAME(extent)(value[1], value[3], 0);
    }
    for (int row = 0; row < 6; row++)
        FG_NAME(sort_sample)(sample[row]);
    const real width = sample[4][SAMPLE / 2], height = sample[5][SAMPLE / 2];
    int widest = 0;
    for (int axis = 0; axis < 4; axis++) {
        spread[axis] = sample[axis][3 * SAMPLE / 4] - sample[axis][SAMPLE / 4];
        if (spread[axis] * (widest % 2 ? height : width) > spread[widest] * (axis % 2 ? height : width))
            widest = axis;
    }
    return widest;
}

/* A guess of the value at `rank` among n. */
static real FG_NAME(guess)(const FG_NAME(tree_entry) * entries, int64_t n, int64_t rank, int axis, uint64_t *random)
{
    real sample[SAMPLE];
    for (int i = 0; i < SAMPLE; i++)
        sample[i] = entries[random_below(random, n)].value[axis];
    FG_NAME(sort_sample)(sample);
    return sample[rank * SAMPLE / n];
}

/* Brings the `rank` least of n entries to the front (Hoare, "Find", 1961). 0 if the call is to stop. */
static int FG_NAME(split_at)(FG_NAME(tree_entry) * entries, int64_t n, int64_t rank, const fg_team *team, int slot)
{
    uint64_t random = (uint64_t)n;
    const int axis = FG_NAME(widest_axis)(entries, n, &random);
    while (n > 1) {
        const real pivot = FG_NAME(guess)(entries, n, rank, axis, &random);
        int64_t i = 0, j = n - 1;
        for (int steps = 0; i <= j; steps++) {
            if (steps == STEPS) {
                steps = 0;
                if (team->stopped(slot))
                    return 0;
            }
            if (entries[i].value[axis] < pivot) {
                i++;
            } else if (entries[j].value[axis] > pivot) {
                j--;
            } else {
                const FG_NAME(tree_entry) swap = entries[i];
                entries[i++] = entries[j];
                entries[j--] = swap;
            }
        }
        if (rank <= j) { /* all from i on are in place */
            n = j + 1;
        } else if (rank >= i) {
            entries += i;
            n -= i;
            rank -= i;
        } else {
            break;
        }
    }
    return 1;
}

static void FG_NAME(tree_split)(void *job_, int64_t chunk, int slot)
{
    const tree_job *job = job_;
    const int64_t begin = chunk * 2 * job->span, n = smaller(job->tree->n - begin, 2 * job->span);
    if (n > job->span)
        FG_NAME(split_at)((FG_NAME(tree_entry) *)job->entries + begin, n, job->span, job->team, slot);
}

/* Splits one part down to its leaves and lays them out. */
static void FG_NAME(tree_part)(void *job_, int64_t chunk, int slot)
{
    const tree_job *job = job_;
    box_tree *tree = job->tree;
    const int64_t first = chunk * SUBTREE, n = smaller(SUBTREE, tree->n - first), padded = tree->leaves * LEAF;
    FG_NAME(tree_entry) *entries = (FG_NAME(tree_entry) *)job->entries + first;
    for (int64_t span = left_half(n); span >= LEAF; span /= 2)
        for (int64_t begin = 0; begin + span < n; begin += 2 * span)
            if (!FG_NAME(split_at)(entries + begin, smaller(n - begin, 2 * span), span, job->team, slot))
                return;
    real *boxes = (real *)tree->boxes + first;
    for (int64_t i = 0; i < n; i++)
        tree->order[first + i] = entries[i].box;
    for (int run = 0; run < 5; run++) {
        for (int64_t i = 0; i < n; i++)
            boxes[run * padded + i] = entries[i].value[run];
        for (int64_t i = n; first + i < padded && i < SUBTREE; i++)
            boxes[run * padded + i] = 0;
    }
}

/* Bounds nodes of one level. A padding node contains nothing. */
static void FG_NAME(tree_bound)(void *job_, int64_t chunk, int slot)
{
    (void)slot;
    const tree_job *job = job_;
    box_tree *tree = job->tree;
    const int level = job->level;
    const int64_t first = tree->first[level], end = smaller(first + (chunk + 1) * NODES, tree->first[level + 1]);
    const int64_t total = tree->first[tree->levels], stride = level ? total : tree->leaves * LEAF;
    const int64_t children = level ? FAN : LEAF, count = level ? first - tree->first[level - 1] : tree->n;
    const real *below = level ? (const real *)tree->bounds + tree->first[level - 1] : tree->boxes;
    for (int64_t node = first + chunk * NODES; node < end; node++) {
        real bound[5] = {INFINITY, INFINITY, -INFINITY, -INFINITY, INFINITY};
        const int64_t child = (node - first) * children;
        for (int64_t i = child; i < smaller(child + children, count); i++)
            for (int run = 0; run < 5; run++) {
                const real value = below[run * stride + i];
                if (run == 2 || run == 3 ? value > bound[run] : value < bound[run])
                    bound[run] = value;
            }
        for (int run = 0; run < 5; run++)
            ((real *)tree->bounds)[run * total + node] = bound[run];
    }
}
