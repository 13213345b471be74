/* Box formats, in the order of FORMATS in runtime/checks.py. */
#ifndef FG_BOX_FORMAT_H
#define FG_BOX_FORMAT_H

enum { FG_XYXY, FG_XYWH, FG_CXCYWH };

#endif
