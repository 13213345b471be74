"""The ranking room in C: the names, signatures and answers of reference.py."""
cimport numpy as cnp
from libc.stdint cimport int64_t
from libc.string cimport memset

from fastgeo.runtime.arrays cimport is_f64, is_plain, is_plain_float, new_array
from fastgeo.runtime.core cimport fg_runtime, raise_status, runtime

from fastgeo.ranking import inputs, reference
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


cdef int label_kind(object labels) except -1:
    """How C reads these labels; NumPy's own type numbers differ between platforms, so the item size decides."""
    cdef int typenum = cnp.PyArray_TYPE(labels)
    if cnp.PyTypeNum_ISBOOL(typenum) or cnp.PyTypeNum_ISINTEGER(typenum):
        return {1: FG_LABEL_8, 4: FG_LABEL_32, 8: FG_LABEL_64}[cnp.PyArray_ITEMSIZE(labels)]
    return FG_LABEL_F64 if typenum == cnp.NPY_DOUBLE else FG_LABEL_F32


cdef bint is_plain_labels(object labels):
    """Plain, one axis, of a type that C reads."""
    if not is_plain(labels, 1):
        return False
    cdef int typenum = cnp.PyArray_TYPE(labels), size = cnp.PyArray_ITEMSIZE(labels)
    if cnp.PyTypeNum_ISBOOL(typenum) or cnp.PyTypeNum_ISINTEGER(typenum):
        return size != 2
    return typenum == cnp.NPY_DOUBLE or typenum == cnp.NPY_FLOAT


def histogram_auc(labels, scores, n_bins=100, *, range=(0.0, 1.0), sample_weight=None, on_undefined="raise",
                  n_threads=None):
    cdef fg_histogram_call call
    cdef cnp.npy_intp shape[1]
    cdef int status
    cdef double auc
    n_bins = checks.integer("n_bins", n_bins, 1, inputs.MAX_BINS)
    call.low, call.high, call.width = inputs.bin_range(range, n_bins)
    checks.choice("on_undefined", on_undefined, inputs.ON_UNDEFINED)
    call.n_threads = 0 if n_threads is None else checks.thread_count(n_threads)
    if not (is_plain_labels(labels) and is_plain_float(scores, 1) and sample_weight is None
            and cnp.PyArray_DIM(labels, 0) == cnp.PyArray_DIM(scores, 0)):
        labels, scores, sample_weight = inputs.histogram_samples(labels, scores, sample_weight)
    call.n_bins = n_bins
    shape[0] = 2 * call.n_bins
    result = cnp.PyArray_ZEROS(1, shape, cnp.NPY_INT64 if sample_weight is None else cnp.NPY_DOUBLE, 0)
    call.weights = NULL if sample_weight is None else <double *>cnp.PyArray_DATA(sample_weight)
    call.counts = <int64_t *>cnp.PyArray_DATA(result)
    call.sums = <double *>cnp.PyArray_DATA(result)
    call.labels = cnp.PyArray_DATA(labels)
    call.scores = cnp.PyArray_DATA(scores)
    call.n = cnp.PyArray_DIM(labels, 0)
    call.label_kind = label_kind(labels)
    call.is_f64 = is_f64(scores)
    with nogil:
        status = fg_histogram(runtime(), &call)
    if status == FG_BAD_VALUE:
        inputs.histogram_values(labels, scores, sample_weight, call.low, call.high)
    raise_status(status)
    if sample_weight is not None:
        inputs.weight_values(sample_weight)
        return reference.weighted_auc(result[1::2], result[::2], on_undefined)
    with nogil:
        auc = fg_counted_auc(call.counts, call.n_bins)
    return auc if auc >= 0 else inputs.undefined(on_undefined, result[1::2].sum(), result[::2].sum())


def roc_auc(labels, scores, *, sample_weight=None, on_undefined="raise", n_threads=None):
    cdef fg_auc_call call
    cdef int status, typenum
    checks.choice("on_undefined", on_undefined, inputs.ON_UNDEFINED)
    checks.thread_count(n_threads)
    if not (is_plain_labels(labels) and is_plain_float(scores, 1)
            and cnp.PyArray_DIM(labels, 0) == cnp.PyArray_DIM(scores, 0)):
        labels, scores, sample_weight = inputs.samples(labels, scores, sample_weight)
    if sample_weight is not None:
        labels, scores, sample_weight = inputs.samples(labels, scores, sample_weight)
        inputs.sample_values(labels, scores, sample_weight)
        return reference.weighted_auc(*reference.tied_weights(labels, scores, sample_weight), on_undefined)
    typenum = cnp.PyArray_TYPE(scores)
    if cnp.PyTypeNum_ISFLOAT(typenum):
        call.score_kind = FG_SCORE_F64 if typenum == cnp.NPY_DOUBLE else FG_SCORE_F32
    else:
        call.score_kind = FG_SCORE_U64 if cnp.PyTypeNum_ISUNSIGNED(typenum) else FG_SCORE_I64
    call.labels = cnp.PyArray_DATA(labels)
    call.scores = cnp.PyArray_DATA(scores)
    call.n = cnp.PyArray_DIM(labels, 0)
    call.label_kind = label_kind(labels)
    with nogil:
        status = fg_auc(runtime(), &call)
    if status == FG_BAD_VALUE:
        inputs.sample_values(labels, scores, sample_weight)
    raise_status(status)
    return call.auc if call.auc >= 0 else inputs.undefined(on_undefined, call.positives, call.n - call.positives)
