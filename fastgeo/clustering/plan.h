/* Which algorithm an assignment and a run of k-means use, in what pieces, and with how much memory: the only code of the
   family that compares sizes with tuned constants. */
#ifndef FG_CLUSTERING_PLAN_H
#define FG_CLUSTERING_PLAN_H

#include "clustering/nearest.h"
#include "runtime/plan.h"

/* The choice "assign": how the nearest centroid is found. The last two screen the centroids first and compare exactly those
   that are within the error of their scores. */
enum { FG_EXHAUSTIVE, FG_HORIZONTAL, FG_QUANTIZED, FG_ASSIGN_ALGORITHMS };
extern const char *const fg_assign_names[FG_ASSIGN_ALGORITHMS];

/* The choice "kmeans": whether bounds spare an iteration points whose label cannot change. */
enum { FG_LLOYD, FG_HAMERLY, FG_KMEANS_ALGORITHMS };
extern const char *const fg_kmeans_names[FG_KMEANS_ALGORITHMS];

typedef struct fg_assign_plan {
    int algorithm;
    int threads;
    int64_t rows, n_chunks; /* points of a chunk; with adds_sums a chunk is a block of the sums */
    int64_t group;          /* centroids that are compared with a block of points between two polls */
    int adds_sums;          /* whether rows are added to their sums while they are in cache */
    int64_t stride;         /* of the centroids: more than d where they are copied apart */
    int64_t packed_bytes;   /* of a slot: packed rows, */
    int64_t scratch_bytes;  /* and with the table of scores behind them */
    int measures_rounding;  /* of quantized points, rather than assuming the worst */
} fg_assign_plan;

/* FG_OK; FG_REFUSED, FG_EXPLAINED. */
int fg_plan_assign(const fg_team *team, const fg_nearest_call *call, fg_assign_plan *plan);

/* For code that needs this algorithm, whatever is forced. */
fg_assign_plan fg_plan_exhaustive(const fg_team *team, const fg_nearest_call *call);

typedef struct {
    int algorithm;
    int64_t most_changed; /* labels: where more have changed, an iteration goes without bounds */
    int64_t most_open;    /* points: where bounds leave more open, they rest */
    int most_rest;        /* iterations, at a time */
    int with_gaps;        /* whether the distances between centroids are worth their time */
} fg_kmeans_plan;

/* Rows of a strip, whose sums stay in registers, at most; columns of a tile, a multiple of any vector, at least. */
enum { FG_PAIRWISE_STRIP = 12, FG_PAIRWISE_COLUMNS = 32 };

typedef struct {
    int by_products, threads;
    int64_t tile_rows, tile_columns, column_tiles;
    int64_t panel_rows, row_stride; /* rows of a tile that are read from one place, and how far apart */
    int64_t measured_rows;          /* whose lengths are one chunk */
} fg_pairwise_plan;

/* Of one row and one column at least. */
fg_pairwise_plan fg_plan_pairwise(const fg_team *team, const fg_points *rows, const fg_points *columns);

int fg_plan_kmeans(const fg_team *team, const fg_points *points, int64_t k, int64_t blocks, fg_kmeans_plan *plan);

#endif
