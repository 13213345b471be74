"""The ranking family in C: the names, signatures and answers of reference.py."""
cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc

from fastgeo.runtime.arrays cimport is_f64, is_plain, is_plain_float, new_array
from fastgeo.runtime.core cimport fg_team, open_team, raise_status

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
        int keep_counts
    int fg_histogram(const fg_team *team, const fg_histogram_call *call)

cdef extern from "ranking/pairs.h" nogil:
    int fg_counted_auc(const fg_team *team, const int64_t *counts, int64_t n, double *auc)
    int fg_count_pairs(const fg_team *team, const int64_t *counts, int64_t n, uint64_t *pairs)

cdef extern from "runtime/fenv.h" nogil:
    ctypedef struct fg_fenv:
        pass
    fg_fenv fg_fenv_enter()
    void fg_fenv_leave(fg_fenv saved)

cdef extern from "ranking/sort.h" nogil:
    enum:
        FG_SCORE_F32
        FG_SCORE_F64
        FG_SCORE_I64
        FG_SCORE_U64
    ctypedef struct fg_samples:
        const void *labels
        const void *scores
        int64_t n
        int label_kind
        int score_kind

cdef extern from "ranking/auc.h" nogil:
    ctypedef struct fg_auc_call:
        fg_samples samples
        int64_t positives
        double auc
    int fg_auc(const fg_team *team, fg_auc_call *call)

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

cdef extern from "ranking/curves.h" nogil:
    ctypedef struct fg_rows:
        const int64_t *counts
        const double *sums
        const void *distinct
        int64_t n
        int score_kind
    int fg_row_totals(const fg_team *team, const fg_rows *rows, double *totals)
    int fg_weighted_auc(const fg_team *team, const fg_rows *rows, const double *totals, double *auc)
    enum:
        FG_ROC
        FG_PRECISION_RECALL
    ctypedef struct fg_curve_call:
        fg_rows rows
        int kind
        int drop_intermediate
        int64_t n_points
        double *x
        double *y
        void *thresholds
    int fg_curve_size(const fg_team *team, fg_curve_call *call)
    int fg_curve_points(const fg_team *team, fg_curve_call *call)
    int fg_average_precision(const fg_team *team, const fg_rows *rows, double *precision)
    int fg_area_up_to(const fg_team *team, const fg_curve_call *sized, double max_fpr, double *area)
    int fg_placement_squares(const fg_team *team, const fg_rows *rows, const double *totals, double area,
                             double *squares)


cdef extern from "ranking/plan.h" nogil:
    enum:
        FG_HISTOGRAM_ALGORITHMS
        FG_SORT_ALGORITHMS
    const char *fg_histogram_algorithms[]
    const char *fg_sort_algorithms[]

_COUNTING = tuple([fg_histogram_algorithms[i].decode() for i in range(FG_HISTOGRAM_ALGORITHMS)])
_SORTING = tuple([fg_sort_algorithms[i].decode() for i in range(FG_SORT_ALGORITHMS)])

# Function -> the choice it makes, and the algorithms it chooses among.
ALGORITHMS = {
    "histogram_auc": ("histogram_auc", _COUNTING),  # AUCHistogram makes it, too
    **dict.fromkeys(["roc_auc", "roc_curve", "precision_recall_curve", "average_precision", "roc_auc_interval"],
                    ("roc_auc", _SORTING)),
}


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

cdef enum:
    # Samples up to which a failed update is undone one by one, in some 20 ms; more are counted apart and then added.
    UNDOABLE = 1 << 20


cdef class DefaultEnvironment:
    """The default floating-point environment for what is computed in Python; the caller's comes back afterwards."""
    cdef fg_fenv saved

    def __enter__(self):
        self.saved = fg_fenv_enter()

    def __exit__(self, *_):
        fg_fenv_leave(self.saved)


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


def roc_curve(labels, scores, *, sample_weight=None, drop_intermediate=True, n_threads=None):
    return roc_points(checked_rank(labels, scores, sample_weight, n_threads), drop_intermediate)


def precision_recall_curve(labels, scores, *, sample_weight=None, drop_intermediate=False, n_threads=None):
    return precision_recall_points(checked_rank(labels, scores, sample_weight, n_threads), drop_intermediate)


def average_precision(labels, scores, *, sample_weight=None, n_threads=None):
    cdef fg_team team
    open_team(&team, 1)
    cdef Rows ranked = checked_rank(labels, scores, sample_weight, n_threads)
    cdef int status
    cdef double precision
    ranked.ask_for_positives()
    with nogil:
        status = fg_average_precision(&team, &ranked.rows, &precision)
    raise_status(status)
    return precision


