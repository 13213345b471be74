#include "clustering/plan.h"

#include <math.h>

#include "clustering/quantized.h"
#include "clustering/tuning.h"

const char *const fg_assign_names[FG_ASSIGN_ALGORITHMS] = {"exhaustive", "horizontal", "quantized"};
const char *const fg_kmeans_names[FG_KMEANS_ALGORITHMS] = {"lloyd", "hamerly"};

/* Why an algorithm cannot serve a call; NULL if it can. */
static const char *refusal(const fg_nearest_call *call, int algorithm)
{
    const fg_points *points = call->points;
    if (algorithm == FG_EXHAUSTIVE)
        return NULL;
    if (points->metric == FG_BOX_IOU)
        return "candidates are screened by squared distances, not by IoU";
    if (algorithm == FG_HORIZONTAL && (points->d > FG_HORIZONTAL_MAX_D || call->k > FG_HORIZONTAL_MAX_K))
        return "too many columns or centroids for the error of its sums and its table";
    if (algorithm == FG_QUANTIZED && points->is_f64)
        return "16-bit integers tell too few float64 points apart";
    if (algorithm == FG_QUANTIZED && (points->d > FG_QUANTIZED_MAX_D || call->k > FG_QUANTIZED_MAX_K))
        return "too many columns or centroids for scores of 32 bits";
    return NULL;
}

static int horizontal_pays(const fg_team *team, const fg_nearest_call *call)
{
    const int64_t d = call->points->d, k = call->k, each = fg_horizontal_group(team->isa);
    if (refusal(call, FG_HORIZONTAL) || call->distances || d < HORIZONTAL_COLUMNS || k < 2)
        return 0;
    return k <= HORIZONTAL_MOST_K && k <= each * d / HORIZONTAL_COLUMNS_EACH &&
           (d <= DEEP_COLUMNS || each > 2 || k <= HORIZONTAL_FEW_K);
}

static int quantized_pays(const fg_nearest_call *call)
{
    const fg_points *points = call->points;
    const int64_t columns = call->distances ? QUANTIZED_DISTANCE_COLUMNS : QUANTIZED_COLUMNS;
    const int64_t least = call->distances ? QUANTIZED_DISTANCE_K : QUANTIZED_K;
    return !refusal(call, FG_QUANTIZED) && points->d >= columns && call->k >= least &&
           call->k <= points->n / QUANTIZED_POINTS_EACH;
}

static int choose(const fg_team *team, const fg_nearest_call *call, const char **reason)
{
    *reason = "screening candidates first does not pay for so few columns, centroids or points";
    if (team->isa == FG_ISA_scalar)
        *reason = "screening candidates first does not pay without vectors";
    else if (quantized_pays(call)) {
        *reason = "many float32 centroids: 16-bit products screen them at twice the speed";
        return FG_QUANTIZED;
    } else if (horizontal_pays(team, call)) {
        *reason = "few centroids and long rows: sums along the rows need no transposition";
        return FG_HORIZONTAL;
    }
    return FG_EXHAUSTIVE;
}

/* Whether a chunk may be a whole block of the sums. */
static int blocks_suit(const fg_team *team, const fg_nearest_call *call)
{
    const double most = team->isa == FG_ISA_scalar ? ADDED_BLOCK_SCALAR_WORK : ADDED_BLOCK_WORK;
    const double work = (double)call->points->n * (double)call->points->d * (double)call->k;
    return call->sums && call->sums->blocks >= ADDED_BLOCKS && work / (double)call->sums->blocks < most;
}

static fg_assign_plan pieces(const fg_team *team, const fg_nearest_call *call, int algorithm)
{
    const fg_points *points = call->points;
    const int64_t n = points->n, d = points->d, k = call->k, size = points->is_f64 ? 8 : 4;
    const int whole_rows = algorithm != FG_EXHAUSTIVE || d < DEEP_COLUMNS;
    const fg_search_bytes bytes = fg_search_memory(team->isa, points->is_f64, whole_rows ? d : DEEP_COLUMNS, k);
    fg_assign_plan plan = {.algorithm = algorithm, .adds_sums = blocks_suit(team, call)};
    plan.threads = fg_threads_for(team, (double)n * (double)d * (double)k);
    plan.rows = fg_chunk_rows(team, n, d * k + ASSIGN_ROW_WORK);
    plan.n_chunks = plan.adds_sums ? call->sums->blocks : fg_chunk_count(n, plan.rows);
    plan.group = fg_most_rows(team, CHUNK_BLOCK * (d < DEEP_COLUMNS ? d : DEEP_COLUMNS), INT64_MAX);
    /* Short rows need no copy: a tile reads them one after the other. */
    plan.stride = d <= DEEP_COLUMNS || n < SPREAD_POINTS ? d : fg_spread_stride(d, size);
    plan.packed_bytes = bytes.packed;
    plan.scratch_bytes = bytes.packed + (algorithm != FG_EXHAUSTIVE || d > DEEP_COLUMNS ? bytes.table : 0);
    plan.measures_rounding = k >= QUANTIZED_MEASURED_K;
    return plan;
}

fg_assign_plan fg_plan_exhaustive(const fg_team *team, const fg_nearest_call *call)
{
    return pieces(team, call, FG_EXHAUSTIVE);
}

static int64_t assign_bytes(const fg_assign_plan *plan, const fg_nearest_call *call)
{
    const int64_t d = call->points->d, k = call->k, size = call->points->is_f64 ? 8 : 4;
    int64_t bytes = plan->threads * plan->scratch_bytes;
    bytes += plan->adds_sums ? plan->threads * k * (int64_t)sizeof(int32_t) : 0;
    bytes += plan->stride > d ? k * plan->stride * size : 0;
    return bytes + (plan->algorithm == FG_QUANTIZED ? k * (d / 2 + 2) * (int64_t)sizeof(int32_t) : 0);
}

