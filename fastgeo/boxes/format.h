/* Areas, formats and clipping: one pass over the boxes, on the caller's thread. */
#ifndef FG_FORMAT_H
#define FG_FORMAT_H

#include "runtime/box_format.h"
#include "runtime/runtime.h"

typedef struct {
    const void *boxes; /* (n, 4) */
    void *out;         /* (n,) areas, (n, 4) otherwise */
    int64_t n;
    int is_f64;
    int fmt, out_fmt, offset;
    double width, height; /* of the image */
} fg_format_call;

/* Each returns FG_OK, FG_BAD_VALUE (a box breaks the contract) or FG_INTERRUPTED. */
int fg_box_area(const fg_team *team, const fg_format_call *call);
int fg_box_convert(const fg_team *team, const fg_format_call *call);
int fg_clip_boxes(const fg_team *team, const fg_format_call *call);

#endif
