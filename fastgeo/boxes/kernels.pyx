"""The boxes family in C: the names, signatures and answers of reference.py."""
cimport numpy as cnp
from libc.stdint cimport int64_t, uint8_t

from fastgeo.runtime.arrays cimport (
    LARGE_VALUES, are_apart, is_f64, is_plain, is_plain_boxes, is_plain_float, is_plain_output, laid_out,
    new_array)
from fastgeo.runtime.core cimport fg_team, open_team, raise_status

from fastgeo.boxes.reference import __all__
from fastgeo.runtime import checks

cnp.import_array()

cdef extern from "runtime/runtime.h" nogil:
    enum:
        FG_BAD_VALUE

cdef extern from "boxes/plan.h" nogil:
    enum:
        FG_IOU_ALGORITHMS
        FG_SPARSE_ALGORITHMS
    const char *fg_iou_algorithms[]
    const char *fg_sparse_algorithms[]

_PAIRWISE = tuple([fg_iou_algorithms[i].decode() for i in range(FG_IOU_ALGORITHMS)])
_SPARSE = tuple([fg_sparse_algorithms[i].decode() for i in range(FG_SPARSE_ALGORITHMS)])

# Function -> the choice it makes, and the algorithms it chooses among.
ALGORITHMS = {
    **dict.fromkeys(["box_iou", "box_ioa"], ("box_iou", _PAIRWISE)),
    "sparse_box_iou": ("sparse_box_iou", _SPARSE),
}

include "iou.pxi"
include "format.pxi"
include "sparse.pxi"
include "rotated.pxi"


cdef inline int format_index(fmt, str name) except -1:
    return 0 if fmt is "xyxy" else checks.FORMATS.index(checks.choice(name, fmt, checks.FORMATS))


cdef inline int offset_value(offset) except -1:
    return 0 if offset is 0 else 1 if offset is 1 else checks.integer("offset", offset, 0, 1)


cdef object result_array(object out, int ndim, cnp.npy_intp *shape, boxes1, boxes2):
    """The caller's `out` array, or a new one of the boxes' type."""
    cdef int typenum = cnp.PyArray_TYPE(boxes1)
    if out is None:
        return new_array(ndim, shape, typenum)
    if not (is_plain_output(out, ndim, shape, typenum) and are_apart(out, boxes1) and are_apart(out, boxes2)):
        checks.output_array(out, tuple([shape[i] for i in range(ndim)]), boxes1.dtype, boxes1, boxes2)
    return out


cdef inline bint are_plain_pair(boxes1, boxes2) noexcept:
    return is_plain_boxes(boxes1) and is_plain_boxes(boxes2) and is_f64(boxes1) == is_f64(boxes2)


cdef tuple plain_pair(boxes1, boxes2):
    """Two sets of boxes that are not plain, as plain ones of one type."""
    boxes1, boxes2 = laid_out(boxes1), laid_out(boxes2)
    return (boxes1, boxes2) if are_plain_pair(boxes1, boxes2) else checks.box_pair(boxes1, boxes2)


cdef object plain_boxes(boxes):
    """Boxes that are not plain, as plain ones."""
    boxes = laid_out(boxes)
    return boxes if is_plain_boxes(boxes) else checks.boxes_array("boxes", boxes)


cdef object check_values(boxes1, boxes2):
    """Raises where a value breaks the contract: C has met one, or a later argument is wrong, and boxes come first."""
    checks.box_values("boxes1", boxes1)
    checks.box_values("boxes2", boxes2)
