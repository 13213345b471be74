#include "suppression/nms_adaptive.h"

#include <stdlib.h>

#include "runtime/large_memory.h"
#include "suppression/nms_grid.h"
#include "suppression/plan.h"
#include "suppression/spatial_order.h"
#include "suppression/tuning.h"

/* Comparisons, and boxes of a pass, between two polls: less than a millisecond. */
enum { POLL_WORK = 1 << 15, PIECE = 1 << 15 };

/* A smaller threshold bounds no distance: then a grid searches for all boxes that meet. */
#define LEAST_THRESHOLD 0x1p-60

static inline int fg_lowest_bit(unsigned bits) { return __builtin_ctz(bits); }

static inline int fg_nms_stopped(fg_nms_group *group)
{
    if (group->team->stopped(group->slot))
        group->status = FG_INTERRUPTED;
    if (group->status == FG_OK)
        return 0;
    group->next_poll = INT64_MIN; /* so that the next poll of every enclosing loop ends it, too */
    return 1;
}

static inline int fg_nms_poll_due(fg_nms_group *group)
{
    if (__builtin_expect(group->work < group->next_poll, 1))
        return 0;
    group->next_poll = group->work + POLL_WORK;
    return fg_nms_stopped(group);
}

/* The box of the input at a position. */
static inline int64_t box_at(const fg_nms_group *group, int64_t p)
{
    return fg_ranked_index(group->entries[p]) / group->call->repeat;
}

/* The box at position `p` is kept or suppressed by that at `by`. */
static inline void set_owner(const fg_nms_group *group, int64_t p, int64_t by)
{
    if (group->call->owner)
        group->call->owner[fg_ranked_index(group->entries[p])] = fg_ranked_index(group->entries[by]);
}

/* Whether the box at a position has left the index. */
static inline int is_out(const nms_index *index, int64_t p)
{
    const uint32_t slot = index->slot[p - index->base];
    return slot == LEFT_BEFORE || (slot != NO_SLOT && index->done[0][slot / FAN] >> slot % FAN & 1);
}

/* Boxes of a leaf leave the index, suppressed by the one at position `by`. Sixteen entries that are all out are marked in
   the level above, so that no search descends to them. */
static inline void take_out(fg_nms_group *group, int64_t g, unsigned bits, int64_t by)
{
    nms_index *index = group->index;
    if (group->call->owner)
        for (unsigned left = bits; left; left &= left - 1)
            set_owner(group, index->position[g * FAN + fg_lowest_bit(left)], by);
    for (int level = 0; level < index->levels; level++, g /= FAN) {
        index->done[level][g] |= (uint16_t)bits;
        if (index->done[level][g] != 0xffffu)
            return;
        bits = 1u << g % FAN;
    }
}

static inline int wants_tree(const fg_nms_group *group)
{
    return group->work > group->tree_work + GRID_WORK * group->n_kept;
}

/* Groups of FAN entries on all levels over n boxes. */
static int64_t count_groups(int64_t n)
{
    int64_t groups = 0;
    do {
        n = (n + FAN - 1) / FAN;
        groups += n;
    } while (n > 1);
    return groups;
}

static size_t whole_words(size_t bytes) { return (bytes + 7) / 8 * 8; }

/* Memory for an index of the undecided boxes:
     while they are put in order        afterwards
     items[0]: unordered (for a tree)   entries of all levels
     items[1]: ordered
     order.codes: cell of each box      slot
     order.counts: boxes of each cell,  position
       before that positions
     order.stack: ranges                done */
typedef struct {
    void *items[2];
    uint32_t *positions;
    spatial_order order;
} index_memory;

static int open_index(const fg_nms_group *group, nms_index *index, size_t item, size_t value, index_memory *memory)
{
    const int64_t n = group->n - group->position;
    const size_t groups = (size_t)count_groups(n), cells = n > 512 ? (size_t)n : 512;
    const size_t items = whole_words(((size_t)n + 1) * item), entries = groups * HULL_RUNS * FAN * value;
    const size_t first = items > entries ? items : whole_words(entries);
    const size_t stack = ((size_t)n / CROWDED_CELL + 2) * sizeof(spatial_range), done = groups * sizeof(uint16_t);
    char *block = fg_malloc_large(first + items + 2 * (cells + 1) * sizeof(uint32_t) + (stack > done ? stack : done));
    if (!block)
        return 0;
    index->memory = memory->items[0] = block;
    index->base = group->position;
    memory->items[1] = block + first;
    memory->order.codes = index->slot = (uint32_t *)(block + first + items);
    memory->positions = memory->order.counts = index->position = index->slot + cells + 1;
    index->done[0] = (uint16_t *)(index->position + cells + 1);
    memory->order.stack = (spatial_range *)(void *)index->done[0];
    return 1;
}

