#include "masks/encode.h"

#include <string.h>

#include "masks/plan.h"

enum { SEGMENT = 1 << 16, CHUNK_PIXELS = 1 << 16, POLL_PIXELS = 1 << 22 };

/* A pixel that differs from the one above; in the first row, from the last one of the column before. */
typedef struct {
    uint32_t column, row;
} fg_change;

#define FG_REAL_BITS 32
#define FG_BODY "masks/encode_body.h"
#include "runtime/for_each_isa.h"
#undef FG_BODY
#undef FG_REAL_BITS

typedef int64_t row_function(const uint8_t *row, int64_t width, uint64_t *above, uint32_t y, fg_change *out);
typedef int64_t column_function(const uint8_t *pixels, int64_t n_pixels, uint64_t *before, uint32_t first, uint32_t *out);
#define ROW_OF_ROWS(isa, code, dot, unused) [FG_ISA_##isa] = row_changes_##code##_f32,
static row_function *const row_table[FG_ISA_COUNT] = {FG_ISA_LIST(ROW_OF_ROWS, )};
#define ROW_OF_COLUMNS(isa, code, dot, unused) [FG_ISA_##isa] = column_changes_##code##_f32,
static column_function *const column_table[FG_ISA_COUNT] = {FG_ISA_LIST(ROW_OF_COLUMNS, )};

/* Memory of a chunk. */
typedef struct {
    fg_change *changes;
    int64_t count, capacity;
    fg_list positions;
    uint64_t *above;    /* bits of a row */
    uint8_t *row;       /* whose pixels do not lie side by side */
    int64_t *starts;    /* by column */
} encode_scratch;

typedef struct {
    const fg_team *team;
    const fg_encode_call *call;
    fg_runs *runs;
    int64_t per_chunk; /* masks */
} encode_job;

static int reserve_changes(encode_scratch *scratch, int64_t more)
{
    if (scratch->capacity - scratch->count >= more)
        return 1;
    const int64_t capacity = 2 * scratch->capacity + more;
    fg_change *grown = realloc(scratch->changes, (size_t)capacity * sizeof *grown);
    if (!grown)
        return 0;
    scratch->changes = grown;
    scratch->capacity = capacity;
    return 1;
}

/* The pixels of a row side by side. */
static const uint8_t *row_of(const fg_encode_call *call, const uint8_t *pixels, int64_t y, uint8_t *room)
{
    pixels += y * call->row_stride;
    if (call->column_stride == 1)
        return pixels;
    for (int64_t x = 0; x < call->width; x++)
        room[x] = pixels[x * call->column_stride];
    return room;
}

/* Changes that were found row by row, as positions column by column. */
static int order_by_column(const encode_job *job, encode_scratch *scratch, int slot)
{
    const fg_encode_call *call = job->call;
    scratch->positions.count = 0;
    if (!fg_list_reserve(&scratch->positions, scratch->count))
        return 0;
    memset(scratch->starts, 0, (size_t)(call->width + 1) * sizeof *scratch->starts);
    for (int64_t i = 0; i < scratch->count; i++) {
        scratch->starts[scratch->changes[i].column + 1]++;
        if (fg_stop_at(job->team, slot, i))
            return 0;
    }
    for (int64_t x = 0; x < call->width; x++)
        scratch->starts[x + 1] += scratch->starts[x];
    for (int64_t i = 0; i < scratch->count; i++) {
        const fg_change change = scratch->changes[i];
        scratch->positions.values[scratch->starts[change.column]++] = change.column * (uint32_t)call->height + change.row;
        if (fg_stop_at(job->team, slot, i))
            return 0;
    }
    scratch->positions.count = scratch->count;
    return 1;
}

