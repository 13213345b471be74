#include "boxes/format.h"

#include "runtime/fenv.h"

/* Boxes per chunk (signals are polled between chunks), and per block that passes through the first-level cache. */
enum { CHUNK = 65536, BLOCK = 64 };

#define FG_BODY "boxes/format_body.h"
#include "runtime/for_each_target.h"

typedef int format_function(const fg_format_call *call, int64_t begin, int64_t n);
FG_TABLE(format_function, areas);
FG_TABLE(format_function, convert);
FG_TABLE(format_function, clips);

typedef struct {
    const fg_format_call *call;
    format_function *run;
    int status;
} format_job;

static void format_chunk(void *job_, int64_t chunk, int slot)
{
    (void)slot;
    format_job *job = job_;
    const int64_t begin = chunk * CHUNK, left = job->call->n - begin;
    job->status |= job->run(job->call, begin, left < CHUNK ? left : CHUNK);
}

static int run_all(const fg_team *team, const fg_format_call *call, format_function *run)
{
    fg_fenv saved = fg_fenv_enter();
    format_job job = {call, run, FG_OK};
    int status = team->parallel((call->n + CHUNK - 1) / CHUNK, 1, format_chunk, &job);
    fg_fenv_leave(saved);
    return status == FG_OK ? job.status : status;
}

int fg_box_area(const fg_team *team, const fg_format_call *call)
{
    return run_all(team, call, areas_table[team->isa][call->is_f64]);
}

int fg_box_convert(const fg_team *team, const fg_format_call *call)
{
    return run_all(team, call, convert_table[team->isa][call->is_f64]);
}

int fg_clip_boxes(const fg_team *team, const fg_format_call *call)
{
    return run_all(team, call, clips_table[team->isa][call->is_f64]);
}
