#include "evaluation/match.h"

#include <stdlib.h>
#include <string.h>

#include "evaluation/box_corners.h"
#include "evaluation/order.h"
#include "runtime/fenv.h"

typedef struct {
    box_corners box;
    uint64_t ignored; /* lanes, as those below */
    uint64_t taken;
    uint32_t row;
    uint32_t crowd;
} truth_state;

typedef struct {
    uint32_t begin, count;
} truth_span;

/* The truth that a detection may take, at what overlap and in which lanes. */
typedef struct {
    double overlap;
    uint64_t free;
    truth_state *truth;
} candidate;

/* Memory of one thread. */
typedef struct {
    truth_span *spans;      /* (n_images,): the truths of each image, of the class at hand; zeros between classes */
    candidate *candidates;  /* as many as a class has truths */
} match_slot;

typedef struct {
    const fg_team *team;
    const fg_match_call *call;
    truth_state *truths;   /* by class and image */
    uint32_t *order;       /* rows of `truths` */
    int64_t *truth_starts; /* (n_classes + 1,) */
    double *limits;        /* (n_thresholds,): the least overlaps, ascending */
    uint64_t *reached;     /* (words, n_thresholds + 1): lanes of the first k of them */
    uint64_t *lanes_of;    /* (words, n_ranges): lanes of each range of areas */
    match_slot *slots;
    int status;   /* of the chunk that groups */
    int *bad;     /* (n_classes,): whether a truth broke the contract */
    int *bad_parts; /* (n_parts,): the same of some detections */
} match_job;

/* Everything at hand where the detections of a class are matched in the lanes of one word. */
typedef struct {
    const match_job *job;
    const match_slot *slot;
    truth_state *truths;
    const uint64_t *reached, *lanes_of;
    uint64_t all;
} class_lanes;

/* What is added to every extent. */
static inline double offset_of(const fg_match_call *call) { return call->rules == FG_VOC; }

static inline box_corners corners_of(const fg_match_call *call, const double *box)
{
    return fg_corners(box, call->format, offset_of(call));
}

static inline double overlap_of(const box_corners *d, const truth_state *truth, double offset)
{
    const box_corners *g = &truth->box;
    const double w = fg_smaller(d->x2, g->x2) - fg_larger(d->x1, g->x1) + offset;
    const double h = fg_smaller(d->y2, g->y2) - fg_larger(d->y1, g->y1) + offset;
    if (!(w > 0 && h > 0))
        return 0;
    const double shared = w * h, whole = truth->crowd ? d->area : d->area + g->area - shared;
    return whole > 0 ? shared / whole : 0;
}

/* The lanes of the ranges that do not hold an area. */
static inline uint64_t lanes_outside(const class_lanes *here, double area)
{
    const fg_match_call *call = here->job->call;
    uint64_t lanes = 0;
    for (int64_t a = 0; a < call->n_ranges; a++)
        lanes |= area < call->ranges[2 * a] || area > call->ranges[2 * a + 1] ? here->lanes_of[a] : 0;
    return lanes;
}

static inline uint64_t lanes_reached(const class_lanes *here, double overlap)
{
    const double *limits = here->job->limits;
    const int64_t n = here->job->call->n_thresholds;
    int64_t k = 0;
    while (k < n && limits[k] <= overlap)
        k++;
    return here->reached[k];
}

/* Truths that reach a detection in some lane where they are free, in their order. */
static int64_t find_candidates(const class_lanes *here, const box_corners *box, truth_span span)
{
    int64_t found = 0;
    for (uint32_t i = 0; i < span.count; i++) {
        truth_state *truth = here->truths + span.begin + i;
        const double overlap = overlap_of(box, truth, 0);
        const uint64_t reached = lanes_reached(here, overlap), free = truth->crowd ? reached : reached & ~truth->taken;
        if (free)
            here->slot->candidates[found++] = (candidate){overlap, free, truth};
    }
    return found;
}

/* Takes the truths of highest overlap, the later of equals, in the lanes of `open` where they are `ignored` or where they
   are not. Returns the lanes that found one. */
