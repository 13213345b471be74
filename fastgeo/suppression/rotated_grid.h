/* A grid over upright boxes, to find those that can meet a given box without visiting all. For rotated_nms.c, which puts the
   hull of each rotated box into it.

   Boxes are sorted into levels by the binary exponents of width and height. Each level is a grid of cells of its own
   size; a box lies in the cell of its centre. Where the cells between the outermost boxes are few enough, each is a
   bucket of its own, row by row; else cells share hashed buckets, eight neighbours of a row together. So memory grows
   with the boxes alone, wherever they are. Rounding, and cells that share a bucket, may bring up boxes that do not meet the
   given one, or one box twice, but a box that does is never left out. */
#ifndef FG_ROTATED_GRID_H
#define FG_ROTATED_GRID_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "suppression/nms_grid.h"

enum { FG_GRID_SIDE = 16, FG_GRID_LEVELS = FG_GRID_SIDE * FG_GRID_SIDE, FG_GRID_BLOCK = 8 };

/* A box as the grid sees it. */
typedef struct {
    double x, y; /* centre */
    double w, h;
    double slack; /* bound on the rounding errors of the centre */
} fg_grid_box;

typedef struct {
    double min_w, max_w, min_h, max_h; /* of its boxes */
    double min_x, max_x, min_y, max_y; /* of their centres */
    double per_x, per_y;               /* cells in a unit of length */
    int64_t count, begin;              /* its boxes are begin … begin + count - 1 in the order of the grid */
    int64_t columns, rows;             /* the cells in use; 0 columns: hashed */
    uint64_t first_bucket, mask;
} fg_grid_level;

typedef struct {
    int shift, w_exponent, h_exponent;
    int n_levels;
    int16_t level_at[FG_GRID_LEVELS]; /* by exponents; -1: no boxes */
    fg_grid_level levels[FG_GRID_LEVELS];
    uint32_t *starts; /* of each bucket in the order of the grid, and of the end */
} fg_box_grid;

static inline fg_grid_box fg_grid_box_of(double x1, double y1, double x2, double y2, double w, double h)
{
    const double reach = (x1 < 0 ? -x1 : x1) + (x2 < 0 ? -x2 : x2) + (y1 < 0 ? -y1 : y1) + (y2 < 0 ? -y2 : y2);
    return (fg_grid_box){0.5 * (x1 + x2), 0.5 * (y1 + y2), w, h, reach * 0x1p-50};
}

static inline int fg_grid_slot(const fg_box_grid *grid, double w, double h)
{
    return ((grid->w_exponent - exponent_of(w)) >> grid->shift) * FG_GRID_SIDE +
           ((grid->h_exponent - exponent_of(h)) >> grid->shift);
}

/* Rising with x, which is all that the search relies on: in an unbounded plane, where near_cell is for a bounded one. */
static inline int64_t fg_grid_cell(double x, double per)
{
    const double cell = x * per;
    if (!(cell > -0x1p60))
        return -((int64_t)1 << 60);
    if (!(cell < 0x1p60))
        return (int64_t)1 << 60;
    const int64_t whole = (int64_t)cell;
    return whole - ((double)whole > cell);
}

static inline int64_t fg_grid_column(const fg_grid_level *level, double x)
{
    return level->columns ? (int64_t)near_cell(x, level->min_x, level->per_x, (double)(level->columns - 1))
                          : fg_grid_cell(x, level->per_x);
}

static inline int64_t fg_grid_row(const fg_grid_level *level, double y)
{
    return level->columns ? (int64_t)near_cell(y, level->min_y, level->per_y, (double)(level->rows - 1))
                          : fg_grid_cell(y, level->per_y);
}

static inline uint64_t fg_grid_bucket(const fg_grid_level *level, int64_t column, int64_t row)
{
    if (level->columns)
        return level->first_bucket + (uint64_t)(row * level->columns + column);
    uint64_t h = (uint64_t)row * 0x9e3779b97f4a7c15u + (uint64_t)(column >> 3) * 0xd6e8feb86659fd93u;
    h ^= h >> 32;
    h *= 0xff51afd7ed558ccdu;
    h ^= h >> 29;
    return level->first_bucket + ((h << 3 | (uint64_t)(column & 7)) & level->mask);
}

static inline uint64_t fg_grid_bucket_of(const fg_box_grid *grid, const fg_grid_box *box)
{
    const fg_grid_level *level =
        grid->n_levels == 1 ? grid->levels : &grid->levels[grid->level_at[fg_grid_slot(grid, box->w, box->h)]];
    return fg_grid_bucket(level, fg_grid_column(level, box->x), fg_grid_row(level, box->y));
}

