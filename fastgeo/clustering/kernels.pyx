"""The clustering room in C: the names, signatures and answers of reference.py."""
cimport numpy as cnp
from libc.stdint cimport int32_t, int64_t

from fastgeo.runtime.arrays cimport is_f64, is_plain_float, new_array
from fastgeo.runtime.core cimport fg_team, open_team, raise_status

import numpy as np

from fastgeo.clustering import lloyd, reference
from fastgeo.clustering.reference import __all__
from fastgeo.clustering.streaming import StreamingBase
from fastgeo.runtime import checks

cnp.import_array()

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
    int fg_check_points(const fg_team *team, const fg_points *points)
    int fg_row_scales(const fg_team *team, const fg_points *points, double *scale)

cdef extern from "clustering/exact.h" nogil:
    ctypedef struct fg_sums:
        int64_t k
        double *partial
    int fg_sums_open(const fg_team *team, fg_sums *sums, const fg_points *points, int64_t k, int64_t blocks)
    void fg_sums_close(fg_sums *sums)
    int fg_sums_add_all(const fg_team *team, const fg_sums *sums, const int32_t *labels)
    int fg_sums_total(const fg_team *team, const fg_sums *sums, double *totals, double *weights)
    int fg_averages(const fg_team *team, const fg_points *points, const double *totals, const double *weights,
                    const void *before, int64_t k, void *moved, double *shift)
    int fg_own_distances(const fg_team *team, const fg_points *points, const void *centroids,
                         const int32_t *labels, double *distances)
    double fg_ordered_sum(const fg_points *points, const double *distances)
    int fg_plusplus(const fg_team *team, const fg_points *points, int64_t k, int64_t trials, const double *draws,
                    int64_t *indices)

cdef extern from "clustering/nearest.h" nogil:
    ctypedef struct fg_bounds:
        float *upper
        float *lower
        float *moved
        float *half_gap
        int valid
    int fg_move_bounds(const fg_team *team, fg_bounds *bounds, const fg_points *points, const void *before,
                       const void *centroids, int64_t k)
    ctypedef struct fg_nearest_call:
        const fg_points *points
        const void *centroids
        int64_t k
        int32_t *labels
        void *distances
        fg_bounds *bounds
        fg_sums *sums
        int filtered
        int unchecked
        int64_t n_changed
        int64_t n_searched
    int fg_nearest(const fg_team *team, fg_nearest_call *call)

cdef extern from "clustering/pairwise.h" nogil:
    int fg_pairwise_distance(const fg_team *team, const fg_points *rows, const fg_points *columns, int kind,
                             void *out)


def kmeans(X, k, *, init="k-means++", n_init=1, max_iter=300, tol=0.0, metric="euclidean", sample_weight=None,
           seed=None, n_threads=None, progress=None):
    return lloyd.kmeans(KernelSteps, assign, X, k, init, n_init, max_iter, tol, metric, sample_weight, seed, n_threads,
                        progress)


def assign(X, centroids, *, metric="euclidean", n_threads=None):
    cdef fg_team team
    if not (metric is "euclidean" and is_plain_float(X, 2) and is_plain_float(centroids, 2)
            and is_f64(X) == is_f64(centroids) and cnp.PyArray_DIM(X, 1) == cnp.PyArray_DIM(centroids, 1)
            and cnp.PyArray_SIZE(centroids) > 0):
        X, centroids = reference.check_both(X, centroids, metric)
    open_team(&team, n_threads)
    cdef cnp.npy_intp n = cnp.PyArray_DIM(X, 0)
    cdef fg_points points, rows
    cdef fg_nearest_call call
    scale = bind(&team, &points, X, "X", metric, None)
    bind(&team, &rows, centroids, "centroids", "iou" if metric == "iou" else "euclidean", None)
    if metric == "cosine":
        centroids = lloyd.unit_rows(centroids)
    labels = cnp.PyArray_ZEROS(1, &n, cnp.NPY_INT32, 0)
    distances = new_array(1, &n, cnp.PyArray_TYPE(X))
    call.points = &points
    call.centroids = cnp.PyArray_DATA(centroids)
    call.k = cnp.PyArray_DIM(centroids, 0)
    call.labels = <int32_t *>cnp.PyArray_DATA(labels)
    call.distances = cnp.PyArray_DATA(distances)
    call.bounds = NULL
    call.sums = NULL
    call.filtered = call.unchecked = False
    cdef int status
    with nogil:
        status = fg_nearest(&team, &call)
    raise_status(status)
    return labels, distances


