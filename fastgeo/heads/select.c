#include "heads/select.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/fenv.h"

enum {
    BLOCK = 512,     /* anchors whose maxima and rows stay in the first cache */
    ROWS = 8,        /* rows of classes that are compared at once */
    MOST_LANES = 16,
    ROW_SIZE = BLOCK + MOST_LANES
};

/* Scores of some classes for the anchors of a block, or of the classes of one anchor. */
typedef struct {
    const float *row[ROWS];
    int64_t first; /* index of the first of them in call->classes */
    int count;
} head_rows;

/* A float16 of any kind: its fraction and exponent are moved into place, and scaled by the difference of the biases. */
static inline float from_half(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000u) << 16, rest = (uint32_t)(half & 0x7fffu) << 13;
    const uint32_t special = rest >= 0x0f800000u ? 0x70000000u : 0; /* infinity or NaN: the exponent becomes 255 */
    float value;
    uint32_t bits = rest + special;
    memcpy(&value, &bits, sizeof value);
    value = special ? value : value * 0x1p112f;
    memcpy(&bits, &value, sizeof bits);
    bits |= sign;
    memcpy(&value, &bits, sizeof value);
    return value;
}

#define FG_REAL_BITS 32
#define FG_BODY "heads/select_body.h"
#include "runtime/for_each_isa.h"
#undef FG_BODY
#undef FG_REAL_BITS

/* The functions of one instruction set. */
typedef struct {
    int (*raise_maxima)(const head_rows *rows, int64_t n, float *best, int32_t *best_class);
    unsigned (*rows_above)(const head_rows *rows, int64_t j, float threshold);
    int (*any_above)(const float *scores, int64_t n, float threshold);
    void (*widen)(const fg_select_call *call, const void *stored, int64_t n, float scale, float *out);
    void (*multiply)(float *values, const float *factors, int64_t n);
    int lanes;
} select_functions;

