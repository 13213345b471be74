# Samples by score: what all curves and weighted areas begin with. Part of kernels.pyx.
cdef extern from "ranking/rank.h" nogil:
    ctypedef struct fg_rank_call:
        fg_samples samples
        const void *groups
        double *weights
        int group_kind
        int64_t *counts
        double *sums
        void *distinct
        int64_t *starts
        int64_t *first
        int64_t n_rows
        int64_t n_groups
    int fg_rank(const fg_team *team, fg_rank_call *call)


cdef Rows checked_rank(labels, scores, sample_weight, n_threads, level=0.5):
    """The arguments that are checked in this order: those of the interval have a level in place of the weights."""
    try:
        labels, scores, weights = inputs.samples(labels, scores, sample_weight)
        inputs.confidence(level)
        checks.thread_count(n_threads)
    except (TypeError, ValueError):
        inputs.checked_samples(labels, scores, sample_weight)
        raise
    return rank(labels, scores, weights, None)


cdef Rows rank(labels, scores, weights, groups):
    """Plain samples, whose values are checked here, by group and score."""
    cdef fg_team team
    open_team(&team, 1)
    cdef fg_rank_call call
    cdef cnp.npy_intp shape[2]
    cdef int status
    fill_samples(&call.samples, labels, scores)
    shape[0] = call.samples.n
    shape[1] = 2
    cells = new_array(2, shape, cnp.NPY_INT64 if weights is None else cnp.NPY_DOUBLE)
    distinct = new_array(1, shape, cnp.PyArray_TYPE(scores))
    call.weights = NULL if weights is None else <double *>cnp.PyArray_DATA(weights)
    call.counts = <int64_t *>cnp.PyArray_DATA(cells)
    call.sums = <double *>cnp.PyArray_DATA(cells)
    call.distinct = cnp.PyArray_DATA(distinct)
    call.groups = call.starts = call.first = NULL
    starts = first = None
    if groups is not None:
        starts = new_array(1, shape, cnp.NPY_INT64)
        first = new_array(1, shape, cnp.NPY_INT64)
        call.groups = cnp.PyArray_DATA(groups)
        call.group_kind = score_kind(groups)
        call.starts = <int64_t *>cnp.PyArray_DATA(starts)
        call.first = <int64_t *>cnp.PyArray_DATA(first)
    with nogil:
        status = fg_rank(&team, &call)
    if status == FG_BAD_VALUE:
        inputs.sample_values(labels, scores, weights)
    raise_status(status)
    if groups is not None:
        starts, first = starts[:call.n_groups], first[:call.n_groups]
    return Rows(cells[:call.n_rows], distinct[:call.n_rows], starts, first)
