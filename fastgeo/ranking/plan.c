#include "ranking/plan.h"

#include "ranking/tuning.h"

const char *const fg_histogram_algorithms[] = {
    [FG_SHARED_COUNTS] = "shared_counts", [FG_PRIVATE_COUNTS] = "private_counts"};
const char *const fg_sort_algorithms[] = {
    [FG_RADIX_SORT] = "radix_sort", [FG_CUT_RADIX_SORT] = "cut_radix_sort", [FG_RECORD_SORT] = "record_sort"};

/* Why private counters cannot serve a call; NULL: they can. */
static const char *no_private_counts(const fg_histogram_call *call)
{
    if (call->weights)
        return "weights are added up in the order of the samples";
    if (!fg_is_safe_width(call->width)) /* there is no private row for the quotients above n_bins of a rounded width */
        return "the width of a bin lies near the end of float64's range, where quotients may exceed the number of bins";
    return call->n_bins > MANY_BINS ? "so many bins have no private counters that the cache holds" : NULL;
}

int fg_plan_histogram(const fg_team *team, const fg_histogram_call *call, fg_ranking_plan *plan)
{
    const char *const objection = no_private_counts(call);
    const int forced = fg_forced(team, "histogram_auc", fg_histogram_algorithms, FG_HISTOGRAM_ALGORITHMS);
    if (forced == FG_PRIVATE_COUNTS && objection)
        return fg_refuse(team, "histogram_auc", fg_histogram_algorithms[forced], objection);
    if (forced >= 0) {
        plan->algorithm = forced;
        plan->reason = "it was asked for";
    } else if (objection) {
        plan->algorithm = FG_SHARED_COUNTS;
        plan->reason = objection;
    } else if (call->n < MANY_SAMPLES * call->n_bins) {
        plan->algorithm = FG_SHARED_COUNTS;
        plan->reason = "clearing and adding up private counters costs more than it saves for so few samples a bin";
    } else {
        plan->algorithm = FG_PRIVATE_COUNTS;
        plan->reason = "counters that take turns: an increment need not wait for the one before it in the same bin";
    }
    const int64_t chunk = plan->algorithm == FG_SHARED_COUNTS ? FG_SHARED_CHUNK : FG_PRIVATE_CHUNK;
    plan->chunks = (call->n + chunk - 1) / chunk;
    plan->touches = !call->keep_counts && call->n_bins >= MANY_PAGES && call->n >= SOME_SAMPLES;
    const int alone = plan->algorithm == FG_SHARED_COUNTS || call->n < MIN_FOR_THREADS;
    plan->threads = alone ? 1 : plan->chunks < team->size ? (int)plan->chunks : team->size; /* 1 at least */
    return FG_OK;
}

int fg_plan_sort(const fg_team *team, int64_t n, int64_t word_bytes, int wants, fg_ranking_plan *plan)
{
    const int forced = fg_forced(team, "roc_auc", fg_sort_algorithms, FG_SORT_ALGORITHMS);
    *plan = (fg_ranking_plan){.threads = 1, .chunks = 1};
    if (forced == FG_RECORD_SORT && !(wants & FG_WANTS_RECORDS))
        return fg_refuse(team, "roc_auc", fg_sort_algorithms[forced], "nothing but the order of the words is wanted");
    if (forced >= 0 && forced != FG_RECORD_SORT && !(wants & FG_WANTS_WORDS))
        return fg_refuse(team, "roc_auc", fg_sort_algorithms[forced], "weights and groups are found through the sample");
    if (forced >= 0) {
        plan->algorithm = forced;
        plan->reason = "it was asked for";
    } else if (!(wants & FG_WANTS_WORDS)) {
        plan->algorithm = FG_RECORD_SORT;
        plan->reason = "weights and groups are found through the sample, to which records lead back";
    } else if (n >= MIN_FOR_CUTS / word_bytes) {
        plan->algorithm = FG_CUT_RADIX_SORT;
        plan->reason = "many scores are cut by leading digit first, so that the cache holds what is sorted";
    } else {
        plan->algorithm = FG_RADIX_SORT;
        plan->reason = "the cache holds all of the sorted words";
    }
    return FG_OK;
}

int fg_tell_sort(const fg_team *team, const fg_ranking_plan *plan, int64_t scratch_bytes)
{
    const fg_plan shown = {.choice = "roc_auc",
                           .algorithm = fg_sort_algorithms[plan->algorithm],
                           .reason = plan->reason,
                           .threads = plan->threads,
                           .chunks = plan->chunks,
                           .scratch_bytes = scratch_bytes};
    return fg_planned(team, &shown);
}
