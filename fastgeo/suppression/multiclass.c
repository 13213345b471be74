#include "suppression/multiclass.h"

#include <stdlib.h>

#include "runtime/fenv.h"
#include "suppression/nms.h"
#include "suppression/score_order.h"

/* Fewer scores in all are not worth a second thread. */
enum { MIN_SCORES_FOR_THREADS = 1 << 15 };

/* A set is what suppresses among itself: one class of one image, or a whole image where classes do not matter. In it a
   candidate is numbered box · n_classes + class. */
typedef struct {
    const fg_multiclass_call *call;
    int isa;
    int64_t sets_per_image, candidates; /* the latter: of one set, at most */
    int64_t capacity;                   /* boxes one set can keep */
    char *scratch;                      /* per thread: entries, scratch, runs of coordinates */
    size_t scratch_bytes;
    fg_ranked *kept; /* capacity for each set */
    int64_t *counts; /* of each set, or one of the numbers below */
    int64_t areas;   /* of scratch; each has one of what follows, for sets that take too long for a chunk */
    int64_t *numbers;
    fg_nms_call *calls;
    fg_nms_set *sets;
} multiclass_job;

enum { HOLDS_NAN = -1, LACKS_MEMORY = -2, TOO_LONG = -3 };

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
static int64_t list_candidates(const fg_multiclass_call *call, const void *scores, int64_t class, fg_ranked *entries)
{
    const int64_t classes = call->n_classes, first = call->class_agnostic ? 0 : class;
    const int64_t last = call->class_agnostic ? classes - 1 : class;
    int64_t count = 0;
    int nan = 0;
    for (int64_t box = 0; box < call->n; box++)
        for (int64_t c = first; c <= last; c++) {
            const double score = fg_score(scores, call->scores_f64, box * classes + c);
            nan |= score != score;
            if (score > call->score_thresholds[c])
                entries[count++] = fg_rank(scores, call->scores_f64, box * classes + c);
        }
    return nan ? HOLDS_NAN : count;
}

/* Lists and sorts the candidates of a set in an area of scratch. Returns how many of them take part, or HOLDS_NAN. */
static int64_t prepare_set(const multiclass_job *job, int64_t number, int64_t area, fg_nms_call *nms, fg_nms_set *set)
{
    const fg_multiclass_call *call = job->call;
    const int64_t image = number / job->sets_per_image, class = number % job->sets_per_image;
    const void *scores = image_scores(call, image);
    fg_ranked *entries = (fg_ranked *)(job->scratch + (size_t)area * job->scratch_bytes);
    fg_ranked *scratch = entries + job->candidates;
    int64_t n = list_candidates(call, scores, class, entries);
    if (n <= 0)
        return n;
    fg_sort_ranked(entries, scratch, n, scores, call->scores_f64);
    if (call->top_k >= 0 && call->top_k < n)
        n = call->top_k;
    *nms = (fg_nms_call){.boxes = image_boxes(call, image), .repeat = call->own_boxes ? 1 : call->n_classes,
                         .boxes_f64 = call->boxes_f64, .iou_threshold = call->iou_thresholds[class],
                         .max_output = call->max_output, .fmt = call->fmt};
    *set = (fg_nms_set){nms, entries, scratch, scratch + job->candidates, n, NULL, 0};
    return n;
}

static void store_kept(const multiclass_job *job, int64_t number, const fg_nms_set *set)
{
    for (int64_t k = 0; k < set->n_kept; k++)
        job->kept[number * job->capacity + k] = set->entries[set->kept[k]];
    job->counts[number] = set->n_kept;
}

static void run_set(void *argument, int64_t number, int slot)
{
    const multiclass_job *job = argument;
    fg_nms_call nms;
    fg_nms_set set;
    job->counts[number] = prepare_set(job, number, slot, &nms, &set);
    if (job->counts[number] <= 0)
        return;
    const int status = fg_nms_run_set(job->isa, &set);
    if (status == FG_OK)
        store_kept(job, number, &set);
    else
        job->counts[number] = status == FG_NMS_TOO_LONG ? TOO_LONG : LACKS_MEMORY;
}

static void prepare_long_set(void *argument, int64_t area, int slot)
{
    (void)slot;
    const multiclass_job *job = argument;
    prepare_set(job, job->numbers[area], area, &job->calls[area], &job->sets[area]);
}

