/* Very many boxes of one group, and what is found out of them. */
#ifndef FG_NMS_MANY_H
#define FG_NMS_MANY_H

#include "suppression/nms_group.h"

/* What is known of a box. */
enum { FG_NMS_DROPPED, FG_NMS_KEPT, FG_NMS_UNDECIDED };

typedef struct {
    const fg_nms_call *call;
    fg_ranked *entries; /* of the n boxes that take part, by ascending index */
    fg_ranked *scratch; /* room for n entries */
    int64_t n;
    void *soa; /* room for 5n values */
    fg_nms_range range;
    uint8_t *verdict; /* by box of the input: FG_NMS_DROPPED; receives what is known of it */
} fg_nms_many;

/* What a search answers that does not suit these boxes; their entries and verdicts are as before. */
enum { FG_NMS_UNSUITED = -2 };

#endif
