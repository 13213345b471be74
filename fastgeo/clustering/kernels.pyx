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
        int always
    int fg_plan_kmeans(const fg_team *team, const fg_points *points, int64_t k, int64_t blocks, fg_kmeans_plan *plan)

cdef extern from "clustering/tuning.h" nogil:
    enum:
        HAMERLY_CHANGED
        HAMERLY_OPEN
        HAMERLY_MOST_REST

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


def kmeans(X, k, *, init="k-means++", n_init=1, max_iter=300, tol=0.0, metric="euclidean", sample_weight=None,
           seed=None, n_threads=None, progress=None):
    with DefaultFloats():
        call = arguments.kmeans_arguments(Checker(n_threads), X, k, init, n_init, max_iter, tol, metric, sample_weight,
                                          seed, n_threads, progress)
        exponent = fg_lift_exponent(is_f64(call.points), call.largest)
        steps = KernelSteps(call.points, metric, call.weights, call.n_threads, exponent=exponent, largest=call.largest)
        steps.plan(call.k)
        return lloyd.kmeans(call, steps, assign)


def assign(X, centroids, *, metric="euclidean", n_threads=None):
    cdef fg_team team
    cdef fg_points points, rows
    cdef fg_nearest_call call
    cdef fg_fenv saved = fg_fenv_enter()
    try:
        open_checking_team(&team, n_threads)
        if not (is_plain_float(X, 2) and is_plain_float(centroids, 2) and is_f64(X) == is_f64(centroids)
                and cnp.PyArray_DIM(X, 1) == cnp.PyArray_DIM(centroids, 1) and cnp.PyArray_SIZE(centroids) > 0):
            X, centroids = arguments.assign_arrays(X, centroids)
        largest = checked(&team, X, "X")
        largest = max(largest, checked(&team, centroids, "centroids"))
        if metric is not "euclidean":
            arguments.check_metric(Checker(n_threads), metric, X, centroids)
        open_team(&team, n_threads)
        exponent = fg_lift_exponent(is_f64(X), largest)
        kept = bind(&team, &points, X, metric, exponent)
        centroids = beside(&team, centroids, metric, exponent)
        labels, distances = nearest(&team, &points, centroids)
        return labels, distances if metric != "euclidean" else scaled(&team, distances, -exponent)
    finally:
        fg_fenv_leave(saved)


cdef object nearest(const fg_team *team, const fg_points *points, centroids):
    """Labels and distances of points from centroids beside them."""
    cdef fg_nearest_call call
    cdef cnp.npy_intp n = points.n
    cdef int status
    labels = cnp.PyArray_ZEROS(1, &n, cnp.NPY_INT32, 0)
    distances = new_array(1, &n, cnp.PyArray_TYPE(centroids))
    call.points = points
    call.centroids = cnp.PyArray_DATA(centroids)
    call.k = cnp.PyArray_DIM(centroids, 0)
    call.labels = <int32_t *>cnp.PyArray_DATA(labels)
    call.distances = cnp.PyArray_DATA(distances)
    call.bounds = NULL
    call.sums = NULL
    call.in_kmeans = False
    with nogil:
        status = fg_nearest(team, &call)
    raise_status(status)
    return labels, distances


def kmeans_plusplus(X, k, *, seed=None, sample_weight=None, n_threads=None):
    with DefaultFloats():
        X = checks.points_array("X", X)
        largest = Checker(n_threads)("X", X)
        k = checks.integer("k", k, 1, len(X))
        rng = checks.generator("seed", seed)
        weights = checks.weights_array("sample_weight", sample_weight, "X", X)
        exponent = fg_lift_exponent(is_f64(X), largest)
        steps = KernelSteps(X, "euclidean", weights, checks.thread_count(n_threads), exponent=exponent, largest=largest)
        indices = steps.plusplus(k, arguments.plusplus_draws(rng, k))
        return lloyd.take_rows(X, indices), indices


