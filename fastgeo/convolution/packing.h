/* Weights in the order in which the inner loops read them; see fg_packing in plan.h. */
#ifndef FG_PACKING_H
#define FG_PACKING_H

#include "convolution/plan.h"

/* FG_OK, FG_INTERRUPTED or FG_FORKED. */
int fg_pack_weights(const fg_team *team, const fg_conv_call *call, const fg_packing *packing, char *weights);

#endif
