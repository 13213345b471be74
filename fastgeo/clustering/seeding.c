#include "clustering/seeding.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fenv.h"

enum {
    DISTANCE_WORK = 4,      /* what a value costs that is packed and compared with a centre */
    FG_MAX_CANDIDATES = 48, /* 2 + ln k is below this for any k */
    POLLED_ROWS = 1 << 16,  /* rows that a single thread passes between two polls */
};

typedef struct {
    const fg_points *points;
    int64_t n_chunks, first_chunk, n_candidates;
    int64_t piece, piece_rows; /* where in its chunk a piece begins; its length */
    double *candidates; /* (n_candidates, d), scaled */
    double *taken;      /* (d,) the centre taken last */
    double *closest;    /* (n,) squared distance from the nearest centre, but for the last in chunks that are stale */
    double *potential;  /* (n_chunks,) of all centres so far */
    double *left;       /* (n_candidates, n_chunks) what a candidate would leave of it */
    char *stale;        /* (n_chunks,) */
    double start;       /* the distance of every point before there is a centre */
    char *scratch;
    int64_t scratch_bytes;
} plusplus_job;

#define FG_REAL_BITS 64
#define FG_BODY "clustering/seeding_body.h"
#include "runtime/for_each_isa.h"
#undef FG_BODY
#undef FG_REAL_BITS

typedef int64_t bytes_function(int64_t d);
FG_F64_TABLE(fg_chunk, plusplus_chunk);
FG_F64_TABLE(bytes_function, plusplus_bytes);

static double total_of(const double *potential, int64_t n_chunks)
{
    double total = 0;
    for (int64_t c = 0; c < n_chunks; c++)
        total += potential[c];
    return total;
}

static double potential_of(const plusplus_job *job, int64_t i)
{
    return job->points->weights ? job->points->weights[i] * job->closest[i] : job->closest[i];
}

/* Updates the distances of some chunks for the centre taken last and tries the first candidates on them: a piece of each
   chunk at a time, since a whole one of long rows would keep Ctrl-C waiting. */
static int update(const fg_team *team, plusplus_job *job, int64_t first_chunk, int64_t n_chunks,
                int64_t n_candidates)
{
    const fg_points *points = job->points;
    const int64_t longest = points->n < FG_SUM_CHUNK ? points->n : FG_SUM_CHUNK;
    const double work = (double)(n_chunks * longest) * (double)(points->d * (n_candidates + 1));
    int status = FG_OK;
    job->first_chunk = first_chunk;
    job->n_candidates = n_candidates;
    for (job->piece = 0; status == FG_OK && job->piece < longest; job->piece += job->piece_rows)
        status = team->parallel(n_chunks, fg_threads_for(team, work), plusplus_chunk_table[team->isa], job);
    memset(job->stale + first_chunk, 0, (size_t)n_chunks);
    return status;
}

/* *picked: the first point at which the running potential exceeds `draw` of the total; -1 if all potentials are 0. */
static int pick(const fg_team *team, plusplus_job *job, double draw, int64_t *picked)
{
    int status = FG_OK;
    const double goal = draw * total_of(job->potential, job->n_chunks);
    double before = 0, running = 0;
    int64_t chunk = -1;
    for (int64_t c = 0; c < job->n_chunks; c++) {
        if (job->potential[c] > 0) {
            chunk = c;
            before = running;
        }
        running += job->potential[c];
        if (running > goal)
            break;
    }
    *picked = -1;
    if (chunk >= 0 && job->stale[chunk])
        status = update(team, job, chunk, 1, 0);
    if (chunk < 0 || status != FG_OK)
        return status;
    const int64_t begin = chunk * FG_SUM_CHUNK;
    const int64_t end = begin + FG_SUM_CHUNK < job->points->n ? begin + FG_SUM_CHUNK : job->points->n;
    for (int64_t i = begin; i < end; i++) {
        const double potential = potential_of(job, i);
        before += potential;
        *picked = potential > 0 ? i : *picked;
        if (before > goal && potential > 0)
            break;
    }
    return FG_OK;
}

static void set_candidate(plusplus_job *job, int64_t place, int64_t i)
{
    const fg_points *points = job->points;
    for (int64_t l = 0; l < points->d; l++) {
        const int64_t at = i * points->d + l;
        const double x = points->is_f64 ? ((const double *)points->x)[at] : (double)((const float *)points->x)[at];
        job->candidates[place * points->d + l] = points->scale ? x * points->scale[i] : x;
    }
}

/* Candidate t becomes a centre. The distances of a chunk follow at its next update. */
static void take(plusplus_job *job, int64_t t)
{
    memcpy(job->taken, job->candidates + t * job->points->d, (size_t)job->points->d * sizeof(double));
    memcpy(job->potential, job->left + t * job->n_chunks, (size_t)job->n_chunks * sizeof(double));
    memset(job->stale, 1, (size_t)job->n_chunks);
}

/* Tries some candidates and takes the one that leaves the least potential, the first of equals; -1 where no potential is
   left. */
