#include "suppression/fusion.h"

#include <stdlib.h>

#include "runtime/fenv.h"
#include "suppression/score_order.h"

/* Clusters, or boxes, visited between two polls: less than a millisecond. */
enum { POLL_WORK = 1 << 15 };

typedef struct {
    double box[4]; /* the mean of its boxes so far, weighted by score */
    double area;
    double sums[4]; /* of score times coordinate */
    double score;   /* the sum of its boxes' scores */
    int64_t count, label;
    int64_t next; /* the next cluster of this label, or -1 */
} cluster;

typedef struct {
    fg_fusion_call *call;
    const fg_team *team;
    fg_ranked *entries, *scratch;
    double *scores; /* of the clusters */
    cluster *clusters;
    int64_t *first, *last; /* of each label: its first and last cluster, linked by `next`; -1 */
    int64_t n_boxes, n_clusters;
    int64_t work, next_poll; /* clusters visited */
    int status;
} fusion_job;

static int is_stopped(fusion_job *job, int64_t work)
{
    job->work += work;
    if (job->work >= job->next_poll) {
        job->next_poll = job->work + POLL_WORK;
        if (job->team->stopped(0))
            job->status = FG_INTERRUPTED;
    }
    return job->status != FG_OK;
}

static double larger(double a, double b) { return a > b ? a : b; }
static double smaller(double a, double b) { return a < b ? a : b; }
static double area_of(const double *box) { return (box[2] - box[0]) * (box[3] - box[1]); }

static double iou(const cluster *a, const double *b, double area)
{
    const double width = larger(smaller(a->box[2], b[2]) - larger(a->box[0], b[0]), 0);
    const double height = larger(smaller(a->box[3], b[3]) - larger(a->box[1], b[1]), 0);
    const double inter = width * height, both = a->area + area - inter;
    return both > 0 ? inter / both : 0;
}

/* The cluster of the label with the highest IoU above the threshold, the first among equals; or -1. */
static int64_t best_cluster(fusion_job *job, const double *box, int64_t label)
{
    const double area = area_of(box);
    double best = job->call->iou_threshold;
    int64_t found = -1;
    for (int64_t c = job->first[label]; c >= 0 && !is_stopped(job, 1); c = job->clusters[c].next) {
        const double value = iou(&job->clusters[c], box, area);
        if (value > best) {
            best = value;
            found = c;
        }
    }
    return found;
}

static int64_t open_cluster(fusion_job *job, const double *box, int64_t label)
{
    const int64_t c = job->n_clusters++;
    cluster *new = &job->clusters[c];
    *new = (cluster){.area = area_of(box), .label = label, .next = -1};
    memcpy(new->box, box, sizeof new->box);
    if (job->first[label] < 0)
        job->first[label] = c;
    else
        job->clusters[job->last[label]].next = c;
    job->last[label] = c;
    return c;
}

/* The box joins the cluster it overlaps most, or opens one. */
static void fuse_box(fusion_job *job, int64_t i)
{
    const double *box = job->call->boxes + 4 * i, score = job->call->scores[i];
    int64_t found = best_cluster(job, box, job->call->labels[i]);
    const int fresh = found < 0;
    if (fresh)
        found = open_cluster(job, box, job->call->labels[i]);
    cluster *into = &job->clusters[found];
    into->score += score;
    into->count++;
    for (int j = 0; j < 4; j++)
        into->sums[j] += score * box[j];
    if (fresh || !(into->score > 0))
        return; /* the mean of one box is that box; without a positive weight there is no mean */
    for (int j = 0; j < 4; j++)
        into->box[j] = into->sums[j] / into->score;
    into->area = area_of(into->box);
}

static int sort_entries(const fusion_job *job, int64_t n, const double *scores)
{
    return fg_sort_ranked(job->team, 0, job->entries, job->scratch, n, scores, 1);
}

static void write_clusters(fusion_job *job)
{
    fg_fusion_call *call = job->call;
    for (int64_t c = 0; c < job->n_clusters && !is_stopped(job, 1); c++) {
        const cluster *from = &job->clusters[c];
        const int64_t models = from->count < call->n_models ? from->count : call->n_models;
        job->scores[c] = from->score / (double)from->count * (double)models / call->total_weight;
        job->entries[c] = fg_rank(job->scores, 1, c);
    }
    if (job->status == FG_OK)
        job->status = sort_entries(job, job->n_clusters, job->scores);
    for (int64_t k = 0; k < job->n_clusters && !is_stopped(job, 1); k++) {
        const int64_t c = fg_ranked_index(job->entries[k]);
        memcpy(call->out_boxes + 4 * k, job->clusters[c].box, 4 * sizeof(double));
        call->out_scores[k] = job->scores[c];
        call->out_labels[k] = job->clusters[c].label;
    }
    call->n_out = job->n_clusters;
}

static void fuse(void *argument, int64_t chunk, int slot)
{
    (void)chunk, (void)slot;
    fusion_job *job = argument;
    const fg_fusion_call *call = job->call;
    for (int64_t i = 0; i < call->n && !is_stopped(job, 1); i++)
        if (!call->skip[i])
            job->entries[job->n_boxes++] = fg_rank(call->scores, 1, i);
    for (int64_t label = 0; label < call->n_labels; label++)
        job->first[label] = -1;
    if (job->status == FG_OK)
        job->status = sort_entries(job, job->n_boxes, call->scores);
    for (int64_t k = 0; k < job->n_boxes && !is_stopped(job, 1); k++)
        fuse_box(job, fg_ranked_index(job->entries[k]));
    if (job->status == FG_OK)
        write_clusters(job);
}

int fg_weighted_boxes_fusion(const fg_team *team, fg_fusion_call *call)
{
    call->n_out = 0;
    const size_t per_box = sizeof(cluster) + 2 * sizeof(fg_ranked) + sizeof(double);
    if ((size_t)call->n > (SIZE_MAX - 1) / per_box)
        return FG_NO_MEMORY;
    const size_t n = (size_t)call->n;
    char *memory = malloc(n * per_box + 1);
    int64_t *ends = malloc(2 * (size_t)call->n_labels * sizeof *ends + 1);
    int status = FG_NO_MEMORY;
    if (memory && ends) {
        fusion_job job = {.call = call, .team = team, .clusters = (cluster *)memory, .first = ends};
        job.last = ends + call->n_labels;
        job.entries = (fg_ranked *)(job.clusters + n);
        job.scratch = job.entries + n;
        job.scores = (double *)(job.scratch + n);
        const fg_fenv saved = fg_fenv_enter();
        status = team->parallel(1, 1, fuse, &job);
        status = status == FG_OK ? job.status : status;
        fg_fenv_leave(saved);
    }
    free(memory);
    free(ends);
    return status;
}
