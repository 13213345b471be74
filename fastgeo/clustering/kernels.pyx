"""The clustering family in C: the names, signatures and answers of reference.py."""
cimport numpy as cnp
from libc.stdint cimport int32_t, int64_t

from fastgeo.runtime.arrays cimport is_f64, is_plain_float, new_array
from fastgeo.runtime.core cimport fg_team, open_team, raise_status

import numpy as np

from fastgeo.clustering import arguments, lloyd, reference
from fastgeo.clustering.reference import __all__
from fastgeo.clustering.streaming import StreamingBase
from fastgeo.runtime import checks

cnp.import_array()

cdef extern from "runtime/fenv.h" nogil:
    ctypedef struct fg_fenv:
        pass
    fg_fenv fg_fenv_enter()
    void fg_fenv_leave(fg_fenv saved)

cdef extern from "clustering/points.h" nogil:
    enum:
        FG_OK
        FG_BAD_VALUE
        FG_EUCLIDEAN
        FG_COSINE
        FG_BOX_IOU
    ctypedef struct fg_points:
        const void *x
        int64_t n
        int64_t d
        int is_f64
        int metric
        const double *scale
        const double *weights
    int fg_check_points(const fg_team *team, const fg_points *points, double *largest)
    int fg_lift_exponent(int is_f64, double largest)
    int fg_scale_rows(const fg_team *team, const fg_points *points, int exponent, void *out)
    int fg_row_scales(const fg_team *team, const fg_points *points, double *scale, int64_t *n_short)
    int fg_lengthen_rows(const fg_team *team, const fg_points *points, void *out)
    int fg_unit_rows(const fg_team *team, const fg_points *points, void *out)

cdef extern from "clustering/sums.h" nogil:
    ctypedef struct fg_sums:
        int64_t k
        double *partial
    int fg_sums_open(const fg_team *team, fg_sums *sums, const fg_points *points, int64_t k, int64_t blocks)
    void fg_sums_close(fg_sums *sums)
    int fg_sums_add_all(const fg_team *team, const fg_sums *sums, const int32_t *labels)
    int fg_sums_total(const fg_team *team, const fg_sums *sums, double *totals, double *weights)
    ctypedef struct fg_means:
        const double *totals
        const double *weights
        const void *before
        int64_t k
        int exponent
        void *moved
        double shift
    int fg_set_means(const fg_team *team, const fg_points *points, fg_means *means)

cdef extern from "clustering/inertia.h" nogil:
    int fg_own_distances(const fg_team *team, const fg_points *points, const void *centroids, const int32_t *labels,
                         double *distances)
    int fg_ordered_sum(const fg_team *team, const double *distances, const double *weights, int64_t n, double *sum)
    int fg_refill(const fg_team *team, const fg_points *points, const double *cluster_weights, int64_t k,
                  double *distances, int32_t *labels)

cdef extern from "clustering/seeding.h" nogil:
    int fg_plusplus(const fg_team *team, const fg_points *points, int64_t k, int64_t trials, const double *draws,
                    int64_t *indices)

cdef extern from "clustering/nearest.h" nogil:
    ctypedef struct fg_bounds:
        float *upper
        float *lower
        float *moved
        float *half_gap
        int valid
        int with_gaps
        double unit
    int fg_move_bounds(const fg_team *team, fg_bounds *bounds, const fg_points *points, double largest,
                       const void *before, const void *centroids, int64_t k)
    ctypedef struct fg_nearest_call:
        const fg_points *points
        const void *centroids
        int64_t k
        int32_t *labels
        void *distances
        fg_bounds *bounds
        fg_sums *sums
        int in_kmeans
        int64_t n_changed
        int64_t n_searched
    int fg_nearest(const fg_team *team, fg_nearest_call *call)

cdef extern from "clustering/plan.h" nogil:
    enum:
        FG_ASSIGN_ALGORITHMS
        FG_KMEANS_ALGORITHMS
        FG_HAMERLY
    const char *const fg_assign_names[]
    const char *const fg_kmeans_names[]
    ctypedef struct fg_kmeans_plan:
        int algorithm
        int64_t most_changed
        int64_t most_open
        int most_rest
        int with_gaps
    int fg_plan_kmeans(const fg_team *team, const fg_points *points, int64_t k, int64_t blocks, fg_kmeans_plan *plan)

cdef extern from "clustering/pairwise.h" nogil:
    int fg_pairwise_distance(const fg_team *team, const fg_points *rows, const fg_points *columns, int kind,
                             void *out)


# Function -> the choice that it makes, and the algorithms that it chooses among.
ALGORITHMS = {
    "assign": ("assign", tuple([fg_assign_names[i].decode() for i in range(FG_ASSIGN_ALGORITHMS)])),
    "kmeans": ("kmeans", tuple([fg_kmeans_names[i].decode() for i in range(FG_KMEANS_ALGORITHMS)])),
}


