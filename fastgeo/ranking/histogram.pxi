# Samples counted by bin of their scores. Part of kernels.pyx.
cdef extern from "ranking/histogram.h" nogil:
    ctypedef struct fg_histogram_call:
        const void *labels
        const void *scores
        double *weights
        int64_t *counts
        double *sums
        int64_t n
        int64_t n_bins
        double low
        double high
        double width
        int label_kind
        int is_f64
        int keep_counts
    int fg_histogram(const fg_team *team, const fg_histogram_call *call)


_UNIT = (0.0, 1.0)


def histogram_auc(labels, scores, n_bins=100, *, range=_UNIT, sample_weight=None, on_undefined="raise",
                  n_threads=None):
    cdef cnp.npy_intp shape[2]
    cdef double low = 0, high = 1, width
    cdef fg_fenv saved
    cdef fg_team team
    try:
        if not is_plain_pair(labels, scores):
            labels, scores = inputs.histogram_pair(labels, scores)
        shape[0] = 100 if n_bins is 100 else checks.integer("n_bins", n_bins, 1, inputs.MAX_BINS)
        shape[1] = 2
        saved = fg_fenv_enter()
        width = 1.0 / shape[0]
        fg_fenv_leave(saved)
        if range is not _UNIT:
            with DefaultEnvironment():
                low, high, width = inputs.bin_range(range, shape[0])
        if sample_weight is not None:
            sample_weight = inputs.weights_of(sample_weight, labels)
        if on_undefined is not "raise":
            checks.choice("on_undefined", on_undefined, inputs.ON_UNDEFINED)
        open_team(&team, n_threads)
    except (TypeError, ValueError):
        inputs.histogram_arguments(labels, scores, n_bins, range, sample_weight, on_undefined, n_threads)
        raise
    cells = cnp.PyArray_ZEROS(2, shape, cnp.NPY_INT64 if sample_weight is None else cnp.NPY_DOUBLE, 0)
    add_samples(&team, cells, False, labels, scores, sample_weight, low, high, width)
    return auc_of_cells(cells, on_undefined)


cdef int add_samples(const fg_team *team, cells, bint keep_counts, labels, scores, weights, double low, double high,
                     double width) except -1:
    """Add checked counts or weights to an (n_bins, 2) array. If this raises, counts are as before if they shall be kept."""
    cdef fg_histogram_call call
    cdef int status
    call.counts = <int64_t *>cnp.PyArray_DATA(cells)
    call.sums = <double *>cnp.PyArray_DATA(cells)
    call.n_bins = cnp.PyArray_DIM(cells, 0)
    call.labels = cnp.PyArray_DATA(labels)
    call.scores = cnp.PyArray_DATA(scores)
    call.weights = NULL if weights is None else <double *>cnp.PyArray_DATA(weights)
    call.n = cnp.PyArray_DIM(labels, 0)
    call.label_kind = label_kind(labels)
    call.is_f64 = is_f64(scores)
    call.keep_counts = keep_counts
    call.low = low
    call.high = high
    call.width = width
    with nogil:
        status = fg_histogram(team, &call)
    if status == FG_BAD_VALUE:
        inputs.histogram_values(labels, scores, weights, low, high)
    raise_status(status)
    if weights is not None and not cells.any():
        inputs.weight_values(weights)
    return 0


cdef enum:
    # Samples up to which a failed update is undone one by one, in some 20 ms; more are counted apart and then added.
    UNDOABLE = 1 << 20


cdef class Bins:
    """What every update of an AUCHistogram reads, where C finds it: in attributes it took as long as 80 samples."""
    cdef object counts
    cdef double low, high, width


class AUCHistogram(auc_histogram.AUCHistogram, Bins):
    __doc__ = auc_histogram.AUCHistogram.__doc__

    def __init__(self, n_bins=1000, *, range=(0.0, 1.0)):
        with DefaultEnvironment():
            super().__init__(n_bins, range=range)

    def update(self, labels, scores, sample_weight=None):
        cdef Bins bins = self
        cdef fg_team team
        open_team(&team, None)
        if bins.counts is None:
            bins.low, bins.high = self.range
            bins.width = self._width
            bins.counts = self._counts
        if not is_plain_pair(labels, scores):
            labels, scores = inputs.histogram_pair(labels, scores)
        if sample_weight is not None:
            try:
                sample_weight = inputs.weights_of(sample_weight, labels)
            except (TypeError, ValueError):
                inputs.histogram_values(labels, scores, None, bins.low, bins.high)
                raise
        if sample_weight is None and cnp.PyArray_DIM(labels, 0) <= UNDOABLE:
            add_samples(&team, bins.counts, True, labels, scores, None, bins.low, bins.high, bins.width)
        elif sample_weight is None:
            counts = np.zeros((self.n_bins, 2), np.int64)
            add_samples(&team, counts, False, labels, scores, None, bins.low, bins.high, bins.width)
            self._add_counts(counts)
        else:
            sums = np.zeros((self.n_bins, 2))
            add_samples(&team, sums, False, labels, scores, sample_weight, bins.low, bins.high, bins.width)
            self._add_sums(sums, len(sample_weight))
        return self

    update.__doc__ = auc_histogram.AUCHistogram.update.__doc__

    def _add_counts(self, counts):
        (<Bins>self).counts = None
        super()._add_counts(counts)

    def _rows(self):
        with DefaultEnvironment():
            return super()._rows()

    def bounds(self):
        with DefaultEnvironment():
            return super().bounds()

    bounds.__doc__ = auc_histogram.AUCHistogram.bounds.__doc__

    @staticmethod
    def _pairs(cells):
        return pairs_of_counts(cells)

    @staticmethod
    def _auc_of(cells, on_undefined):
        return auc_of_cells(cells, on_undefined)

    @staticmethod
    def _roc_points(edges, cells):
        return roc_points(Rows(cells, edges), True)

    @staticmethod
    def _precision_recall_points(edges, cells):
        return precision_recall_points(Rows(cells, edges), False)


cdef tuple pairs_of_counts(cells):
    """Pairs won, and pairs within one bin, as Python integers."""
    cdef uint64_t out[4]
    cdef const int64_t *counts = <const int64_t *>cnp.PyArray_DATA(cells)
    cdef int64_t n = cnp.PyArray_DIM(cells, 0)
    cdef int status
    cdef fg_team team
    open_team(&team, 1)
    with nogil:
        status = fg_count_pairs(&team, counts, n, out)
    raise_status(status)
    return (<object>out[0] << 64) | out[1], (<object>out[2] << 64) | out[3]
