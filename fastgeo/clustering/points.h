/* The points of a clustering call and what every part of the family does with them. */
#ifndef FG_POINTS_H
#define FG_POINTS_H

#include <math.h>

#include "clustering/tuning.h"
#include "runtime/runtime.h"

/* FG_COSINE: every row is multiplied by its scale, 1 / its length. FG_BOX_IOU: rows are (width, height). */
enum { FG_EUCLIDEAN, FG_COSINE, FG_BOX_IOU };

typedef struct {
    const void *x; /* (n, d), rows */
    int64_t n, d;
    int is_f64;
    int metric;
    const double *scale;   /* (n,), only with FG_COSINE */
    const double *weights; /* (n,), or NULL: all are 1 */
} fg_points;

/* Rows that take a few ms together, at `work` operations a row: whole blocks, one at least; but no more than `limit`. */
int64_t fg_most_rows(const fg_team *team, int64_t work, int64_t limit);

/* Rows per chunk so that a chunk lasts from 20 µs to a few ms. */
int64_t fg_chunk_rows(const fg_team *team, int64_t n, int64_t work);

static inline int64_t fg_chunk_count(int64_t n, int64_t rows) { return (n + rows - 1) / rows; }

static inline int fg_threads_for(const fg_team *team, double work)
{
    return work < FG_MIN_WORK_FOR_THREADS ? 1 : team->size;
}

/* Rows whose chains of additions run side by side: a chain waits for each. */
enum { SIDE_BY_SIDE = 8 };

/* Scratch begins at whole cache lines: a vector across two of them takes two accesses. */
enum { FG_LINE = 64 };
static inline int64_t fg_whole_lines(int64_t bytes) { return (bytes + FG_LINE - 1) / FG_LINE * FG_LINE; }
static inline void *fg_at_line(void *memory) { return (char *)memory + (-(uintptr_t)memory & (FG_LINE - 1)); }

/* How many values rows of d had better lie apart, of `size` bytes each. Rows of 4096 bytes, or twice as many, or half a
   value off, fall into the same sets of the first cache, which keeps fewer lines of a set than a tile reads side by side. */
static inline int64_t fg_spread_stride(int64_t d, int64_t size)
{
    const int64_t period = 4096, beyond = d * size % period, near = 8;
    const int crowded = d * size >= period - near && (beyond < near || beyond > period - near);
    return crowded ? (fg_whole_lines(d * size) + FG_LINE) / size : d;
}

/* A table over the instruction sets of a body that is compiled for float64 alone. */
#define FG_F64_ROW(isa, code, dot, function) [FG_ISA_##isa] = function##_##code##_f64,
#define FG_F64_TABLE(type, function) static type *const function##_table[FG_ISA_COUNT] = {FG_ISA_LIST(FG_F64_ROW, function)}

static inline double fg_point_limit(const fg_points *points) { return points->is_f64 ? 0x1p240 : 0x1p50; }

/* FG_BAD_VALUE if a value is not finite, beyond 2⁵⁰ (float32) or 2²⁴⁰ (float64), or a size is negative. *largest: the
   largest magnitude. */
int fg_check_points(const fg_team *team, const fg_points *points, double *largest);

/* Where every value of a call is tiny, squares would leave the range of the type. Such a call is computed on its values
   times 2 to this exponent, which is exact; 0 where that is not needed. */
static inline int fg_lift_exponent(int is_f64, double largest)
{
    int exponent;
    if (!(largest > 0 && largest < (is_f64 ? 0x1p-300 : 0x1p-20)))
        return 0;
    frexp(largest, &exponent);
    return -exponent < 1000 ? -exponent : 1000;
}

/* out = x · 2^exponent, of the same type; x itself may be `out`. */
int fg_scale_rows(const fg_team *team, const fg_points *points, int exponent, void *out);

/* A row whose square is below this is too short: its square is inexact in float64, or 1 / length beyond the type. Times
   FG_LENGTHENING, exactly, it is not. */
static inline double fg_short_square(int is_f64) { return is_f64 ? 0x1p-900 : 0x1p-200; }
static inline double fg_lengthening(int is_f64) { return is_f64 ? 0x1p600 : 0x1p100; }

/* scale[i] = 1 / length of row i, 0 for a row of zeros. *n_short: how many rows are too short; their scales are wrong. */
int fg_row_scales(const fg_team *team, const fg_points *points, double *scale, int64_t *n_short);

/* out: the rows, those that are too short lengthened. */
int fg_lengthen_rows(const fg_team *team, const fg_points *points, void *out);

/* out = x · scale, rounded to the type. */
int fg_unit_rows(const fg_team *team, const fg_points *points, void *out);

#endif
