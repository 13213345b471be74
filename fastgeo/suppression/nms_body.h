/* Greedy suppression in one group: the stages in the order in which they build on each other. */
#include "runtime/box_soa.h"
#include "suppression/nms_pair_body.h"
#include "suppression/nms_scan_body.h"
#include "suppression/nms_leaves_body.h"
#include "suppression/nms_grid_body.h"
#include "suppression/nms_tree_body.h"
#include "suppression/nms_index_body.h"

static int FG_NAME(check_boxes)(const void *boxes, int64_t n) { return FG_NAME(boxes_in_range)(boxes, n); }