def kmeans_plusplus(X, k, *, seed=None, sample_weight=None, n_threads=None):
    X = checks.points_array("X", X)
    k = checks.integer("k", k, 1, len(X))
    weights = checks.weights_array("sample_weight", sample_weight, "X", X)
    rng = checks.generator("seed", seed)
    steps = KernelSteps(X, "euclidean", weights, checks.thread_count(n_threads))
    indices = steps.plusplus(k, lloyd.plusplus_draws(rng, k))
    return X[indices], indices


def pairwise_distance(X, Y, *, kind="euclidean", out=None, n_threads=None):
    cdef fg_team team
    if kind is not "euclidean":
        checks.choice("kind", kind, reference.KINDS)
    if not (is_plain_float(X, 2) and is_plain_float(Y, 2) and is_f64(X) == is_f64(Y)
            and cnp.PyArray_DIM(X, 1) == cnp.PyArray_DIM(Y, 1) and cnp.PyArray_DIM(X, 1) > 0):
        X, Y = reference.check_pair("X", X, "Y", Y)
    open_team(&team, n_threads)
    cdef cnp.npy_intp shape[2]
    cdef fg_points rows, columns
    shape[0], shape[1] = cnp.PyArray_DIM(X, 0), cnp.PyArray_DIM(Y, 0)
    if out is None:
        out = new_array(2, shape, cnp.PyArray_TYPE(X))
    else:
        checks.output_array(out, (shape[0], shape[1]), X.dtype, X, Y)
    metric = "cosine" if kind == "cosine" else "euclidean"
    scale1 = bind(&team, &rows, X, "X", metric, None)
    scale2 = bind(&team, &columns, Y, "Y", metric, None)
    cdef int c_kind = reference.KINDS.index(kind), status
    cdef void *target = cnp.PyArray_DATA(out)
    with nogil:
        status = fg_pairwise_distance(&team, &rows, &columns, c_kind, target)
    raise_status(status)
    return out


cdef object bind(const fg_team *team, fg_points *points, array, str name, metric, weights):
    """Fill the struct and check the values. Returns the row scales, which have to outlive it."""
    set_points(points, array, metric, weights)
    check_values(team, points, array, name, metric)
    return row_scales(team, points)


cdef void set_points(fg_points *points, array, metric, weights):
    points.x = cnp.PyArray_DATA(array)
    points.n = cnp.PyArray_DIM(array, 0)
    points.d = cnp.PyArray_DIM(array, 1)
    points.is_f64 = is_f64(array)
    points.metric = FG_EUCLIDEAN if metric == "euclidean" else FG_COSINE if metric == "cosine" else FG_BOX_IOU
    points.scale = NULL
    points.weights = NULL
    if weights is not None:
        points.weights = <const double *>cnp.PyArray_DATA(weights)


cdef int check_values(const fg_team *team, const fg_points *points, array, str name, metric) except -1:
    cdef int status
    with nogil:
        status = fg_check_points(team, points)
    if status == FG_BAD_VALUE:
        checks.point_values(name, array, sizes=metric == "iou")
    return raise_status(status)


cdef object row_scales(const fg_team *team, fg_points *points):
    cdef int status
    cdef cnp.npy_intp n = points.n
    if points.metric != FG_COSINE:
        return None
    scale = new_array(1, &n, cnp.NPY_DOUBLE)
    cdef double *data = <double *>cnp.PyArray_DATA(scale)
    with nogil:
        status = fg_row_scales(team, points, data)
    raise_status(status)
    points.scale = data
    return scale


# For tests: False searches for every point at every iteration, or in float alone. The answers are the same.
use_bounds = True
use_filter = True


