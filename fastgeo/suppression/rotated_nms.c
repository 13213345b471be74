#include "suppression/rotated_nms.h"

#include <math.h>
#include <stdlib.h>

#include "runtime/fenv.h"
#include "runtime/rotated_box.h"
#include "suppression/rotated_grid.h"
#include "suppression/score_order.h"

/* A step is as many boxes as compare about STEP_PAIRS pairs, at most MOST_PER_STEP; signals are polled between steps. */
enum { STEP_PAIRS = 1 << 17, MOST_PER_STEP = 64 };

/* Boxes of a pass between two polls: about a millisecond of sines and cosines. */
enum { POLLED_BOXES = 1 << 14 };

/* Fewer boxes are compared pair by pair. */
enum { MIN_BOXES_FOR_GRID = 48 };

/* Boxes are numbered by position: 0 has the highest score. */
typedef struct {
    const fg_team *team;
    fg_rotated_nms_call *call;
    int64_t n, per_step;
    fg_ranked *entries;    /* sorted */
    fg_rotated_box *boxes; /* by position */
    uint8_t *suppressed;   /* by position */
    fg_box_grid *grid;     /* NULL: every box is compared with every other */
    uint32_t *order;       /* positions in the order of the grid */
} rotated_job;

/* Whether a pass ends at its box i. */
static int stops_at(const rotated_job *job, int64_t i)
{
    return i % POLLED_BOXES == POLLED_BOXES - 1 && job->team->stopped(0);
}

static fg_rotated_box load(const fg_rotated_nms_call *call, int64_t i)
{
    double v[5];
    for (int j = 0; j < 5; j++)
        v[j] = call->boxes_f64 ? ((const double *)call->boxes)[5 * i + j] : ((const float *)call->boxes)[5 * i + j];
    return fg_rotated_box_of(v[0], v[1], v[2], v[3], v[4]);
}

/* The upright box around a rotated one. */
static fg_grid_box hull(const fg_rotated_box *box)
{
    const double cosine = fabs(box->cosine), sine = fabs(box->sine);
    const double half_w = cosine * box->half_w + sine * box->half_h, half_h = sine * box->half_w + cosine * box->half_h;
    return fg_grid_box_of(box->cx - half_w, box->cy - half_h, box->cx + half_w, box->cy + half_h, 2 * half_w, 2 * half_h);
}

static int has_area(const fg_rotated_box *box) { return box->area > 0; }

/* A counting sort of the boxes with an area by bucket. FG_OK or FG_INTERRUPTED. */
static int place(rotated_job *job, uint64_t n_buckets)
{
    uint32_t *starts = job->grid->starts;
    memset(starts, 0, (n_buckets + 2) * sizeof *starts);
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t p = 0; p < job->n; p++) {
            if (stops_at(job, p))
                return FG_INTERRUPTED;
            if (!has_area(&job->boxes[p]))
                continue;
            const fg_grid_box box = hull(&job->boxes[p]);
            const uint64_t bucket = fg_grid_bucket_of(job->grid, &box);
            if (pass == 0)
                starts[bucket + 2]++;
            else
                job->order[starts[bucket + 1]++] = (uint32_t)p;
        }
        if (pass == 0)
            fg_grid_add_up(starts, n_buckets);
    }
    return FG_OK;
}

/* The sizes and places of all boxes with an area. FG_OK or FG_INTERRUPTED. */
static int measure(const rotated_job *job, fg_grid_level *all)
{
    for (int64_t p = 0; p < job->n; p++) {
        if (stops_at(job, p))
            return FG_INTERRUPTED;
        if (!has_area(&job->boxes[p]))
            continue;
        const fg_grid_box box = hull(&job->boxes[p]);
        const fg_grid_level one = fg_grid_level_of(&box);
        fg_grid_widen(all, &one);
    }
    return FG_OK;
}

/* A grid over the hulls of the boxes with an area: the others overlap nothing. FG_OK, FG_NO_MEMORY or FG_INTERRUPTED. */
static int build_grid(rotated_job *job)
{
    fg_grid_level all = {0};
    if (measure(job, &all) != FG_OK)
        return FG_INTERRUPTED;
    if (all.count == 0)
        return FG_OK;
    fg_box_grid *grid = job->grid = calloc(1, sizeof *grid);
    if (!grid)
        return FG_NO_MEMORY;
    fg_grid_open(grid, &all);
    for (int64_t p = 0; p < job->n; p++) {
        if (stops_at(job, p))
            return FG_INTERRUPTED;
        if (!has_area(&job->boxes[p]))
            continue;
        const fg_grid_box box = hull(&job->boxes[p]);
        fg_grid_count(grid, &box);
    }
    const uint64_t n_buckets = fg_grid_layout(grid);
    grid->starts = malloc((n_buckets + 2) * sizeof *grid->starts);
    job->order = malloc((size_t)all.count * sizeof *job->order);
    if (!grid->starts || !job->order)
        return FG_NO_MEMORY;
    return place(job, n_buckets);
}

