#include "masks/profile.h"

#include <string.h>

#include "masks/plan.h"

enum { MASKS_PER_CHUNK = 64 };

typedef struct {
    const fg_team *team;
    const fg_masks *masks;
    const fg_geometry *geometry;
    fg_profiles *profiles;
} profile_job;

/* How many layers a mask has; 0 if these are too many, or large beside its runs. */
static int count_layers(const profile_job *job, int64_t i, int slot)
{
    const fg_outline mask = fg_outline_of(job->masks, job->geometry, i);
    const int64_t width = mask.box.right - mask.box.left, height = job->masks->sizes[2 * i];
    int64_t column = -1, in_column = 0, most = 0;
    for (int64_t k = 0; k < mask.n_runs && most <= FG_MOST_LAYERS && !fg_stop_at(job->team, slot, k); k++) {
        const uint32_t begin = mask.borders[2 * k], end = mask.borders[2 * k + 1];
        if (begin == end)
            continue;
        in_column = begin / (uint32_t)height == column ? in_column + 1 : 1;
        most = in_column > most ? in_column : most;
        const int64_t last = (end - 1) / (uint32_t)height;
        in_column = last == begin / (uint32_t)height ? in_column : 1;
        column = last;
    }
    return fg_plan_layers(most, width, mask.n_runs);
}

static void fill_layers(const profile_job *job, int64_t i, int slot)
{
    const fg_outline mask = fg_outline_of(job->masks, job->geometry, i);
    const int64_t width = mask.box.right - mask.box.left, height = job->masks->sizes[2 * i];
    const int n_layers = job->profiles->n_layers[i];
    int32_t *layers = job->profiles->layers + job->profiles->offsets[i];
    int64_t column = -1, layer = 0;
    memset(layers, 0, (size_t)(2 * n_layers * width) * sizeof *layers);
    for (int64_t k = 0; n_layers && k < mask.n_runs && !fg_stop_at(job->team, slot, k); k++) {
        int64_t begin = mask.borders[2 * k];
        const int64_t end = mask.borders[2 * k + 1];
        while (begin < end) {
            const int64_t x = (uint32_t)begin / (uint32_t)height, stop = end < (x + 1) * height ? end : (x + 1) * height;
            layer = x == column ? layer + 1 : 0;
            column = x;
            layers[2 * layer * width + x - mask.box.left] = (int32_t)(begin - x * height);
            layers[(2 * layer + 1) * width + x - mask.box.left] = (int32_t)(stop - x * height);
            begin = stop;
        }
    }
}

static void count_chunk(void *argument, int64_t chunk, int slot)
{
    const profile_job *job = argument;
    for (int64_t i = chunk * MASKS_PER_CHUNK; i < fg_chunk_end(job->masks->n, MASKS_PER_CHUNK, chunk); i++)
        job->profiles->n_layers[i] = (uint8_t)count_layers(job, i, slot);
}

static void fill_chunk(void *argument, int64_t chunk, int slot)
{
    const profile_job *job = argument;
    for (int64_t i = chunk * MASKS_PER_CHUNK; i < fg_chunk_end(job->masks->n, MASKS_PER_CHUNK, chunk); i++)
        fill_layers(job, i, slot);
}

int fg_profiles_of(const fg_team *team, const fg_masks *masks, const fg_geometry *geometry, fg_profiles *profiles)
{
    const profile_job job = {team, masks, geometry, profiles};
    const int threads = fg_plan_mask_threads(team, FG_MEASURED_COUNTS, masks->offsets[masks->n], 1);
    const int64_t n_chunks = fg_chunk_count(masks->n, MASKS_PER_CHUNK);
    int64_t total = 0;
    profiles->offsets = malloc((size_t)(masks->n + 1) * sizeof *profiles->offsets);
    profiles->n_layers = calloc((size_t)masks->n + 1, 1);
    if (!profiles->offsets || !profiles->n_layers)
        return FG_NO_MEMORY;
    int status = team->parallel(n_chunks, threads, count_chunk, (void *)&job);
    for (int64_t i = 0; status == FG_OK && i < masks->n; i++) {
        profiles->offsets[i] = total;
        total += 2 * profiles->n_layers[i] * (int64_t)(geometry->boxes[i].right - geometry->boxes[i].left);
    }
    if (status == FG_OK) {
        profiles->layers = malloc((size_t)(total + 1) * sizeof *profiles->layers);
        status = profiles->layers ? team->parallel(n_chunks, threads, fill_chunk, (void *)&job) : FG_NO_MEMORY;
    }
    return status;
}

void fg_profiles_free(fg_profiles *profiles)
{
    free(profiles->layers);
    free(profiles->offsets);
    free(profiles->n_layers);
}
