#include <string.h>

#include "convolution/plan.h"

/* The windows of all output pixels, one after the other, lie in the shared scratch memory. */
typedef struct {
    const fg_conv_job *conv;
    char *windows;
} product_job;

#define FG_BODY "convolution/matrix_vector_body.h"
#include "runtime/for_each_target.h"

FG_TABLE(fg_chunk, product_chunk);

FG_TABLE(fg_chunk, gather_chunk);

int fg_run_matrix_vector(const fg_conv_job *job)
{
    const fg_conv_plan *plan = job->plan;
    const int isa = plan->packing.isa, is_f64 = job->call->is_f64;
    product_job product = {job, job->shared};
    const int64_t rows = plan->as.product.pixels * job->call->kernel_height;
    fg_ran(job->team, "conv2d", "matrix_vector", plan->threads);
    int status = job->team->parallel(rows, (int)fg_least(rows, plan->threads), gather_chunk_table[isa][is_f64], &product);
    return status == FG_OK ? job->team->parallel(plan->chunks, plan->threads, product_chunk_table[isa][is_f64], &product)
                           : status;
}