static void close_index(nms_index *index)
{
    if (!index)
        return;
    free(index->grid.starts);
    free(index->memory);
    free(index);
}

/* The levels of the entries, the leaves first; a grid has no others. */
static void cut_levels(nms_index *index, char *entries, size_t value, int is_grid)
{
    uint16_t *done = index->done[0];
    memset(done, 0, (size_t)count_groups(index->count) * sizeof *done);
    int64_t n = index->count;
    do {
        n = (n + FAN - 1) / FAN;
        index->entries[index->levels] = entries;
        index->done[index->levels] = done;
        entries += (size_t)(n * group_values(index->levels++)) * value;
        done += n;
    } while (n > 1 && !is_grid);
}

#define FG_BODY "suppression/nms_body.h"
#include "runtime/for_each_target.h"

typedef int check_function(const void *boxes, int64_t n);
typedef void window_function(fg_nms_group *group, int64_t end);
typedef void build_function(fg_nms_group *group, int may_be_grid);
typedef void search_function(fg_nms_group *group);
FG_TABLE(check_function, check_boxes);
FG_TABLE(window_function, scan_window);
FG_TABLE(build_function, build_index);
FG_TABLE(search_function, search_index);

int fg_check_boxes(int isa, const void *boxes, int is_f64, int64_t n)
{
    return check_boxes_table[isa][is_f64](boxes, n);
}

static int is_done(const fg_nms_group *group)
{
    return group->status != FG_OK || group->position == group->n || group->n_kept >= group->max_kept;
}

/* Counts which search a group really used. */
static void count_run(const fg_nms_group *group, int algorithm)
{
    fg_ran(group->team, FG_NMS_SEARCH, fg_nms_names[algorithm], 1);
}

/* Scans window by window, until the plan says that an index pays. */
static void scan(fg_nms_group *group)
{
    int64_t work = 0, boxes = 0;
    while (!is_done(group) && !fg_nms_index_pays(group->algorithm, work, boxes, group->n - group->position, group->n)) {
        const int64_t before = group->work, begin = group->position, left = group->n - begin;
        scan_window_table[group->team->isa][group->call->boxes_f64](group, begin + (WINDOW < left ? WINDOW : left));
        work = group->work - before;
        boxes = group->position - begin;
    }
}

/* Decides the boxes left by an index over them; returns early where a tree should take over from a grid. */
static void search(fg_nms_group *group, int may_be_grid)
{
    const int64_t left = group->n - group->position;
    build_index_table[group->team->isa][group->call->boxes_f64](group, may_be_grid);
    if (group->status != FG_OK)
        return;
    count_run(group, group->index->grid.starts ? FG_NMS_GRID : FG_NMS_TREE);
    group->tree_work = group->work + fg_nms_tree_work(group->algorithm, left) - GRID_WORK * group->n_kept;
    search_index_table[group->team->isa][group->call->boxes_f64](group);
}

fg_nms_group fg_nms_run_group(const fg_team *team, int slot, int algorithm, const fg_nms_call *call,
                              const fg_ranked *entries, fg_ranked *scratch, void *runs, int64_t n)
{
    fg_nms_group group = {.call = call, .team = team, .slot = slot, .algorithm = algorithm, .entries = entries, .n = n};
    group.runs = runs;
    group.kept = (uint32_t *)scratch;
    group.max_kept = call->max_output >= 0 && call->max_output < n ? call->max_output : n;
    group.next_poll = POLL_WORK;
    scan(&group);
    if (group.position > 0)
        count_run(&group, FG_NMS_SCAN);
    group.n_scanned = group.n_kept;
    for (int may_be_grid = 1; !is_done(&group); may_be_grid = 0)
        search(&group, may_be_grid);
    close_index(group.index);
    return group;
}
