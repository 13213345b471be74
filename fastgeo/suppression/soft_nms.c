#include "suppression/soft_nms.h"

#include <math.h>
#include <stdlib.h>

#include "runtime/fenv.h"
#include "suppression/score_order.h"

/* Box comparisons of one step: about a millisecond. */
enum { STEP_PAIRS = 1 << 20 };

/* Every run is padded to a multiple of the widest vector. */
enum { MAX_LANES = 16 };

#define FG_BODY "suppression/soft_nms_body.h"
#include "runtime/for_each_target.h"

typedef int load_function(const fg_soft_nms_call *call, void *soa);
typedef void row_function(const void *boxes, int64_t n, int64_t k, void *iou);
typedef int64_t decay_function(const fg_soft_nms_call *call, const void *iou, double *scores, int64_t n);
FG_TABLE(load_function, soft_load);
FG_TABLE(row_function, soft_row);

/* Scores are float64 always; the IoU comes in either type. */
#define DECAY_ROW(isa, code, dot, arg) [FG_ISA_##isa] = {decay_narrow_##code##_f64, decay_wide_##code##_f64},
static decay_function *const decay_table[FG_ISA_COUNT][2] = {FG_ISA_LIST(DECAY_ROW, )};

typedef struct {
    fg_soft_nms_call *call;
    int isa;
    void *soa, *iou;
    double *scores; /* of the boxes not yet taken; NaN for the others */
    int64_t highest, per_step;
} soft_job;

/* Takes the box with the highest score and decays the others, `per_step` times. */
static void soft_step(void *argument, int64_t chunk, int slot)
{
    (void)chunk, (void)slot;
    soft_job *job = argument;
    fg_soft_nms_call *call = job->call;
    for (int64_t i = 0; i < job->per_step && job->scores[job->highest] > call->score_threshold; i++) {
        const int64_t taken = job->highest;
        call->keep[call->n_keep] = taken;
        call->new_scores[call->n_keep++] = job->scores[taken];
        job->scores[taken] = NAN;
        soft_row_table[job->isa][call->boxes_f64](job->soa, call->n, taken, job->iou);
        job->highest = decay_table[job->isa][call->boxes_f64](call, job->iou, job->scores, call->n);
    }
}

static int load_scores(soft_job *job, int64_t padded)
{
    const fg_soft_nms_call *call = job->call;
    int nan = 0;
    for (int64_t i = 0; i < call->n; i++) {
        const double score = fg_score(call->scores, call->scores_f64, i);
        nan |= score != score;
        job->scores[i] = score;
        if (score > job->scores[job->highest])
            job->highest = i;
    }
    for (int64_t i = call->n; i < padded; i++)
        job->scores[i] = NAN;
    return nan ? FG_BAD_VALUE : FG_OK;
}

int fg_soft_nms(const fg_team *team, fg_soft_nms_call *call)
{
    call->n_keep = 0;
    if (call->n == 0)
        return FG_OK;
    const size_t value = call->boxes_f64 ? sizeof(double) : sizeof(float);
    const int64_t padded = (call->n + MAX_LANES - 1) / MAX_LANES * MAX_LANES;
    if ((uint64_t)padded > SIZE_MAX / (6 * value + sizeof(double)))
        return FG_NO_MEMORY;
    char *memory = malloc((size_t)padded * (6 * value + sizeof(double)));
    if (!memory)
        return FG_NO_MEMORY;
    soft_job job = {.call = call, .isa = team->isa, .scores = (double *)memory};
    job.iou = memory + (size_t)padded * sizeof(double);
    job.soa = (char *)job.iou + (size_t)padded * value;
    job.per_step = STEP_PAIRS / call->n + 1;
    memset(job.iou, 0, (size_t)padded * value);
    const fg_fenv saved = fg_fenv_enter();
    int status = soft_load_table[job.isa][call->boxes_f64](call, job.soa);
    if (status == FG_OK)
        status = load_scores(&job, padded);
    if (status == FG_OK)
        status = team->parallel((call->n + job.per_step - 1) / job.per_step, 1, soft_step, &job);
    fg_fenv_leave(saved);
    free(memory);
    return status;
}