#define ROW_OF_SELECT(isa, code, dot, unused) \
    [FG_ISA_##isa] = {raise_maxima_##code##_f32, rows_above_##code##_f32, any_above_##code##_f32, widen_##code##_f32, \
                      multiply_##code##_f32, lanes_of_##code},
enum { lanes_of_scalar = 1, lanes_of_avx2 = 8, lanes_of_avx512 = 16, lanes_of_neon = 4 };
static const select_functions functions_of[FG_ISA_COUNT] = {FG_ISA_LIST(ROW_OF_SELECT, )};

/* Scratch memory of a thread. */
typedef struct {
    float rows[ROWS][ROW_SIZE]; /* scores that had to be computed */
    float objectness[ROW_SIZE];
    float best[ROW_SIZE];
    int32_t best_class[ROW_SIZE];
    int64_t counts[BLOCK + 1];
    fg_candidates found; /* of a block with many labels, class by class */
    float *classes;      /* (n_classes,), where the classes of an anchor lie side by side */
} select_scratch;

typedef struct {
    const fg_team *team;
    const fg_select_call *call;
    const select_functions *functions;
    select_scratch *scratch; /* by slot */
    fg_candidates *images;
} select_job;

/* One image of a job, on one thread. */
typedef struct {
    const fg_select_call *call;
    const select_functions *functions;
    select_scratch *scratch;
    const char *values;
    fg_candidates *out;
} select_image;

static int64_t value_size(const fg_select_call *call)
{
    return call->kind == FG_HEAD_F32 ? 4 : call->kind == FG_HEAD_F16 ? 2 : 1;
}

static const void *value_at(const select_image *image, int64_t channel, int64_t anchor)
{
    const fg_select_call *call = image->call;
    return image->values + (channel * call->channel_stride + anchor * call->anchor_stride) * value_size(call);
}

static float scale_of(const fg_select_call *call, int64_t channel) { return call->scales ? call->scales[channel] : 1; }

static float number_at(const select_image *image, int64_t channel, int64_t anchor)
{
    float number;
    if (image->call->kind == FG_HEAD_F32)
        memcpy(&number, value_at(image, channel, anchor), sizeof number);
    else
        functions_of[0].widen(image->call, value_at(image, channel, anchor), 1, scale_of(image->call, channel), &number);
    return number;
}

/* Appends a candidate; the image's status says whether there was memory. */
static void add(fg_candidates *list, int64_t anchor, int64_t class_id, float score, float objectness)
{
    if (list->count == list->capacity) {
        const int64_t capacity = list->capacity ? 2 * list->capacity : 64;
        fg_candidate *grown = realloc(list->list, (size_t)capacity * sizeof *grown);
        if (!grown) {
            list->status = FG_NO_MEMORY;
            return;
        }
        list->list = grown;
        list->capacity = capacity;
    }
    list->list[list->count++] = (fg_candidate){.anchor = anchor, .class_id = class_id, .score = score, .objectness = objectness};
}

/* The numbers of a channel for n anchors from `begin` on: where they lie, or in `room` if they have to be computed.
   Vectors may be read to the end of the last one, which is why the block at the end of the head is copied. */
static const float *channel_row(const select_image *image, int64_t channel, int64_t begin, int64_t n, float *room)
{
    const fg_select_call *call = image->call;
    const void *stored = value_at(image, channel, begin);
    if (call->kind != FG_HEAD_F32)
        image->functions->widen(call, stored, n, scale_of(call, channel), room);
    else if (n % image->functions->lanes == 0)
        return stored;
    else
        memcpy(room, stored, (size_t)n * sizeof *room);
    for (int64_t i = n; i % image->functions->lanes; i++)
        room[i] = call->threshold; /* never above it */
    return room;
}

/* The next rows of classes of a block, times the objectness where that makes the score. */
static head_rows class_rows(const select_image *image, int64_t first, int64_t begin, int64_t n)
{
    const fg_select_call *call = image->call;
    head_rows rows = {.first = first};
    rows.count = (int)(call->n_classes - first < ROWS ? call->n_classes - first : ROWS);
    for (int r = 0; r < rows.count; r++) {
        float *room = image->scratch->rows[r];
        rows.row[r] = channel_row(image, call->first_class + call->classes[first + r], begin, n, room);
        if (call->has_objectness && !call->logits) {
            if (rows.row[r] != room)
                memcpy(room, rows.row[r], (size_t)n * sizeof *room);
            image->functions->multiply(room, image->scratch->objectness, n);
            rows.row[r] = room;
        }
    }
    return rows;
}

/* Where objectness and class are logits, both have to be above the threshold: their product is below each. */
static int passes_objectness(const select_image *image, float objectness)
{
    return !image->call->has_objectness || !image->call->logits || objectness > image->call->threshold;
}

static float objectness_at(const select_image *image, int64_t j)
{
    return image->call->has_objectness ? image->scratch->objectness[j] : 1;
}

static void best_of_block(const select_image *image, int64_t begin, int64_t n)
{
    const fg_select_call *call = image->call;
    select_scratch *scratch = image->scratch;
    int found = 0;
    for (int64_t j = 0; j < ROW_SIZE; j++)
        scratch->best[j] = call->threshold;
    for (int64_t first = 0; first < call->n_classes; first += ROWS) {
        const head_rows rows = class_rows(image, first, begin, n);
        found |= image->functions->raise_maxima(&rows, n, scratch->best, scratch->best_class);
    }
    for (int64_t j = 0; found && j < n; j++)
        if (scratch->best[j] > call->threshold && passes_objectness(image, objectness_at(image, j)))
            add(image->out, begin + j, call->classes[scratch->best_class[j]], scratch->best[j], objectness_at(image, j));
}

/* Candidates of a block that were found class by class, by anchor. */
static void order_found(const select_image *image, int64_t begin)
{
    select_scratch *scratch = image->scratch;
    fg_candidates *out = image->out;
    memset(scratch->counts, 0, sizeof scratch->counts);
    for (int64_t i = 0; i < scratch->found.count; i++)
        scratch->counts[scratch->found.list[i].anchor - begin + 1]++;
    for (int64_t j = 0; j < BLOCK; j++)
        scratch->counts[j + 1] += scratch->counts[j];
    const int64_t before = out->count;
    for (int64_t i = 0; i < scratch->found.count && out->status == FG_OK; i++)
        add(out, 0, 0, 0, 0);
    for (int64_t i = 0; i < scratch->found.count && out->status == FG_OK; i++)
        out->list[before + scratch->counts[scratch->found.list[i].anchor - begin]++] = scratch->found.list[i];
}

static void all_of_block(const select_image *image, int64_t begin, int64_t n)
{
    const fg_select_call *call = image->call;
    fg_candidates *found = &image->scratch->found;
    found->count = 0;
    for (int64_t first = 0; first < call->n_classes; first += ROWS) {
        const head_rows rows = class_rows(image, first, begin, n);
        for (int64_t j = 0; j < n; j += image->functions->lanes) {
            const unsigned above = image->functions->rows_above(&rows, j, call->threshold);
            for (int r = 0; above && r < rows.count; r++)
                for (int64_t i = j; above >> r & 1 && i < j + image->functions->lanes && i < n; i++)
                    if (rows.row[r][i] > call->threshold && passes_objectness(image, objectness_at(image, i)))
                        add(found, begin + i, call->classes[first + r], rows.row[r][i], objectness_at(image, i));
        }
    }
    if (found->status != FG_OK)
        image->out->status = found->status;
    order_found(image, begin);
}

/* The anchors of a channel side by side. */
static void select_block(const select_image *image, int64_t begin, int64_t n)
{
    if (image->call->has_objectness) {
        const float *row = channel_row(image, 4, begin, n, image->scratch->objectness);
        if (row != image->scratch->objectness)
            memcpy(image->scratch->objectness, row, (size_t)n * sizeof *row);
    }
    (image->call->multi_label ? all_of_block : best_of_block)(image, begin, n);
}

/* The scores of an anchor whose channels lie side by side: of its classes, or of those that take part. */
static const float *anchor_scores(const select_image *image, int64_t anchor, float objectness)
{
    const fg_select_call *call = image->call;
    const int64_t last = call->n_classes ? call->classes[call->n_classes - 1] : -1;
    const int all = last == call->n_classes - 1, scaled = call->has_objectness && !call->logits;
    float *scores = image->scratch->classes;
    if (all && call->kind == FG_HEAD_F32 && !scaled)
        return value_at(image, call->first_class, anchor);
    if (all && call->kind == FG_HEAD_F32)
        memcpy(scores, value_at(image, call->first_class, anchor), (size_t)call->n_classes * sizeof *scores);
    else if (all && !call->scales)
        image->functions->widen(call, value_at(image, call->first_class, anchor), call->n_classes, 1, scores);
    else
        for (int64_t c = 0; c < call->n_classes; c++)
            scores[c] = number_at(image, call->first_class + call->classes[c], anchor);
    for (int64_t c = 0; scaled && c < call->n_classes; c++)
        scores[c] *= objectness;
    return scores;
}

/* The channels of an anchor side by side. */
static void select_anchor(const select_image *image, int64_t anchor)
{
    const fg_select_call *call = image->call;
    const float objectness = call->has_objectness ? number_at(image, 4, anchor) : 1;
    const float *scores = anchor_scores(image, anchor, objectness);
    if (!passes_objectness(image, objectness) || !image->functions->any_above(scores, call->n_classes, call->threshold))
        return;
    float best = call->threshold;
    int64_t best_class = -1;
    for (int64_t c = 0; c < call->n_classes; c++) {
        if (call->multi_label && scores[c] > call->threshold)
            add(image->out, anchor, call->classes[c], scores[c], objectness);
        if (scores[c] > best) {
            best = scores[c];
            best_class = c;
        }
    }
    if (!call->multi_label && best_class >= 0)
        add(image->out, anchor, call->classes[best_class], best, objectness);
}

static void select_chunk(void *argument, int64_t chunk, int slot)
{
    const select_job *job = argument;
    const fg_select_call *call = job->call;
    const fg_fenv saved = fg_fenv_enter();
    const select_image image = {call, job->functions, &job->scratch[slot],
                                (const char *)call->values + chunk * call->image_stride * value_size(call),
                                &job->images[chunk]};
    for (int64_t begin = 0; begin < call->anchors && image.out->status == FG_OK; begin += BLOCK) {
        const int64_t n = call->anchors - begin < BLOCK ? call->anchors - begin : BLOCK;
        if (call->anchor_stride == 1)
            select_block(&image, begin, n);
        else
            for (int64_t j = 0; j < n; j++)
                select_anchor(&image, begin + j);
        if (job->team->stopped(slot))
            break;
    }
    for (int64_t i = 0; i < image.out->count; i++)
        for (int k = 0; k < 4; k++)
            image.out->list[i].box[k] = number_at(&image, k, image.out->list[i].anchor);
    fg_fenv_leave(saved);
}

static int worst_status(const fg_candidates *images, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (images[i].status != FG_OK)
            return images[i].status;
    return FG_OK;
}

/* Below this many scores, waking a helper costs more than it saves: some 50 µs of work. */
enum { MIN_SCORES_FOR_THREADS = 1 << 19 };

int fg_select(const fg_team *team, const fg_select_call *call, fg_candidates *images)
{
    const int64_t scores = call->anchors * (call->n_classes + 1);
    const int shared = call->images > 1 && scores > MIN_SCORES_FOR_THREADS / call->images;
    const int64_t threads = !shared ? 1 : team->size < call->images ? team->size : call->images;
    select_scratch *scratch = calloc((size_t)threads, sizeof *scratch);
    float *classes = malloc((size_t)(threads * (call->n_classes + 1)) * sizeof *classes);
    select_job job = {team, call, &functions_of[team->isa], scratch, images};
    int status = FG_NO_MEMORY;
    if (scratch && classes) {
        for (int64_t s = 0; s < threads; s++)
            scratch[s].classes = classes + s * (call->n_classes + 1);
        status = team->parallel(call->images, (int)threads, select_chunk, &job);
    }
    for (int64_t s = 0; scratch && s < threads; s++)
        free(scratch[s].found.list);
    free(scratch);
    free(classes);
    return status == FG_OK ? worst_status(images, call->images) : status;
}

void fg_candidates_free(fg_candidates *images, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        free(images[i].list);
}
