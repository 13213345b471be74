/* IoU of masks, and non-maximum suppression by it. */
#ifndef FG_MASKS_OVERLAP_H
#define FG_MASKS_OVERLAP_H

#include "masks/geometry.h"

typedef struct {
    fg_masks masks1, masks2; /* all of one size */
    const uint8_t *iscrowd;  /* of masks2, or NULL */
    double *iou;             /* (masks1.n, masks2.n) */
} fg_mask_iou_call;

int fg_mask_iou(const fg_team *team, const fg_mask_iou_call *call);

typedef struct {
    fg_masks masks;       /* all of one size */
    const int64_t *order; /* of the n masks that take part, the best first */
    int64_t n;
    const int64_t *ids;   /* of all masks; masks of different ids leave each other alone. Or NULL */
    double threshold;
    int64_t most;         /* stop after so many */
    int64_t *keep;        /* room for n */
    int64_t n_kept;
} fg_mask_nms_call;

int fg_mask_nms(const fg_team *team, fg_mask_nms_call *call);

#endif