def pairwise_distance(X, Y, *, kind="euclidean", out=None, n_threads=None):
    cdef fg_team team
    cdef cnp.npy_intp shape[2]
    cdef fg_points rows, columns
    cdef int c_kind, status
    cdef void *target
    cdef fg_fenv saved = fg_fenv_enter()
    try:
        open_checking_team(&team, n_threads)
        if not (is_plain_float(X, 2) and is_plain_float(Y, 2) and is_f64(X) == is_f64(Y)
                and cnp.PyArray_DIM(X, 1) == cnp.PyArray_DIM(Y, 1) and cnp.PyArray_DIM(X, 1) > 0):
            X, Y = arguments.row_pair("X", X, "Y", Y)
        largest = checked(&team, X, "X")
        largest = max(largest, checked(&team, Y, "Y"))
        if kind is not "euclidean":
            checks.choice("kind", kind, arguments.KINDS)
        shape[0], shape[1] = cnp.PyArray_DIM(X, 0), cnp.PyArray_DIM(Y, 0)
        if out is None:
            out = new_array(2, shape, cnp.PyArray_TYPE(X))
        else:
            checks.output_array(out, (shape[0], shape[1]), X.dtype, X, Y)
        open_team(&team, n_threads)
        exponent = fg_lift_exponent(is_f64(X), largest)
        metric = "cosine" if kind == "cosine" else "euclidean"
        kept = bind(&team, &rows, X, metric, exponent), bind(&team, &columns, Y, metric, exponent)
        c_kind = arguments.KINDS.index(kind)
        target = cnp.PyArray_DATA(out)
        with nogil:
            status = fg_pairwise_distance(&team, &rows, &columns, c_kind, target)
        raise_status(status)
        if exponent and kind != "cosine":
            scale_rows(&team, out, -exponent if kind == "euclidean" else -2 * exponent, out)
        return out
    finally:
        fg_fenv_leave(saved)


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


