# k-means and its seeding. Part of kernels.pyx.


def kmeans(X, k, *, init="k-means++", n_init=1, max_iter=300, tol=0.0, metric="euclidean", sample_weight=None,
           seed=None, n_threads=None, progress=None):
    with DefaultFloats():
        call = arguments.kmeans_arguments(Checker(n_threads), X, k, init, n_init, max_iter, tol, metric, sample_weight,
                                          seed, n_threads, progress)
        exponent = fg_lift_exponent(is_f64(call.points), call.largest)
        steps = KernelSteps(call.points, metric, call.weights, call.n_threads, exponent=exponent, largest=call.largest)
        steps.plan(call.k)
        return lloyd.kmeans(call, steps, assign)


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
        if self.pausing > 0 or self.n_changed > self.kmeans_plan.most_changed:
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
        self.bounds.with_gaps = self.kmeans_plan.with_gaps
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
        if n_searched > self.kmeans_plan.most_open:
            self.pause = min(2 * self.pause + 1, self.kmeans_plan.most_rest)
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
