#include "suppression/multiclass.h"

#include <stdlib.h>

#include "runtime/fenv.h"
#include "suppression/nms_adaptive.h"
#include "suppression/plan.h"
#include "suppression/score_order.h"

/* Boxes of the result that one chunk writes. */
enum { WRITTEN = 1 << 14 };

/* Boxes listed between two polls. */
enum { PIECE = 1 << 10 };

/* A set is what suppresses among itself: one class of one image, or a whole image where classes do not matter. In it a
   candidate is numbered box · n_classes + class. */
typedef struct {
    const fg_multiclass_call *call;
    const fg_team *team;
    fg_nms_plan plan;
    int64_t sets_per_image;
    int64_t candidates;                 /* of one set, at most */
    int64_t capacity;                   /* boxes one set can keep */
    char *scratch;                      /* per thread: entries, scratch, runs of coordinates */
    size_t scratch_bytes;
    fg_ranked *kept; /* capacity for each set */
    int64_t *counts; /* how many each set keeps, or one of the numbers below */
    /* A k-way merge of the sets of one image: a binary heap of those that still have candidates, the best on top; where in
       `kept` the next candidate of each set stands, and where its candidates end. */
    int64_t image, heap_size;
    int64_t *heap, *next, *ends;
} multiclass_job;

enum { HOLDS_NAN = -1, LACKS_MEMORY = -2, IS_STOPPED = -3 };

static const void *image_scores(const fg_multiclass_call *call, int64_t image)
{
    const size_t value = call->scores_f64 ? sizeof(double) : sizeof(float);
    return (const char *)call->scores + (size_t)(image * call->n * call->n_classes) * value;
}

static const void *image_boxes(const fg_multiclass_call *call, int64_t image)
{
    const size_t value = call->boxes_f64 ? sizeof(double) : sizeof(float);
    return (const char *)call->boxes + (size_t)(image * call->n * (call->own_boxes ? call->n_classes : 1) * 4) * value;
}

/* The candidates above their class's threshold, by ascending number; HOLDS_NAN for a NaN. */
static int64_t list_candidates(const multiclass_job *job, int slot, const void *scores, int64_t class,
                               fg_ranked *entries)
{
    const fg_multiclass_call *call = job->call;
    const int64_t classes = call->n_classes, first = call->class_agnostic ? 0 : class;
    const int64_t last = call->class_agnostic ? classes - 1 : class;
    int64_t count = 0;
    int nan = 0;
    for (int64_t box = 0; box < call->n; box++) {
        if (box % PIECE == 0 && job->team->stopped(slot))
            return IS_STOPPED;
        for (int64_t c = first; c <= last; c++) {
            const double score = fg_score(scores, call->scores_f64, box * classes + c);
            nan |= score != score;
            if (score > call->score_thresholds[c])
                entries[count++] = fg_rank(scores, call->scores_f64, box * classes + c);
        }
    }
    return nan ? HOLDS_NAN : count;
}

/* Lists, sorts and suppresses the candidates of a set, in the scratch memory of the slot. Returns how many are kept, or
   one of the numbers above. */
static int64_t suppress_set(const multiclass_job *job, int64_t number, int slot)
{
    const fg_multiclass_call *call = job->call;
    const int64_t image = number / job->sets_per_image, class = number % job->sets_per_image;
    const void *scores = image_scores(call, image);
    fg_ranked *entries = (fg_ranked *)(job->scratch + (size_t)slot * job->scratch_bytes);
    fg_ranked *scratch = entries + job->candidates;
    int64_t n = list_candidates(job, slot, scores, class, entries);
    if (n <= 0)
        return n;
    if (fg_sort_ranked(job->team, slot, entries, scratch, n, scores, call->scores_f64) != FG_OK)
        return IS_STOPPED;
    if (call->top_k >= 0 && call->top_k < n)
        n = call->top_k;
    const fg_nms_call nms = {.boxes = image_boxes(call, image), .repeat = call->own_boxes ? 1 : call->n_classes,
                             .boxes_f64 = call->boxes_f64, .iou_threshold = call->iou_thresholds[class],
                             .max_output = call->max_output, .fmt = call->fmt};
    const fg_nms_group group =
        fg_nms_run_group(job->team, slot, job->plan.algorithm, &nms, entries, scratch, scratch + job->candidates, n);
    if (group.status != FG_OK)
        return group.status == FG_NO_MEMORY ? LACKS_MEMORY : IS_STOPPED;
    for (int64_t k = 0; k < group.n_kept; k++)
        job->kept[number * job->capacity + k] = entries[group.kept[k]];
    return group.n_kept;
}

static void run_set(void *argument, int64_t number, int slot)
{
    const multiclass_job *job = argument;
    job->counts[number] = suppress_set(job, number, slot);
}

static void write_box(const fg_multiclass_call *call, int64_t image, int64_t k, int64_t candidate)
{
    const int64_t box = candidate / call->n_classes, at = image * call->max_output + k;
    const size_t box_bytes = 4 * (call->boxes_f64 ? sizeof(double) : sizeof(float));
    const size_t score_bytes = call->scores_f64 ? sizeof(double) : sizeof(float);
    memcpy((char *)call->out_boxes + (size_t)at * box_bytes,
           (const char *)image_boxes(call, image) + (size_t)(call->own_boxes ? candidate : box) * box_bytes, box_bytes);
    memcpy((char *)call->out_scores + (size_t)at * score_bytes,
           (const char *)image_scores(call, image) + (size_t)candidate * score_bytes, score_bytes);
    call->out_classes[at] = candidate % call->n_classes;
    call->out_indices[at] = box;
}

