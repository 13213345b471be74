# Areas under the ROC curve. Part of kernels.pyx.
cdef extern from "ranking/auc.h" nogil:
    ctypedef struct fg_auc_call:
        fg_samples samples
        int64_t positives
        double auc
    int fg_auc(const fg_team *team, fg_auc_call *call)

cdef extern from "ranking/pairs.h" nogil:
    int fg_counted_auc(const fg_team *team, const int64_t *counts, int64_t n, double *auc)
    int fg_count_pairs(const fg_team *team, const int64_t *counts, int64_t n, uint64_t *pairs)


def roc_auc(labels, scores, *, sample_weight=None, groups=None, max_fpr=None, on_undefined="raise", n_threads=None):
    cdef double limit
    cdef bint plain = sample_weight is None and groups is None and is_plain_pair(labels, scores)
    weights = ids = None
    if not plain and inputs.has_classes(labels, scores):
        columns = inputs.classes(labels, scores, sample_weight, groups)
        limit = inputs.exact_scalars(max_fpr, on_undefined, n_threads)
        return np.array([one_auc(l, s, w, limit, on_undefined, what) for l, s, w, what in columns], np.float64)
    try:
        if not plain:
            labels, scores, weights = inputs.samples(labels, scores, sample_weight)
        if groups is not None:
            ids = inputs.group_array(groups, labels)
        if max_fpr is None and on_undefined is "raise" and n_threads is None:
            limit = 1
        else:
            limit = inputs.exact_scalars(max_fpr, on_undefined, n_threads)
    except (TypeError, ValueError):
        inputs.checked_samples(labels, scores, sample_weight)
        raise
    if ids is not None:
        return grouped_auc(labels, scores, weights, ids, limit, on_undefined)
    return one_auc(labels, scores, weights, limit, on_undefined, "labels")


cdef object one_auc(labels, scores, weights, double limit, on_undefined, what):
    """AUC of plain arrays, whose values are checked here."""
    cdef fg_team team
    open_team(&team, 1)
    cdef fg_auc_call call
    cdef Rows ranked
    cdef int status
    if weights is not None or limit < 1:
        ranked = rank(labels, scores, weights, None)
        return defined(area_of_rows(&ranked.rows, limit), &ranked.rows, on_undefined, what)
    fill_samples(&call.samples, labels, scores)
    with nogil:
        status = fg_auc(&team, &call)
    if status == FG_BAD_VALUE:
        inputs.sample_values(labels, scores, None)
    raise_status(status)
    if call.auc >= 0:
        return call.auc
    return inputs.undefined(on_undefined, call.positives, call.samples.n - call.positives, what)


cdef object grouped_auc(labels, scores, weights, groups, double limit, on_undefined):
    cdef Rows ranked = rank(labels, scores, weights, groups)
    cdef fg_rows rows = ranked.rows
    cdef const int64_t[::1] starts = ranked.starts
    cdef Py_ssize_t i, n = len(starts)
    ids = groups[ranked.first]
    values = np.empty(n)
    cdef double[::1] areas = values
    for i in range(n):
        if i % 4096 == 0:
            PyErr_CheckSignals()
        rows.n = (starts[i + 1] if i + 1 < n else ranked.rows.n) - starts[i]
        if ranked.rows.counts:
            rows.counts = ranked.rows.counts + 2 * starts[i]
        else:
            rows.sums = ranked.rows.sums + 2 * starts[i]
        areas[i] = area_of_rows(&rows, limit)
        if areas[i] < 0:
            areas[i] = defined(areas[i], &rows, on_undefined, f"group {ids[i]}")
    with DefaultEnvironment():
        return curves.mean_of_defined(ids, values, on_undefined)


cdef object auc_of_cells(cells, on_undefined):
    """AUC of an (N, 2) array of counts or weights, negatives and positives by ascending score."""
    cdef fg_rows rows = rows_of(cells)
    return defined(area_of_rows(&rows, 1), &rows, on_undefined, "labels")


cdef object defined(double area, const fg_rows *rows, on_undefined, what):
    """The area, or what stands for -1: where a class is absent."""
    cdef double totals[2]
    if area >= 0:
        return area
    row_totals(rows, totals)
    return inputs.undefined(on_undefined, totals[1], totals[0], what)


cdef double area_of_rows(const fg_rows *rows, double limit) except -2:
    """AUC, where a limit below 1 stands for the partial one; -1 where a class is absent."""
    cdef fg_team team
    open_team(&team, 1)
    cdef fg_curve_call call
    cdef double totals[2]
    cdef double area
    cdef int status
    if rows.counts and limit == 1:
        with nogil:
            status = fg_counted_auc(&team, rows.counts, rows.n, &area)
        raise_status(status)
        return area
    row_totals(rows, totals)
    if not (totals[0] > 0 and totals[1] > 0):
        return -1
    if limit == 1:
        with nogil:
            status = fg_weighted_auc(&team, rows, totals, &area)
        raise_status(status)
        return area
    call.rows = rows[0]
    call.kind = FG_ROC
    call.drop_intermediate = False
    with nogil:
        status = fg_curve_size(&team, &call)
    raise_status(status)
    with nogil:
        status = fg_area_up_to(&team, &call, limit, &area)
    raise_status(status)
    with DefaultEnvironment():
        return curves.standardised(area, limit)
