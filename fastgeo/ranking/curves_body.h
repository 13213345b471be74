/* The walks over rows, for counts or sums of weights: count_t. Its functions are C(name). */

typedef struct {
    const fg_rows *rows;
    const count_t *cells; /* (n, 2) */
    count_t negatives, positives;
} C(totals_job);

static void C(totals)(void *job_, int64_t chunk, int slot)
{
    C(totals_job) job = *(C(totals_job) *)job_;
    (void)slot;
    const int64_t end = chunk_end(job.rows, chunk);
    for (int64_t i = chunk * CHUNK; i < end; i++) {
        job.negatives += job.cells[2 * i];
        job.positives += job.cells[2 * i + 1];
    }
    *(C(totals_job) *)job_ = job;
}

static int C(row_totals)(const fg_team *team, const fg_rows *rows, const count_t *cells, double totals[2])
{
    C(totals_job) job = {.rows = rows, .cells = cells};
    const int status = team->parallel(chunks_of(rows), 1, C(totals), &job);
    totals[0] = (double)job.negatives;
    totals[1] = (double)job.positives;
    return status;
}

/* What is called positive at a threshold: at the score of `row` and above. */
typedef struct {
    count_t false_positives, true_positives;
    int64_t row;
} C(point);

/* A walk down the thresholds. Whether a point is kept shows when the next one is known; the first one is. */
typedef struct {
    const fg_rows *rows;
    const count_t *cells;
    C(point) last;
    count_t false_rise, true_rise; /* to the last point from the one before */
    int64_t n_seen, n_kept;
    fg_curve_call *call;
} C(curve_job);

static inline __attribute__((always_inline)) int C(is_kept)(const C(curve_job) *job, int kind, count_t false_rise,
                                                            count_t true_rise)
{
    if (kind == FG_ROC)
        return (false_rise - job->false_rise != 0) | (true_rise - job->true_rise != 0);
    return (true_rise != 0) | (job->true_rise != 0);
}

/* Writes the last point to the place of the next one that is kept: the very last always is, so the place exists. */
static inline __attribute__((always_inline)) void C(put)(const C(curve_job) *job, const fg_curve_call *call, int kind)
{
    const count_t fp = job->last.false_positives, tp = job->last.true_positives;
    const int64_t place = kind == FG_ROC ? job->n_kept + 1 : call->n_points - 1 - job->n_kept;
    call->x[place] = kind == FG_ROC ? (double)fp / call->false_positives : (double)tp / (double)(tp + fp);
    call->y[place] = (double)tp / call->true_positives;
    put_threshold(call, place, job->last.row);
}

static inline __attribute__((always_inline)) void C(walk)(C(curve_job) *shared, int kind, int writes, int64_t chunk)
{
    C(curve_job) job = *shared; /* nothing else points here: it can stay in registers */
    const fg_curve_call call = *job.call;
    const int64_t n = job.rows->n, end = chunk_end(job.rows, chunk);
    for (int64_t i = chunk * CHUNK; i < end; i++) {
        const int64_t row = n - 1 - i;
        const count_t negatives = job.cells[2 * row], positives = job.cells[2 * row + 1];
        if (!((negatives > 0) | (positives > 0)))
            continue;
        const C(point) next = {job.last.false_positives + negatives, job.last.true_positives + positives, row};
        const count_t false_rise = next.false_positives - job.last.false_positives;
        const count_t true_rise = next.true_positives - job.last.true_positives;
        if (writes && job.n_seen)
            C(put)(&job, &call, kind);
        const int kept = !call.drop_intermediate | (job.n_seen == 1) | C(is_kept)(&job, kind, false_rise, true_rise);
        job.n_kept += (job.n_seen > 0) & kept;
        job.false_rise = false_rise;
        job.true_rise = true_rise;
        job.last = next;
        job.n_seen++;
    }
    *shared = job;
}

#define FG_WALK(name, kind, writes)                                 \
    static void C(name)(void *job, int64_t chunk, int slot)         \
    {                                                               \
        (void)slot;                                                 \
        C(walk)(job, kind, writes, chunk);                          \
    }
