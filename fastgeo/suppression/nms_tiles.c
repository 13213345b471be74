#include "suppression/nms_tiles.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "runtime/large_memory.h"

/* A tile and all that belongs to it fit into a core's own cache. */
enum { TILE_BOXES = 1 << 14 };

/* So small that a few hundred boxes have several: for tests. */
enum { FORCED_TILE_BOXES = 16 };

/* The side of a tile in reaches of a box at least: fewer boxes than half are near a border. */
enum { MIN_SIDE = 8, MIN_TILES = 4, MOST_TILES_A_SIDE = 255 };

/* A tile of more boxes is long from the start. */
enum { LONG_TILE = 4 * TILE_BOXES };

/* Steps of a tile before others get their turn: enough for one that is not crowded. */
enum { STEPS_AT_ONCE = 48 };

typedef struct {
    fg_nms_call call; /* on the boxes of the tile alone */
    int64_t begin;
    int is_long; /* has memory of its own, and keeps its state from turn to turn */
    int is_open, is_finished;
    nms_state state;
} one_tile;

typedef struct {
    fg_box_grid index; /* one level, whose cells are the tiles */
    int64_t count;
    uint16_t *tile;  /* of each box that takes part */
    int64_t *begin;  /* of each tile in what follows, and of the end */
    void *scores;    /* in the order of the tiles, as are the boxes in the runs of the caller */
    uint32_t *origin; /* index in the input */
    void *memory;
    char *areas; /* one per slot, for a tile that is not long: what it sorts with, and its grid */
    size_t area_bytes;
    one_tile *tiles;
    one_tile **unfinished;
    int64_t n_unfinished;
} nms_tiles;

#define FG_BODY "suppression/nms_tiles_body.h"
#include "runtime/for_each_target.h"

typedef void find_function(const fg_nms_many *many, nms_tiles *tiles);
typedef void move_function(const fg_nms_many *many, nms_tiles *tiles, int64_t *next);
FG_TABLE(find_function, find_tiles);
FG_TABLE(move_function, move_boxes);

typedef struct {
    const fg_nms_many *many;
    nms_tiles *tiles;
    int isa;
    atomic_int status; /* FG_OK or FG_NO_MEMORY */
} tiles_job;

/* How many tiles of `side` there are along `length`, each at least MIN_SIDE reaches long. */
static int64_t tiles_along(double length, double side, double reach)
{
    const double least = MIN_SIDE * reach, tiles = length / (side > least ? side : least);
    return tiles < 1 ? 1 : tiles > MOST_TILES_A_SIDE ? MOST_TILES_A_SIDE : (int64_t)tiles;
}

/* Cuts the plane so that a tile holds `boxes`, were they spread evenly. 0 if that gives too few tiles. */
static int cut_plane(nms_tiles *tiles, const fg_nms_range *range, const fg_nms_call *call, int64_t boxes)
{
    const fg_grid_level *all = &range->all;
    /* Overlap of one area does not bound how far away a box is that suppresses, nor do areas that are lost. */
    const double threshold = range->consistent && call->kind != FG_NMS_IOA ? call->iou_threshold : 0;
    fg_grid_open(&tiles->index, threshold, 0);
    fg_grid_single_level(&tiles->index, all);
    const double reach_x = fg_grid_reach(&tiles->index, all->max_w, all->min_w, all->max_w);
    const double reach_y = fg_grid_reach(&tiles->index, all->max_h, all->min_h, all->max_h);
    const double width = all->max_x - all->min_x, height = all->max_y - all->min_y;
    const double share = sqrt((double)boxes / (double)all->count), shape = sqrt(width / reach_x * (reach_y / height));
    if (!(reach_x > 0 && reach_y > 0 && width > 0 && height > 0))
        return 0;
    const int64_t columns = tiles_along(width, width * share / shape, reach_x);
    tiles->count = fg_grid_cut(tiles->index.levels, columns, tiles_along(height, height * share * shape, reach_y));
    return tiles->count >= MIN_TILES;
}

/* For `slots` tiles at a time. */
static int allocate(const fg_nms_many *many, nms_tiles *tiles, int slots)
{
    const size_t n = (size_t)many->n, score = many->call->scores_f64 ? sizeof(double) : sizeof(float);
    const size_t count = (size_t)tiles->count;
    tiles->tiles = calloc(count, sizeof *tiles->tiles);
    tiles->unfinished = malloc(count * sizeof *tiles->unfinished);
    tiles->begin = calloc(2 * count + 1, sizeof *tiles->begin);
    tiles->scores = tiles->memory = fg_malloc_large(n * (score + sizeof *tiles->origin + sizeof *tiles->tile));
    const size_t value = many->call->boxes_f64 ? sizeof(double) : sizeof(float);
    const size_t longest = n < LONG_TILE ? n : LONG_TILE;
    tiles->area_bytes = longest * sizeof(fg_ranked) + fg_nms_grid_bytes((int64_t)longest, value);
    tiles->areas = fg_malloc_large((size_t)slots * tiles->area_bytes);
    if (!tiles->tiles || !tiles->unfinished || !tiles->begin || !tiles->memory || !tiles->areas)
        return FG_NO_MEMORY;
    tiles->origin = (uint32_t *)((char *)tiles->memory + n * score);
    tiles->tile = (uint16_t *)(tiles->origin + n);
    return FG_OK;
}

