#include "clustering/exact.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fenv.h"

enum {
    SUM_STRIP = 1024,       /* columns of one chunk of sums */
    SUM_CHAINS = 4,         /* chunks whose distances are added side by side: a chain waits for each addition */
    TOTAL_WORK = 1 << 16,   /* values of one chunk of totals */
    ROW_WORK = 8,           /* what a row costs besides its values, in theirs */
    DISTANCE_WORK = 4,      /* what a value costs that is packed and compared with a centre */
    FG_MAX_CANDIDATES = 48, /* 2 + ln k is below this for any k */
};

/* Some rows in the order of their labels, and of their index inside one: runs of rows whose sum can stay in registers. */
enum { FG_ORDERED = 4096, AHEAD = 6 };
typedef struct {
    int64_t first, n_runs;
    int32_t labels[FG_ORDERED], ends[FG_ORDERED]; /* of each run */
    int16_t order[FG_ORDERED + AHEAD];            /* rows, counted from the first; then some of the last */
} fg_ordered_rows;

typedef struct {
    const fg_team *team;
    const fg_sums *sums;
    const int32_t *labels;
    int64_t strips;
    int32_t *starts; /* (slots, k) */
} sums_job;

typedef struct {
    const fg_sums *sums;
    double *totals, *weights;
    int64_t clusters; /* per chunk */
} total_job;

typedef struct {
    const fg_points *points;
    const double *totals, *weights;
    const void *before;
    void *moved;
    int64_t k, clusters; /* in all, per chunk */
    double shift;        /* of the chunks so far */
} averages_job;

typedef struct {
    const fg_points *points;
    const void *centroids;
    const int32_t *labels;
    double *distances;
    int64_t rows; /* per chunk */
} own_job;

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
    int64_t used;       /* every point before this one is a centre or has no weight */
    char *scratch;
    int64_t scratch_bytes;
} plusplus_job;

#define FG_REAL_BITS 64
#define FG_BODY "clustering/exact_body.h"
#include "runtime/for_each_isa.h"
#undef FG_BODY
#undef FG_REAL_BITS

typedef int64_t bytes_function(int64_t d);
typedef int64_t stride_function(int64_t d);
typedef void add_rows_function(const fg_sums *sums, const fg_ordered_rows *rows, int64_t block, int64_t column,
                               int64_t column_end);
#define F64_ROW(isa, code, dot, function) [FG_ISA_##isa] = function##_##code##_f64,
#define F64_TABLE(type, function) static type *const function##_table[FG_ISA_COUNT] = {FG_ISA_LIST(F64_ROW, function)}
F64_TABLE(add_rows_function, add_rows);
F64_TABLE(stride_function, sums_stride);
F64_TABLE(fg_chunk, total_chunk);
F64_TABLE(fg_chunk, own_chunk);
F64_TABLE(fg_chunk, own_losses);
F64_TABLE(fg_chunk, plusplus_chunk);
F64_TABLE(bytes_function, plusplus_bytes);

int fg_sums_open(const fg_team *team, fg_sums *sums, const fg_points *points, int64_t k, int64_t blocks)
{
    sums->points = points;
    sums->k = k;
    sums->blocks = blocks;
    sums->stride = sums_stride_table[team->isa](points->d);
    sums->memory = malloc((size_t)(blocks * k * sums->stride) * sizeof(double) + FG_LINE);
    sums->partial = sums->memory ? fg_at_line(sums->memory) : NULL;
    return sums->partial ? FG_OK : FG_NO_MEMORY;
}

void fg_sums_close(fg_sums *sums)
{
    free(sums->memory);
    sums->memory = sums->partial = NULL;
}

/* A counting sort of rows [first, end), at most FG_ORDERED, by label. */
static void order_rows(const int32_t *labels, int64_t k, int64_t first, int64_t end, int32_t *starts,
                       fg_ordered_rows *rows)
{
    int32_t begin = 0;
    rows->first = first;
    rows->n_runs = 0;
    memset(starts, 0, (size_t)k * sizeof(int32_t));
    for (int64_t i = first; i < end; i++)
        starts[labels[i]]++;
    for (int64_t j = 0; j < k; j++) {
        const int32_t count = starts[j];
        starts[j] = begin;
        if (count == 0)
            continue;
        begin += count;
        rows->labels[rows->n_runs] = (int32_t)j;
        rows->ends[rows->n_runs++] = begin;
    }
    for (int64_t i = first; i < end; i++)
        rows->order[starts[labels[i]]++] = (int16_t)(i - first);
    for (int64_t r = 0; r < AHEAD; r++)
        rows->order[end - first + r] = (int16_t)(end - first - 1);
}