static uint64_t take_best(const class_lanes *here, int64_t n, uint64_t open, int ignored)
{
    const candidate *candidates = here->slot->candidates;
    uint64_t found = 0;
    for (;;) {
        const candidate *best = NULL;
        uint64_t lanes = 0;
        for (int64_t i = 0; i < n; i++) {
            const candidate *next = candidates + i;
            const uint64_t fit = next->free & open & (ignored ? next->truth->ignored : ~next->truth->ignored);
            if (fit && (!best || next->overlap >= best->overlap)) {
                best = next;
                lanes = fit;
            }
        }
        if (!best)
            return found;
        best->truth->taken |= lanes;
        open &= ~lanes;
        found |= lanes;
    }
}

/* By the rules of the VOC devkit. */
static void match_as_voc(const class_lanes *here, const box_corners *box, truth_span span, uint64_t *hits,
                         uint64_t *counted)
{
    const double *limits = here->job->limits;
    const int64_t n = here->job->call->n_thresholds;
    truth_state *best = NULL;
    double highest = -1;
    int64_t k = 0;
    for (uint32_t i = 0; i < span.count; i++) {
        truth_state *truth = here->truths + span.begin + i;
        const double overlap = overlap_of(box, truth, 1);
        if (overlap > highest) {
            highest = overlap;
            best = truth;
        }
    }
    while (k < n && limits[k] < highest)
        k++;
    const uint64_t reached = best ? here->reached[k] : 0, ignored = best ? reached & best->ignored : 0;
    *hits = best ? reached & ~ignored & ~best->taken : 0;
    *counted = here->all & ~ignored;
    if (best)
        best->taken |= *hits;
}

/* Returns the number of overlaps it took. */
static int64_t match_one(const class_lanes *here, fg_ranked ranked, uint64_t *hits, uint64_t *counted)
{
    const fg_match_call *call = here->job->call;
    const truth_span span = here->slot->spans[ranked.image];
    const box_corners box = corners_of(call, call->detections.boxes + 4 * (int64_t)ranked.detection);
    if (call->rules == FG_VOC) {
        match_as_voc(here, &box, span, hits, counted);
        return span.count;
    }
    const double area = call->detections.areas ? call->detections.areas[ranked.detection] : box.area;
    uint64_t open = here->all;
    *hits = 0;
    if (span.count) {
        const int64_t n = find_candidates(here, &box, span);
        if (n) {
            *hits = take_best(here, n, open, 0);
            open &= ~*hits;
            open &= ~take_best(here, n, open, 1);
        }
    }
    *counted = *hits | (open & ~lanes_outside(here, area));
    return span.count;
}

/* The truths of a class, all free. */
static void start_truths(const class_lanes *here, int64_t n)
{
    const fg_match_call *call = here->job->call;
    for (int64_t i = 0; i < n; i++) {
        truth_state *truth = here->truths + i;
        const double area = call->truths.areas ? call->truths.areas[truth->row] : truth->box.area;
        truth->taken = 0;
        truth->ignored = call->ignored[truth->row] ? here->all : lanes_outside(here, area);
    }
}

static void match_word(const class_lanes *here, int64_t class_id, int64_t word, int slot)
{
    enum { AHEAD = 8 };
    const match_job *job = here->job;
    const fg_match_call *call = job->call;
    const int64_t begin = call->starts[class_id], n = call->counts[class_id];
    const fg_ranked *ranked = call->ranked + begin;
    uint64_t *hits = call->hits + word * call->detections.n + begin;
    uint64_t *counted = call->counted + word * call->detections.n + begin;
    int64_t steps = FG_POLLED_STEPS;
    for (int64_t i = 0; i < n; i++) {
        if (steps >= FG_POLLED_STEPS && job->team->stopped(slot))
            return;
        steps = steps >= FG_POLLED_STEPS ? 0 : steps;
        if (i + AHEAD < n)
            __builtin_prefetch(call->detections.boxes + 4 * (int64_t)ranked[i + AHEAD].detection);
        steps += 1 + match_one(here, ranked[i], hits + i, counted + i);
    }
}

