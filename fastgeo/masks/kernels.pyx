"""The masks family in C: the names, signatures and answers of reference.py."""
cimport numpy as cnp
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

from fastgeo.runtime.core cimport fg_team, open_team, raise_status

import numpy as np

from fastgeo.masks import arguments, reference, reference_runs
from fastgeo.masks.reference import __all__
from fastgeo.masks.run_lengths import RunLengths
from fastgeo.runtime import checks

cnp.import_array()

cdef extern from "masks/runs.h" nogil:
    ctypedef struct fg_masks:
        const uint32_t *counts
        const int64_t *offsets
        const int64_t *sizes
        int64_t n
    ctypedef struct fg_runs:
        uint32_t *counts
        int64_t count

cdef extern from *:
    enum:
        FG_BAD_VALUE

include "runs.pxi"
include "overlap.pxi"


class Steps:
    """The functions of reference_runs.py, in C."""

    take = staticmethod(take)
    encode_stack = staticmethod(encode_stack)
    decode_stack = staticmethod(decode_stack)
    areas_and_boxes = staticmethod(areas_and_boxes)
    merge_groups = staticmethod(merge_groups)
    write_strings = staticmethod(write_strings)
    read_strings = staticmethod(read_strings)
    polygon_corners = staticmethod(polygon_corners)
    draw_polygons = staticmethod(draw_polygons)


class Masks(reference.Masks):
    __doc__ = reference.Masks.__doc__
    __slots__ = ()
    _steps = Steps