/* Whether the next candidate of set a comes before that of set b. */
static int leads(const multiclass_job *job, int64_t a, int64_t b)
{
    const fg_ranked x = job->kept[job->next[a]], y = job->kept[job->next[b]];
    if (x >> 32 != y >> 32 || !job->call->scores_f64)
        return x < y;
    return fg_ranks_before(image_scores(job->call, job->image), 1, fg_ranked_index(x), fg_ranked_index(y));
}

/* Restores the heap: the set in this place sinks below those that lead it. */
static void sink(multiclass_job *job, int64_t place)
{
    int64_t *heap = job->heap;
    for (;;) {
        int64_t first = place;
        for (int64_t child = 2 * place + 1; child <= 2 * place + 2 && child < job->heap_size; child++)
            if (leads(job, heap[child], heap[first]))
                first = child;
        if (first == place)
            return;
        const int64_t set = heap[place];
        heap[place] = heap[first];
        heap[first] = set;
        place = first;
    }
}

/* WRITTEN of the candidates kept of the image, by descending score: the heap merges the sets, each of them sorted. */
static void write_chunk(void *argument, int64_t chunk, int slot)
{
    (void)slot;
    multiclass_job *job = argument;
    const int64_t n = job->call->out_counts[job->image];
    const int64_t end = (chunk + 1) * WRITTEN < n ? (chunk + 1) * WRITTEN : n;
    for (int64_t k = chunk * WRITTEN; k < end; k++) {
        const int64_t set = job->heap[0];
        write_box(job->call, job->image, k, fg_ranked_index(job->kept[job->next[set]]));
        if (++job->next[set] == job->ends[set])
            job->heap[0] = job->heap[--job->heap_size];
        sink(job, 0);
    }
}

static int merge_image(const fg_team *team, multiclass_job *job, int64_t image)
{
    int64_t n = 0;
    job->image = image;
    job->heap_size = 0;
    for (int64_t s = 0; s < job->sets_per_image; s++) {
        const int64_t set = image * job->sets_per_image + s, count = job->counts[set];
        job->next[s] = set * job->capacity;
        job->ends[s] = job->next[s] + count;
        if (count > 0)
            job->heap[job->heap_size++] = s;
        n += count;
    }
    for (int64_t place = job->heap_size / 2 - 1; place >= 0; place--)
        sink(job, place);
    n = n < job->call->max_output ? n : job->call->max_output;
    job->call->out_counts[image] = n;
    return team->parallel((n + WRITTEN - 1) / WRITTEN, 1, write_chunk, job);
}

static int run(const fg_team *team, multiclass_job *job)
{
    const fg_multiclass_call *call = job->call;
    const int64_t n_boxes = call->batch * call->n * (call->own_boxes ? call->n_classes : 1);
    if (fg_check_boxes(team->isa, call->boxes, call->boxes_f64, n_boxes) != FG_OK)
        return FG_BAD_VALUE;
    const int64_t sets = call->batch * job->sets_per_image;
    fg_ran(team, FG_NMS_CHOICE, fg_nms_names[job->plan.algorithm], job->plan.threads);
    int status = team->parallel(sets, job->plan.threads, run_set, job);
    for (int64_t set = 0; status == FG_OK && set < sets; set++)
        if (job->counts[set] == HOLDS_NAN || job->counts[set] == LACKS_MEMORY)
            status = job->counts[set] == HOLDS_NAN ? FG_BAD_VALUE : FG_NO_MEMORY;
    for (int64_t image = 0; status == FG_OK && image < call->batch; image++)
        status = merge_image(team, job, image);
    return status;
}

static int64_t least(int64_t a, int64_t b) { return a >= 0 && a < b ? a : b; }

int fg_multiclass_nms(const fg_team *team, const fg_multiclass_call *call)
{
    for (int64_t image = 0; image < call->batch; image++)
        call->out_counts[image] = 0;
    if (call->batch == 0 || call->n == 0 || call->n_classes == 0)
        return FG_OK;
    if (call->n * call->n_classes >= INT32_MAX)
        return FG_NO_MEMORY;
    multiclass_job job = {.call = call, .team = team};
    job.sets_per_image = call->class_agnostic ? 1 : call->n_classes;
    job.candidates = call->class_agnostic ? call->n * call->n_classes : call->n;
    job.capacity = least(call->top_k, least(call->max_output, job.candidates));
    const size_t sets = (size_t)(call->batch * job.sets_per_image);
    const size_t value = call->boxes_f64 ? sizeof(double) : sizeof(float);
    job.plan = fg_plan_nms(team, (fg_nms_size){job.candidates, (int64_t)sets, 1, 0, value});
    if (job.plan.status != FG_OK)
        return job.plan.status;
    const size_t slots = (size_t)job.plan.threads;
    job.scratch_bytes = ((size_t)job.candidates * (2 * sizeof(fg_ranked) + 5 * value) + 63) / 64 * 64;
    job.scratch = malloc((slots < sets ? slots : sets) * job.scratch_bytes);
    job.kept = malloc(sets * (size_t)job.capacity * sizeof *job.kept + 1);
    job.counts = malloc(sets * sizeof *job.counts);
    job.heap = malloc(3 * (size_t)job.sets_per_image * sizeof *job.heap);
    int status = FG_NO_MEMORY;
    if (job.scratch && job.kept && job.counts && job.heap) {
        const fg_fenv saved = fg_fenv_enter();
        job.next = job.heap + job.sets_per_image;
        job.ends = job.next + job.sets_per_image;
        status = run(team, &job);
        fg_fenv_leave(saved);
    }
    free(job.scratch);
    free(job.kept);
    free(job.counts);
    free(job.heap);
    return status;
}