/* The sets that took too long, as many at a time as there is scratch for. */
static int run_long_sets(const fg_runtime *runtime, multiclass_job *job, int64_t n_sets)
{
    const int n_threads = job->call->n_threads;
    int status = FG_OK;
    for (int64_t number = 0; status == FG_OK && number < n_sets;) {
        int64_t n = 0;
        for (; number < n_sets && n < job->areas; number++)
            if (job->counts[number] == TOO_LONG)
                job->numbers[n++] = number;
        if (n == 0)
            break;
        status = runtime->parallel(n, n_threads, prepare_long_set, job);
        if (status == FG_OK)
            status = fg_nms_run_sets(runtime, job->sets, n, n_threads);
        for (int64_t area = 0; status == FG_OK && area < n; area++)
            store_kept(job, job->numbers[area], &job->sets[area]);
    }
    return status;
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

/* The kept candidates of all sets of an image, by descending score. `scratch` has room for all of them. */
static void merge_image(const multiclass_job *job, int64_t image, fg_ranked *scratch)
{
    const fg_multiclass_call *call = job->call;
    fg_ranked *first = job->kept + image * job->sets_per_image * job->capacity;
    int64_t n = 0;
    for (int64_t s = 0; s < job->sets_per_image; s++) {
        const int64_t count = job->counts[image * job->sets_per_image + s];
        memmove(first + n, first + s * job->capacity, (size_t)count * sizeof *first);
        n += count;
    }
    fg_sort_unordered(first, scratch, n, image_scores(call, image), call->scores_f64);
    if (call->max_output < n)
        n = call->max_output;
    for (int64_t k = 0; k < n; k++)
        write_box(call, image, k, fg_ranked_index(first[k]));
    call->out_counts[image] = n;
}

static int run(const fg_runtime *runtime, multiclass_job *job, fg_ranked *merge_scratch)
{
    const fg_multiclass_call *call = job->call;
    const int64_t n_boxes = call->batch * call->n * (call->own_boxes ? call->n_classes : 1);
    if (fg_check_boxes(job->isa, call->boxes, call->boxes_f64, n_boxes) != FG_OK)
        return FG_BAD_VALUE;
    const int64_t sets = call->batch * job->sets_per_image;
    const int n_threads = sets * job->candidates < MIN_SCORES_FOR_THREADS ? 1 : call->n_threads;
    int status = runtime->parallel(sets, n_threads, run_set, job);
    for (int64_t set = 0; status == FG_OK && set < sets; set++)
        if (job->counts[set] == HOLDS_NAN || job->counts[set] == LACKS_MEMORY)
            status = job->counts[set] == HOLDS_NAN ? FG_BAD_VALUE : FG_NO_MEMORY;
    if (status == FG_OK)
        status = run_long_sets(runtime, job, sets);
    if (status != FG_OK)
        return status;
    for (int64_t image = 0; image < call->batch; image++)
        merge_image(job, image, merge_scratch);
    return FG_OK;
}

static int64_t least(int64_t a, int64_t b) { return a >= 0 && a < b ? a : b; }

int fg_multiclass_nms(const fg_runtime *runtime, const fg_multiclass_call *call)
{
    for (int64_t image = 0; image < call->batch; image++)
        call->out_counts[image] = 0;
    if (call->batch == 0 || call->n == 0 || call->n_classes == 0)
        return FG_OK;
    if (call->n * call->n_classes >= INT32_MAX)
        return FG_NO_MEMORY;
    multiclass_job job = {.call = call, .isa = runtime->isa};
    job.sets_per_image = call->class_agnostic ? 1 : call->n_classes;
    job.candidates = call->class_agnostic ? call->n * call->n_classes : call->n;
    job.capacity = least(call->top_k, least(call->max_output, job.candidates));
    const size_t sets = (size_t)(call->batch * job.sets_per_image), per_image = (size_t)job.sets_per_image;
    const size_t value = call->boxes_f64 ? sizeof(double) : sizeof(float);
    const size_t slots = (size_t)runtime->slots(call->n_threads);
    job.scratch_bytes = ((size_t)job.candidates * (2 * sizeof(fg_ranked) + 5 * value) + 63) / 64 * 64;
    job.areas = (int64_t)(slots < sets ? slots : sets);
    job.scratch = malloc((size_t)job.areas * job.scratch_bytes);
    job.numbers = malloc((size_t)job.areas * sizeof *job.numbers);
    job.calls = malloc((size_t)job.areas * sizeof *job.calls);
    job.sets = malloc((size_t)job.areas * sizeof *job.sets);
    job.kept = malloc((sets + per_image) * (size_t)job.capacity * sizeof *job.kept + 1);
    job.counts = malloc(sets * sizeof *job.counts);
    int status = FG_NO_MEMORY;
    if (job.scratch && job.numbers && job.calls && job.sets && job.kept && job.counts) {
        const fg_fenv saved = fg_fenv_enter();
        status = run(runtime, &job, job.kept + sets * (size_t)job.capacity);
        fg_fenv_leave(saved);
    }
    free(job.scratch);
    free(job.numbers);
    free(job.calls);
    free(job.sets);
    free(job.kept);
    free(job.counts);
    return status;
}
