#include "clustering/hamerly.h"

#include <stdlib.h>
#include <string.h>

#include "clustering/plan.h"
#include "runtime/fenv.h"

static double row_distance(const fg_points *points, const void *a, int64_t i, const void *b, int64_t j)
{
    double sum = 0;
    for (int64_t l = 0; l < points->d; l++) {
        const double difference =
            points->is_f64
                ? ((const double *)a)[i * points->d + l] - ((const double *)b)[j * points->d + l]
                : (double)((const float *)a)[i * points->d + l] - (double)((const float *)b)[j * points->d + l];
        sum += difference * difference;
    }
    return sqrt(sum);
}

typedef struct {
    fg_bounds *bounds;
    const fg_points *points;
    const void *before, *centroids;
    int64_t k, clusters; /* in all, per chunk */
} moves_job;

static void moves_chunk(void *job_, int64_t chunk, int slot)
{
    (void)slot;
    const moves_job *job = job_;
    const int64_t end = (chunk + 1) * job->clusters < job->k ? (chunk + 1) * job->clusters : job->k;
    const double error = 1 + (double)job->points->d * 0x1p-50;
    for (int64_t j = chunk * job->clusters; j < end; j++) {
        const double distance = row_distance(job->points, job->before, j, job->centroids, j);
        job->bounds->moved[j] = distance > 0 ? fg_round_up(distance * error * job->bounds->unit) : 0;
    }
}

static int set_moves(const fg_team *team, fg_bounds *bounds, const fg_points *points, const void *before,
                     const void *centroids, int64_t k)
{
    moves_job job = {bounds, points, before, centroids, k, fg_chunk_rows(team, k, points->d)};
    int status = FG_OK;
    if (before)
        status = team->parallel(fg_chunk_count(k, job.clusters),
                                   fg_threads_for(team, (double)k * (double)points->d), moves_chunk, &job);
    else
        memset(bounds->moved, 0, (size_t)k * sizeof(float));
    bounds->largest_move = bounds->second_move = 0;
    bounds->farthest_mover = 0;
    for (int64_t j = 0; status == FG_OK && j < k; j++) {
        const float moved = bounds->moved[j];
        if (moved > bounds->largest_move) {
            bounds->second_move = bounds->largest_move;
            bounds->largest_move = moved;
            bounds->farthest_mover = (int32_t)j;
        } else if (moved > bounds->second_move)
            bounds->second_move = moved;
    }
    return status;
}

/* Half the distance from each centroid to the nearest other: the second nearest centroid of its own place. They cost k²
   distances: only where that is little beside n·k. */
static int set_gaps(const fg_team *team, fg_bounds *bounds, const fg_points *points, const void *centroids,
                    int64_t k)
{
    const fg_points places = {.x = centroids, .n = k, .d = points->d, .is_f64 = points->is_f64};
    fg_bounds own = {.unit = bounds->unit, .error = bounds->error, .underflow = bounds->underflow};
    fg_nearest_call call = {.points = &places, .centroids = centroids, .k = k, .bounds = &own};
    int status = FG_OK;
    memset(bounds->half_gap, 0, (size_t)k * sizeof(float));
    if (!bounds->with_gaps)
        return FG_OK;
    own.upper = malloc((size_t)k * sizeof(float));
    call.labels = calloc((size_t)k, sizeof(int32_t));
    own.lower = bounds->half_gap;
    const fg_assign_plan plan = fg_plan_exhaustive(team, &call);
    status = own.upper && call.labels ? fg_nearest_by_plan(team, &call, &plan) : FG_NO_MEMORY;
    for (int64_t j = 0; j < k; j++)
        bounds->half_gap[j] *= 0.5f;
    free(own.upper);
    free(call.labels);
    return status;
}

/* Float32 points need no unit: their distances stay below 2⁵¹ · √d, and squares of those below 2⁻⁶³ vanish. */
static double unit_of(const fg_points *points, double largest)
{
    int exponent = 0;
    if (points->is_f64 && largest > 0)
        frexp(largest, &exponent);
    return ldexp(1, -exponent);
}

int fg_move_bounds(const fg_team *team, fg_bounds *bounds, const fg_points *points, double largest, const void *before,
                   const void *centroids, int64_t k)
{
    const double rounding = points->is_f64 ? 0x1p-53 : 0x1p-24, smallest = points->is_f64 ? DBL_MIN : FLT_MIN;
    bounds->unit = unit_of(points, largest);
    bounds->error = 2 * (double)(points->d + 3) * rounding;
    bounds->underflow = (double)(points->d + 3) * smallest;
    bounds->slack = (float)(1 + 2 * bounds->error + 0x1p-18);
    bounds->least = fg_round_up(4 * sqrt(bounds->underflow) * bounds->unit);
    fg_fenv saved = fg_fenv_enter();
    int status = set_moves(team, bounds, points, before, centroids, k);
    if (status == FG_OK)
        status = set_gaps(team, bounds, points, centroids, k);
    fg_fenv_leave(saved);
    return status;
}
