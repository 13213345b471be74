#include "masks/decode.h"

#include <string.h>

enum { POLL_PIXELS = 1 << 24, MIN_PIXELS_FOR_THREADS = 1 << 20 };

/* Memory of a thread. */
typedef struct {
    fg_list columns; /* of the pixels that differ from the one above, in the order of the runs … */
    fg_list rows;    /* … their rows … */
    fg_list ordered; /* … and the columns again, row by row */
    int64_t *starts; /* by row */
    uint8_t *row;
} decode_scratch;

typedef struct {
    const fg_team *team;
    const fg_masks *masks;
    int by_column;
    uint8_t *pixels;
    decode_scratch *scratch;
    int64_t height, width;
    uint8_t *done; /* by mask */
} decode_job;

/* Finds the first row of a mask, and all pixels below that differ from the one above. */
static int find_changes(const decode_job *job, const uint32_t *counts, int64_t n, decode_scratch *scratch, int slot)
{
    const uint32_t height = (uint32_t)job->height;
    const uint32_t size = height * (uint32_t)job->width;
    uint32_t position = 0, filled = 0;
    scratch->columns.count = scratch->rows.count = 0;
    if (!fg_list_reserve(&scratch->columns, n) || !fg_list_reserve(&scratch->rows, n) ||
        !fg_list_reserve(&scratch->ordered, n))
        return 0;
    int64_t found = 0;
    for (int64_t k = 0; k < n; k++) {
        position += counts[k];
        const uint32_t x = position / height, y = position % height, next = x + (y > 0);
        memset(scratch->row + filled, (int)(k & 1), next - filled); /* columns that begin inside the run */
        filled = next;
        if (position == size)
            break;
        scratch->columns.values[found] = x;
        scratch->rows.values[found] = y;
        found += y > 0;
        if (fg_stop_at(job->team, slot, k))
            return 0;
    }
    scratch->columns.count = scratch->rows.count = found;
    return 1;
}

/* A counting sort; afterwards starts[y] is where the changes of row y end. */
static int order_by_row(const decode_job *job, decode_scratch *scratch, int slot)
{
    const int64_t n = scratch->columns.count;
    memset(scratch->starts, 0, (size_t)(job->height + 1) * sizeof *scratch->starts);
    for (int64_t i = 0; i < n; i++) {
        scratch->starts[scratch->rows.values[i] + 1]++;
        if (fg_stop_at(job->team, slot, i))
            return 0;
    }
    for (int64_t y = 0; y < job->height; y++)
        scratch->starts[y + 1] += scratch->starts[y];
    for (int64_t i = 0; i < n; i++) {
        scratch->ordered.values[scratch->starts[scratch->rows.values[i]]++] = scratch->columns.values[i];
        if (fg_stop_at(job->team, slot, i))
            return 0;
    }
    return 1;
}

static int decode_rows(const decode_job *job, const uint32_t *counts, int64_t n, uint8_t *pixels, decode_scratch *scratch,
                       int slot)
{
    const int64_t width = job->width, rows_between_polls = POLL_PIXELS / width + 1;
    if (!find_changes(job, counts, n, scratch, slot) || !order_by_row(job, scratch, slot))
        return 0;
    int64_t i = 0;
    for (int64_t y = 0; y < job->height; y++) {
        for (; i < scratch->starts[y]; i++)
            scratch->row[scratch->ordered.values[i]] ^= 1;
        memcpy(pixels + y * width, scratch->row, (size_t)width);
        if (y % rows_between_polls == rows_between_polls - 1 && job->team->stopped(slot))
            return 0;
    }
    return 1;
}

static int decode_columns(const decode_job *job, const uint32_t *counts, int64_t n, uint8_t *pixels, int slot)
{
    int64_t done = 0;
    for (int64_t k = 0; k < n; k++) {
        for (uint32_t left = counts[k]; left > 0;) {
            const uint32_t part = left < POLL_PIXELS ? left : POLL_PIXELS;
            memset(pixels, (int)(k & 1), part);
            pixels += part;
            left -= part;
            done += part;
            if (done >= POLL_PIXELS) {
                done = 0;
                if (job->team->stopped(slot))
                    return 0;
            }
        }
    }
    return 1;
}

static void decode_chunk(void *argument, int64_t i, int slot)
{
    decode_job *job = argument;
    decode_scratch *scratch = &job->scratch[slot];
    const uint32_t *counts = job->masks->counts + job->masks->offsets[i];
    const int64_t n = job->masks->offsets[i + 1] - job->masks->offsets[i];
    uint8_t *pixels = job->pixels + i * job->height * job->width;
    if (job->by_column) {
        job->done[i] = (uint8_t)decode_columns(job, counts, n, pixels, slot);
        return;
    }
    if (!scratch->starts) {
        scratch->starts = malloc((size_t)(job->height + 1) * sizeof *scratch->starts);
        scratch->row = malloc((size_t)job->width);
    }
    if (scratch->starts && scratch->row)
        job->done[i] = (uint8_t)decode_rows(job, counts, n, pixels, scratch, slot);
}

int fg_decode(const fg_team *team, const fg_masks *masks, int by_column, uint8_t *pixels)
{
    const int64_t size = masks->sizes[0] * masks->sizes[1];
    const int threads = masks->n > MIN_PIXELS_FOR_THREADS / size ? team->size : 1;
    decode_job job = {team, masks, by_column, pixels, calloc((size_t)threads, sizeof(decode_scratch)),
                      masks->sizes[0], masks->sizes[1], calloc((size_t)masks->n, 1)};
    int status = FG_NO_MEMORY;
    if (job.scratch && job.done)
        status = team->parallel(masks->n, threads, decode_chunk, &job);
    for (int slot = 0; job.scratch && slot < threads; slot++) {
        free(job.scratch[slot].columns.values);
        free(job.scratch[slot].rows.values);
        free(job.scratch[slot].ordered.values);
        free(job.scratch[slot].starts);
        free(job.scratch[slot].row);
    }
    for (int64_t i = 0; status == FG_OK && i < masks->n; i++)
        status = job.done[i] ? FG_OK : FG_NO_MEMORY;
    free(job.scratch);
    free(job.done);
    return status;
}
