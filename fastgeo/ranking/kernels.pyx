"""The ranking room in C: the names, signatures and answers of reference.py."""
cimport numpy as cnp
from libc.stdint cimport int64_t, uint64_t

from fastgeo.runtime.arrays cimport is_f64, is_plain, is_plain_float, new_array
from fastgeo.runtime.core cimport fg_runtime, raise_status, runtime

import math

import numpy as np

from fastgeo.ranking import auc_histogram, curves, inputs
from fastgeo.ranking.reference import __all__
from fastgeo.runtime import checks

cnp.import_array()

cdef extern from "ranking/histogram.h" nogil:
    enum:
        FG_BAD_VALUE
        FG_LABEL_8
        FG_LABEL_32
        FG_LABEL_64
        FG_LABEL_F32
        FG_LABEL_F64
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
        int n_threads
    int fg_histogram(const fg_runtime *runtime, const fg_histogram_call *call)
    double fg_counted_auc(const int64_t *counts, int64_t n_bins)
    void fg_count_pairs(const int64_t *counts, int64_t n_bins, uint64_t *out)

cdef extern from "ranking/auc.h" nogil:
    enum:
        FG_SCORE_F32
        FG_SCORE_F64
        FG_SCORE_I64
        FG_SCORE_U64
    ctypedef struct fg_auc_call:
        const void *labels
        const void *scores
        int64_t n
        int label_kind
        int score_kind
        int64_t positives
        double auc
    int fg_auc(const fg_runtime *runtime, fg_auc_call *call)


cdef extern from "ranking/rank.h" nogil:
    ctypedef struct fg_rank_call:
        const void *labels
        const void *scores
        const void *groups
        double *weights
        int64_t n
        int label_kind
        int score_kind
        int group_kind
        int64_t *counts
        double *sums
        void *distinct
        int64_t *first
        int64_t *starts
        int64_t n_rows
        int64_t n_groups
    int fg_rank(const fg_runtime *runtime, fg_rank_call *call)
    double fg_weighted_auc(const double *sums, int64_t n)


cdef int label_kind(object labels):
    """How C reads these labels; NumPy's own type numbers differ between platforms, so the item size decides."""
    cdef int typenum = cnp.PyArray_TYPE(labels), size = cnp.PyArray_ITEMSIZE(labels)
    if cnp.PyTypeNum_ISFLOAT(typenum):
        return FG_LABEL_F64 if size == 8 else FG_LABEL_F32
    return FG_LABEL_8 if size == 1 else FG_LABEL_32 if size == 4 else FG_LABEL_64


cdef bint is_plain_labels(object labels):
    """Plain, one axis, of a type that C reads."""
    if not is_plain(labels, 1):
        return False
    cdef int typenum = cnp.PyArray_TYPE(labels), size = cnp.PyArray_ITEMSIZE(labels)
    if cnp.PyTypeNum_ISBOOL(typenum) or cnp.PyTypeNum_ISINTEGER(typenum):
        return size != 2
    return typenum == cnp.NPY_DOUBLE or typenum == cnp.NPY_FLOAT


cdef int score_kind(object scores):
    cdef int typenum = cnp.PyArray_TYPE(scores)
    if cnp.PyTypeNum_ISFLOAT(typenum):
        return FG_SCORE_F64 if typenum == cnp.NPY_DOUBLE else FG_SCORE_F32
    return FG_SCORE_U64 if cnp.PyTypeNum_ISUNSIGNED(typenum) else FG_SCORE_I64


cdef bint is_plain_pair(object labels, object scores):
    return (is_plain_labels(labels) and is_plain_float(scores, 1)
            and cnp.PyArray_DIM(labels, 0) == cnp.PyArray_DIM(scores, 0))


_UNIT = (0.0, 1.0)


def histogram_auc(labels, scores, n_bins=100, *, range=_UNIT, sample_weight=None, on_undefined="raise",
                  n_threads=None):
    cdef cnp.npy_intp shape[2]
    shape[0] = 100 if n_bins is 100 else checks.integer("n_bins", n_bins, 1, inputs.MAX_BINS)
    shape[1] = 2
    cdef double low = 0, high = 1, width = 1.0 / shape[0]
    if range is not _UNIT:
        low, high, width = inputs.bin_range(range, shape[0])
    if on_undefined is not "raise":
        checks.choice("on_undefined", on_undefined, inputs.ON_UNDEFINED)
    cdef int threads = 0 if n_threads is None else 1 if n_threads is 1 else checks.thread_count(n_threads)
    if not (sample_weight is None and is_plain_pair(labels, scores)):
        labels, scores, sample_weight = inputs.histogram_samples(labels, scores, sample_weight)
    cells = cnp.PyArray_ZEROS(2, shape, cnp.NPY_INT64 if sample_weight is None else cnp.NPY_DOUBLE, 0)
    add_samples(cells, labels, scores, sample_weight, low, high, width, threads)
    return auc_of_cells(cells, on_undefined, "labels")


