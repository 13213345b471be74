/* Boxes of any format by their corners and area. */
#ifndef FG_BOX_CORNERS_H
#define FG_BOX_CORNERS_H

#include "runtime/box_format.h"

#define FG_LARGEST 0x1p508 /* of a coordinate: the area of a larger box could overflow */

typedef struct {
    double x1, y1, x2, y2, area;
} box_corners;

static inline double fg_larger(double a, double b) { return a > b ? a : b; }
static inline double fg_smaller(double a, double b) { return a < b ? a : b; }

/* `offset` is added to every extent. */
static inline box_corners fg_corners(const double *b, int format, double offset)
{
    const double w = format == FG_XYXY ? b[2] - b[0] : b[2], h = format == FG_XYXY ? b[3] - b[1] : b[3];
    const double area = fg_larger(w + offset, 0) * fg_larger(h + offset, 0);
    if (format == FG_XYXY)
        return (box_corners){b[0], b[1], b[2], b[3], area};
    if (format == FG_XYWH)
        return (box_corners){b[0], b[1], b[0] + b[2], b[1] + b[3], area};
    return (box_corners){b[0] - b[2] / 2, b[1] - b[3] / 2, b[0] + b[2] / 2, b[1] + b[3] / 2, area};
}

/* Whether its numbers are numbers, and not too large. */
static inline int fg_is_box(const double *box)
{
    int good = 1;
    for (int i = 0; i < 4; i++)
        good &= box[i] >= -FG_LARGEST && box[i] <= FG_LARGEST;
    return good;
}

#endif
