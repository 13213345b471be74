#include "evaluation/accumulate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fenv.h"

enum { BYTES = 8, MOST_IN_A_BYTE = 255 };

/* How many detections count in each lane. Lanes are bytes of words that are added side by side, and are emptied into
   whole numbers before they overflow. */
typedef struct {
    uint64_t bytes[FG_LANES / BYTES];
    int64_t whole[FG_LANES];
    int pending; /* additions since the bytes were emptied */
} lane_counts;

/* The curve of one lane at one limit of detections: only where recall rises does anything happen. */
typedef struct {
    int64_t true_count;
    int64_t next;    /* the first of the ascending points of recall that is not yet reached */
    int64_t reached; /* points of the answer with a value in the end, or -1: there are no truths */
} lane_curve;

/* Memory of one thread. Curves are by limit and lane, with their points in ascending order of recall. */
typedef struct {
    lane_counts *counts; /* (n_limits,): of detections within this limit and beyond the one before */
    lane_curve *curves;  /* (n_limits, FG_LANES) */
    double *best;        /* (…, n_recalls + 1): highest precision after k points, and before the next */
    double *scores;      /* (…, n_recalls): at which a point is reached */
    int64_t *needed;     /* (n_ranges, n_recalls): true detections that reach a point */
} accumulate_slot;

typedef struct {
    const fg_team *team;
    const fg_accumulate_call *call;
    uint64_t spread[256]; /* bit i of a byte as byte i of a word */
    accumulate_slot *slots;
} accumulate_job;

/* One class in the lanes of one word. */
typedef struct {
    const accumulate_job *job;
    const fg_accumulate_call *call;
    const accumulate_slot *slot;
    int64_t first_lane, n_lanes;
    const fg_ranked *ranked;
    int64_t class_id;
} class_curves;

static void empty_bytes(lane_counts *counts)
{
    for (int lane = 0; lane < FG_LANES; lane++)
        counts->whole[lane] += (int64_t)(counts->bytes[lane / BYTES] >> 8 * (lane % BYTES) & 0xff);
    memset(counts->bytes, 0, sizeof counts->bytes);
    counts->pending = 0;
}

static inline void add_lanes(const class_curves *here, lane_counts *counts, uint64_t lanes)
{
    for (int64_t i = 0; BYTES * i < here->n_lanes; i++)
        counts->bytes[i] += here->job->spread[lanes >> 8 * i & 0xff];
    if (++counts->pending == MOST_IN_A_BYTE)
        empty_bytes(counts);
}

static inline int64_t count_of(const lane_counts *counts, int lane)
{
    return counts->whole[lane] + (int64_t)(counts->bytes[lane / BYTES] >> 8 * (lane % BYTES) & 0xff);
}

/* The fewest of `positives` whose share reaches each point of recall. */
static void points_needed(const accumulate_job *job, int64_t positives, int64_t *needed)
{
    for (int64_t r = 0; r < job->call->n_recalls; r++) {
        const double recall = job->call->recalls[r], whole = (double)positives;
        if (recall > 1) {
            needed[r] = positives + 1;
            continue;
        }
        int64_t k = recall > 0 ? (int64_t)ceil(recall * whole) : 0;
        while (k > 0 && (double)(k - 1) / whole >= recall)
            k--;
        while ((double)k / whole < recall)
            k++;
        needed[r] = k;
    }
}

static void start_curves(const class_curves *here)
{
    const fg_accumulate_call *call = here->call;
    const int64_t n = call->n_recalls, found = call->counts[here->class_id];
    memset(here->slot->counts, 0, (size_t)call->n_limits * sizeof *here->slot->counts);
    memset(here->slot->best, 0, (size_t)(call->n_limits * FG_LANES * (n + 1)) * sizeof(double));
    for (int64_t m = 0; m < call->n_limits; m++)
        for (int64_t lane = 0; lane < here->n_lanes; lane++) {
            const int64_t at = m * FG_LANES + lane;
            const int64_t *needed = here->slot->needed + (here->first_lane + lane) / call->n_thresholds * n;
            lane_curve *curve = here->slot->curves + at;
            *curve = (lane_curve){0, 0, 0};
            /* The first detection reaches a recall of 0, whatever becomes of it. */
            for (; found && curve->next < n && needed[curve->next] == 0; curve->next++)
                here->slot->scores[at * n + curve->next] = call->found_scores[here->ranked[0].detection];
        }
}

