#include "evaluation/plan.h"

#include "evaluation/tuning.h"

int fg_plan_id_table(int64_t n, int64_t low, int64_t high)
{
    /* The difference may not fit a signed integer. */
    const uint64_t span = (uint64_t)high - (uint64_t)low;
    return low <= high && (span < SMALL_TABLE || span / TABLE_ENTRIES_A_ROW < (uint64_t)n);
}