/* Each row against the one above; the first against the last, one column on. Returns whether all was done. */
static int encode_rows(const encode_job *job, const uint8_t *pixels, encode_scratch *scratch, int slot)
{
    const fg_encode_call *call = job->call;
    row_function *changes_of = row_table[job->team->isa];
    const int64_t words = (call->width + 63) / 64, rows_between_polls = POLL_PIXELS / call->width + 1;
    scratch->count = 0;
    if (!reserve_changes(scratch, call->width))
        return 0;
    memset(scratch->above, 0, (size_t)words * sizeof *scratch->above);
    changes_of(row_of(call, pixels, call->height - 1, scratch->row), call->width, scratch->above, 0, scratch->changes);
    for (int64_t k = words - 1; k >= 0; k--)
        scratch->above[k] = scratch->above[k] << 1 | (k ? scratch->above[k - 1] >> 63 : 0);
    if (call->width % 64)
        scratch->above[words - 1] &= ((uint64_t)1 << call->width % 64) - 1;
    for (int64_t y = 0; y < call->height; y++) {
        if (y % rows_between_polls == rows_between_polls - 1 && job->team->stopped(slot))
            return 0;
        if (!reserve_changes(scratch, call->width))
            return 0;
        scratch->count += changes_of(row_of(call, pixels, y, scratch->row), call->width, scratch->above, (uint32_t)y,
                                     scratch->changes + scratch->count);
    }
    return order_by_column(job, scratch, slot);
}

/* Columns whose pixels lie side by side; together if the columns do, too. Returns whether all was done. */
static int encode_columns(const encode_job *job, const uint8_t *pixels, encode_scratch *scratch, int slot)
{
    const fg_encode_call *call = job->call;
    const int joined = call->column_stride == call->height;
    const int64_t length = joined ? call->height * call->width : call->height, n_columns = joined ? 1 : call->width;
    fg_list *positions = &scratch->positions;
    uint64_t before = 0;
    int64_t done = 0;
    positions->count = 0;
    for (int64_t x = 0; x < n_columns; x++) {
        for (int64_t y = 0; y < length; y += SEGMENT) {
            const int64_t n = length - y < SEGMENT ? length - y : SEGMENT;
            if (!fg_list_reserve(positions, n))
                return 0;
            positions->count += column_table[job->team->isa](pixels + x * call->column_stride + y, n, &before,
                                                             (uint32_t)(x * call->height + y),
                                                             positions->values + positions->count);
            done += n;
            if (done >= POLL_PIXELS) {
                done = 0;
                if (job->team->stopped(slot))
                    return 0;
            }
        }
    }
    return 1;
}

static void encode_chunk(void *argument, int64_t chunk, int slot)
{
    const encode_job *job = argument;
    const fg_encode_call *call = job->call;
    const int by_column = call->row_stride == 1 && call->column_stride != 1;
    const int64_t end = fg_chunk_end(call->n, job->per_chunk, chunk);
    encode_scratch scratch = {
        .starts = malloc((size_t)(call->width + 1) * sizeof *scratch.starts),
        .above = malloc((size_t)(call->width + 63) / 64 * sizeof *scratch.above),
        .row = malloc((size_t)call->width),
    };
    for (int64_t i = chunk * job->per_chunk; i < end && scratch.starts && scratch.above && scratch.row; i++) {
        const uint8_t *pixels = call->pixels + i * call->mask_stride;
        if (!(by_column ? encode_columns(job, pixels, &scratch, slot) : encode_rows(job, pixels, &scratch, slot)))
            break;
        job->runs[i] = fg_runs_between(job->team, slot, scratch.positions.values, scratch.positions.count,
                                       (uint32_t)(call->height * call->width));
    }
    free(scratch.changes);
    free(scratch.positions.values);
    free(scratch.above);
    free(scratch.row);
    free(scratch.starts);
}

int fg_encode(const fg_team *team, const fg_encode_call *call, fg_runs *runs)
{
    const int64_t pixels = call->height * call->width;
    encode_job job = {team, call, runs, CHUNK_PIXELS / pixels + 1};
    const int status = team->parallel(fg_chunk_count(call->n, job.per_chunk),
                                      fg_plan_mask_threads(team, FG_ENCODED_PIXELS, call->n, pixels), encode_chunk, &job);
    return status == FG_OK ? fg_runs_status(runs, call->n) : status;
}
