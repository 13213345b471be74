#include "masks/plan.h"

#include "masks/profile.h"
#include "masks/tuning.h"

const char *const fg_mask_iou_algorithms[] = {[FG_RUNS] = "runs", [FG_OUTLINES] = "outlines"};

/* Borders, boxes and areas; and of outlines as much as they may take. */
static int64_t scratch_of(const fg_masks *masks, int algorithm)
{
    const int64_t counts = masks->offsets[masks->n], n = masks->n;
    const int64_t columns = COLUMNS_A_RUN * (counts / 2) + COLUMNS_A_MASK * n; /* each with its top and bottom */
    const int64_t outlines = n * (int64_t)(sizeof(int64_t) + 1) + 2 * columns * (int64_t)sizeof(int32_t);
    const int64_t geometry = counts * (int64_t)sizeof(uint32_t) + n * (int64_t)(sizeof(fg_mask_box) + sizeof(int64_t));
    return algorithm == FG_OUTLINES ? geometry + outlines : geometry;
}

void fg_plan_mask_iou(const fg_team *team, const fg_mask_iou_call *call, fg_mask_iou_plan *plan)
{
    const int64_t n = call->masks1.n, m = call->masks2.n;
    const int forced = fg_forced(team, "mask_iou", fg_mask_iou_algorithms, FG_MASK_IOU_ALGORITHMS);
    if (forced >= 0) {
        plan->algorithm = forced;
        plan->reason = "it was asked for";
    } else if ((double)n * (double)m < MIN_PAIRS_AN_OUTLINE * (double)(n + m)) {
        plan->algorithm = FG_RUNS;
        plan->reason = "each mask meets so few others that its outline would cost more than it saves";
    } else {
        plan->algorithm = FG_OUTLINES;
        plan->reason = "each mask meets many others: outlines, once made, are compared many columns at a time";
    }
    plan->threads = fg_plan_mask_threads(team, FG_PAIRS, n, m + 1);
    plan->scratch_bytes = scratch_of(&call->masks1, plan->algorithm) + scratch_of(&call->masks2, plan->algorithm);
}

int fg_plan_layers(int64_t most, int64_t width, int64_t n_runs)
{
    return most <= FG_MOST_LAYERS && most * width <= COLUMNS_A_RUN * n_runs + COLUMNS_A_MASK ? (int)most : 0;
}

int fg_plan_mask_threads(const fg_team *team, enum fg_mask_work work, int64_t n, int64_t in_each)
{
    static const int64_t least[] = {
        [FG_MEASURED_COUNTS] = MIN_MEASURED_COUNTS, [FG_MERGED_COUNTS] = MIN_MERGED_COUNTS,
        [FG_BOUNDARY_COUNTS] = MIN_BOUNDARY_COUNTS, [FG_CORNERS] = MIN_CORNERS,
        [FG_ENCODED_PIXELS] = MIN_ENCODED_PIXELS,   [FG_DECODED_PIXELS] = MIN_DECODED_PIXELS,
        [FG_PASTED_PIXELS] = MIN_PASTED_PIXELS,     [FG_PAIRS] = MIN_PAIRS,
    };
    return n > least[work] / in_each ? team->size : 1;
}
