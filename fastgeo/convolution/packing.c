#include "convolution/packing.h"

#include <string.h>

typedef struct {
    const fg_team *team;
    const fg_conv_call *call;
    const fg_packing *packing;
    char *weights;
} pack_job;

#define FG_BODY "convolution/packing_body.h"
#include "runtime/for_each_target.h"

FG_TABLE(fg_chunk, pack_panel);

int fg_pack_weights(const fg_team *team, const fg_conv_call *call, const fg_packing *packing, char *weights)
{
    pack_job job = {team, call, packing, weights};
    const int64_t work = packing->depth * call->out_channels;
    const int threads = work < FG_THREADED_WORK ? 1 : (int)fg_least(team->size, packing->n_panels);
    return team->parallel(packing->n_panels, threads, pack_panel_table[packing->isa][packing->is_f64], &job);
}