def roc_auc_interval(labels, scores, *, level=0.95, n_threads=None):
    cdef fg_team team
    open_team(&team, 1)
    cdef Rows ranked = checked_rank(labels, scores, None, n_threads, level)
    cdef int status
    cdef double squares[2]
    cdef double auc = area_of_rows(&ranked.rows, 1)
    ranked.ask_for_both_classes()
    curves.two_of_each(int(ranked.totals[0]), int(ranked.totals[1]))
    with nogil:
        status = fg_placement_squares(&team, &ranked.rows, ranked.totals, auc, squares)
    raise_status(status)
    with DefaultEnvironment():
        return curves.normal_interval(auc, squares[0], squares[1], ranked.totals[0], ranked.totals[1],
                                      inputs.confidence(level))


cdef void fill_samples(fg_samples *samples, labels, scores):
    samples.labels = cnp.PyArray_DATA(labels)
    samples.scores = cnp.PyArray_DATA(scores)
    samples.n = cnp.PyArray_DIM(labels, 0)
    samples.label_kind = label_kind(labels)
    samples.score_kind = score_kind(scores)


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


cdef int row_totals(const fg_rows *rows, double *totals) except -1:
    cdef fg_team team
    open_team(&team, 1)
    cdef int status
    with nogil:
        status = fg_row_totals(&team, rows, totals)
    raise_status(status)
    inputs.finite_total(totals[0] + totals[1])
    return 0


cdef fg_rows rows_of(cells):
    cdef fg_rows rows
    cdef void *data = cnp.PyArray_DATA(cells)
    cdef bint weighted = cnp.PyArray_TYPE(cells) == cnp.NPY_DOUBLE
    rows.counts = NULL
    rows.sums = NULL
    if weighted:
        rows.sums = <const double *>data
    else:
        rows.counts = <const int64_t *>data
    rows.distinct = NULL
    rows.n = cnp.PyArray_DIM(cells, 0)
    rows.score_kind = FG_SCORE_F64
    return rows


cdef class Rows:
    """Counts or weights at each distinct score, ascending: (N, 2) cells. With groups, one after another: at which row
    each begins, and where its first sample stands."""
    cdef object cells, distinct, starts, first
    cdef fg_rows rows
    cdef double totals[2]

    def __cinit__(self, cells, distinct, starts=None, first=None):
        self.cells, self.distinct, self.starts, self.first = cells, distinct, starts, first
        self.rows = rows_of(cells)
        self.rows.distinct = cnp.PyArray_DATA(distinct)
        self.rows.score_kind = score_kind(distinct)

    cdef int ask_for_both_classes(self) except -1:
        row_totals(&self.rows, self.totals)
        if not (self.totals[0] > 0 and self.totals[1] > 0):
            inputs.undefined("raise", self.totals[1], self.totals[0])
        return 0

    cdef int ask_for_positives(self) except -1:
        row_totals(&self.rows, self.totals)
        if not self.totals[1] > 0:
            curves.no_positive(self.totals[1], self.totals[0])
        return 0

    cdef tuple curve(self, int kind, bint drop_intermediate):
        cdef fg_team team
        open_team(&team, 1)
        cdef fg_curve_call call
        cdef cnp.npy_intp shape[1]
        cdef int status, typenum = cnp.PyArray_TYPE(self.distinct)
        call.rows = self.rows
        call.kind = kind
        call.drop_intermediate = drop_intermediate
        with nogil:
            status = fg_curve_size(&team, &call)
        raise_status(status)
        shape[0] = call.n_points + 1
        x = new_array(1, shape, cnp.NPY_DOUBLE)
        y = new_array(1, shape, cnp.NPY_DOUBLE)
        if kind == FG_PRECISION_RECALL:
            shape[0] = call.n_points
        elif typenum != cnp.NPY_FLOAT:
            typenum = cnp.NPY_DOUBLE
        thresholds = new_array(1, shape, typenum)
        call.x = <double *>cnp.PyArray_DATA(x)
        call.y = <double *>cnp.PyArray_DATA(y)
        call.thresholds = cnp.PyArray_DATA(thresholds)
        with nogil:
            status = fg_curve_points(&team, &call)
        raise_status(status)
        return x, y, thresholds


cdef tuple roc_points(Rows ranked, bint drop_intermediate):
    ranked.ask_for_both_classes()
    return ranked.curve(FG_ROC, drop_intermediate)


cdef tuple precision_recall_points(Rows ranked, bint drop_intermediate):
    ranked.ask_for_positives()
    return ranked.curve(FG_PRECISION_RECALL, drop_intermediate)


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


include "partition.pxi"
