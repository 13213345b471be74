/* One packed kernel used by several threads at once on images of growing size, for ThreadSanitizer and AddressSanitizer:
   the scratch memory of the layer belongs to one call at a time, whatever addresses malloc hands out again.

   Every answer must be the one that a call alone gives. Prints how many calls ran; exit code 1 on a wrong answer. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "convolution/conv2d.h"
#include "runtime/cpu.h"
#include "runtime/pool.h"

enum { CALLERS = 6, SIZES = 12, CHANNELS = 3, OUTPUTS = 2, LARGEST_OUTPUT = 2 * SIZES * 2 * SIZES * OUTPUTS };

static float image[2 * SIZES * 2 * SIZES * CHANNELS], kernel[3 * 3 * CHANNELS * OUTPUTS];
static float expected[SIZES][LARGEST_OUTPUT];
static fg_team team;
static fg_packed *layer;
static atomic_int errors;
static atomic_long calls;
static int rounds;

static fg_conv_call call_of(int size, float *output)
{
    const int64_t side = 2 * (size + 1);
    return (fg_conv_call){.input = image, .kernel = kernel, .output = output, .batch = 1, .height = side, .width = side,
                          .channels = CHANNELS, .out_height = side, .out_width = side, .out_channels = OUTPUTS,
                          .kernel_height = 3, .kernel_width = 3, .groups = 1, .stride_y = 1, .stride_x = 1,
                          .dilation_y = 1, .dilation_x = 1, .pad_top = 1, .pad_left = 1};
}

static void *caller(void *argument)
{
    unsigned seed = (unsigned)(size_t)argument;
    float *output = malloc(sizeof expected[0]);
    for (int round = 0; output && round < rounds; round++) {
        /* Growing, then anew: each larger one frees what a call of another thread may be about to compare. */
        const int size = (round + rand_r(&seed) % 3) % SIZES;
        const fg_conv_call call = call_of(size, output);
        const size_t bytes = sizeof(float) * (size_t)(call.out_height * call.out_width * OUTPUTS);
        if (fg_conv2d(&team, &call, layer) != FG_OK || memcmp(output, expected[size], bytes))
            atomic_store(&errors, 1);
        atomic_fetch_add(&calls, 1);
    }
    free(output);
    return NULL;
}

static void share_layer(void)
{
    pthread_t threads[CALLERS];
    const fg_conv_call call = call_of(0, NULL);
    if (fg_conv_pack(&team, &call, &layer) != FG_OK)
        exit(1);
    for (size_t i = 0; i < CALLERS; i++)
        if (pthread_create(&threads[i], NULL, caller, (void *)(i + 1)))
            exit(1);
    for (int i = 0; i < CALLERS; i++)
        pthread_join(threads[i], NULL);
    fg_packed_free(layer);
}

int main(int argc, char **argv)
{
    const int layers = argc > 1 ? atoi(argv[1]) : 3;
    rounds = 5 * SIZES;
    team = (fg_team){.isa = fg_isa_best(), .size = 2, .parallel = fg_parallel, .stopped = fg_stopped};
    for (size_t i = 0; i < sizeof image / sizeof *image; i++)
        image[i] = (float)(i % 7) - 3;
    for (size_t i = 0; i < sizeof kernel / sizeof *kernel; i++)
        kernel[i] = (float)(i % 5) - 2;
    for (int size = 0; size < SIZES; size++) {
        const fg_conv_call call = call_of(size, expected[size]);
        if (fg_conv2d(&team, &call, NULL) != FG_OK)
            return 1;
    }
    for (int i = 0; i < layers; i++)
        share_layer();
    printf("%ld calls from %d threads\n", atomic_load(&calls), CALLERS);
    return atomic_load(&errors);
}
