# The nearest centroids of points. Part of kernels.pyx.


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
