/* Detections class by class and by descending score, and their rank within image and class. */
#ifndef FG_EVALUATION_ORDER_H
#define FG_EVALUATION_ORDER_H

#include "evaluation/records.h"

typedef struct {
    int64_t n, n_images, n_classes;
    const int32_t *image, *class_id; /* (n,) */
    const double *scores;            /* (n,) */
    int64_t limit;     /* this many of an image and class take part at most, those of highest score */
    fg_ranked *ranked; /* (n,): of equal scores first the earlier image, then the earlier row */
    uint32_t *rank;    /* (n,): of each entry of `ranked` in its image and class */
    int64_t *starts;   /* (n_classes + 1,): where the classes begin in `ranked` */
    int64_t *counts;   /* (n_classes,): how many of each take part; what follows them in `ranked` is void */
} fg_order_call;

/* FG_OK, FG_NO_MEMORY, FG_BAD_VALUE (a NaN), FG_INTERRUPTED or FG_FORKED. */
int fg_order_detections(const fg_team *team, const fg_order_call *call);

/* Rows by class, then image, then number: a stable sort by counting. Runs in a chunk of slot 0.
   `order` (n,) is the answer, `starts` (n_classes + 1,) where the classes begin in it. FG_OK, FG_NO_MEMORY or
   FG_INTERRUPTED. */
int fg_group_rows(const fg_team *team, int64_t n, const int32_t *image, int64_t n_images, const int32_t *class_id,
                  int64_t n_classes, uint32_t *order, int64_t *starts);

#endif
