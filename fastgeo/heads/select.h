/* The candidates of a detector's head: which anchors and classes score above a threshold. */
#ifndef FG_SELECT_H
#define FG_SELECT_H

#include "runtime/runtime.h"

enum { FG_HEAD_F32, FG_HEAD_F16, FG_HEAD_U8, FG_HEAD_I8 };

typedef struct {
    const void *values;   /* images × channels × anchors values of `kind` */
    int kind;
    int64_t images, anchors;
    int64_t image_stride; /* in values, as the next two, of which one is 1 */
    int64_t channel_stride, anchor_stride;
    int64_t first_class;      /* channel of class 0; boxes are channels 0 … 3 */
    int has_objectness;       /* channel 4; a score is objectness times class */
    int logits;               /* objectness alone decides, too; scores are left as they are */
    const int64_t *classes;   /* (n_classes,): those that take part, ascending */
    int64_t n_classes;
    int multi_label;          /* every class above the threshold, not the best alone */
    float threshold;
    const float *scales;      /* (channels,), only for FG_HEAD_U8 and FG_HEAD_I8: value = (stored - zero) · scale */
    int32_t zero_point;
} fg_select_call;

typedef struct {
    int64_t anchor, class_id;
    float score, objectness; /* objectness is 1 where there is none */
    float box[4];            /* as in the head */
} fg_candidate;

/* The candidates of one image, by anchor, then by class. */
typedef struct {
    fg_candidate *list;
    int64_t count, capacity;
    int status;
} fg_candidates;

/* Fills images[0 … call->images - 1]; the caller frees their lists, whatever is returned. */
int fg_select(const fg_team *team, const fg_select_call *call, fg_candidates *images);
void fg_candidates_free(fg_candidates *images, int64_t count);

#endif
