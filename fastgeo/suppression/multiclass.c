#include "suppression/multiclass.h"

#include <stdlib.h>

#include "runtime/fenv.h"
#include "suppression/nms.h"
#include "suppression/score_order.h"

/* Fewer scores in all are not worth a second thread. Boxes of the result are written so many at a time. */
enum { MIN_SCORES_FOR_THREADS = 1 << 15, WRITTEN = 1 << 14 };

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
    /* Of the image whose sets are being merged: a heap of the sets that still have candidates, the one with the best in
       front; where in `kept` the next candidate of each stands, and where its last one ends. */
    int64_t image, heap_size;
    int64_t *heap, *next, *ends;
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
static int run_long_sets(const fg_team *team, multiclass_job *job, int64_t n_sets)
{
    const int n_threads = team->size;
    int status = FG_OK;
    for (int64_t number = 0; status == FG_OK && number < n_sets;) {
        int64_t n = 0;
        for (; number < n_sets && n < job->areas; number++)
            if (job->counts[number] == TOO_LONG)
                job->numbers[n++] = number;
        if (n == 0)
            break;
        status = team->parallel(n, n_threads, prepare_long_set, job);
        if (status == FG_OK)
            status = fg_nms_run_sets(team, job->sets, n, n_threads);
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

/* Whether the next candidate of set a comes before that of set b. */
static int leads(const multiclass_job *job, int64_t a, int64_t b)
{
    const fg_ranked x = job->kept[job->next[a]], y = job->kept[job->next[b]];
    if (x >> 32 != y >> 32 || !job->call->scores_f64)
        return x < y;
    return fg_ranks_before(image_scores(job->call, job->image), 1, fg_ranked_index(x), fg_ranked_index(y));
}

/* Lets the set in this place of the heap sink below those that lead it. */
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

/* The candidates kept of all sets of the image by descending score, some of them: each set has its own in this order. */
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
    if (fg_check_boxes(job->isa, call->boxes, call->boxes_f64, n_boxes) != FG_OK)
        return FG_BAD_VALUE;
    const int64_t sets = call->batch * job->sets_per_image;
    const int n_threads = sets * job->candidates < MIN_SCORES_FOR_THREADS ? 1 : team->size;
    int status = team->parallel(sets, n_threads, run_set, job);
    for (int64_t set = 0; status == FG_OK && set < sets; set++)
        if (job->counts[set] == HOLDS_NAN || job->counts[set] == LACKS_MEMORY)
            status = job->counts[set] == HOLDS_NAN ? FG_BAD_VALUE : FG_NO_MEMORY;
    if (status == FG_OK)
        status = run_long_sets(team, job, sets);
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
    multiclass_job job = {.call = call, .isa = team->isa};
    job.sets_per_image = call->class_agnostic ? 1 : call->n_classes;
    job.candidates = call->class_agnostic ? call->n * call->n_classes : call->n;
    job.capacity = least(call->top_k, least(call->max_output, job.candidates));
    const size_t sets = (size_t)(call->batch * job.sets_per_image);
    const size_t value = call->boxes_f64 ? sizeof(double) : sizeof(float);
    const size_t slots = (size_t)team->size;
    job.scratch_bytes = ((size_t)job.candidates * (2 * sizeof(fg_ranked) + 5 * value) + 63) / 64 * 64;
    job.areas = (int64_t)(slots < sets ? slots : sets);
    job.scratch = malloc((size_t)job.areas * job.scratch_bytes);
    job.numbers = malloc((size_t)job.areas * sizeof *job.numbers);
    job.calls = malloc((size_t)job.areas * sizeof *job.calls);
    job.sets = malloc((size_t)job.areas * sizeof *job.sets);
    job.kept = malloc(sets * (size_t)job.capacity * sizeof *job.kept + 1);
    job.counts = malloc(sets * sizeof *job.counts);
    job.heap = malloc(3 * (size_t)job.sets_per_image * sizeof *job.heap);
    int status = FG_NO_MEMORY;
    if (job.scratch && job.numbers && job.calls && job.sets && job.kept && job.counts && job.heap) {
        const fg_fenv saved = fg_fenv_enter();
        job.next = job.heap + job.sets_per_image;
        job.ends = job.next + job.sets_per_image;
        status = run(team, &job);
        fg_fenv_leave(saved);
    }
    free(job.scratch);
    free(job.numbers);
    free(job.calls);
    free(job.sets);
    free(job.kept);
    free(job.counts);
    free(job.heap);
    return status;
}