void fg_sums_clear(const fg_sums *sums, int64_t block, int64_t first, int64_t end, int64_t column, int64_t column_end)
{
    double *row = sums->partial + (block * sums->k + first) * sums->stride + column;
    for (int64_t j = first; j < end; j++, row += sums->stride)
        memset(row, 0, (size_t)(column_end - column) * sizeof(double));
}

void fg_sums_add(const fg_team *team, const fg_sums *sums, const int32_t *labels, int64_t block, int64_t first,
                 int64_t end, int64_t column, int64_t column_end, int32_t *starts)
{
    fg_ordered_rows rows;
    for (int64_t i = first; i < end; i += FG_ORDERED) {
        order_rows(labels, sums->k, i, i + FG_ORDERED < end ? i + FG_ORDERED : end, starts, &rows);
        add_rows_table[team->isa](sums, &rows, block, column, column_end);
    }
}

/* A chunk is one block of rows and one strip of columns; both the clusters and the rows may be very many. */
static void sums_chunk(void *job_, int64_t chunk, int slot)
{
    const sums_job *job = job_;
    const fg_sums *sums = job->sums;
    const int64_t block = chunk / job->strips, column = chunk % job->strips * SUM_STRIP;
    const int64_t column_end = column + SUM_STRIP < sums->stride ? column + SUM_STRIP : sums->stride;
    const int64_t end_row = fg_block_begin(sums, block + 1);
    for (int64_t j = 0; j < sums->k; j += FG_ORDERED) {
        fg_sums_clear(sums, block, j, j + FG_ORDERED < sums->k ? j + FG_ORDERED : sums->k, column, column_end);
        if (job->team->stopped(slot))
            return;
    }
    for (int64_t i = fg_block_begin(sums, block); i < end_row; i += FG_ORDERED) {
        fg_sums_add(job->team, sums, job->labels, block, i, i + FG_ORDERED < end_row ? i + FG_ORDERED : end_row, column,
                    column_end, job->starts + slot * sums->k);
        if (job->team->stopped(slot))
            return;
    }
}

int fg_sums_add_all(const fg_team *team, const fg_sums *sums, const int32_t *labels)
{
    sums_job job = {team, sums, labels, fg_chunk_count(sums->stride, SUM_STRIP), NULL};
    const double work = 4.0 * (double)sums->points->n * (double)sums->points->d;
    const int n_threads = fg_threads_for(team, work);
    job.starts = malloc((size_t)(n_threads * sums->k) * sizeof(int32_t));
    if (!job.starts)
        return FG_NO_MEMORY;
    fg_fenv saved = fg_fenv_enter();
    int status = team->parallel(sums->blocks * job.strips, n_threads, sums_chunk, &job);
    fg_fenv_leave(saved);
    free(job.starts);
    return status;
}

int fg_sums_total(const fg_team *team, const fg_sums *sums, double *totals, double *weights)
{
    const double work = 4.0 * (double)sums->blocks * (double)sums->k * (double)sums->stride;
    const int64_t each = TOTAL_WORK / (sums->blocks * sums->stride);
    total_job job = {sums, totals, weights, each > 1 ? each : 1};
    fg_fenv saved = fg_fenv_enter();
    int status = team->parallel(fg_chunk_count(sums->k, job.clusters), fg_threads_for(team, work),
                                   total_chunk_table[team->isa], &job);
    fg_fenv_leave(saved);
    return status;
}

/* The shift is one chain over all chunks, which run in order. */
static void averages_chunk(void *job_, int64_t chunk, int slot)
{
    (void)slot;
    averages_job *job = job_;
    const int64_t d = job->points->d, begin = chunk * job->clusters;
    const int64_t end = begin + job->clusters < job->k ? begin + job->clusters : job->k;
    double shift = job->shift;
    for (int64_t j = begin; j < end; j++) {
        const int stays = !(job->weights[j] > 0);
        for (int64_t l = j * d; l < j * d + d; l++) {
            double difference;
            if (job->points->is_f64) {
                const double before = ((const double *)job->before)[l];
                double *moved = (double *)job->moved + l;
                *moved = stays ? before : job->totals[l] / job->weights[j];
                difference = *moved - before;
            } else {
                const float before = ((const float *)job->before)[l];
                float *moved = (float *)job->moved + l;
                *moved = stays ? before : (float)(job->totals[l] / job->weights[j]);
                difference = (double)*moved - (double)before;
            }
            shift += difference * difference;
        }
    }
    job->shift = shift;
}

