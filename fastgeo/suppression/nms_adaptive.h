/* The algorithm "adaptive": greedy suppression in one group of boxes by a scan, until an index over the boxes left pays; by a
   grid if one suits them, until a tree pays. "scan", "grid" and "tree" are its parts, run alone. */
#ifndef FG_NMS_ADAPTIVE_H
#define FG_NMS_ADAPTIVE_H

#include "suppression/nms.h"
#include "suppression/nms_index.h"

/* Boxes are numbered by position: 0 has the highest score. */
typedef struct {
    const fg_nms_call *call;
    const fg_team *team;
    int slot;                 /* of the thread that runs it */
    int algorithm;            /* as in plan.h */
    const fg_ranked *entries; /* n, sorted */
    int64_t n;
    void *runs;     /* five runs of n values: the kept boxes in front, those loaded ahead from `position` on */
    uint32_t *kept; /* (n,): receives the positions of the kept boxes */
    int64_t n_kept, max_kept;
    int64_t position; /* the next box to decide */
    int64_t work;     /* comparisons so far, each with FAN boxes */
    int64_t next_poll;
    int status; /* FG_OK, FG_NO_MEMORY or FG_INTERRUPTED */
    nms_index *index;  /* over the boxes that are not decided; NULL: none yet */
    int64_t n_scanned; /* boxes kept by the scan, which have yet to take out of the index what they suppress */
    int64_t tree_work; /* comparisons at which a grid gives way to a tree */
} fg_nms_group;

/* Decides all boxes of a group whose sorted entries stand in `entries`, until max_output are kept. `scratch` holds n
   entries and receives `kept`, `runs` five runs of n values. Polls on the way. */
fg_nms_group fg_nms_run_group(const fg_team *team, int slot, int algorithm, const fg_nms_call *call,
                              const fg_ranked *entries, fg_ranked *scratch, void *runs, int64_t n);

#endif
