#include "suppression/plan.h"

#include "suppression/score_order.h"
#include "suppression/tuning.h"

#define NAME_ROW(name, NAME) [FG_NMS_##NAME] = #name,
const char *const fg_nms_names[FG_NMS_COUNT] = {FG_NMS_ALGORITHMS(NAME_ROW)};

static const char *reason_of(const fg_nms_plan *plan, int is_forced)
{
    if (is_forced)
        return "it is forced";
    if (plan->algorithm == FG_NMS_SCAN)
        return "few boxes: comparing with the kept ones costs less than an index over all";
    if (plan->may_be_best_first)
        return "compares with the kept boxes; once many are kept, builds a grid, or a tree where sizes or places vary "
               "widely; begins with the best where boxes lie deep";
    return "compares with the kept boxes; once many are kept, builds a grid, or a tree where sizes or places vary widely";
}

static int64_t count_chunks(fg_nms_size size)
{
    return size.sets > 1 ? size.sets : size.is_grouped ? (size.n + CHUNK_BOXES - 1) / CHUNK_BOXES : 1;
}

fg_nms_plan fg_plan_nms(const fg_team *team, fg_nms_size size)
{
    const int forced = fg_forced(team, FG_NMS_CHOICE, fg_nms_names, FG_NMS_COUNT);
    const int is_whole = size.sets == 1 && !size.is_grouped && !size.has_owners;
    fg_nms_plan plan = {.algorithm = size.n < MIN_BOXES_FOR_INDEX ? FG_NMS_SCAN : FG_NMS_ADAPTIVE, .threads = 1};
    plan.may_be_best_first = forced < 0 && is_whole && size.n >= MIN_BOXES_FOR_BEST_FIRST;
    if (forced >= 0)
        plan.algorithm = forced;
    if ((size.sets > 1 && size.sets * size.n >= MIN_SCORES_FOR_THREADS) ||
        (size.is_grouped && size.n >= MIN_BOXES_FOR_THREADS) || plan.may_be_best_first || forced == FG_NMS_BEST_FIRST)
        plan.threads = team->size;
    const int64_t scratch = (size.n + 1) * (int64_t)(2 * sizeof(fg_ranked) + 5 * size.value);
    plan.shown = (fg_plan){.choice = FG_NMS_CHOICE, .algorithm = fg_nms_names[plan.algorithm],
                           .reason = reason_of(&plan, forced >= 0), .threads = plan.threads,
                           .chunks = count_chunks(size), .scratch_bytes = scratch};
    plan.status = fg_planned(team, &plan.shown);
    if (forced == FG_NMS_BEST_FIRST && !is_whole)
        plan.status = fg_refuse(team, FG_NMS_CHOICE, fg_nms_names[forced], "it drops boxes of one group, without owners");
    return plan;
}

static int is_fixed(int algorithm) { return algorithm == FG_NMS_SCAN || algorithm == FG_NMS_GRID || algorithm == FG_NMS_TREE; }

int fg_nms_index_pays(int algorithm, int64_t work, int64_t boxes, int64_t left, int64_t n)
{
    if (is_fixed(algorithm))
        return algorithm != FG_NMS_SCAN;
    return boxes > 0 && left >= MIN_BOXES_FOR_INDEX / 2 &&
           (double)work * (double)left > (double)SCAN_WORK * (double)boxes * (double)n;
}

int fg_nms_grid_suits(int algorithm, int64_t n, int64_t small, double cells)
{
    if (is_fixed(algorithm))
        return algorithm == FG_NMS_GRID;
    return small <= n / MANY_SMALL && cells <= (double)SPARSE * (2 * (double)n + 64);
}

int64_t fg_nms_tree_work(int algorithm, int64_t left) { return is_fixed(algorithm) ? INT64_MAX / 2 : TREE_WORK * left; }

int fg_nms_is_deep(int algorithm, double depth)
{
    return algorithm == FG_NMS_BEST_FIRST || depth > DEEP;
}

int fg_nms_best_are_few(int algorithm, int64_t n, int64_t n_best)
{
    return n_best <= n / (algorithm == FG_NMS_BEST_FIRST ? 2 : MOST_SHARE);
}

int fg_nms_best_suppress(int algorithm, int64_t n_best, int64_t n_kept)
{
    return algorithm == FG_NMS_BEST_FIRST || n_kept <= n_best / 2;
}
