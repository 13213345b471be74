#include "masks/paste.h"

#include <math.h>

#include "masks/plan.h"
#include "runtime/fenv.h"

enum { MASKS_PER_CHUNK = 4, POLL_PIXELS = 1 << 20 };

/* Where the centre of a pixel lies among the cells of the small mask: between cells `cell` and `cell` + 1, of which the
   border has -1 and the number of cells, both of probability 0. */
typedef struct {
    int64_t cell;
    double low, high; /* weights of both */
} sample;

/* Memory of a chunk. */
typedef struct {
    sample *rows;    /* of the image that the box touches */
    int64_t first, n;
    double *column;  /* of the small mask, with a 0 before and behind it */
    fg_list changes;
} paste_scratch;

typedef struct {
    const fg_team *team;
    const fg_paste_call *call;
    fg_runs *runs;
} paste_job;

/* Whether pixel p lies within a cell's width of the centres of `cells` cells between `begin` and `end`. */
static int sample_at(double begin, double end, int64_t cells, int64_t p, sample *found)
{
    const double at = ((double)p + 0.5 - begin) * ((double)cells / (end - begin)) - 0.5;
    if (!(at > -1 && at < (double)cells))
        return 0;
    const double whole = floor(at);
    *found = (sample){(int64_t)whole, 1 - (at - whole), at - whole};
    return 1;
}

/* A little more than the pixels that the box touches, cut at the image. */
static void pixel_range(double begin, double end, int64_t cells, int64_t size, int64_t *first, int64_t *stop)
{
    const double margin = (end - begin) / (double)cells + 2;
    const double low = begin - margin, high = end + margin;
    *first = low > 0 ? (low < (double)size ? (int64_t)low : size) : 0;
    *stop = high < (double)size ? (high > 0 ? (int64_t)high : 0) : size;
}

static int sample_rows(const fg_paste_call *call, const double *box, paste_scratch *scratch)
{
    int64_t first, stop;
    pixel_range(box[1], box[3], call->rows, call->height, &first, &stop);
    scratch->n = 0;
    for (int64_t y = first; y < stop; y++)
        if (sample_at(box[1], box[3], call->rows, y, &scratch->rows[scratch->n])) {
            scratch->first = scratch->n ? scratch->first : y;
            scratch->n++;
        }
    return scratch->n > 0;
}

/* One column of the small mask at a column of the image. */
static void blend_column(const fg_paste_call *call, const double *probabilities, const sample *at, double *column)
{
    for (int64_t k = 0; k < call->rows; k++) {
        const double *row = probabilities + k * call->columns;
        const double one = at->cell >= 0 ? row[at->cell] : 0;
        const double other = at->cell + 1 < call->columns ? row[at->cell + 1] : 0;
        column[k + 1] = one * at->low + other * at->high;
    }
}

/* Appends where the foreground of one column begins and ends. */
static void threshold_column(const fg_paste_call *call, paste_scratch *scratch, uint32_t position)
{
    fg_list *changes = &scratch->changes;
    int before = 0;
    for (int64_t k = 0; k < scratch->n; k++) {
        const sample *at = &scratch->rows[k];
        const int now = scratch->column[at->cell + 1] * at->low + scratch->column[at->cell + 2] * at->high >= call->threshold;
        if (now != before)
            changes->values[changes->count++] = position + (uint32_t)(scratch->first + k);
        before = now;
    }
    if (before)
        changes->values[changes->count++] = position + (uint32_t)(scratch->first + scratch->n);
}

/* A run that ends at the foot of a column and goes on at the head of the next one is one. */
static int64_t join_changes(uint32_t *changes, int64_t n, uint32_t size)
{
    int64_t kept = 0;
    for (int64_t k = 0; k < n && changes[k] < size; k++) {
        if (kept > 0 && changes[kept - 1] == changes[k])
            kept--;
        else
            changes[kept++] = changes[k];
    }
    return kept;
}

static void paste(const paste_job *job, int64_t i, paste_scratch *scratch, int slot)
{
    const fg_paste_call *call = job->call;
    const double *box = call->boxes + 4 * i, *probabilities = call->probabilities + i * call->rows * call->columns;
    const uint32_t size = (uint32_t)(call->height * call->width);
    int64_t first = 0, stop = 0, polled = 0;
    int done = 1;
    scratch->changes.count = 0;
    if (box[2] > box[0] && box[3] > box[1] && sample_rows(call, box, scratch))
        pixel_range(box[0], box[2], call->columns, call->width, &first, &stop);
    for (int64_t x = first; x < stop && done; x++) {
        sample at;
        if (!sample_at(box[0], box[2], call->columns, x, &at))
            continue;
        if (!fg_list_reserve(&scratch->changes, scratch->n + 1)) {
            done = 0;
            break;
        }
        blend_column(call, probabilities, &at, scratch->column);
        threshold_column(call, scratch, (uint32_t)(x * call->height));
        polled += scratch->n;
        if (polled > POLL_PIXELS) {
            polled = 0;
            done = !job->team->stopped(slot);
        }
    }
    if (done)
        job->runs[i] = fg_runs_between(job->team, slot, scratch->changes.values,
                                       join_changes(scratch->changes.values, scratch->changes.count, size), size);
}

static void paste_chunk(void *argument, int64_t chunk, int slot)
{
    const paste_job *job = argument;
    const fg_paste_call *call = job->call;
    const int64_t end = fg_chunk_end(call->n, MASKS_PER_CHUNK, chunk);
    paste_scratch scratch = {
        .rows = malloc((size_t)call->height * sizeof *scratch.rows),
        .column = calloc((size_t)call->rows + 2, sizeof *scratch.column),
    };
    const fg_fenv saved = fg_fenv_enter();
    for (int64_t i = chunk * MASKS_PER_CHUNK; i < end && scratch.rows && scratch.column; i++)
        paste(job, i, &scratch, slot);
    fg_fenv_leave(saved);
    free(scratch.rows);
    free(scratch.column);
    free(scratch.changes.values);
}

int fg_paste(const fg_team *team, const fg_paste_call *call, fg_runs *runs)
{
    paste_job job = {team, call, runs};
    const int threads = fg_plan_mask_threads(team, FG_PASTED_PIXELS, call->n, call->height * call->width);
    const int status = team->parallel(fg_chunk_count(call->n, MASKS_PER_CHUNK), threads, paste_chunk, &job);
    return status == FG_OK ? fg_runs_status(runs, call->n) : status;
}
