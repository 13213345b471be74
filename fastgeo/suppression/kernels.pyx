"""The suppression family in C: the names, signatures and answers of reference.py."""
cimport numpy as cnp
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from fastgeo.runtime.arrays cimport is_f64, is_plain, is_plain_boxes, is_plain_float, new_array
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


cdef object plain_arrays(boxes, scores, idxs):
    """The arrays, of which an earlier one that breaks the contract is reported before a later one."""
    try:
        return arguments.nms_arrays(boxes, scores, idxs, values=False)
    except (TypeError, ValueError):
        arguments.nms_arrays(boxes, scores, idxs)
        raise
