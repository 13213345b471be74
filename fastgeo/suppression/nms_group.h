/* One group of boxes on its way through greedy suppression, step by step. For nms.c and nms_tiles.c. */
#ifndef FG_NMS_GROUP_H
#define FG_NMS_GROUP_H

#include "runtime/box_grid.h"
#include "suppression/nms.h"

/* Of a box that overlaps nothing: it is in no grid. */
#define NO_BUCKET UINT32_MAX

/* Boxes that are laid out at a time: they stay in the nearest cache. */
enum { CHUNK = 256 };

typedef struct nms_grid nms_grid;

typedef struct {
    int levels;  /* that a grid would have; 0: not known yet */
    int lanes;   /* of a vector */
    double near; /* share of the other boxes that a grid would not rule out */
} nms_sample;

/* Boxes are numbered by position: 0 has the highest score. */
typedef struct {
    const fg_nms_call *call;
    int isa;
    void *soa; /* five runs of n: the kept boxes, then those laid out ahead; under a grid, what it reads: the members as
                  runs, or the input as it stands. NULL: a grid from the start, over boxes of our own */
    int64_t n;
    const fg_ranked *entries;
    int64_t n_loaded; /* positions in `soa` */
    uint32_t *kept;   /* positions */
    int64_t n_kept, max_kept;
    int64_t position; /* the next box to look at */
    int64_t work;     /* vector comparisons so far */
    nms_sample sample;
    nms_grid *grid;   /* NULL: not begun */
    void *spare;      /* NULL, or room for the grid unless that is of an unusual shape */
    int status;       /* FG_OK or FG_NO_MEMORY */
    const fg_box_grid *tiles; /* NULL, or what the group is a tile of: boxes that reach out of it stay undecided */
    int64_t n_undecided;      /* their positions lie at the end of the room for `kept` */
} nms_state;

/* Room that a grid of n boxes wants, unless it is of an unusual shape. */
size_t fg_nms_grid_bytes(int64_t n, size_t value);

/* Begins a group of sorted entries; the scratch of the sort now holds `kept`. */
nms_state fg_nms_open(int isa, const fg_nms_call *call, const fg_ranked *entries, fg_ranked *scratch, int64_t n,
                      void *soa, void *spare);

/* About a millisecond of work: lays out boxes, builds a part of the grid, or decides boxes. */
void fg_nms_step(nms_state *state);

void fg_nms_close(nms_state *state);

/* Where the boxes lie, how large they are, and whether their areas are what the extents say. */
typedef struct {
    fg_grid_level all;
    int consistent;
} fg_nms_range;

/* Of a group whose entries need not be sorted, and which is then closed. FG_OK or FG_NO_MEMORY. */
int fg_nms_find_range(nms_state *state, fg_nms_range *range);

static inline int fg_nms_is_done(const nms_state *state)
{
    return state->status != FG_OK || state->position == state->n || state->n_kept >= state->max_kept;
}

#endif