static int next_centre(const fg_team *team, plusplus_job *job, int64_t trials, const double *draws, int64_t *chosen)
{
    int64_t candidates[FG_MAX_CANDIDATES];
    int status;
    for (int64_t t = 0; t < trials; t++) {
        status = pick(team, job, draws[t], candidates + t);
        if (status != FG_OK)
            return status;
        if (candidates[t] < 0) {
            *chosen = -1;
            return FG_OK;
        }
        set_candidate(job, t, candidates[t]);
    }
    status = update(team, job, 0, job->n_chunks, trials);
    if (status != FG_OK)
        return status;
    int64_t best = 0;
    double least = INFINITY;
    for (int64_t t = 0; t < trials; t++) {
        const double left = total_of(job->left + t * job->n_chunks, job->n_chunks);
        if (left < least) {
            least = left;
            best = t;
        }
    }
    *chosen = candidates[best];
    take(job, best);
    return FG_OK;
}

/* Sets every distance of a chunk to `start`. */
static void start_chunk(void *job_, int64_t chunk, int slot)
{
    (void)slot;
    plusplus_job *job = job_;
    const int64_t end = (chunk + 1) * FG_SUM_CHUNK < job->points->n ? (chunk + 1) * FG_SUM_CHUNK : job->points->n;
    double potential = 0;
    for (int64_t i = chunk * FG_SUM_CHUNK; i < end; i++) {
        job->closest[i] = job->start;
        potential += potential_of(job, i);
    }
    job->potential[chunk] = potential;
}

static int start(const fg_team *team, plusplus_job *job, double distance)
{
    job->start = distance;
    return team->parallel(job->n_chunks, fg_threads_for(team, (double)job->points->n), start_chunk, job);
}

/* The first centre is drawn by weight alone: as if every distance were 1. */
static int first_centre(const fg_team *team, plusplus_job *job, double draw, int64_t *chosen)
{
    int status = start(team, job, 1);
    if (status == FG_OK)
        status = pick(team, job, draw, chosen);
    if (status != FG_OK || *chosen < 0)
        return status;
    status = start(team, job, INFINITY);
    if (status != FG_OK)
        return status;
    set_candidate(job, 0, *chosen);
    status = update(team, job, 0, job->n_chunks, 1);
    if (status == FG_OK)
        take(job, 0);
    return status;
}

/* Every point coincides with a centre or has no weight: the rest in index order, points of positive weight first. */
static int take_rest(const fg_team *team, const fg_points *points, int64_t k, int64_t *indices, int64_t count)
{
    char *taken = calloc((size_t)points->n, 1);
    int status = taken ? FG_OK : FG_NO_MEMORY;
    for (int64_t j = 0; taken && j < count; j++)
        taken[indices[j]] = 1;
    for (int weighted = 1; status == FG_OK && weighted >= 0; weighted--)
        for (int64_t i = 0; status == FG_OK && i < points->n && count < k; i++) {
            const int has_weight = !points->weights || points->weights[i] > 0;
            if (!taken[i] && has_weight == weighted)
                indices[count++] = i;
            if (i % POLLED_ROWS == 0 && team->stopped(0))
                status = FG_INTERRUPTED;
        }
    free(taken);
    return status;
}

static int plusplus(const fg_team *team, plusplus_job *job, int64_t k, int64_t trials, const double *draws,
                    int64_t *indices)
{
    int64_t count = 0, chosen = -1;
    int status = first_centre(team, job, draws[0], &chosen);
    while (status == FG_OK && chosen >= 0) {
        indices[count++] = chosen;
        if (count == k)
            return FG_OK;
        status = next_centre(team, job, trials, draws + count * trials, &chosen);
    }
    return status == FG_OK ? take_rest(team, job->points, k, indices, count) : status;
}

int fg_plusplus(const fg_team *team, const fg_points *points, int64_t k, int64_t trials, const double *draws,
                int64_t *indices)
{
    const int slots = team->size;
    plusplus_job job = {.points = points, .n_chunks = fg_chunk_count(points->n, FG_SUM_CHUNK)};
    job.piece_rows = fg_most_rows(team, DISTANCE_WORK * points->d * (trials + 1), FG_SUM_CHUNK);
    job.scratch_bytes = plusplus_bytes_table[team->isa](points->d);
    job.candidates = malloc((size_t)(trials * points->d) * sizeof(double));
    job.closest = malloc((size_t)points->n * sizeof(double));
    job.taken = malloc((size_t)points->d * sizeof(double));
    job.potential = malloc((size_t)job.n_chunks * sizeof(double));
    job.left = malloc((size_t)(trials * job.n_chunks) * sizeof(double));
    job.stale = calloc((size_t)job.n_chunks, 1);
    job.scratch = malloc((size_t)(slots * job.scratch_bytes));
    int status = FG_NO_MEMORY;
    if (job.candidates && job.taken && job.closest && job.potential && job.left && job.stale && job.scratch) {
        fg_fenv saved = fg_fenv_enter();
        status = plusplus(team, &job, k, trials, draws, indices);
        fg_fenv_leave(saved);
    }
    free(job.candidates);
    free(job.closest);
    free(job.taken);
    free(job.potential);
    free(job.left);
    free(job.stale);
    free(job.scratch);
    return status;
}