cdef class KernelSteps:
    """The arithmetic of k-means, in C; see `fastgeo.clustering.lloyd.Steps`."""
    cdef fg_team team
    cdef fg_points c_points
    cdef fg_bounds bounds
    cdef fg_sums c_sums
    cdef object points, weights, scale, metric
    cdef object before  # the centroids of the last assignment
    cdef readonly object bound_arrays  # what `bounds` points to
    cdef int pause, pausing  # assignments without bounds: next time, and still to come
    cdef int64_t n_changed
    cdef readonly int64_t n_searched  # how many points the last bounds left open
    cdef bint once  # a single assignment: bounds for the next one would be lost work
    cdef bint unchecked  # whether the values of the points have yet to be looked at
    cdef bint added  # whether `c_sums` belongs to the labels
    cdef readonly object labels

    def __init__(self, points, metric, weights, n_threads, *, once=False):
        cdef cnp.npy_intp n = cnp.PyArray_DIM(points, 0)
        self.points, self.weights, self.metric, self.once = points, weights, metric, once
        open_team(&self.team, n_threads or None)
        set_points(&self.c_points, points, metric, weights)
        self.unchecked = True
        if metric != "euclidean":
            self.check()
            self.scale = row_scales(&self.team, &self.c_points)
        self.labels = np.full(n, -1, np.int32)
        self.n_changed = n

    def __dealloc__(self):
        fg_sums_close(&self.c_sums)

    cdef int check(self) except -1:
        """Raise for points that are not finite, unless that was done."""
        if self.unchecked:
            check_values(&self.team, &self.c_points, self.points, "X", self.metric)
        self.unchecked = False
        return 0

    cdef bint bounded(self, centroids) except *:
        """Bring the bounds up to these centroids. Returns whether they are worth keeping."""
        cdef int64_t k = cnp.PyArray_DIM(centroids, 0), n = self.c_points.n
        cdef const void *before = NULL
        cdef const void *now = cnp.PyArray_DATA(centroids)
        cdef int status
        if not use_bounds or self.once or self.metric == "iou" or k * self.c_points.d < 128 or self.c_points.d > 1 << 20:
            return False
        # While many labels change, the centroids move too far for bounds to settle much.
        if self.pausing > 0 or 8 * self.n_changed > n:
            self.pausing -= self.pausing > 0
            return False
        if self.bound_arrays is None or len(self.bound_arrays[2]) != k:
            self.bound_arrays = [np.empty(size, np.float32) for size in (n, n, k, k)]
            self.before = None
        self.bounds.upper = <float *>cnp.PyArray_DATA(self.bound_arrays[0])
        self.bounds.lower = <float *>cnp.PyArray_DATA(self.bound_arrays[1])
        self.bounds.moved = <float *>cnp.PyArray_DATA(self.bound_arrays[2])
        self.bounds.half_gap = <float *>cnp.PyArray_DATA(self.bound_arrays[3])
        self.bounds.valid = self.before is not None
        if self.before is not None:
            before = cnp.PyArray_DATA(self.before)
        with nogil:
            status = fg_move_bounds(&self.team, &self.bounds, &self.c_points, before, now, k)
        raise_status(status)
        return True

    cdef int open_sums(self, int64_t k) except -1:
        """Room for the sums of k clusters."""
        cdef int status = FG_OK
        if self.c_sums.partial == NULL or self.c_sums.k != k:
            fg_sums_close(&self.c_sums)
            status = fg_sums_open(&self.team, &self.c_sums, &self.c_points, k, lloyd.sum_blocks(self.c_points.n, k))
        return raise_status(status)

    def assign(self, centroids, *, adding=False):
        cdef fg_nearest_call call
        cdef int status
        if self.metric == "cosine":
            centroids = lloyd.unit_rows(centroids)
        call.points = &self.c_points
        call.centroids = cnp.PyArray_DATA(centroids)
        call.k = cnp.PyArray_DIM(centroids, 0)
        call.labels = <int32_t *>cnp.PyArray_DATA(self.labels)
        call.distances = NULL
        call.filtered = use_filter
        call.bounds = NULL
        call.sums = NULL
        self.added = False
        if adding:
            self.open_sums(call.k)
            call.sums = &self.c_sums
        if self.bounded(centroids):
            call.bounds = &self.bounds
        self.before = None
        call.unchecked = self.unchecked
        with nogil:
            status = fg_nearest(&self.team, &call)
        if status == FG_BAD_VALUE:
            self.check()
        raise_status(status)
        self.unchecked = False
        self.added = adding
        self.n_changed, self.n_searched = call.n_changed, call.n_searched
        if call.bounds != NULL:
            self.before = centroids
            if self.bounds.valid:
                self.rest(call.n_searched)
        return call.n_changed

    cdef void rest(self, int64_t n_searched) noexcept:
        """Where bounds settle few labels, do without for a while, each time longer; they cost some time themselves."""
        if 2 * n_searched > self.c_points.n:
            self.pause = min(2 * self.pause + 1, 15)
            self.pausing = self.pause
            self.before = None
        else:
            self.pause = 0

    def relabelled(self):
        self.before = None
        self.added = False

    def sums(self, k):
        cdef cnp.npy_intp shape[2]
        cdef int status = FG_OK
        shape[0], shape[1] = k, self.c_points.d
        sums = new_array(2, shape, cnp.NPY_DOUBLE)
        counts = new_array(1, shape, cnp.NPY_DOUBLE)
        cdef const int32_t *labels = <const int32_t *>cnp.PyArray_DATA(self.labels)
        cdef double *totals = <double *>cnp.PyArray_DATA(sums)
        cdef double *weights = <double *>cnp.PyArray_DATA(counts)
        cdef bint added = self.added and self.c_sums.k == shape[0]
        self.open_sums(k)
        with nogil:
            if not added:
                status = fg_sums_add_all(&self.team, &self.c_sums, labels)
            if status == FG_OK:
                status = fg_sums_total(&self.team, &self.c_sums, totals, weights)
        raise_status(status)
        return sums, counts

    def averages(self, sums, counts, centroids):
        cdef cnp.npy_intp shape[2]
        cdef double shift
        cdef int status
        shape[0], shape[1] = cnp.PyArray_DIM(centroids, 0), self.c_points.d
        moved = new_array(2, shape, cnp.PyArray_TYPE(centroids))
        cdef const double *totals = <const double *>cnp.PyArray_DATA(sums)
        cdef const double *weights = <const double *>cnp.PyArray_DATA(counts)
        cdef const void *before = cnp.PyArray_DATA(centroids)
        cdef void *target = cnp.PyArray_DATA(moved)
        with nogil:
            status = fg_averages(&self.team, &self.c_points, totals, weights, before, shape[0], target, &shift)
        raise_status(status)
        return moved, shift

    def own_distances(self, centroids):
        cdef cnp.npy_intp n = self.c_points.n
        cdef int status
        if self.metric == "cosine":
            centroids = lloyd.unit_rows(centroids)
        distances = new_array(1, &n, cnp.NPY_DOUBLE)
        cdef const int32_t *labels = <const int32_t *>cnp.PyArray_DATA(self.labels)
        cdef const void *c_centroids = cnp.PyArray_DATA(centroids)
        cdef double *c_distances = <double *>cnp.PyArray_DATA(distances)
        with nogil:
            status = fg_own_distances(&self.team, &self.c_points, c_centroids, labels, c_distances)
        raise_status(status)
        return distances

    def ordered_sum(self, distances):
        cdef const double *data = <const double *>cnp.PyArray_DATA(distances)
        cdef double total
        with nogil:
            total = fg_ordered_sum(&self.c_points, data)
        return total

    def plusplus(self, k, draws):
        cdef cnp.npy_intp clusters = k
        cdef int64_t trials = draws.shape[1]
        cdef int status
        self.check()
        indices = new_array(1, &clusters, cnp.NPY_INT64)
        cdef const double *c_draws = <const double *>cnp.PyArray_DATA(draws)
        cdef int64_t *c_indices = <int64_t *>cnp.PyArray_DATA(indices)
        with nogil:
            status = fg_plusplus(&self.team, &self.c_points, clusters, trials, c_draws, c_indices)
        raise_status(status)
        return indices


class StreamingKMeans(StreamingBase):
    __doc__ = reference.StreamingKMeans.__doc__
    _kmeans = staticmethod(kmeans)
    _assign = staticmethod(assign)
    _steps = KernelSteps