int fg_plan_assign(const fg_team *team, const fg_nearest_call *call, fg_assign_plan *plan)
{
    const int forced = fg_forced(team, "assign", fg_assign_names, FG_ASSIGN_ALGORITHMS);
    const char *reason = "it is forced";
    if (forced >= 0 && refusal(call, forced))
        return fg_refuse(team, "assign", fg_assign_names[forced], refusal(call, forced));
    *plan = pieces(team, call, forced >= 0 ? forced : choose(team, call, &reason));
    const fg_plan shown = {"assign",       fg_assign_names[plan->algorithm], reason, plan->threads,
                           plan->n_chunks, assign_bytes(plan, call)};
    return fg_planned(team, &shown);
}

static const char *bounds_refusal(const fg_points *points)
{
    if (points->metric == FG_BOX_IOU)
        return "its bounds are of Euclidean distances, not of IoU";
    return points->d > FG_HAMERLY_MAX_D ? "too many columns: their roundings outgrow its bounds" : NULL;
}

int fg_plan_kmeans(const fg_team *team, const fg_points *points, int64_t k, int64_t blocks, fg_kmeans_plan *plan)
{
    const fg_sums sums = {.points = points, .k = k, .blocks = blocks};
    const fg_nearest_call call = {.points = points, .k = k, .sums = (fg_sums *)&sums};
    const int forced = fg_forced(team, "kmeans", fg_kmeans_names, FG_KMEANS_ALGORITHMS);
    const int pays = !bounds_refusal(points) && k * points->d >= HAMERLY_LEAST_WORK;
    const char *reason = pays ? "bounds settle most points once few labels change"
                              : "a search among so few columns and centroids costs no more than bounds, or there are none";
    if (forced == FG_HAMERLY && bounds_refusal(points))
        return fg_refuse(team, "kmeans", "hamerly", bounds_refusal(points));
    plan->algorithm = forced >= 0 ? forced : pays ? FG_HAMERLY : FG_LLOYD;
    plan->most_changed = forced == FG_HAMERLY ? INT64_MAX : points->n / HAMERLY_CHANGED;
    plan->most_open = forced == FG_HAMERLY ? INT64_MAX : points->n / HAMERLY_OPEN;
    plan->most_rest = HAMERLY_MOST_REST;
    plan->with_gaps = k <= points->n / HAMERLY_GAP_POINTS;
    const char *ignored;
    const fg_assign_plan each = pieces(team, &call, choose(team, &call, &ignored));
    const int64_t bounds = plan->algorithm == FG_HAMERLY ? 2 * (points->n + k) * (int64_t)sizeof(float) : 0;
    const int64_t sum_bytes = blocks * k * (points->d + 1) * (int64_t)sizeof(double);
    const fg_plan shown = {"kmeans",     fg_kmeans_names[plan->algorithm], forced >= 0 ? "it is forced" : reason,
                           each.threads, each.n_chunks, assign_bytes(&each, &call) + bounds + sum_bytes};
    return fg_planned(team, &shown);
}

/* Tiles of about one height, whole strips each. */
static int64_t tile_rows(const fg_team *team, const fg_points *rows, int64_t m, int64_t tile_columns)
{
    const int64_t work = team->isa == FG_ISA_scalar ? PAIRWISE_SCALAR_WORK : PAIRWISE_TILE_WORK;
    const int64_t d = rows->d > 0 ? rows->d : 1, value = rows->is_f64 ? 8 : 4;
    const int64_t paging = PAIRWISE_PAGED_BYTES / (m * value + 1), each = work / (d * tile_columns);
    /* Fewer rows are not worth the packing of their columns, unless all together take too long for Ctrl-C. */
    const int64_t least = d * tile_columns * PAIRWISE_LEAST_ROWS > 8 * work ? FG_PAIRWISE_STRIP : PAIRWISE_LEAST_ROWS;
    const int64_t most = each < paging ? each : paging, tiles = fg_chunk_count(rows->n, most > least ? most : least);
    return fg_chunk_count(rows->n, (tiles > 1 ? tiles : 1) * FG_PAIRWISE_STRIP) * FG_PAIRWISE_STRIP;
}

fg_pairwise_plan fg_plan_pairwise(const fg_team *team, const fg_points *rows, const fg_points *columns)
{
    const int64_t d = rows->d > 0 ? rows->d : 1, value = rows->is_f64 ? 8 : 4;
    const int64_t unit = team->isa == FG_ISA_scalar ? PAIRWISE_SCALAR_COLUMNS : FG_PAIRWISE_COLUMNS;
    const int64_t fit = PAIRWISE_PACKED_BYTES / value / d / unit * unit;
    const int64_t tile_columns = fit < unit ? unit : fit < PAIRWISE_MOST_COLUMNS ? fit : PAIRWISE_MOST_COLUMNS;
    return (fg_pairwise_plan){
        .by_products = rows->d >= PAIRWISE_PRODUCT_COLUMNS,
        .threads = fg_threads_for(team, (double)rows->n * (double)columns->n * (double)rows->d),
        .tile_rows = tile_rows(team, rows, columns->n, tile_columns),
        .tile_columns = tile_columns,
        .column_tiles = fg_chunk_count(columns->n, tile_columns),
        .panel_rows = FG_PAIRWISE_STRIP * (d * value > PAIRWISE_WIDE_BYTES ? PAIRWISE_WIDE_STRIPS : 1),
        .row_stride = fg_spread_stride(d, value),
        .measured_rows = fg_most_rows(team, rows->d, PAIRWISE_MEASURED_ROWS),
    };
}