class AUCHistogram(auc_histogram.AUCHistogram):
    __doc__ = auc_histogram.AUCHistogram.__doc__

    def update(self, labels, scores, sample_weight=None):
        if not (sample_weight is None and is_plain_pair(labels, scores)):
            labels, scores, sample_weight = inputs.histogram_samples(labels, scores, sample_weight)
        low, high = self.range
        if sample_weight is None:
            add_samples(self._counts, labels, scores, None, low, high, self._width, 0)
        else:
            sums = np.zeros((self.n_bins, 2))
            add_samples(sums, labels, scores, sample_weight, low, high, self._width, 0)
            self._add_sums(sums, len(sample_weight))
        return self

    update.__doc__ = auc_histogram.AUCHistogram.update.__doc__

    @staticmethod
    def _pairs(cells):
        return pairs_of_counts(cells)

    @staticmethod
    def _auc_of(cells, on_undefined):
        return auc_of_cells(cells, on_undefined, "labels")


cdef int add_samples(cells, labels, scores, weights, double low, double high, double width, int n_threads) except -1:
    """Add checked counts or weights to an (n_bins, 2) array. If this raises, counts are as before."""
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
    call.low = low
    call.high = high
    call.width = width
    call.n_threads = n_threads
    with nogil:
        status = fg_histogram(runtime(), &call)
    if status == FG_BAD_VALUE:
        inputs.histogram_values(labels, scores, weights, low, high)
    raise_status(status)
    if weights is not None:
        inputs.weight_values(weights)
    return 0


cdef tuple pairs_of_counts(cells):
    """Pairs won, and pairs within one bin, as Python integers."""
    cdef uint64_t out[4]
    cdef const int64_t *counts = <const int64_t *>cnp.PyArray_DATA(cells)
    cdef int64_t n = cnp.PyArray_DIM(cells, 0)
    with nogil:
        fg_count_pairs(counts, n, out)
    return (<object>out[0] << 64) | out[1], (<object>out[2] << 64) | out[3]


def roc_auc(labels, scores, *, sample_weight=None, groups=None, max_fpr=None, on_undefined="raise", n_threads=None):
    cdef double limit = 1 if max_fpr is None else curves.false_positive_limit(max_fpr)
    if on_undefined is not "raise":
        checks.choice("on_undefined", on_undefined, inputs.ON_UNDEFINED)
    if n_threads is not None and n_threads is not 1:
        checks.thread_count(n_threads)
    if sample_weight is None and groups is None and is_plain_pair(labels, scores):
        return one_auc(labels, scores, None, limit, on_undefined, "labels")
    if inputs.has_classes(scores):
        columns = inputs.classes(labels, scores, sample_weight, groups)
        return np.array([one_auc(l, s, w, limit, on_undefined, what) for l, s, w, what in columns], np.float64)
    labels, scores, weights = inputs.samples(labels, scores, sample_weight)
    if groups is not None:
        return grouped_auc(labels, scores, weights, inputs.group_array(groups, labels), limit, on_undefined)
    return one_auc(labels, scores, weights, limit, on_undefined, "labels")


def roc_curve(labels, scores, *, sample_weight=None, drop_intermediate=True, n_threads=None):
    checks.thread_count(n_threads)
    return curves.roc_points(checked_rank(labels, scores, sample_weight), drop_intermediate)


def precision_recall_curve(labels, scores, *, sample_weight=None, drop_intermediate=False, n_threads=None):
    checks.thread_count(n_threads)
    return curves.precision_recall_points(checked_rank(labels, scores, sample_weight), drop_intermediate)


def average_precision(labels, scores, *, sample_weight=None, n_threads=None):
    checks.thread_count(n_threads)
    return curves.mean_precision(checked_rank(labels, scores, sample_weight))


def roc_auc_interval(labels, scores, *, level=0.95, n_threads=None):
    checks.thread_count(n_threads)
    level = curves.confidence(level)
    labels, scores, _ = inputs.samples(labels, scores, None)
    cells, distinct = rank(labels, scores, None, None)[:2]
    auc = auc_of_cells(cells, "raise", "labels")
    return curves.delong(curves.Ranked(distinct, cells[:, 0], cells[:, 1]), level, auc)