/* Counts the truths of a class that matter, and finds those of each image. */
static int open_class(const match_job *job, const match_slot *slot, int64_t class_id)
{
    const fg_match_call *call = job->call;
    const int64_t begin = job->truth_starts[class_id], end = job->truth_starts[class_id + 1];
    int good = 1;
    memset(call->positives + class_id * call->n_ranges, 0, (size_t)call->n_ranges * sizeof *call->positives);
    for (int64_t i = begin; i < end; i++) {
        const uint32_t row = job->order[i];
        truth_state *truth = job->truths + i;
        truth_span *span = slot->spans + call->truths.image[row];
        good &= fg_is_box(call->truths.boxes + 4 * (int64_t)row);
        truth->box = corners_of(call, call->truths.boxes + 4 * (int64_t)row);
        truth->row = row;
        truth->crowd = call->rules == FG_COCO && call->crowd[row];
        const double area = call->truths.areas ? call->truths.areas[row] : truth->box.area;
        good &= area == area;
        for (int64_t a = 0; a < call->n_ranges && !call->ignored[row]; a++)
            call->positives[class_id * call->n_ranges + a] +=
                !(area < call->ranges[2 * a] || area > call->ranges[2 * a + 1]);
        if (span->count++ == 0)
            span->begin = (uint32_t)(i - begin);
    }
    return good;
}

static void match_class(void *argument, int64_t class_id, int slot)
{
    const match_job *job = argument;
    const fg_match_call *call = job->call;
    const int64_t begin = job->truth_starts[class_id], end = job->truth_starts[class_id + 1];
    const int64_t lanes = call->n_thresholds * call->n_ranges;
    const fg_fenv saved = fg_fenv_enter();
    job->bad[class_id] = !open_class(job, job->slots + slot, class_id);
    for (int64_t w = 0; w < fg_words_of(lanes) && !job->bad[class_id]; w++) {
        const class_lanes here = {
            .job = job,
            .slot = job->slots + slot,
            .truths = job->truths + begin,
            .reached = job->reached + w * (call->n_thresholds + 1),
            .lanes_of = job->lanes_of + w * call->n_ranges,
            .all = fg_low_lanes(lanes - w * FG_LANES),
        };
        start_truths(&here, end - begin);
        match_word(&here, class_id, w, slot);
    }
    for (int64_t i = begin; i < end; i++)
        job->slots[slot].spans[call->truths.image[job->order[i]]].count = 0;
    fg_fenv_leave(saved);
}

static void group_truths(void *argument, int64_t chunk, int slot)
{
    match_job *job = argument;
    const fg_objects *truths = &job->call->truths;
    (void)chunk;
    (void)slot;
    job->status = fg_group_rows(job->team, truths->n, truths->image, job->call->n_images, truths->class_id,
                                job->call->n_classes, job->order, job->truth_starts);
}

/* Looks at some detections, those too that no one will match. */
static void check_detections(void *argument, int64_t chunk, int slot)
{
    const match_job *job = argument;
    const fg_objects *detections = &job->call->detections;
    const int64_t begin = chunk * FG_POLLED_STEPS, left = detections->n - begin;
    int good = 1;
    (void)slot;
    for (int64_t i = begin; i < begin + (left < FG_POLLED_STEPS ? left : FG_POLLED_STEPS); i++)
        good &= fg_is_box(detections->boxes + 4 * i) && !(detections->areas && detections->areas[i] != detections->areas[i]);
    job->bad_parts[chunk] = !good;
}

/* The least overlap of a threshold. */
static double limit_of(const fg_match_call *call, int64_t threshold)
{
    return call->rules == FG_VOC ? call->thresholds[threshold] : fg_smaller(call->thresholds[threshold], 1 - 1e-10);
}

