#include "masks/decode.h"

#include <string.h>

#include "masks/plan.h"

enum { CHUNK_PIXELS = 1 << 18, POLL_PIXELS = 1 << 24 };

/* Memory of a chunk. */
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
    int64_t height, width, per_chunk;
    uint8_t *done; /* by chunk */
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

static void decode_chunk(void *argument, int64_t chunk, int slot)
{
    const decode_job *job = argument;
    const fg_masks *masks = job->masks;
    const int64_t begin = chunk * job->per_chunk, end = fg_chunk_end(masks->n, job->per_chunk, chunk);
    decode_scratch scratch = {
        .starts = malloc((size_t)(job->height + 1) * sizeof *scratch.starts),
        .row = malloc((size_t)job->width),
    };
    int done = scratch.starts && scratch.row;
    for (int64_t i = begin; i < end && done; i++) {
        const uint32_t *counts = masks->counts + masks->offsets[i];
        const int64_t n = masks->offsets[i + 1] - masks->offsets[i];
        uint8_t *pixels = job->pixels + i * job->height * job->width;
        done = job->by_column ? decode_columns(job, counts, n, pixels, slot)
                              : decode_rows(job, counts, n, pixels, &scratch, slot);
    }
    job->done[chunk] = (uint8_t)done;
    free(scratch.columns.values);
    free(scratch.rows.values);
    free(scratch.ordered.values);
    free(scratch.starts);
    free(scratch.row);
}

int fg_decode(const fg_team *team, const fg_masks *masks, int by_column, uint8_t *pixels)
{
    const int64_t size = masks->sizes[0] * masks->sizes[1], per_chunk = CHUNK_PIXELS / size + 1;
    const int64_t n_chunks = fg_chunk_count(masks->n, per_chunk);
    decode_job job = {team, masks, by_column, pixels, masks->sizes[0], masks->sizes[1], per_chunk,
                      calloc((size_t)n_chunks, 1)};
    if (!job.done)
        return FG_NO_MEMORY;
    int status =
        team->parallel(n_chunks, fg_plan_mask_threads(team, FG_DECODED_PIXELS, masks->n, size), decode_chunk, &job);
    for (int64_t chunk = 0; status == FG_OK && chunk < n_chunks; chunk++)
        status = job.done[chunk] ? FG_OK : FG_NO_MEMORY;
    free(job.done);
    return status;
}