static void release(nms_tiles *tiles)
{
    for (int64_t t = 0; tiles->tiles && t < tiles->count; t++)
        fg_nms_close(&tiles->tiles[t].state);
    free(tiles->tiles);
    free(tiles->unfinished);
    free(tiles->begin);
    free(tiles->memory);
    free(tiles->areas);
}

static void sort_into_tiles(const tiles_job *job)
{
    const fg_nms_many *many = job->many;
    const fg_nms_call *call = many->call;
    nms_tiles *tiles = job->tiles;
    int64_t *next = tiles->begin + tiles->count + 1;
    find_tiles_table[job->isa][call->boxes_f64](many, tiles);
    for (int64_t t = 0; t < tiles->count; t++) {
        next[t] = tiles->begin[t];
        tiles->begin[t + 1] += tiles->begin[t];
    }
    move_boxes_table[job->isa][call->boxes_f64](many, tiles, next);
    const size_t box = 4 * (call->boxes_f64 ? sizeof(double) : sizeof(float));
    const size_t score = call->scores_f64 ? sizeof(double) : sizeof(float);
    for (int64_t t = 0; t < tiles->count; t++) {
        one_tile *tile = &tiles->tiles[t];
        tile->begin = tiles->begin[t];
        tile->call = *call;
        tile->call.n = tiles->begin[t + 1] - tile->begin;
        tile->call.boxes = (const char *)many->soa + (size_t)tile->begin * box;
        tile->call.scores = (const char *)tiles->scores + (size_t)tile->begin * score;
        tile->call.method = FG_NMS_GRID;
        tile->is_long = tile->call.n > LONG_TILE;
        if (tile->call.n > 0)
            tiles->unfinished[tiles->n_unfinished++] = tile;
    }
}

static void open_tile(const tiles_job *job, one_tile *tile, int slot)
{
    const fg_nms_call *call = &tile->call;
    fg_ranked *entries = job->many->entries + tile->begin;
    char *area = job->tiles->areas + (size_t)slot * job->tiles->area_bytes;
    fg_ranked *scratch = tile->is_long ? job->many->scratch + tile->begin : (fg_ranked *)area;
    for (int64_t i = 0; i < call->n; i++)
        entries[i] = fg_rank(call->scores, call->scores_f64, i);
    fg_sort_ranked(entries, scratch, call->n, call->scores, call->scores_f64);
    void *spare = tile->is_long ? NULL : scratch + call->n;
    tile->state = fg_nms_open(job->isa, call, entries, scratch, call->n, NULL, spare);
    tile->state.tiles = &job->tiles->index;
    tile->is_open = 1;
}

static void close_tile(const tiles_job *job, one_tile *tile)
{
    const nms_state *state = &tile->state;
    const uint32_t *origin = job->tiles->origin + tile->begin;
    uint8_t *verdict = job->many->verdict;
    for (int64_t k = 0; k < state->n_kept; k++)
        verdict[origin[fg_ranked_index(state->entries[state->kept[k]])]] = FG_NMS_KEPT;
    for (int64_t k = 1; k <= state->n_undecided; k++)
        verdict[origin[fg_ranked_index(state->entries[state->kept[state->n - k]])]] = FG_NMS_UNDECIDED;
    fg_nms_close(&tile->state);
}

/* A tile that does not come to its end at once begins anew in memory of its own. */
static void tile_chunk(void *argument, int64_t chunk, int slot)
{
    tiles_job *job = argument;
    one_tile *tile = job->tiles->unfinished[chunk];
    if (!tile->is_open)
        open_tile(job, tile, slot);
    for (int steps = 0; steps < STEPS_AT_ONCE && !fg_nms_is_done(&tile->state); steps++)
        fg_nms_step(&tile->state);
    tile->is_finished = tile->state.status == FG_OK && fg_nms_is_done(&tile->state);
    if (tile->state.status != FG_OK)
        atomic_store(&job->status, tile->state.status);
    else if (tile->is_finished)
        close_tile(job, tile);
    else if (!tile->is_long) {
        fg_nms_close(&tile->state);
        tile->is_open = 0;
        tile->is_long = 1;
    }
}

static int run_tiles(const fg_team *team, tiles_job *job)
{
    nms_tiles *tiles = job->tiles;
    int status = FG_OK;
    while (status == FG_OK && tiles->n_unfinished > 0) {
        status = team->parallel(tiles->n_unfinished, team->size, tile_chunk, job);
        if (status == FG_OK)
            status = atomic_load(&job->status);
        int64_t left = 0;
        for (int64_t t = 0; t < tiles->n_unfinished; t++)
            if (!tiles->unfinished[t]->is_finished)
                tiles->unfinished[left++] = tiles->unfinished[t];
        tiles->n_unfinished = left;
    }
    return status;
}

int fg_nms_run_tiles(const fg_team *team, const fg_nms_many *many)
{
    const fg_nms_call *call = many->call;
    const int64_t boxes = call->method == FG_NMS_TILES ? FORCED_TILE_BOXES : TILE_BOXES;
    nms_tiles tiles = {0};
    tiles_job job = {.many = many, .tiles = &tiles, .isa = team->isa};
    int status = FG_NMS_UNSUITED;
    if (cut_plane(&tiles, &many->range, call, boxes))
        status = allocate(many, &tiles, team->size);
    if (status == FG_OK) {
        sort_into_tiles(&job);
        status = run_tiles(team, &job);
    }
    release(&tiles);
    return status;
}
