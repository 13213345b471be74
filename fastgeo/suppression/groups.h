/* Boxes cut into groups by an id of any value, and the groups into chunks of similar size. */
#ifndef FG_GROUPS_H
#define FG_GROUPS_H

#include "runtime/runtime.h"
#include "suppression/score_order.h"

typedef struct {
    int64_t *begin; /* group g holds the entries begin[g] … begin[g + 1] - 1 */
    int64_t *chunk; /* chunk c holds the groups chunk[c] … chunk[c + 1] - 1 */
    int64_t n_groups, n_chunks;
} fg_groups;

/* Rearranges the `n` entries group by group, in their order within each; `scratch` holds as many. A chunk is closed as
   soon as it holds `chunk_boxes` entries. Inside a chunk of slot 0. FG_OK, FG_NO_MEMORY or FG_INTERRUPTED; in any case to
   be closed. */
int fg_groups_open(fg_groups *groups, const fg_team *team, const int64_t *ids, fg_ranked *entries,
                   fg_ranked *scratch, int64_t n, int64_t chunk_boxes);
void fg_groups_close(fg_groups *groups);

#endif