/* The cells of the level where the centre of a box lies that meets `box`: columns and rows, first and last. */
static inline __attribute__((always_inline)) void fg_grid_window(const fg_grid_level *level, const fg_grid_box *box,
                                                                 int64_t window[4])
{
    const double margin = 1 + 0x1p-8;
    const double dx = 0.5 * (box->w + level->max_w) * margin + box->slack;
    const double dy = 0.5 * (box->h + level->max_h) * margin + box->slack;
    window[0] = fg_grid_column(level, box->x - dx);
    window[1] = fg_grid_column(level, box->x + dx);
    window[2] = fg_grid_row(level, box->y - dy);
    window[3] = fg_grid_row(level, box->y + dy);
}

/* To build: fg_grid_open; fg_grid_count for every box; fg_grid_layout; then a counting sort of the boxes by
   fg_grid_bucket_of, which fills `starts`. Only boxes of positive extents belong in. The exponents that occur decide how
   coarse the levels are; `all` gives the range of the boxes. */
static inline void fg_grid_open(fg_box_grid *grid, const fg_grid_level *all)
{
    grid->n_levels = 0;
    memset(grid->level_at, -1, sizeof grid->level_at);
    grid->w_exponent = exponent_of(all->max_w);
    grid->h_exponent = exponent_of(all->max_h);
    grid->shift = 2;
    while ((grid->w_exponent - exponent_of(all->min_w)) >> grid->shift >= FG_GRID_SIDE ||
           (grid->h_exponent - exponent_of(all->min_h)) >> grid->shift >= FG_GRID_SIDE)
        grid->shift++;
}

/* Takes the boxes of another level into this one, which may be empty. */
static inline void fg_grid_widen(fg_grid_level *level, const fg_grid_level *other)
{
    if (level->count == 0) {
        *level = *other;
        return;
    }
    level->count += other->count;
    level->min_w = fg_lesser(level->min_w, other->min_w);
    level->max_w = fg_greater(level->max_w, other->max_w);
    level->min_h = fg_lesser(level->min_h, other->min_h);
    level->max_h = fg_greater(level->max_h, other->max_h);
    level->min_x = fg_lesser(level->min_x, other->min_x);
    level->max_x = fg_greater(level->max_x, other->max_x);
    level->min_y = fg_lesser(level->min_y, other->min_y);
    level->max_y = fg_greater(level->max_y, other->max_y);
}

/* One box as a level. */
static inline fg_grid_level fg_grid_level_of(const fg_grid_box *box)
{
    return (fg_grid_level){.min_w = box->w, .max_w = box->w, .min_h = box->h, .max_h = box->h, .min_x = box->x,
                           .max_x = box->x, .min_y = box->y, .max_y = box->y, .count = 1};
}

static inline void fg_grid_count(fg_box_grid *grid, const fg_grid_box *box)
{
    const int slot = fg_grid_slot(grid, box->w, box->h);
    const fg_grid_level one = fg_grid_level_of(box);
    if (grid->level_at[slot] < 0) {
        grid->level_at[slot] = (int16_t)grid->n_levels;
        grid->levels[grid->n_levels++] = one;
    } else {
        fg_grid_widen(&grid->levels[grid->level_at[slot]], &one);
    }
}

/* Boxes that a level is too coarse for, smaller than a sixteenth of the largest, are too few for a level of their own. */
static inline int fg_grid_are_few(int64_t small, int64_t total) { return small < total / 32; }

/* A level of few boxes costs every search more than it saves: it joins the smallest of those with larger boxes. */
static inline void fg_grid_merge_levels(fg_box_grid *grid)
{
    int64_t total = 0;
    for (int l = 0; l < grid->n_levels; l++)
        total += grid->levels[l].count;
    for (int l = grid->n_levels - 1; l >= 0; l--) {
        const fg_grid_level few = grid->levels[l];
        int into = -1;
        for (int k = 0; fg_grid_are_few(few.count, total) && k < grid->n_levels; k++) {
            const fg_grid_level *other = &grid->levels[k];
            if (k != l && other->max_w >= few.max_w && other->max_h >= few.max_h &&
                (into < 0 || other->max_w * other->max_h < grid->levels[into].max_w * grid->levels[into].max_h))
                into = k;
        }
        if (into < 0)
            continue;
        fg_grid_widen(&grid->levels[into], &few);
        const int last = --grid->n_levels;
        grid->levels[l] = grid->levels[last];
        for (int slot = 0; slot < FG_GRID_LEVELS; slot++) {
            const int level = grid->level_at[slot] == l ? into : grid->level_at[slot];
            grid->level_at[slot] = (int16_t)(level == last ? l : level);
        }
    }
}

