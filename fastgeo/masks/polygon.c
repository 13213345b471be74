#include "masks/polygon.h"

#include <math.h>

#include "masks/plan.h"
#include "masks/positions.h"
#include "runtime/fenv.h"

/* The outline is followed on a grid that is SCALE times as fine. It enters or leaves a pixel's column where it steps from
   fine column SCALE·x + STEP to the next one. */
enum { SCALE = 5, STEP = 2, POLYGONS_PER_CHUNK = 32, POLL_STEPS = 1 << 18 };

/* Memory of a chunk. */
typedef struct {
    fg_list found, spare;
} polygon_scratch;

typedef struct {
    const fg_team *team;
    const fg_polygon_call *call;
    fg_runs *runs;
} polygon_job;

/* One edge on the fine grid, from the end with the lesser coordinate along its longer side. */
typedef struct {
    int64_t x, y, length;
    int is_flat; /* wider than high */
    double slope;
} edge;

static edge edge_between(const double *from, const double *to)
{
    int64_t x1 = (int64_t)(SCALE * from[0] + .5), y1 = (int64_t)(SCALE * from[1] + .5);
    int64_t x2 = (int64_t)(SCALE * to[0] + .5), y2 = (int64_t)(SCALE * to[1] + .5);
    const int64_t width = llabs(x2 - x1), height = llabs(y2 - y1);
    const int is_flat = width >= height;
    if (is_flat ? x1 > x2 : y1 > y2) {
        const int64_t x = x1, y = y1;
        x1 = x2, y1 = y2;
        x2 = x, y2 = y;
    }
    const int64_t length = is_flat ? width : height;
    const double slope = length == 0 ? 0 : is_flat ? (double)(y2 - y1) / (double)length : (double)(x2 - x1) / (double)length;
    return (edge){x1, y1, length, is_flat, slope};
}

/* The coordinate of the shorter side, t steps from the start. */
static inline int64_t across(const edge *e, int64_t t)
{
    return (int64_t)((double)(e->is_flat ? e->y : e->x) + e->slope * (double)t + .5);
}

/* The outline crosses column x above the pixel whose fine row this is. */
static inline void cross(const fg_polygon_call *call, fg_list *found, int64_t x, int64_t fine_row)
{
    double y = ((double)fine_row + .5) / SCALE - .5;
    y = y < 0 ? 0 : y > (double)call->height ? (double)call->height : ceil(y);
    found->values[found->count++] = (uint32_t)(x * call->height + (int64_t)y);
}

static int64_t column_at_or_behind(int64_t fine) { return fine <= STEP ? 0 : (fine - STEP + SCALE - 1) / SCALE; }

/* Columns are the longer side: each step is to the next fine column. */
static void cross_flat(const fg_polygon_call *call, fg_list *found, const edge *e)
{
    for (int64_t x = column_at_or_behind(e->x); x < call->width && SCALE * x + STEP < e->x + e->length; x++) {
        const int64_t t = SCALE * x + STEP - e->x, one = across(e, t), other = across(e, t + 1);
        cross(call, found, x, one < other ? one : other);
    }
}

/* Rows are the longer side: for each column, the step at which the fine column passes SCALE·x + STEP. */
static void cross_steep(const fg_polygon_call *call, fg_list *found, const edge *e)
{
    const int64_t first = across(e, 0), last = across(e, e->length);
    const int64_t low = first < last ? first : last, high = first < last ? last : first;
    for (int64_t x = column_at_or_behind(low); x < call->width && SCALE * x + STEP < high; x++) {
        const int64_t fine = SCALE * x + STEP, goal = first < last ? fine + 1 : fine;
        const double guess = ((double)goal + (first < last ? -.5 : .5) - (double)e->x) / e->slope;
        int64_t t = guess < 1 ? 1 : guess > (double)e->length ? e->length : (int64_t)guess;
        if (first < last) { /* the first step with fine column goal or more */
            while (t > 1 && across(e, t - 1) >= goal)
                t--;
            while (t < e->length && across(e, t) < goal)
                t++;
        } else {
            while (t > 1 && across(e, t - 1) <= goal)
                t--;
            while (t < e->length && across(e, t) > goal)
                t++;
        }
        cross(call, found, x, e->y + t - 1);
    }
}

/* Returns whether all was done. */
static int cross_edges(const polygon_job *job, int64_t begin, int64_t end, fg_list *found, int slot)
{
    const fg_polygon_call *call = job->call;
    int64_t polled = 0;
    for (int64_t i = begin; i < end; i++) {
        const edge e = edge_between(call->corners + 2 * i, call->corners + 2 * (i + 1 < end ? i + 1 : begin));
        if (!fg_list_reserve(found, e.length / SCALE + 2))
            return 0;
        if (e.length == 0)
            continue;
        (e.is_flat ? cross_flat : cross_steep)(call, found, &e);
        polled += 1;
        if (found->count + polled > POLL_STEPS && job->team->stopped(slot))
            return 0;
    }
    return 1;
}

static void draw(const polygon_job *job, int64_t i, polygon_scratch *scratch, int slot)
{
    const fg_polygon_call *call = job->call;
    fg_list *found = &scratch->found;
    const uint32_t size = (uint32_t)(call->height * call->width);
    found->count = 0;
    if (!cross_edges(job, call->offsets[i], call->offsets[i + 1], found, slot) ||
        !fg_list_reserve(&scratch->spare, found->count))
        return;
    uint32_t *positions = fg_sort_positions(job->team, slot, found->values, scratch->spare.values, found->count);
    int64_t n = 0;
    if (!positions)
        return;
    for (int64_t k = 0; k < found->count && positions[k] < size; k++) { /* two crossings at one place cancel out */
        if (n > 0 && positions[n - 1] == positions[k])
            n--;
        else
            positions[n++] = positions[k];
    }
    job->runs[i] = fg_runs_between(job->team, slot, positions, n, size);
}

static void draw_chunk(void *argument, int64_t chunk, int slot)
{
    const polygon_job *job = argument;
    const int64_t end = fg_chunk_end(job->call->n, POLYGONS_PER_CHUNK, chunk);
    polygon_scratch scratch = {{0}, {0}};
    const fg_fenv saved = fg_fenv_enter();
    for (int64_t i = chunk * POLYGONS_PER_CHUNK; i < end; i++)
        draw(job, i, &scratch, slot);
    fg_fenv_leave(saved);
    free(scratch.found.values);
    free(scratch.spare.values);
}

int fg_draw_polygons(const fg_team *team, const fg_polygon_call *call, fg_runs *runs)
{
    polygon_job job = {team, call, runs};
    const int threads = fg_plan_mask_threads(team, FG_CORNERS, call->offsets[call->n], 1);
    const int status = team->parallel(fg_chunk_count(call->n, POLYGONS_PER_CHUNK), threads, draw_chunk, &job);
    return status == FG_OK ? fg_runs_status(runs, call->n) : status;
}
