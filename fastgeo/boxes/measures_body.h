/* One measure of LANES pairs of boxes, in the order of operations of reference_iou.py. Part of a body. A box has these values:
     x1 y1 x2 y2 area, then for DIoU, CIoU and SIoU the centre x and y,
     then for CIoU the aspect angle, for SIoU width and height;
     in the second box of FG_IOU_CROWD, 1 or 0 after the area. */
#include "boxes/measures.h"
#include "boxes/vector_exp.h"
#include "runtime/box_overlap.h"
#include "runtime/box_soa.h"

static inline vreal FG_NAME(v_squared)(vreal a) { return v_mul(a, a); }

/* 1 - exp(-x) for x >= 0. */
static inline vreal FG_NAME(v_decay)(vreal x)
{
    return v_sub(v_set1(1), FG_NAME(v_exp_minus)(v_min(x, v_set1(80))));
}

static inline vreal FG_NAME(v_size_difference)(vreal a, vreal b)
{
    return FG_NAME(v_ratio)(v_abs(v_sub(a, b)), v_max(a, b));
}

/* The distance and shape costs of SIoU, added up. */
static inline vreal FG_NAME(v_siou_costs)(const vreal *a, const vreal *b, vreal dx, vreal dy, vreal width, vreal height)
{
    vreal product = v_abs(v_mul(dx, dy));
    vreal angle = FG_NAME(v_ratio)(v_mul(v_set1(2), product), v_add(v_mul(dx, dx), v_mul(dy, dy)));
    vreal gamma = v_sub(v_set1(2), v_min(angle, v_set1(1)));
    vreal x = FG_NAME(v_squared)(FG_NAME(v_ratio)(dx, width)), y = FG_NAME(v_squared)(FG_NAME(v_ratio)(dy, height));
    vreal distance = v_add(FG_NAME(v_decay)(v_mul(gamma, x)), FG_NAME(v_decay)(v_mul(gamma, y)));
    vreal w = FG_NAME(v_squared)(FG_NAME(v_decay)(FG_NAME(v_size_difference)(a[7], b[7])));
    vreal h = FG_NAME(v_squared)(FG_NAME(v_decay)(FG_NAME(v_size_difference)(a[8], b[8])));
    return v_add(distance, v_add(FG_NAME(v_squared)(w), FG_NAME(v_squared)(h)));
}

/* `apart` promises that no intersection has an area, that the offset is 0, and that the first box has an area by its
   corners, so that every hull has one. */
static inline __attribute__((always_inline)) vreal FG_NAME(overlap)(const vreal *a, const vreal *b, vreal offset,
                                                                    int kind, int apart)
{
    vreal intersection = v_set1(0), area_union = v_add(a[4], b[4]), iou = v_set1(0);
    if (!apart) {
        intersection = FG_NAME(v_intersection)(a, b, &offset);
        area_union = kind == FG_IOA ? a[4] : v_sub(area_union, intersection);
        if (kind == FG_IOU_CROWD)
            area_union = v_select(v_lt(v_set1(0), b[5]), a[4], area_union);
        iou = FG_NAME(v_ratio)(intersection, area_union);
    }
    if (kind == FG_IOU || kind == FG_IOU_CROWD || kind == FG_IOA)
        return iou;
    vreal width = v_sub(v_max(a[2], b[2]), v_min(a[0], b[0])), height = v_sub(v_max(a[3], b[3]), v_min(a[1], b[1]));
    if (!apart) {
        width = v_max(v_add(width, offset), v_set1(0));
        height = v_max(v_add(height, offset), v_set1(0));
    }
    if (kind == FG_GIOU) {
        vreal hull = v_mul(width, height), empty = v_sub(hull, area_union);
        return v_sub(iou, apart ? v_div(empty, hull) : FG_NAME(v_ratio)(empty, hull));
    }
    vreal dx = v_sub(a[5], b[5]), dy = v_sub(a[6], b[6]);
    if (kind == FG_SIOU)
        return v_sub(iou, v_mul(FG_NAME(v_siou_costs)(a, b, dx, dy, width, height), v_set1((real)0.5)));
    vreal diou = v_sub(iou, FG_NAME(v_ratio)(v_add(v_mul(dx, dx), v_mul(dy, dy)),
                                             v_add(v_mul(width, width), v_mul(height, height))));
    if (kind == FG_DIOU)
        return diou;
    vreal difference = v_sub(a[7], b[7]);
    vreal v = v_mul(v_mul(difference, difference), v_set1((real)0.40528473456935108577)); /* 4 / π² */
    return v_sub(diou, v_mul(FG_NAME(v_ratio)(v, v_add(v_sub(v_set1(1), iou), v)), v));
}