FG_WALK(size_roc, FG_ROC, 0)
FG_WALK(size_precision_recall, FG_PRECISION_RECALL, 0)
FG_WALK(write_roc, FG_ROC, 1)
FG_WALK(write_precision_recall, FG_PRECISION_RECALL, 1)
#undef FG_WALK

static int C(curve_size)(const fg_team *team, fg_curve_call *call, const count_t *cells)
{
    C(curve_job) job = {.rows = &call->rows, .cells = cells, .call = call};
    fg_chunk *walk = call->kind == FG_ROC ? C(size_roc) : C(size_precision_recall);
    const int status = team->parallel(chunks_of(&call->rows), 1, walk, &job);
    call->n_points = job.n_kept + (job.n_seen > 0);
    call->false_positives = (double)job.last.false_positives;
    call->true_positives = (double)job.last.true_positives;
    return status;
}

static int C(curve_points)(const fg_team *team, fg_curve_call *call, const count_t *cells)
{
    C(curve_job) job = {.rows = &call->rows, .cells = cells, .call = call};
    fg_chunk *walk = call->kind == FG_ROC ? C(write_roc) : C(write_precision_recall);
    const int status = team->parallel(chunks_of(&call->rows), 1, walk, &job);
    if (status == FG_OK)
        C(put)(&job, call, call->kind);
    return status;
}

typedef struct {
    const fg_rows *rows;
    const count_t *cells;
    count_t false_positives, true_positives;
    double sum;
} C(precision_job);

static void C(precision)(void *job_, int64_t chunk, int slot)
{
    C(precision_job) job = *(C(precision_job) *)job_;
    (void)slot;
    const int64_t n = job.rows->n, end = chunk_end(job.rows, chunk);
    for (int64_t i = chunk * CHUNK; i < end; i++) {
        const int64_t row = n - 1 - i;
        const count_t negatives = job.cells[2 * row], positives = job.cells[2 * row + 1];
        if (!((negatives > 0) | (positives > 0)))
            continue;
        const count_t fp = job.false_positives + negatives, tp = job.true_positives + positives;
        const count_t rise = tp - job.true_positives;
        job.sum += (double)rise * ((double)tp / (double)(tp + fp));
        job.false_positives = fp;
        job.true_positives = tp;
    }
    *(C(precision_job) *)job_ = job;
}

static int C(average_precision)(const fg_team *team, const fg_rows *rows, const count_t *cells, double *precision)
{
    C(precision_job) job = {.rows = rows, .cells = cells};
    const int status = team->parallel(chunks_of(rows), 1, C(precision), &job);
    *precision = job.sum / (double)job.true_positives;
    return status;
}

typedef struct {
    const fg_curve_call *sized;
    const count_t *cells;
    count_t false_positives, true_positives;
    double max_fpr, x, y, area;
    int done;
} C(area_job);

static void C(area)(void *job_, int64_t chunk, int slot)
{
    C(area_job) *job = job_;
    (void)slot;
    const fg_curve_call *sized = job->sized;
    const int64_t n = sized->rows.n;
    for (int64_t i = chunk * CHUNK; i < chunk_end(&sized->rows, chunk) && !job->done; i++) {
        const int64_t row = n - 1 - i;
        job->false_positives += job->cells[2 * row];
        job->true_positives += job->cells[2 * row + 1];
        double x = (double)job->false_positives / sized->false_positives;
        double y = (double)job->true_positives / sized->true_positives;
        if (x > job->max_fpr) {
            y = job->y + (y - job->y) * ((job->max_fpr - job->x) / (x - job->x));
            x = job->max_fpr;
            job->done = 1;
        }
        job->area += (x - job->x) * (y + job->y) / 2;
        job->x = x;
        job->y = y;
    }
}

static int C(area_up_to)(const fg_team *team, const fg_curve_call *sized, const count_t *cells, double max_fpr,
                         double *area)
{
    C(area_job) job = {.sized = sized, .cells = cells, .max_fpr = max_fpr};
    const int status = team->parallel(chunks_of(&sized->rows), 1, C(area), &job);
    *area = job.area;
    return status;
}

#undef C
#undef count_t
