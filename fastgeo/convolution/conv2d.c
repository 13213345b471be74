/* conv2d from end to end: plan, packed weights, scratch memory, then the driver of the algorithm that was chosen. */
#include "convolution/conv2d.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "convolution/packing.h"
#include "convolution/plan.h"
#include "runtime/fenv.h"

struct fg_packed {
    fg_packing packing;
    void *memory; /* as malloc gave it */
    char *weights;
    atomic_flag scratch_taken;
    void *scratch;
    size_t scratch_size;
};

static char *first_aligned(void *memory) { return (char *)memory + (64 - (uintptr_t)memory % 64); }

/* The struct and the memory of its weights; NULL if there is not enough. */
static fg_packed *new_packed(const fg_packing *packing)
{
    const size_t row = (size_t)packing->lanes * 2 * (packing->is_f64 ? sizeof(double) : sizeof(float));
    const size_t panels = (size_t)packing->n_panels, rows = (size_t)packing->panel_rows;
    if (rows > (SIZE_MAX / 2 - 64) / row / panels)
        return NULL;
    fg_packed *packed = calloc(1, sizeof *packed);
    if (!packed)
        return NULL;
    packed->packing = *packing;
    packed->memory = malloc(row * panels * rows + 64);
    if (!packed->memory) {
        free(packed);
        return NULL;
    }
    packed->weights = first_aligned(packed->memory);
    return packed;
}

static int pack(const fg_team *team, const fg_conv_call *call, const fg_packing *packing, fg_packed **packed)
{
    *packed = NULL;
    fg_packed *made = new_packed(packing);
    if (!made)
        return FG_NO_MEMORY;
    fg_fenv saved = fg_fenv_enter();
    int status = fg_pack_weights(team, call, packing, made->weights);
    fg_fenv_leave(saved);
    if (status == FG_OK)
        *packed = made;
    else
        fg_packed_free(made);
    return status;
}

int fg_conv_pack(const fg_team *team, const fg_conv_call *call, fg_packed **packed)
{
    const fg_packing packing = fg_plan_packing(team->isa, call);
    return pack(team, call, &packing, packed);
}

void fg_packed_free(fg_packed *packed)
{
    if (packed) {
        free(packed->memory);
        free(packed->scratch);
        free(packed);
    }
}

/* Whether weights packed as `a` can be read as `b`. */
static int same_packing(const fg_packing *a, const fg_packing *b)
{
    return a->isa == b->isa && a->is_f64 == b->is_f64 && a->lanewise == b->lanewise;
}

/* Scratch memory of a call: that of the packed kernel, which belongs to one call at a time, or memory of its own. */
typedef struct {
    void *memory;
    atomic_flag *taken; /* cleared when the call is done; NULL where it owns the memory */
} conv_scratch;

/* With the flag taken: its memory, as large as it has ever been asked for. */
static void *grown_scratch(fg_packed *packed, size_t size)
{
    if (packed->scratch_size < size) {
        free(packed->scratch);
        packed->scratch = malloc(size);
        packed->scratch_size = packed->scratch ? size : 0;
    }
    return packed->scratch;
}

static conv_scratch take_scratch(fg_packed *packed, size_t size)
{
    if (!packed || atomic_flag_test_and_set(&packed->scratch_taken))
        return (conv_scratch){malloc(size), NULL};
    return (conv_scratch){grown_scratch(packed, size), &packed->scratch_taken};
}

static void give_scratch(conv_scratch scratch)
{
    if (scratch.taken)
        atomic_flag_clear(scratch.taken);
    else
        free(scratch.memory);
}

static size_t scratch_bytes(const fg_conv_plan *plan)
{
    return plan->shared_bytes + (size_t)plan->threads * plan->slot_bytes + 64;
}

typedef int driver(const fg_conv_job *job);
static driver *const drivers[FG_CONV_ALGORITHMS] = {
    fg_run_register_tiles, fg_run_grouped_lanes, fg_run_depthwise_rows,
    fg_run_plane_stencil,  fg_run_pixel_vectors, fg_run_matrix_vector,
};

static int run(const fg_team *team, const fg_conv_plan *plan, fg_packed *packed)
{
    const conv_scratch scratch = take_scratch(packed, scratch_bytes(plan));
    if (!scratch.memory) {
        give_scratch(scratch);
        return FG_NO_MEMORY;
    }
    fg_conv_job job = {.team = team, .plan = plan, .call = &plan->call, .shared = first_aligned(scratch.memory)};
    job.weights = packed ? packed->weights : NULL;
    job.slots = job.shared + plan->shared_bytes;
    memset(job.shared, 0, (size_t)plan->zeros * fg_value_size(job.call));
    fg_fenv saved = fg_fenv_enter();
    int status = drivers[plan->algorithm](&job);
    fg_fenv_leave(saved);
    give_scratch(scratch);
    return status;
}

int fg_conv2d(const fg_team *team, const fg_conv_call *call, fg_packed *packed)
{
    if (call->batch == 0)
        return FG_OK;
    fg_conv_plan plan;
    int status = fg_plan_conv(team, call, packed != NULL, &plan);
    if (status != FG_OK)
        return status;
    const char *name = fg_conv_algorithm_names[plan.algorithm];
    status = fg_planned(team, &(fg_plan){"conv2d", name, plan.reason, plan.threads, plan.chunks, scratch_bytes(&plan)});
    fg_packed *own = NULL;
    if (status == FG_OK && plan.packing.n_panels && (!packed || !same_packing(&packed->packing, &plan.packing))) {
        status = pack(team, call, &plan.packing, &own);
        packed = own;
    }
    if (status == FG_OK)
        status = run(team, &plan, packed);
    fg_packed_free(own);
    return status;
}
