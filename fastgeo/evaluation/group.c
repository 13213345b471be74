#include <stdlib.h>

#include "evaluation/order.h"

/* How many rows have each key; afterwards where each key's rows begin. Says whether it went to the end. */
static int count_keys(const fg_team *team, int64_t n, const int32_t *keys, int64_t n_keys, int64_t *starts)
{
    int64_t begin = 0;
    for (int64_t i = 0; i < n; i++) {
        if (i % FG_POLLED_STEPS == 0 && team->stopped(0))
            return 0;
        starts[keys[i]]++;
    }
    for (int64_t k = 0; k <= n_keys; k++) {
        const int64_t count = starts[k];
        starts[k] = begin;
        begin += count;
    }
    return 1;
}

/* Rows by ascending key, each key's in the order of `before` (NULL: of their numbers). */
static int sort_by_key(const fg_team *team, int64_t n, const int32_t *keys, const uint32_t *before, int64_t *next,
                       uint32_t *order)
{
    for (int64_t i = 0; i < n; i++) {
        if (i % FG_POLLED_STEPS == 0 && team->stopped(0))
            return 0;
        const uint32_t row = before ? before[i] : (uint32_t)i;
        order[next[keys[row]]++] = row;
    }
    return 1;
}

static int is_ascending(int64_t n, const int32_t *keys)
{
    for (int64_t i = 1; i < n; i++)
        if (keys[i] < keys[i - 1])
            return 0;
    return 1;
}

int fg_group_rows(const fg_team *team, int64_t n, const int32_t *image, int64_t n_images, const int32_t *class_id,
                  int64_t n_classes, uint32_t *order, int64_t *starts)
{
    const int in_order = is_ascending(n, image);
    int64_t *image_starts = calloc((size_t)n_images + 1, sizeof *image_starts);
    int64_t *next = calloc((size_t)n_classes + 1, sizeof *next);
    uint32_t *by_image = in_order ? NULL : malloc((size_t)n * sizeof *by_image);
    int status = FG_NO_MEMORY;
    if (image_starts && next && (in_order || by_image)) {
        int goes_on = in_order || (count_keys(team, n, image, n_images, image_starts) &&
                                   sort_by_key(team, n, image, NULL, image_starts, by_image));
        goes_on = goes_on && count_keys(team, n, class_id, n_classes, next);
        for (int64_t k = 0; k <= n_classes; k++)
            starts[k] = next[k];
        goes_on = goes_on && sort_by_key(team, n, class_id, by_image, next, order);
        status = goes_on ? FG_OK : FG_INTERRUPTED;
    }
    free(by_image);
    free(next);
    free(image_starts);
    return status;
}
