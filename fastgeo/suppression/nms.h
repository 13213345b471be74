/* Greedy non-maximum suppression, of all boxes together or group by group. */
#ifndef FG_NMS_H
#define FG_NMS_H

#include "runtime/box_format.h"
#include "runtime/runtime.h"
#include "suppression/score_order.h"

/* In the order of KINDS in reference.py. */
enum { FG_NMS_IOU, FG_NMS_DIOU, FG_NMS_IOA };

/* Which search to use; the answer is the same. FG_NMS_AUTO goes by tiles or best first where there are very many
   boxes, else starts plainly and changes over to a grid when that gets slow. */
enum { FG_NMS_AUTO, FG_NMS_PLAIN, FG_NMS_GRID, FG_NMS_TILES, FG_NMS_BEST_FIRST };

typedef struct {
    const void *boxes;     /* (n, 4) */
    const void *scores;    /* (n,) */
    const int64_t *groups; /* (n,): boxes suppress only inside one group; NULL: all are one group */
    int64_t n;
    int64_t repeat; /* how many scores in a row share one box: 1 */
    int boxes_f64, scores_f64;
    double iou_threshold;
    int has_score_threshold;
    double score_threshold; /* a box takes part if its score is above */
    int64_t max_output;     /* -1: no limit */
    int kind, fmt, offset, method;
    int64_t *keep;   /* (n,): receives the kept boxes by descending score */
    int64_t *owner;  /* (n,) or NULL: receives the box that kept or suppressed each box, or -1 */
    int64_t n_keep;  /* receives how many */
} fg_nms_call;

/* FG_OK, FG_NO_MEMORY, FG_BAD_VALUE (a box or score breaks the contract), FG_INTERRUPTED or FG_FORKED. */
int fg_nms(const fg_team *team, fg_nms_call *call);

/* For the other entries of this room. */

/* FG_OK, or FG_BAD_VALUE if one of the 4n values breaks the contract. */
int fg_check_boxes(int isa, const void *boxes, int is_f64, int64_t n);

/* One group whose entries (see score_order.h) are sorted; `call` gives boxes and settings. */
typedef struct {
    const fg_nms_call *call;
    const fg_ranked *entries;
    fg_ranked *scratch; /* room for n entries */
    void *soa;          /* room for 5n values */
    int64_t n;
    const uint32_t *kept; /* receives the positions of the boxes kept; part of `scratch` */
    int64_t n_kept;       /* receives how many */
} fg_nms_set;

/* Runs a set unless that takes too long for a chunk. FG_OK, FG_NO_MEMORY, or FG_NMS_TOO_LONG: start again with
   fg_nms_run_sets. */
enum { FG_NMS_TOO_LONG = -1 };
int fg_nms_run_set(int isa, fg_nms_set *set);

/* Runs such sets side by side, step by step. */
int fg_nms_run_sets(const fg_team *team, fg_nms_set *sets, int64_t n_sets, int n_threads);

#endif