int fg_averages(const fg_team *team, const fg_points *points, const double *totals, const double *weights,
                const void *before, int64_t k, void *moved, double *shift)
{
    averages_job job = {points, totals, weights, before, moved, k, fg_chunk_rows(team, k, points->d), 0};
    fg_fenv saved = fg_fenv_enter();
    int status = team->parallel(fg_chunk_count(k, job.clusters), 1, averages_chunk, &job);
    fg_fenv_leave(saved);
    *shift = job.shift;
    return status;
}

int fg_own_distances(const fg_team *team, const fg_points *points, const void *centroids,
                     const int32_t *labels, double *distances)
{
    own_job job = {points, centroids, labels, distances, fg_most_rows(team, points->d + ROW_WORK, FG_SUM_CHUNK)};
    fg_chunk *const *table = points->metric == FG_BOX_IOU ? own_losses_table : own_chunk_table;
    fg_fenv saved = fg_fenv_enter();
    int status = team->parallel(fg_chunk_count(points->n, job.rows),
                                   fg_threads_for(team, 4.0 * (double)points->n * (double)(points->d + ROW_WORK)),
                                   table[team->isa], &job);
    fg_fenv_leave(saved);
    return status;
}

double fg_ordered_sum(const fg_points *points, const double *distances)
{
    const int64_t n = points->n;
    const double *weights = points->weights;
    double total = 0;
    int64_t first = 0;
    for (; !weights && first + SUM_CHAINS * FG_SUM_CHUNK <= n; first += SUM_CHAINS * FG_SUM_CHUNK) {
        double sum[SUM_CHAINS] = {0};
        for (int64_t i = first; i < first + FG_SUM_CHUNK; i++)
            for (int c = 0; c < SUM_CHAINS; c++)
                sum[c] += distances[i + c * FG_SUM_CHUNK];
        for (int c = 0; c < SUM_CHAINS; c++)
            total += sum[c];
    }
    for (; first < n; first += FG_SUM_CHUNK) {
        const int64_t end = first + FG_SUM_CHUNK < n ? first + FG_SUM_CHUNK : n;
        double sum = 0;
        for (int64_t i = first; i < end; i++)
            sum += weights ? weights[i] * distances[i] : distances[i];
        total += sum;
    }
    return total;
}

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

/* Brings some chunks up to the centre taken last and tries the first candidates on them: a piece of each chunk at a time,
   since a whole one of long rows would keep Ctrl-C waiting. */
static int look(const fg_team *team, plusplus_job *job, int64_t first_chunk, int64_t n_chunks,
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
        status = look(team, job, chunk, 1, 0);
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

/* Candidate t becomes a centre. The distances follow when its chunk is next looked at. */
static void take(plusplus_job *job, int64_t t)
{
    memcpy(job->taken, job->candidates + t * job->points->d, (size_t)job->points->d * sizeof(double));
    memcpy(job->potential, job->left + t * job->n_chunks, (size_t)job->n_chunks * sizeof(double));
    memset(job->stale, 1, (size_t)job->n_chunks);
}

/* The lowest point of positive weight that is not among the first `count` centres: all potentials are 0. */
static int64_t lowest_unused(plusplus_job *job, const int64_t *indices, int64_t count)
{
    const fg_points *points = job->points;
    for (; job->used < points->n; job->used++) {
        int used = points->weights && !(points->weights[job->used] > 0);
        for (int64_t j = 0; j < count && !used; j++)
            used = indices[j] == job->used;
        if (!used)
            return job->used;
    }
    return indices[0];
}

/* Tries some candidates and takes the one that leaves the least potential, the first of equals. */
static int next_centre(const fg_team *team, plusplus_job *job, int64_t trials, const double *draws,
                       const int64_t *indices, int64_t count, int64_t *chosen)
{
    int64_t candidates[FG_MAX_CANDIDATES];
    int status;
    for (int64_t t = 0; t < trials; t++) {
        status = pick(team, job, draws[t], candidates + t);
        if (status != FG_OK)
            return status;
        if (candidates[t] < 0) {
            *chosen = lowest_unused(job, indices, count);
            return FG_OK;
        }
        set_candidate(job, t, candidates[t]);
    }
    status = look(team, job, 0, job->n_chunks, trials);
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
    if (status == FG_OK)
        status = start(team, job, INFINITY);
    if (status != FG_OK)
        return status;
    set_candidate(job, 0, *chosen);
    status = look(team, job, 0, job->n_chunks, 1);
    if (status == FG_OK)
        take(job, 0);
    return status;
}

static int plusplus(const fg_team *team, plusplus_job *job, int64_t k, int64_t trials, const double *draws,
                    int64_t *indices)
{
    int status = first_centre(team, job, draws[0], indices);
    for (int64_t j = 1; j < k && status == FG_OK; j++)
        status = next_centre(team, job, trials, draws + j * trials, indices, j, indices + j);
    return status;
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
