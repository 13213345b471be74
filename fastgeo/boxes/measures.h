/* The measures of overlap. */
#ifndef FG_MEASURES_H
#define FG_MEASURES_H

enum { FG_IOU, FG_GIOU, FG_DIOU, FG_CIOU, FG_SIOU, FG_IOA, FG_IOU_CROWD };

#endif
