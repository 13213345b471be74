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

cdef extern from "runtime/fenv.h" nogil:
    ctypedef struct fg_fenv:
        pass
    fg_fenv fg_fenv_enter()
    void fg_fenv_leave(fg_fenv saved)

cdef extern from "ranking/sort.h" nogil:
    enum:
        FG_BAD_VALUE
        FG_LABEL_8
        FG_LABEL_32
        FG_LABEL_64
        FG_LABEL_F32
        FG_LABEL_F64
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


cdef class DefaultEnvironment:
    """The default floating-point environment for what is computed in Python; the caller's comes back afterwards."""
    cdef fg_fenv saved

    def __enter__(self):
        self.saved = fg_fenv_enter()

    def __exit__(self, *_):
        fg_fenv_leave(self.saved)


cdef void fill_samples(fg_samples *samples, labels, scores):
    samples.labels = cnp.PyArray_DATA(labels)
    samples.scores = cnp.PyArray_DATA(scores)
    samples.n = cnp.PyArray_DIM(labels, 0)
    samples.label_kind = label_kind(labels)
    samples.score_kind = score_kind(scores)


include "curves.pxi"
include "rank.pxi"
include "auc.pxi"
include "histogram.pxi"
include "partition.pxi"
