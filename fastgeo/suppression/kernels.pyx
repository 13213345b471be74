"""The suppression family in C: the names, signatures and answers of reference.py."""
cimport numpy as cnp
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from fastgeo.runtime.arrays cimport as_int64, is_f64, is_plain, is_plain_boxes, is_plain_float, laid_out, new_array
from fastgeo.runtime.core cimport fg_team, open_team, raise_status

import math

import numpy as np

from fastgeo.suppression.reference import __all__
from fastgeo.runtime import checks
from fastgeo.runtime.box_math import maximum, minimum
from fastgeo.suppression import arguments

cnp.import_array()

cdef extern from "runtime/runtime.h" nogil:
    enum:
        FG_BAD_VALUE

cdef extern from "suppression/plan.h" nogil:
    enum:
        FG_NMS_BEST_FIRST
        FG_NMS_COUNT
    const char *const fg_nms_names[]

cdef enum:
    MOST_BOXES = 0x7FFFFFFE

cdef object _searches = tuple([fg_nms_names[i].decode() for i in range(FG_NMS_COUNT)])
ALGORITHMS = {"nms": ("nms", _searches)}
for _name in ("batched_nms", "nms_groups", "multiclass_nms"):
    ALGORITHMS[_name] = ("nms", _searches[:FG_NMS_BEST_FIRST])

include "nms.pxi"
include "rotated_nms.pxi"
include "multiclass.pxi"
include "soft_nms.pxi"
include "fusion.pxi"


cdef bint are_plain(boxes, scores, idxs) noexcept:
    """Plain arrays of one length; ids may be None."""
    if not (is_plain_boxes(boxes) and is_plain_float(scores, 1)
            and cnp.PyArray_DIM(boxes, 0) == cnp.PyArray_DIM(scores, 0)):
        return False
    return idxs is None or (is_plain(idxs, 1) and cnp.PyArray_TYPE(idxs) == cnp.NPY_INT64
                            and cnp.PyArray_DIM(boxes, 0) == cnp.PyArray_DIM(idxs, 0))


cdef object plain_arrays(boxes, scores, idxs):
    """The arrays, of which an earlier one that breaks the contract is reported before a later one."""
    boxes, scores, idxs = laid_out(boxes), laid_out(scores), as_int64(idxs)
    if are_plain(boxes, scores, idxs):
        return boxes, scores, idxs
    try:
        return arguments.nms_arrays(boxes, scores, idxs, values=False)
    except (TypeError, ValueError):
        arguments.nms_arrays(boxes, scores, idxs)
        raise
