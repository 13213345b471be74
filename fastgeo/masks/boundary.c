#include "masks/boundary.h"

#include <string.h>

#include "masks/plan.h"

enum { MASKS_PER_CHUNK = 8, POLL_WORDS = 1 << 20 };

/* Memory of a chunk: the box of a mask as two pictures of one bit a pixel, column by column, each column in whole words. */
typedef struct {
    uint64_t *mask, *core; /* the core has no background near */
    int64_t capacity;      /* words of both together */
    fg_list changes;
} boundary_scratch;

typedef struct {
    const fg_team *team;
    const fg_masks *masks;
    const int64_t *widths;
    fg_runs *runs;
    fg_geometry geometry;
} boundary_job;

static void set_bits(uint64_t *column, int64_t begin, int64_t end)
{
    for (int64_t word = begin / 64; begin < end; word++) {
        const int64_t stop = end < 64 * (word + 1) ? end : 64 * (word + 1);
        column[word] |= ~(uint64_t)0 >> (64 - (stop - begin)) << begin % 64;
        begin = stop;
    }
}

/* Both pictures; of the core what has no background above or below within `width` rows. */
static void draw_columns(const fg_outline *mask, int64_t height, int64_t words, int64_t width, boundary_scratch *scratch)
{
    for (int64_t k = 0; k < mask->n_runs; k++) {
        int64_t begin = mask->borders[2 * k];
        const int64_t end = mask->borders[2 * k + 1];
        while (begin < end) {
            const int64_t x = begin / height, stop = end < (x + 1) * height ? end : (x + 1) * height;
            const int64_t top = begin - x * height - mask->box.top, bottom = stop - x * height - mask->box.top;
            const int64_t place = (x - mask->box.left) * words;
            set_bits(scratch->mask + place, top, bottom);
            set_bits(scratch->core + place, top + width, bottom - width);
            begin = stop;
        }
    }
}

/* The core of a column is what `reach` columns from it on have in common, by doubling; it belongs to the middle one. */
static int join_columns(const boundary_job *job, uint64_t *core, int64_t columns, int64_t words, int64_t width, int slot)
{
    const int64_t reach = 2 * width + 1;
    if (reach > columns) {
        memset(core, 0, (size_t)(columns * words) * sizeof *core);
        return 1;
    }
    for (int64_t done = 1; done < reach;) {
        const int64_t step = done < reach - done ? done : reach - done;
        for (int64_t k = 0; k < (columns - step) * words; k++) {
            core[k] &= core[k + step * words];
            if (k % POLL_WORDS == POLL_WORDS - 1 && job->team->stopped(slot))
                return 0;
        }
        done += step;
    }
    memmove(core + width * words, core, (size_t)((columns - reach + 1) * words) * sizeof *core);
    memset(core, 0, (size_t)(width * words) * sizeof *core);
    memset(core + (columns - width) * words, 0, (size_t)(width * words) * sizeof *core);
    return 1;
}

/* Where the mask without its core begins and ends, column by column. */
static int find_changes(const fg_outline *mask, int64_t height, int64_t words, boundary_scratch *scratch)
{
    const int64_t rows = mask->box.bottom - mask->box.top;
    fg_list *changes = &scratch->changes;
    uint64_t before = 0; /* the last bit of the column before, where columns follow each other without a gap */
    changes->count = 0;
    for (int64_t x = mask->box.left; x < mask->box.right; x++) {
        const uint64_t *all = scratch->mask + (x - mask->box.left) * words;
        const uint64_t *core = scratch->core + (x - mask->box.left) * words;
        const uint32_t first = (uint32_t)(x * height + mask->box.top);
        if (!fg_list_reserve(changes, rows + 2))
            return 0;
        for (int64_t word = 0; word < words; word++) {
            const int64_t n = rows - 64 * word < 64 ? rows - 64 * word : 64;
            const uint64_t bits = all[word] & ~core[word];
            uint64_t changed = (bits ^ (bits << 1 | before)) & ~(uint64_t)0 >> (64 - n);
            for (; changed; changed &= changed - 1)
                changes->values[changes->count++] = first + (uint32_t)(64 * word + __builtin_ctzll(changed));
            before = bits >> (n - 1) & 1;
        }
        if (before && (rows < height || x == mask->box.right - 1)) {
            changes->values[changes->count++] = first + (uint32_t)rows;
            before = 0;
        }
    }
    return 1;
}

static int reserve_pictures(boundary_scratch *scratch, int64_t words)
{
    if (2 * words > scratch->capacity) {
        free(scratch->mask);
        scratch->capacity = 0;
        scratch->mask = malloc((size_t)(2 * words) * sizeof *scratch->mask);
        if (!scratch->mask)
            return 0;
        scratch->capacity = 2 * words;
    }
    scratch->core = scratch->mask + words;
    memset(scratch->mask, 0, (size_t)(2 * words) * sizeof *scratch->mask);
    return 1;
}

static void find_boundary(const boundary_job *job, int64_t i, boundary_scratch *scratch, int slot)
{
    const fg_outline mask = fg_outline_of(job->masks, &job->geometry, i);
    const int64_t height = job->masks->sizes[2 * i];
    const uint32_t size = (uint32_t)(height * job->masks->sizes[2 * i + 1]);
    const int64_t columns = mask.box.right - mask.box.left, words = (mask.box.bottom - mask.box.top + 63) / 64;
    if (mask.area == 0) {
        job->runs[i] = fg_runs_between(job->team, slot, NULL, 0, size);
        return;
    }
    if (!reserve_pictures(scratch, columns * words))
        return;
    draw_columns(&mask, height, words, job->widths[i], scratch);
    if (!join_columns(job, scratch->core, columns, words, job->widths[i], slot) ||
        !find_changes(&mask, height, words, scratch))
        return;
    int64_t n = scratch->changes.count;
    n -= n > 0 && scratch->changes.values[n - 1] == size;
    job->runs[i] = fg_runs_between(job->team, slot, scratch->changes.values, n, size);
}

static void boundary_chunk(void *argument, int64_t chunk, int slot)
{
    const boundary_job *job = argument;
    const int64_t end = fg_chunk_end(job->masks->n, MASKS_PER_CHUNK, chunk);
    boundary_scratch scratch = {0};
    for (int64_t i = chunk * MASKS_PER_CHUNK; i < end; i++)
        find_boundary(job, i, &scratch, slot);
    free(scratch.mask);
    free(scratch.changes.values);
}

int fg_boundaries(const fg_team *team, const fg_masks *masks, const int64_t *widths, fg_runs *runs)
{
    boundary_job job = {team, masks, widths, runs, {0}};
    const int threads = fg_plan_mask_threads(team, FG_BOUNDARY_COUNTS, masks->offsets[masks->n], 1);
    int status = fg_geometry_of(team, masks, &job.geometry);
    if (status == FG_OK)
        status = team->parallel(fg_chunk_count(masks->n, MASKS_PER_CHUNK), threads, boundary_chunk, &job);
    fg_geometry_free(&job.geometry);
    return status == FG_OK ? fg_runs_status(runs, masks->n) : status;
}