/* Gives each cell of the level a bucket of its own, unless that takes too many; cells may get √8 times as large. */
static inline void fg_grid_fit(fg_grid_level *level)
{
    const double most = 2 * (double)level->count + 64;
    const double width = level->max_x - level->min_x, height = level->max_y - level->min_y;
    const double cells = (width * level->per_x + 1) * (height * level->per_y + 1);
    level->columns = 0;
    if (!(cells <= 8 * most))
        return;
    if (cells > most) {
        const double scale = sqrt(most / cells);
        level->per_x *= scale;
        level->per_y *= scale;
    }
    level->columns = (int64_t)(width * level->per_x) + 1;
    level->rows = (int64_t)(height * level->per_y) + 1;
}

/* Lays out the buckets once every box is counted; returns how many there are. */
static inline uint64_t fg_grid_layout(fg_box_grid *grid)
{
    uint64_t buckets = 0;
    int64_t begin = 0;
    fg_grid_merge_levels(grid);
    for (int l = 0; l < grid->n_levels; l++) {
        fg_grid_level *level = &grid->levels[l];
        level->begin = begin;
        begin += level->count;
        const double least = 0x1p-1000;
        level->per_x = 1 / fg_greater(level->max_w, least);
        level->per_y = 1 / fg_greater(level->max_h, least);
        fg_grid_fit(level);
        uint64_t size = FG_GRID_BLOCK;
        while ((int64_t)size < level->count)
            size *= 2;
        level->first_bucket = buckets;
        level->mask = size - 1;
        buckets += level->columns ? (uint64_t)(level->columns * level->rows) : size;
    }
    return buckets;
}

/* From counts of each bucket, kept two further on, to the start of the next one: placing moves it to its own. */
static inline void fg_grid_add_up(uint32_t *starts, uint64_t buckets)
{
    for (uint64_t b = 2; b <= buckets + 1; b++)
        starts[b] += starts[b - 1];
}

/* Walks over the runs of boxes, in the order of the grid, that a window touches. */
typedef struct {
    const uint32_t *starts;
    const fg_grid_level *level;
    int64_t window[4];
    int64_t row, column;
    int whole; /* the window is larger than the level: take all of that */
} fg_grid_walk;

static inline __attribute__((always_inline)) void fg_grid_start(fg_grid_walk *walk, const fg_box_grid *grid, int l,
                                                                const fg_grid_box *box)
{
    walk->starts = grid->starts;
    walk->level = &grid->levels[l];
    fg_grid_window(walk->level, box, walk->window);
    walk->row = walk->window[2];
    walk->column = walk->window[0];
    const double rows = (double)(walk->window[3] - walk->window[2]) + 1;
    const double blocks = walk->level->columns ? 1 : (double)((walk->window[1] >> 3) - (walk->window[0] >> 3)) + 1;
    walk->whole = rows * blocks > 4 + (double)walk->level->count / 16;
}

/* The next run begin … end - 1; 0 at the end. */
static inline __attribute__((always_inline)) int fg_grid_next(fg_grid_walk *walk, int64_t *begin, int64_t *end)
{
    const fg_grid_level *level = walk->level;
    if (walk->row > walk->window[3])
        return 0;
    if (walk->whole) {
        *begin = level->begin;
        *end = *begin + level->count;
        walk->row = walk->window[3] + 1;
        return 1;
    }
    const uint64_t bucket = fg_grid_bucket(level, walk->column, walk->row);
    *begin = walk->starts[bucket];
    if (level->columns) {
        *end = walk->starts[bucket + (uint64_t)(walk->window[1] - walk->window[0]) + 1];
        walk->row++;
        return 1;
    }
    const int64_t block_end = walk->column | (FG_GRID_BLOCK - 1);
    const int64_t last = block_end < walk->window[1] ? block_end : walk->window[1];
    *end = walk->starts[bucket + (uint64_t)(last - walk->column) + 1];
    walk->column = last + 1;
    if (walk->column > walk->window[1]) {
        walk->column = walk->window[0];
        walk->row++;
    }
    return 1;
}

#endif