/* Box p suppresses box q if q has a lower score and overlaps it. */
static void compare(rotated_job *job, int64_t p, int64_t q)
{
    if (q <= p || job->suppressed[q])
        return;
    /* inter / (a + b - inter) > t if and only if inter > t / (1 + t) · (a + b): a bound on inter rules out pairs. */
    const fg_rotated_box *a = &job->boxes[p], *b = &job->boxes[q];
    const double t = job->call->iou_threshold;
    if (!fg_rotated_may_share(a, b, t / (1 + t) * (a->area + b->area)))
        return;
    const double iou = fg_rotated_iou(a, b);
    job->suppressed[q] = (job->call->boxes_f64 ? iou : (double)(float)iou) > job->call->iou_threshold;
}

static void suppress_others(rotated_job *job, int64_t p)
{
    if (!has_area(&job->boxes[p]))
        return;
    if (!job->grid) {
        for (int64_t q = p + 1; q < job->n; q++)
            compare(job, p, q);
        return;
    }
    const fg_grid_box box = hull(&job->boxes[p]);
    fg_grid_walk walk;
    for (int l = 0; l < job->grid->n_levels; l++) {
        int64_t begin, end;
        fg_grid_start(&walk, job->grid, l, &box);
        while (fg_grid_next(&walk, &begin, &end))
            for (int64_t j = begin; j < end; j++)
                compare(job, p, job->order[j]);
    }
}

static void rotated_step(void *argument, int64_t chunk, int slot)
{
    (void)slot;
    rotated_job *job = argument;
    fg_rotated_nms_call *call = job->call;
    const int64_t begin = chunk * job->per_step, end = begin + job->per_step < job->n ? begin + job->per_step : job->n;
    for (int64_t p = begin; p < end && call->n_keep != call->max_output; p++) {
        if (job->suppressed[p])
            continue;
        call->keep[call->n_keep++] = fg_ranked_index(job->entries[p]);
        suppress_others(job, p);
    }
}

/* The entries of all boxes that take part; FG_BAD_VALUE for a NaN, FG_INTERRUPTED. */
static int list_boxes(rotated_job *job)
{
    const fg_rotated_nms_call *call = job->call;
    int nan = 0;
    for (int64_t i = 0; i < call->n; i++) {
        if (stops_at(job, i))
            return FG_INTERRUPTED;
        const double score = fg_score(call->scores, call->scores_f64, i);
        nan |= score != score;
        if (!call->has_score_threshold || score > call->score_threshold)
            job->entries[job->n++] = fg_rank(call->scores, call->scores_f64, i);
    }
    return nan ? FG_BAD_VALUE : FG_OK;
}

/* By position. FG_OK or FG_INTERRUPTED. */
static int load_boxes(rotated_job *job)
{
    for (int64_t p = 0; p < job->n; p++) {
        if (stops_at(job, p))
            return FG_INTERRUPTED;
        job->boxes[p] = load(job->call, fg_ranked_index(job->entries[p]));
    }
    memset(job->suppressed, 0, (size_t)job->n);
    return FG_OK;
}

static int run(rotated_job *job)
{
    const fg_rotated_nms_call *call = job->call;
    const fg_team *team = job->team;
    int status = list_boxes(job);
    if (status != FG_OK || job->n == 0)
        return status;
    /* The memory of the boxes, not filled yet, is the scratch of the sort. */
    if (fg_sort_ranked(team, 0, job->entries, (fg_ranked *)job->boxes, job->n, call->scores, call->scores_f64))
        return FG_INTERRUPTED;
    status = load_boxes(job);
    if (status == FG_OK && job->n >= MIN_BOXES_FOR_GRID)
        status = build_grid(job);
    const int64_t most = STEP_PAIRS / job->n + 1;
    job->per_step = most < MOST_PER_STEP ? most : MOST_PER_STEP;
    if (status == FG_OK)
        status = team->parallel((job->n + job->per_step - 1) / job->per_step, 1, rotated_step, job);
    if (job->grid)
        free(job->grid->starts);
    free(job->grid);
    free(job->order);
    return status;
}

int fg_rotated_nms(const fg_team *team, fg_rotated_nms_call *call)
{
    call->n_keep = 0;
    const size_t per_box = sizeof(fg_rotated_box) + sizeof(fg_ranked) + 1, n = (size_t)call->n;
    if (call->n == 0)
        return FG_OK;
    if (call->n >= INT32_MAX || n > SIZE_MAX / per_box)
        return FG_NO_MEMORY;
    fg_rotated_box *boxes = malloc(n * per_box);
    if (!boxes)
        return FG_NO_MEMORY;
    rotated_job job = {.team = team, .call = call, .boxes = boxes, .entries = (fg_ranked *)(boxes + n)};
    job.suppressed = (uint8_t *)(job.entries + n);
    const fg_fenv saved = fg_fenv_enter();
    const int status = run(&job);
    fg_fenv_leave(saved);
    free(boxes);
    return status;
}
