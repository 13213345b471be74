#include "ranking/curves.h"

#include <math.h>

#include "runtime/fenv.h"

enum { CHUNK = 1 << 18 };

static inline int64_t chunk_end(const fg_rows *rows, int64_t chunk)
{
    return rows->n < (chunk + 1) * CHUNK ? rows->n : (chunk + 1) * CHUNK;
}

static inline int64_t chunks_of(const fg_rows *rows) { return (rows->n + CHUNK - 1) / CHUNK; }

static inline void put_threshold(const fg_curve_call *call, int64_t place, int64_t row)
{
    const void *distinct = call->rows.distinct;
    void *thresholds = call->thresholds;
    if (call->rows.score_kind == FG_SCORE_F32)
        ((uint32_t *)thresholds)[place] = ((const uint32_t *)distinct)[row];
    else if (call->kind == FG_ROC && call->rows.score_kind == FG_SCORE_I64)
        ((double *)thresholds)[place] = (double)((const int64_t *)distinct)[row];
    else if (call->kind == FG_ROC && call->rows.score_kind == FG_SCORE_U64)
        ((double *)thresholds)[place] = (double)((const uint64_t *)distinct)[row];
    else
        ((uint64_t *)thresholds)[place] = ((const uint64_t *)distinct)[row];
}

#define count_t int64_t
#define C(name) count_##name
#include "ranking/curves_body.h"

#define count_t double
#define C(name) weight_##name
#include "ranking/curves_body.h"

int fg_row_totals(const fg_team *team, const fg_rows *rows, double totals[2])
{
    fg_fenv saved = fg_fenv_enter();
    const int status = rows->counts ? count_row_totals(team, rows, rows->counts, totals)
                                    : weight_row_totals(team, rows, rows->sums, totals);
    fg_fenv_leave(saved);
    return status;
}

int fg_curve_size(const fg_team *team, fg_curve_call *call)
{
    fg_fenv saved = fg_fenv_enter();
    const int status = call->rows.counts ? count_curve_size(team, call, call->rows.counts)
                                         : weight_curve_size(team, call, call->rows.sums);
    fg_fenv_leave(saved);
    return status;
}

/* Infinity is the threshold above all scores; above them precision is 1 and recall 0. */
static void put_end(const fg_curve_call *call)
{
    if (call->kind == FG_PRECISION_RECALL) {
        call->x[call->n_points] = 1;
        call->y[call->n_points] = 0;
        return;
    }
    call->x[0] = call->y[0] = 0;
    if (call->rows.score_kind == FG_SCORE_F32)
        ((float *)call->thresholds)[0] = INFINITY;
    else
        ((double *)call->thresholds)[0] = INFINITY;
}

int fg_curve_points(const fg_team *team, fg_curve_call *call)
{
    fg_fenv saved = fg_fenv_enter();
    put_end(call);
    const int status = call->rows.counts ? count_curve_points(team, call, call->rows.counts)
                                         : weight_curve_points(team, call, call->rows.sums);
    fg_fenv_leave(saved);
    return status;
}

int fg_average_precision(const fg_team *team, const fg_rows *rows, double *precision)
{
    fg_fenv saved = fg_fenv_enter();
    const int status = rows->counts ? count_average_precision(team, rows, rows->counts, precision)
                                    : weight_average_precision(team, rows, rows->sums, precision);
    fg_fenv_leave(saved);
    return status;
}

int fg_area_up_to(const fg_team *team, const fg_curve_call *sized, double max_fpr, double *area)
{
    fg_fenv saved = fg_fenv_enter();
    const fg_rows *rows = &sized->rows;
    const int status = rows->counts ? count_area_up_to(team, sized, rows->counts, max_fpr, area)
                                    : weight_area_up_to(team, sized, rows->sums, max_fpr, area);
    fg_fenv_leave(saved);
    return status;
}

typedef struct {
    const fg_rows *rows;
    int64_t n_negative, n_positive;
    double area;
    int64_t negatives, positives; /* below the next row */
    double of_negatives, of_positives;
} placement_job;

/* The placement of a positive is the share of negatives below it, that of a negative the share of positives above it;
   ties count one half. */
static void add_squares(void *job_, int64_t chunk, int slot)
{
    placement_job job = *(placement_job *)job_;
    (void)slot;
    const int64_t end = chunk_end(job.rows, chunk);
    for (int64_t i = chunk * CHUNK; i < end; i++) {
        const int64_t negatives = job.rows->counts[2 * i], positives = job.rows->counts[2 * i + 1];
        const int64_t twice_below = 2 * job.negatives + negatives;
        const int64_t twice_above = 2 * (job.n_positive - job.positives - positives) + positives;
        const double of_positives = (double)twice_below / (double)(2 * job.n_negative) - job.area;
        const double of_negatives = (double)twice_above / (double)(2 * job.n_positive) - job.area;
        job.of_positives += (double)positives * (of_positives * of_positives);
        job.of_negatives += (double)negatives * (of_negatives * of_negatives);
        job.negatives += negatives;
        job.positives += positives;
    }
    *(placement_job *)job_ = job;
}

int fg_placement_squares(const fg_team *team, const fg_rows *rows, const double totals[2], double area,
                         double squares[2])
{
    placement_job job = {.rows = rows, .area = area};
    job.n_negative = (int64_t)totals[0];
    job.n_positive = (int64_t)totals[1];
    fg_fenv saved = fg_fenv_enter();
    const int status = team->parallel(chunks_of(rows), 1, add_squares, &job);
    fg_fenv_leave(saved);
    squares[0] = job.of_negatives;
    squares[1] = job.of_positives;
    return status;
}

typedef struct {
    const fg_rows *rows;
    int negative_exponent, positive_exponent;
    double below, all, twice_wins;
} weighted_job;

/* Scaled by powers of two lest a product overflow or vanish. */
static void add_wins(void *job_, int64_t chunk, int slot)
{
    weighted_job job = *(weighted_job *)job_;
    (void)slot;
    const int64_t end = chunk_end(job.rows, chunk);
    for (int64_t i = chunk * CHUNK; i < end; i++) {
        const double negative = ldexp(job.rows->sums[2 * i], -job.negative_exponent);
        const double positive = ldexp(job.rows->sums[2 * i + 1], -job.positive_exponent);
        job.twice_wins += positive * (2 * job.below + negative);
        job.below += negative;
        job.all += positive;
    }
    *(weighted_job *)job_ = job;
}

int fg_weighted_auc(const fg_team *team, const fg_rows *rows, const double totals[2], double *auc)
{
    weighted_job job = {.rows = rows};
    frexp(totals[0], &job.negative_exponent);
    frexp(totals[1], &job.positive_exponent);
    fg_fenv saved = fg_fenv_enter();
    const int status = team->parallel(chunks_of(rows), 1, add_wins, &job);
    const double ratio = job.twice_wins / (2 * job.all * job.below);
    *auc = ratio > 1 ? 1 : ratio; /* rounded sums may exceed their product */
    fg_fenv_leave(saved);
    return status;
}