cdef object one_auc(labels, scores, weights, double limit, on_undefined, what):
    """AUC of plain arrays, whose values are checked here."""
    cdef fg_auc_call call
    cdef int status
    if weights is not None or limit < 1:
        cells, distinct = rank(labels, scores, weights, None)[:2]
        return limited_auc(cells, distinct, limit, on_undefined, what)
    call.score_kind = score_kind(scores)
    call.labels = cnp.PyArray_DATA(labels)
    call.scores = cnp.PyArray_DATA(scores)
    call.n = cnp.PyArray_DIM(labels, 0)
    call.label_kind = label_kind(labels)
    with nogil:
        status = fg_auc(runtime(), &call)
    if status == FG_BAD_VALUE:
        inputs.sample_values(labels, scores, None)
    raise_status(status)
    return call.auc if call.auc >= 0 else inputs.undefined(on_undefined, call.positives, call.n - call.positives, what)


cdef object grouped_auc(labels, scores, weights, groups, double limit, on_undefined):
    cells, distinct, first, starts = rank(labels, scores, weights, groups)
    ids = groups[first[starts]]
    ends = np.append(starts[1:], len(cells))
    values = np.empty(len(ids))
    for i, (begin, end) in enumerate(zip(starts.tolist(), ends.tolist())):
        values[i] = limited_auc(cells[begin:end], distinct[begin:end], limit, on_undefined, f"group {ids[i]}")
    return curves.mean_of_defined(ids, values, on_undefined)


cdef object limited_auc(cells, distinct, double limit, on_undefined, what):
    if limit == 1:
        return auc_of_cells(cells, on_undefined, what)
    ranked = curves.Ranked(distinct, cells[:, 0], cells[:, 1])
    return curves.partial_auc(ranked, limit) if curves.both_classes(ranked, on_undefined, what) else math.nan


cdef object auc_of_cells(cells, on_undefined, what):
    """AUC of an (N, 2) array of counts or weights, negatives and positives by ascending score."""
    cdef const void *data = cnp.PyArray_DATA(cells)
    cdef int64_t n = cnp.PyArray_DIM(cells, 0)
    cdef double auc
    if cnp.PyArray_TYPE(cells) == cnp.NPY_DOUBLE:
        if not curves.both_classes(curves.Ranked(None, cells[:, 0], cells[:, 1]), on_undefined, what):
            return math.nan
        with nogil:
            auc = fg_weighted_auc(<const double *>data, n)
        return auc
    with nogil:
        auc = fg_counted_auc(<const int64_t *>data, n)
    return auc if auc >= 0 else inputs.undefined(on_undefined, cells[:, 1].sum(), cells[:, 0].sum(), what)


cdef object checked_rank(labels, scores, sample_weight):
    labels, scores, weights = inputs.samples(labels, scores, sample_weight)
    cells, distinct = rank(labels, scores, weights, None)[:2]
    return curves.Ranked(distinct, cells[:, 0], cells[:, 1])


cdef tuple rank(labels, scores, weights, groups):
    """Counts or weights at each distinct score, group after group; those scores, where each was first seen, and the
    rows at which the groups begin."""
    cdef fg_rank_call call
    cdef cnp.npy_intp shape[2]
    cdef int status
    call.n = shape[0] = cnp.PyArray_DIM(labels, 0)
    shape[1] = 2
    cells = new_array(2, shape, cnp.NPY_INT64 if weights is None else cnp.NPY_DOUBLE)
    distinct = new_array(1, shape, cnp.PyArray_TYPE(scores))
    first = new_array(1, shape, cnp.NPY_INT64)
    starts = new_array(1, shape, cnp.NPY_INT64)
    call.labels = cnp.PyArray_DATA(labels)
    call.scores = cnp.PyArray_DATA(scores)
    call.weights = NULL if weights is None else <double *>cnp.PyArray_DATA(weights)
    call.groups = NULL if groups is None else cnp.PyArray_DATA(groups)
    call.label_kind = label_kind(labels)
    call.score_kind = score_kind(scores)
    call.group_kind = 0 if groups is None else score_kind(groups)
    call.counts = <int64_t *>cnp.PyArray_DATA(cells)
    call.sums = <double *>cnp.PyArray_DATA(cells)
    call.distinct = cnp.PyArray_DATA(distinct)
    call.first = <int64_t *>cnp.PyArray_DATA(first)
    call.starts = <int64_t *>cnp.PyArray_DATA(starts)
    with nogil:
        status = fg_rank(runtime(), &call)
    if status == FG_BAD_VALUE:
        inputs.sample_values(labels, scores, weights)
    raise_status(status)
    if weights is not None:
        inputs.weight_values(weights)
    distinct = distinct[:call.n_rows]
    if distinct.dtype.kind == "f":
        distinct += 0  # -0 becomes +0
    return cells[:call.n_rows], distinct, first[:call.n_rows], starts[:call.n_groups]