cdef class DefaultFloats:
    """Inside, this thread computes in the default floating-point environment, NumPy too; the caller's comes back."""
    cdef fg_fenv saved

    def __enter__(self):
        self.saved = fg_fenv_enter()

    def __exit__(self, *exception):
        fg_fenv_leave(self.saved)


cdef int open_checking_team(fg_team *team, n_threads) except -1:
    """For passes over the input before `n_threads` has its turn to be checked."""
    return open_team(team, n_threads if type(n_threads) is int and n_threads > 0 else None)


cdef class Checker:
    """`arguments.largest_value` in C."""
    cdef fg_team team

    def __init__(self, n_threads):
        open_checking_team(&self.team, n_threads)

    def __call__(self, name, array, *, sizes=False):
        return checked(&self.team, array, name, sizes)


cdef double checked(const fg_team *team, array, str name, bint sizes=False) except -1.0:
    """Raise for bad values; return the largest magnitude."""
    cdef fg_points points
    cdef double largest
    cdef int status
    set_points(&points, array, FG_BOX_IOU if sizes else FG_EUCLIDEAN)
    with nogil:
        status = fg_check_points(team, &points, &largest)
    if status == FG_BAD_VALUE:
        checks.point_values(name, array, sizes=sizes)
    raise_status(status)
    return largest


cdef void set_points(fg_points *points, array, int metric) noexcept:
    points.x = cnp.PyArray_DATA(array)
    points.n = cnp.PyArray_DIM(array, 0)
    points.d = cnp.PyArray_DIM(array, 1)
    points.is_f64 = is_f64(array)
    points.metric = metric
    points.scale = NULL
    points.weights = NULL


cdef int scale_rows(const fg_team *team, array, int exponent, out) except -1:
    """`out` = `array` times 2**exponent; they may be the same."""
    cdef fg_points points
    cdef void *target = cnp.PyArray_DATA(out)
    cdef int status
    set_points(&points, array, FG_EUCLIDEAN)
    with nogil:
        status = fg_scale_rows(team, &points, exponent, target)
    return raise_status(status)


cdef object scaled(const fg_team *team, array, int exponent):
    """A vector or matrix times 2**exponent; itself where that is 1."""
    if exponent == 0:
        return array
    out = np.empty_like(array)
    scale_rows(team, array if array.ndim == 2 else array[:, None], exponent, out)
    return out


cdef object bind(const fg_team *team, fg_points *points, array, metric, int exponent):
    """Fill the struct with points as they are computed with: times 2**exponent, with their scales for "cosine".

    Returns the arrays that have to outlive it, the scales last.
    """
    cdef cnp.npy_intp n = cnp.PyArray_DIM(array, 0)
    array = scaled(team, array, exponent)
    set_points(points, array, FG_EUCLIDEAN if metric == "euclidean" else FG_COSINE if metric == "cosine" else FG_BOX_IOU)
    if metric != "cosine":
        return array, None
    scales = new_array(1, &n, cnp.NPY_DOUBLE)
    if set_scales(team, points, scales) > 0:
        array = lengthened(team, points, array)
        points.x = cnp.PyArray_DATA(array)
        set_scales(team, points, scales)
    points.scale = <const double *>cnp.PyArray_DATA(scales)
    return array, scales


cdef int64_t set_scales(const fg_team *team, const fg_points *points, scales) except -1:
    """1 / length of each row; return how many rows are too short for that."""
    cdef double *data = <double *>cnp.PyArray_DATA(scales)
    cdef int64_t n_short
    cdef int status
    with nogil:
        status = fg_row_scales(team, points, data, &n_short)
    raise_status(status)
    return n_short


cdef object lengthened(const fg_team *team, const fg_points *points, array):
    cdef int status
    out = np.empty_like(array)
    cdef void *target = cnp.PyArray_DATA(out)
    with nogil:
        status = fg_lengthen_rows(team, points, target)
    raise_status(status)
    return out


cdef object beside(const fg_team *team, centroids, metric, int exponent):
    """Centroids beside points that `bind` has filled in."""
    return unit_rows(team, centroids) if metric == "cosine" else scaled(team, centroids, exponent)


cdef object unit_rows(const fg_team *team, rows):
    """Rows divided by their lengths, of their type; a row of zeros stays."""
    cdef fg_points points
    cdef int status
    kept = bind(team, &points, rows, "cosine", 0)
    out = np.empty_like(rows)
    cdef void *target = cnp.PyArray_DATA(out)
    with nogil:
        status = fg_unit_rows(team, &points, target)
    raise_status(status)
    return out


include "nearest.pxi"
include "kmeans.pxi"
include "pairwise.pxi"


class StreamingKMeans(StreamingBase):
    __doc__ = reference.StreamingKMeans.__doc__
    _kmeans = staticmethod(kmeans)
    _assign = staticmethod(assign)
    _steps = KernelSteps
    _checker = Checker(None)
    _environment = DefaultFloats