/* Which lanes an overlap reaches, and which belong to a range of areas. */
static void lay_lanes(const match_job *job)
{
    const fg_match_call *call = job->call;
    const int64_t n = call->n_thresholds, lanes = n * call->n_ranges;
    for (int64_t i = 0; i < n; i++) {
        const double limit = limit_of(call, i);
        int64_t k = i;
        for (; k > 0 && job->limits[k - 1] > limit; k--)
            job->limits[k] = job->limits[k - 1];
        job->limits[k] = limit;
    }
    for (int64_t lane = 0; lane < lanes; lane++) {
        const double limit = limit_of(call, lane % n);
        const int64_t w = lane / FG_LANES;
        const uint64_t bit = (uint64_t)1 << lane % FG_LANES;
        job->lanes_of[w * call->n_ranges + lane / n] |= bit;
        for (int64_t k = 1; k <= n; k++)
            job->reached[w * (n + 1) + k] |= limit <= job->limits[k - 1] ? bit : 0;
    }
}

static int64_t parts_of(const fg_match_call *call) { return (call->detections.n + FG_POLLED_STEPS - 1) / FG_POLLED_STEPS; }

static int match_all(match_job *job, int threads)
{
    const fg_match_call *call = job->call;
    const int64_t parts = parts_of(call);
    int status = job->team->parallel(1, 1, group_truths, job);
    if (status != FG_OK || job->status != FG_OK)
        return status != FG_OK ? status : job->status;
    status = parts ? job->team->parallel(parts, parts < job->team->size ? (int)parts : job->team->size, check_detections, job)
                   : FG_OK;
    for (int64_t i = 0; i < parts && status == FG_OK; i++)
        status = job->bad_parts[i] ? FG_BAD_VALUE : FG_OK;
    if (status != FG_OK)
        return status;
    int64_t most = 0;
    for (int64_t k = 0; k < call->n_classes; k++)
        if (job->truth_starts[k + 1] - job->truth_starts[k] > most)
            most = job->truth_starts[k + 1] - job->truth_starts[k];
    for (int s = 0; s < threads; s++) {
        job->slots[s].spans = calloc((size_t)call->n_images + 1, sizeof(truth_span));
        job->slots[s].candidates = malloc(((size_t)most + 1) * sizeof(candidate));
        if (!job->slots[s].spans || !job->slots[s].candidates)
            return FG_NO_MEMORY;
    }
    lay_lanes(job);
    status = job->team->parallel(call->n_classes, threads, match_class, job);
    for (int64_t k = 0; k < call->n_classes && status == FG_OK; k++)
        status = job->bad[k] ? FG_BAD_VALUE : FG_OK;
    return status;
}

int fg_match_detections(const fg_team *team, const fg_match_call *call)
{
    const size_t words = (size_t)fg_words_of(call->n_thresholds * call->n_ranges);
    const int threads = call->n_classes < team->size ? (int)call->n_classes : team->size;
    match_job job = {.team = team, .call = call};
    int status = FG_NO_MEMORY;
    if (call->n_classes == 0)
        return FG_OK;
    job.truths = malloc(((size_t)call->truths.n + 1) * sizeof *job.truths);
    job.order = malloc(((size_t)call->truths.n + 1) * sizeof *job.order);
    job.truth_starts = calloc((size_t)call->n_classes + 1, sizeof *job.truth_starts);
    job.limits = malloc((size_t)call->n_thresholds * sizeof *job.limits);
    job.reached = calloc(words * ((size_t)call->n_thresholds + 1), sizeof *job.reached);
    job.lanes_of = calloc(words * (size_t)call->n_ranges, sizeof *job.lanes_of);
    job.slots = calloc((size_t)threads, sizeof *job.slots);
    job.bad = calloc((size_t)call->n_classes, sizeof *job.bad);
    job.bad_parts = calloc((size_t)parts_of(call) + 1, sizeof *job.bad_parts);
    if (job.truths && job.order && job.truth_starts && job.limits && job.reached && job.lanes_of && job.slots && job.bad &&
        job.bad_parts)
        status = match_all(&job, threads);
    for (int s = 0; job.slots && s < threads; s++) {
        free(job.slots[s].spans);
        free(job.slots[s].candidates);
    }
    free(job.bad_parts);
    free(job.bad);
    free(job.slots);
    free(job.lanes_of);
    free(job.reached);
    free(job.limits);
    free(job.truth_starts);
    free(job.order);
    free(job.truths);
    return status;
}