/* One more true detection in a lane, the last of `counted` ones. */
static inline void extend_curve(const class_curves *here, int64_t m, int lane, int64_t counted, double score)
{
    const int64_t n = here->call->n_recalls, at = m * FG_LANES + lane;
    const int64_t *needed = here->slot->needed + (here->first_lane + lane) / here->call->n_thresholds * n;
    lane_curve *curve = here->slot->curves + at;
    double *best = here->slot->best + at * (n + 1);
    curve->true_count++;
    for (; curve->next < n && needed[curve->next] <= curve->true_count; curve->next++)
        here->slot->scores[at * n + curve->next] = score;
    const double precision = (double)curve->true_count / ((double)counted + here->call->margin);
    if (precision > best[curve->next])
        best[curve->next] = precision;
}

static void pass_detections(const class_curves *here, int64_t word, int slot)
{
    enum { AHEAD = 16 };
    const fg_accumulate_call *call = here->call;
    const int64_t begin = call->starts[here->class_id], n = call->counts[here->class_id];
    const uint64_t *hits = call->hits + word * call->n_detections + begin;
    const uint64_t *counted = call->counted + word * call->n_detections + begin;
    for (int64_t i = 0; i < n; i++) {
        int64_t within = 0;
        if (i % FG_POLLED_STEPS == 0 && here->job->team->stopped(slot))
            return;
        if (i + AHEAD < n && hits[i + AHEAD])
            __builtin_prefetch(call->found_scores + here->ranked[i + AHEAD].detection);
        while (call->rank[begin + i] >= call->limits[within])
            within++;
        add_lanes(here, here->slot->counts + within, counted[i]);
        for (uint64_t left = hits[i]; left; left &= left - 1) {
            const int lane = __builtin_ctzll(left);
            const double score = call->found_scores[here->ranked[i].detection];
            int64_t count = 0;
            for (int64_t m = 0; m < call->n_limits; m++) {
                count += count_of(here->slot->counts + m, lane);
                if (m >= within)
                    extend_curve(here, m, lane, count, score);
            }
        }
    }
}

/* Precision at a point becomes the highest there or beyond. Returns how many points of the answer are reached: those
   behind one that is not stay at 0, as in pycocotools. */
static int64_t finish_curve(const class_curves *here, int64_t at)
{
    const int64_t n = here->call->n_recalls;
    double *best = here->slot->best + at * (n + 1);
    int64_t reached = 0;
    for (int64_t k = n; k > 0; k--)
        best[k - 1] = best[k] > best[k - 1] ? best[k] : best[k - 1];
    while (reached < n && here->call->place[reached] < here->slot->curves[at].next)
        reached++;
    return reached;
}

static void write_recall(const class_curves *here, int64_t lane, int64_t m)
{
    const fg_accumulate_call *call = here->call;
    const int64_t t = (here->first_lane + lane) % call->n_thresholds, a = (here->first_lane + lane) / call->n_thresholds;
    const int64_t positives = call->positives[here->class_id * call->n_ranges + a];
    lane_curve *curve = here->slot->curves + m * FG_LANES + lane;
    call->recall[((t * call->n_classes + here->class_id) * call->n_ranges + a) * call->n_limits + m] =
        positives ? (double)curve->true_count / (double)positives : -1;
    curve->reached = positives ? finish_curve(here, m * FG_LANES + lane) : -1;
}

/* Row by row of the answer, which has the ranges and limits of a threshold, point and class side by side. */
static void write_curves(const class_curves *here)
{
    const fg_accumulate_call *call = here->call;
    const int64_t n = call->n_recalls, end = here->first_lane + here->n_lanes;
    for (int64_t lane = 0; lane < here->n_lanes; lane++)
        for (int64_t m = 0; m < call->n_limits; m++)
            write_recall(here, lane, m);
    for (int64_t t = 0; t < call->n_thresholds; t++)
        for (int64_t r = 0; r < n; r++) {
            const int64_t row = ((t * n + r) * call->n_classes + here->class_id) * call->n_ranges;
            const int64_t before = here->first_lane - t + call->n_thresholds - 1;
            for (int64_t a = before > 0 ? before / call->n_thresholds : 0; a * call->n_thresholds + t < end; a++)
                for (int64_t m = 0; m < call->n_limits; m++) {
                    const int64_t at = m * FG_LANES + a * call->n_thresholds + t - here->first_lane;
                    const int64_t reached = here->slot->curves[at].reached, out = (row + a) * call->n_limits + m;
                    const double none = reached < 0 ? -1 : 0;
                    call->precision[out] = r < reached ? here->slot->best[at * (n + 1) + call->place[r] + 1] : none;
                    call->scores[out] = r < reached ? here->slot->scores[at * n + call->place[r]] : none;
                }
        }
}

/* The area under a curve whose precision is the highest at each recall or beyond: from the last detection to the first,
   so that the highest so far is at hand. */