cdef class KernelSteps:
    """The arithmetic of k-means, in C; see `fastgeo.clustering.lloyd.Steps`."""
    cdef fg_team team
    cdef fg_points points
    cdef fg_bounds bounds
    cdef fg_sums c_sums
    cdef object kept, counted, metric
    cdef readonly object weights, labels
    cdef readonly int exponent
    cdef double largest
    cdef object before  # the centroids of the last assignment
    cdef object bound_arrays  # what `bounds` points to
    cdef int pause, pausing  # assignments without bounds: next time, and still to come
    cdef int64_t n_changed
    cdef readonly int64_t n_searched  # how many points the last bounds left open
    cdef fg_kmeans_plan kmeans_plan
    cdef bint in_kmeans  # whether there is such a plan; else no bounds are kept
    cdef bint added  # whether `c_sums` belongs to the labels

    def __init__(self, points, metric, weights, n_threads, *, exponent=0, largest=None):
        cdef cnp.npy_intp n = cnp.PyArray_DIM(points, 0)
        open_team(&self.team, n_threads or None)
        self.largest = checked(&self.team, points, "X", metric == "iou") if largest is None else largest
        self.metric = metric
        self.exponent = exponent if metric != "cosine" else 0
        self.largest = np.ldexp(self.largest, exponent)
        self.kept = bind(&self.team, &self.points, points, metric, exponent)
        self.counted = self.weights = weights
        if metric == "cosine" and not self.kept[1].all():
            self.weights = np.where(self.kept[1] > 0, 1.0 if weights is None else weights, 0.0)
        if self.weights is not None:
            self.points.weights = <const double *>cnp.PyArray_DATA(self.weights)
        self.labels = np.full(n, -1, np.int32)
        self.n_changed = n

    def __dealloc__(self):
        fg_sums_close(&self.c_sums)

    def plan(self, k):
        """Choose the algorithm of a whole run."""
        self.in_kmeans = True
        raise_status(fg_plan_kmeans(&self.team, &self.points, k, arguments.sum_blocks(self.points.n, k),
                                    &self.kmeans_plan))

    def restart(self, centroids):
        self.labels[...] = -1
        self.forget()
        return unit_rows(&self.team, centroids) if self.metric == "cosine" else centroids

    cdef void forget(self) noexcept:
        """What is known of the labels is not true of them any more."""
        self.before = None
        self.added = False

    cdef bint bounded(self, centroids) except *:
        """Bring the bounds up to these centroids. Returns whether they are worth keeping."""
        cdef int64_t k = cnp.PyArray_DIM(centroids, 0), n = self.points.n
        cdef const void *before = NULL
        cdef const void *now = cnp.PyArray_DATA(centroids)
        cdef int status
        if not self.in_kmeans or self.kmeans_plan.algorithm != FG_HAMERLY:
            return False
        if not self.kmeans_plan.always and (self.pausing > 0 or HAMERLY_CHANGED * self.n_changed > n):
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
            status = fg_move_bounds(&self.team, &self.bounds, &self.points, self.largest, before, now, k)
        raise_status(status)
        return True

    def known_bounds(self):
        """How far each point is at most from its centroid and at least from any other, by the last assignment."""
        return [self.bound_arrays[i] / self.bounds.unit for i in range(2)]

    cdef int open_sums(self, int64_t k) except -1:
        """Memory for the sums of k clusters."""
        cdef int status = FG_OK
        if self.c_sums.partial == NULL or self.c_sums.k != k:
            fg_sums_close(&self.c_sums)
            status = fg_sums_open(&self.team, &self.c_sums, &self.points, k, arguments.sum_blocks(self.points.n, k))
        return raise_status(status)

    def assign(self, centroids, *, adding=False):
        cdef fg_nearest_call call
        cdef int status
        centroids = beside(&self.team, centroids, self.metric, self.exponent)
        call.points = &self.points
        call.centroids = cnp.PyArray_DATA(centroids)
        call.k = cnp.PyArray_DIM(centroids, 0)
        call.labels = <int32_t *>cnp.PyArray_DATA(self.labels)
        call.distances = NULL
        call.in_kmeans = self.in_kmeans
        call.bounds = NULL
        call.sums = NULL
        self.added = False
        if adding:
            self.open_sums(call.k)
            call.sums = &self.c_sums
        if self.bounded(centroids):
            call.bounds = &self.bounds
        self.before = None
        with nogil:
            status = fg_nearest(&self.team, &call)
        raise_status(status)
        self.added = adding
        self.n_changed, self.n_searched = call.n_changed, call.n_searched
        if call.bounds != NULL:
            self.before = centroids
            if self.bounds.valid:
                self.rest(call.n_searched)
        return call.n_changed

    cdef void rest(self, int64_t n_searched) noexcept:
        """Where bounds settle few labels, do without for a while, each time longer; they cost some time themselves."""
        if HAMERLY_OPEN * n_searched > self.points.n and not self.kmeans_plan.always:
            self.pause = min(2 * self.pause + 1, HAMERLY_MOST_REST)
            self.pausing = self.pause
            self.before = None
        else:
            self.pause = 0

    def sums(self, k):
        cdef cnp.npy_intp shape[2]
        cdef int status = FG_OK
        shape[0], shape[1] = k, self.points.d
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

    def refill(self, centroids, counts):
        cdef int status
        distances = self.own_distances(centroids)
        cdef const double *cluster_weights = <const double *>cnp.PyArray_DATA(counts)
        cdef double *c_distances = <double *>cnp.PyArray_DATA(distances)
        cdef int32_t *labels = <int32_t *>cnp.PyArray_DATA(self.labels)
        cdef int64_t k = len(counts)
        with nogil:
            status = fg_refill(&self.team, &self.points, cluster_weights, k, c_distances, labels)
        self.forget()
        raise_status(status)

    def means(self, sums, counts, centroids):
        cdef fg_means means
        cdef int status
        moved = np.empty_like(centroids)
        means.totals = <const double *>cnp.PyArray_DATA(sums)
        means.weights = <const double *>cnp.PyArray_DATA(counts)
        means.before = cnp.PyArray_DATA(centroids)
        means.k = cnp.PyArray_DIM(centroids, 0)
        means.exponent = self.exponent
        means.moved = cnp.PyArray_DATA(moved)
        with nogil:
            status = fg_set_means(&self.team, &self.points, &means)
        raise_status(status)
        return moved, means.shift

    def own_distances(self, centroids):
        cdef cnp.npy_intp n = self.points.n
        cdef int status
        centroids = beside(&self.team, centroids, self.metric, self.exponent)
        distances = new_array(1, &n, cnp.NPY_DOUBLE)
        cdef const int32_t *labels = <const int32_t *>cnp.PyArray_DATA(self.labels)
        cdef const void *c_centroids = cnp.PyArray_DATA(centroids)
        cdef double *c_distances = <double *>cnp.PyArray_DATA(distances)
        with nogil:
            status = fg_own_distances(&self.team, &self.points, c_centroids, labels, c_distances)
        raise_status(status)
        return distances

    def inertia(self, centroids):
        cdef double total
        cdef int status
        distances = self.own_distances(centroids)
        cdef const double *c_distances = <const double *>cnp.PyArray_DATA(distances)
        cdef const double *weights = NULL
        if self.counted is not None:
            weights = <const double *>cnp.PyArray_DATA(self.counted)
        with nogil:
            status = fg_ordered_sum(&self.team, c_distances, weights, self.points.n, &total)
        raise_status(status)
        return total / 2 if self.metric == "cosine" else total  # |x - c|² of unit vectors is 2 (1 - cosine)

    def plusplus(self, k, draws):
        cdef cnp.npy_intp clusters = k
        cdef int64_t trials = draws.shape[1]
        cdef int status
        indices = new_array(1, &clusters, cnp.NPY_INT64)
        cdef const double *c_draws = <const double *>cnp.PyArray_DATA(draws)
        cdef int64_t *c_indices = <int64_t *>cnp.PyArray_DATA(indices)
        with nogil:
            status = fg_plusplus(&self.team, &self.points, clusters, trials, c_draws, c_indices)
        raise_status(status)
        return indices


class StreamingKMeans(StreamingBase):
    __doc__ = reference.StreamingKMeans.__doc__
    _kmeans = staticmethod(kmeans)
    _assign = staticmethod(assign)
    _steps = KernelSteps
    _checker = Checker(None)
    _environment = DefaultFloats
