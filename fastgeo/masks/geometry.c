#include "masks/geometry.h"

#include "masks/plan.h"

enum { MASKS_PER_CHUNK = 64, POLL_COUNTS = 1 << 20 };

typedef struct {
    const fg_team *team;
    const fg_masks *masks;
    fg_geometry *geometry;
} geometry_job;

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }
static uint32_t greatest(uint32_t a, uint32_t b) { return a > b ? a : b; }

/* Returns whether all was done. */
static int measure(const geometry_job *job, int64_t i, int slot)
{
    const fg_masks *masks = job->masks;
    const uint32_t height = (uint32_t)masks->sizes[2 * i];
    const uint32_t *counts = masks->counts + masks->offsets[i];
    uint32_t *borders = job->geometry->borders + masks->offsets[i];
    const int64_t n = masks->offsets[i + 1] - masks->offsets[i];
    uint32_t position = 0, left = UINT32_MAX, top = UINT32_MAX, right = 0, bottom = 0;
    int64_t area = 0;
    for (int64_t k = 0; k < n; k++) {
        const uint32_t begin = position;
        borders[k] = position += counts[k];
        if (k % POLL_COUNTS == POLL_COUNTS - 1 && job->team->stopped(slot))
            return 0;
        if (k % 2 == 0 || counts[k] == 0)
            continue;
        area += counts[k];
        const uint32_t first = begin / height, last = (position - 1) / height;
        left = least(left, first);
        right = greatest(right, last + 1);
        top = first < last ? 0 : least(top, begin - first * height);
        bottom = first < last ? height : greatest(bottom, position - first * height);
    }
    job->geometry->areas[i] = area;
    job->geometry->boxes[i] = (fg_mask_box){0};
    if (area)
        job->geometry->boxes[i] = (fg_mask_box){(int32_t)left, (int32_t)top, (int32_t)right, (int32_t)bottom};
    return 1;
}

static void measure_chunk(void *argument, int64_t chunk, int slot)
{
    const geometry_job *job = argument;
    const int64_t begin = chunk * MASKS_PER_CHUNK, left = job->masks->n - begin;
    for (int64_t i = 0; i < (left < MASKS_PER_CHUNK ? left : MASKS_PER_CHUNK); i++)
        if (!measure(job, begin + i, slot))
            return;
}

int fg_geometry_of(const fg_team *team, const fg_masks *masks, fg_geometry *geometry)
{
    const int64_t total = masks->offsets[masks->n];
    const geometry_job job = {team, masks, geometry};
    geometry->borders = malloc((size_t)(total + 1) * sizeof *geometry->borders);
    geometry->boxes = malloc((size_t)(masks->n + 1) * sizeof *geometry->boxes);
    geometry->areas = malloc((size_t)(masks->n + 1) * sizeof *geometry->areas);
    if (!geometry->borders || !geometry->boxes || !geometry->areas)
        return FG_NO_MEMORY;
    return team->parallel((masks->n + MASKS_PER_CHUNK - 1) / MASKS_PER_CHUNK,
                          fg_plan_mask_threads(team, FG_MEASURED_COUNTS, total, 1), measure_chunk, (void *)&job);
}

void fg_geometry_free(fg_geometry *geometry)
{
    free(geometry->borders);
    free(geometry->boxes);
    free(geometry->areas);
}