static double area_of_curve(const class_curves *here, int64_t lane, int64_t m, int slot)
{
    const fg_accumulate_call *call = here->call;
    const int64_t begin = call->starts[here->class_id], n = call->counts[here->class_id];
    const int64_t row = lane / FG_LANES * call->n_detections + begin;
    const uint64_t bit = (uint64_t)1 << lane % FG_LANES;
    const double positives = (double)call->positives[here->class_id * call->n_ranges + lane / call->n_thresholds];
    double true_count = 0, counted = 0, best = 0, area = 0;
    for (int64_t i = 0; i < n; i++)
        if (call->rank[begin + i] < call->limits[m]) {
            true_count += (call->hits[row + i] & bit) != 0;
            counted += (call->counted[row + i] & bit) != 0;
        }
    for (int64_t i = n - 1; i >= 0; i--) {
        if (i % FG_POLLED_STEPS == 0 && here->job->team->stopped(slot))
            return 0;
        if (call->rank[begin + i] >= call->limits[m] || !(call->counted[row + i] & bit))
            continue;
        if (call->hits[row + i] & bit) {
            const double precision = true_count / (counted + call->margin);
            best = precision > best ? precision : best;
            area += best * (true_count / positives - (true_count - 1) / positives);
            true_count--;
        }
        counted--;
    }
    return area;
}

static void write_areas(const class_curves *here, int slot)
{
    const fg_accumulate_call *call = here->call;
    for (int64_t lane = here->first_lane; lane < here->first_lane + here->n_lanes; lane++)
        for (int64_t m = 0; m < call->n_limits; m++) {
            const int64_t t = lane % call->n_thresholds, a = lane / call->n_thresholds;
            const int known = call->positives[here->class_id * call->n_ranges + a] > 0;
            call->areas[((t * call->n_classes + here->class_id) * call->n_ranges + a) * call->n_limits + m] =
                known ? area_of_curve(here, lane, m, slot) : -1;
        }
}

static void accumulate_class(void *argument, int64_t class_id, int slot)
{
    const accumulate_job *job = argument;
    const fg_accumulate_call *call = job->call;
    const int64_t lanes = call->n_thresholds * call->n_ranges;
    const int64_t *positives = call->positives + class_id * call->n_ranges;
    const fg_fenv saved = fg_fenv_enter();
    for (int64_t a = 0; a < call->n_ranges; a++)
        points_needed(job, positives[a] ? positives[a] : 1, job->slots[slot].needed + a * call->n_recalls);
    for (int64_t w = 0; w < fg_words_of(lanes); w++) {
        const int64_t left = lanes - w * FG_LANES;
        const class_curves here = {
            .job = job,
            .call = call,
            .slot = job->slots + slot,
            .first_lane = w * FG_LANES,
            .n_lanes = left < FG_LANES ? left : FG_LANES,
            .ranked = call->ranked + call->starts[class_id],
            .class_id = class_id,
        };
        start_curves(&here);
        pass_detections(&here, w, slot);
        write_curves(&here);
        if (call->areas)
            write_areas(&here, slot);
    }
    fg_fenv_leave(saved);
}

static void lay_bits(uint64_t *spread)
{
    for (int value = 0; value < 256; value++) {
        spread[value] = 0;
        for (int bit = 0; bit < 8; bit++)
            spread[value] |= (uint64_t)(value >> bit & 1) << 8 * bit;
    }
}

static int allocate_slot(const fg_accumulate_call *call, accumulate_slot *slot)
{
    const size_t curves = (size_t)call->n_limits * FG_LANES, points = (size_t)call->n_recalls + 1;
    slot->counts = calloc((size_t)call->n_limits, sizeof *slot->counts);
    slot->curves = calloc(curves, sizeof *slot->curves);
    slot->best = calloc(curves * points, sizeof *slot->best);
    slot->scores = calloc(curves * points, sizeof *slot->scores);
    slot->needed = calloc((size_t)call->n_ranges * points, sizeof *slot->needed);
    return slot->counts && slot->curves && slot->best && slot->scores && slot->needed;
}

int fg_accumulate(const fg_team *team, const fg_accumulate_call *call)
{
    const int threads = call->n_classes < team->size ? (int)call->n_classes : team->size;
    accumulate_job job = {.team = team, .call = call};
    if (call->n_classes == 0)
        return FG_OK;
    job.slots = calloc((size_t)threads, sizeof *job.slots);
    int status = job.slots ? FG_OK : FG_NO_MEMORY;
    for (int s = 0; s < threads && status == FG_OK; s++)
        status = allocate_slot(call, job.slots + s) ? FG_OK : FG_NO_MEMORY;
    if (status == FG_OK) {
        lay_bits(job.spread);
        status = team->parallel(call->n_classes, threads, accumulate_class, &job);
    }
    for (int s = 0; job.slots && s < threads; s++) {
        free(job.slots[s].counts);
        free(job.slots[s].curves);
        free(job.slots[s].best);
        free(job.slots[s].scores);
        free(job.slots[s].needed);
    }
    free(job.slots);
    return status;
}
