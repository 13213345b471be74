/* Matching of ranked detections to truths in all lanes at once. */
#ifndef FG_EVALUATION_MATCH_H
#define FG_EVALUATION_MATCH_H

#include "evaluation/records.h"
#include "runtime/box_format.h"

/* Whose rules: those of the COCO API, or of the VOC devkit (inclusive pixels; a detection belongs to the truth of highest
   overlap, the first of equals, and is false where that is taken; overlaps have to be above a threshold). */
enum { FG_COCO, FG_VOC };

/* Boxes in images. */
typedef struct {
    int64_t n;
    const int32_t *image, *class_id;
    const double *boxes; /* (n, 4) */
    const double *areas; /* (n,), or NULL: those of the boxes */
} fg_objects;

typedef struct {
    fg_objects detections, truths;
    const uint8_t *crowd;   /* of each truth: takes any number of detections */
    const uint8_t *ignored; /* of each truth: does not count, nor what is matched to it */
    int rules;              /* FG_COCO or FG_VOC */
    int format;             /* FG_XYXY, FG_XYWH or FG_CXCYWH */
    int64_t n_images, n_classes, n_thresholds, n_ranges;
    const double *thresholds; /* (n_thresholds,) */
    const double *ranges;     /* (n_ranges, 2): lowest and highest area */
    const fg_ranked *ranked;  /* these three as fg_order_detections() gives them */
    const int64_t *starts, *counts;
    uint64_t *hits;     /* (words, detections.n): the lanes in which a ranked detection is true */
    uint64_t *counted;  /* the same where it is true or false, and not ignored */
    int64_t *positives; /* (n_classes, n_ranges): truths that count */
} fg_match_call;

/* FG_OK, FG_NO_MEMORY, FG_BAD_VALUE (NaN, or a box that is too large), FG_INTERRUPTED or FG_FORKED. */
int fg_match_detections(const fg_team *team, const fg_match_call *call);

#endif
