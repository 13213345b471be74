#include "suppression/groups.h"

#include <stdlib.h>

/* Boxes of a pass between two polls. */
enum { PIECE = 1 << 15 };

/* A hash table with open addressing and linear probing: a slot holds the number of a group plus 1, or 0. */
typedef struct {
    uint32_t *slots;
    uint64_t mask;
    int64_t *ids; /* of each group, in order of first appearance */
    int64_t n_groups;
} id_table;

static uint64_t mix(int64_t id)
{
    uint64_t h = (uint64_t)id * 0x9e3779b97f4a7c15u;
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93u;
    return h ^ h >> 32;
}

static int64_t group_of(id_table *table, int64_t id)
{
    uint64_t slot = mix(id) & table->mask;
    while (table->slots[slot]) {
        const int64_t group = table->slots[slot] - 1;
        if (table->ids[group] == id)
            return group;
        slot = (slot + 1) & table->mask;
    }
    table->ids[table->n_groups++] = id;
    table->slots[slot] = (uint32_t)table->n_groups;
    return table->n_groups - 1;
}

/* The group of each entry. */
static int number_groups(const fg_team *team, id_table *table, const int64_t *ids, const fg_ranked *entries,
                         int64_t n, uint32_t *group)
{
    for (int64_t k = 0; k < n; k++) {
        if (k % PIECE == 0 && team->stopped(0))
            return FG_INTERRUPTED;
        group[k] = (uint32_t)group_of(table, ids[fg_ranked_index(entries[k])]);
    }
    return FG_OK;
}

/* Counting sort by group number; begin[0 … n_groups] comes out as in fg_groups. */
static int scatter(const fg_team *team, int64_t *begin, int64_t n_groups, const uint32_t *group,
                   fg_ranked *entries, fg_ranked *scratch, int64_t n)
{
    memset(begin, 0, ((size_t)n_groups + 1) * sizeof *begin);
    for (int64_t k = 0; k < n; k++)
        begin[group[k] + 1]++;
    for (int64_t g = 0; g < n_groups; g++)
        begin[g + 1] += begin[g];
    for (int64_t k = 0; k < n; k++) {
        if (k % PIECE == 0 && team->stopped(0))
            return FG_INTERRUPTED;
        scratch[begin[group[k]]++] = entries[k];
    }
    for (int64_t g = n_groups; g > 0; g--)
        begin[g] = begin[g - 1];
    begin[0] = 0;
    memcpy(entries, scratch, (size_t)n * sizeof *entries);
    return FG_OK;
}

static void cut_chunks(fg_groups *groups, int64_t chunk_boxes)
{
    int64_t chunks = 0, from = 0;
    groups->chunk[0] = 0;
    for (int64_t g = 1; g <= groups->n_groups; g++)
        if (groups->begin[g] - groups->begin[from] >= chunk_boxes || g == groups->n_groups) {
            groups->chunk[++chunks] = g;
            from = g;
        }
    groups->n_chunks = chunks;
}

int fg_groups_open(fg_groups *groups, const fg_team *team, const int64_t *ids, fg_ranked *entries,
                   fg_ranked *scratch, int64_t n, int64_t chunk_boxes)
{
    id_table table = {0};
    table.mask = 16;
    while ((int64_t)table.mask < 2 * n)
        table.mask *= 2;
    table.mask--;
    table.slots = calloc((size_t)table.mask + 1, sizeof *table.slots);
    table.ids = malloc((size_t)n * sizeof *table.ids);
    uint32_t *group = malloc((size_t)n * sizeof *group);
    int status = table.slots && table.ids && group ? FG_OK : FG_NO_MEMORY;
    if (status == FG_OK)
        status = number_groups(team, &table, ids, entries, n, group);
    if (status == FG_OK) {
        groups->begin = malloc(2 * ((size_t)table.n_groups + 1) * sizeof *groups->begin);
        status = groups->begin ? FG_OK : FG_NO_MEMORY;
    }
    if (status == FG_OK)
        status = scatter(team, groups->begin, table.n_groups, group, entries, scratch, n);
    if (status == FG_OK) {
        groups->n_groups = table.n_groups;
        groups->chunk = groups->begin + table.n_groups + 1;
        cut_chunks(groups, chunk_boxes);
    }
    free(table.slots);
    free(table.ids);
    free(group);
    return status;
}

void fg_groups_close(fg_groups *groups) { free(groups->begin); }
