"""The boxes room in C: the names, signatures and answers of reference.py."""
cimport numpy as cnp
from libc.stdint cimport int64_t

from fastgeo.runtime.arrays cimport is_f64, is_plain_boxes, new_array
from fastgeo.runtime.core cimport fg_runtime, raise_status, runtime

from fastgeo.boxes.reference import __all__
from fastgeo.runtime import checks

cnp.import_array()

cdef extern from "boxes/iou.h" nogil:
    enum:
        FG_BAD_VALUE
        FG_IOU
        FG_GIOU
    ctypedef struct fg_iou_call:
        const void *boxes1
        const void *boxes2
        void *out
        int64_t n
        int64_t m
        int is_f64
        int kind
        int fmt
        int offset
        int n_threads
    int fg_pairwise_iou(const fg_runtime *runtime, const fg_iou_call *call)


def box_iou(boxes1, boxes2, *, fmt="xyxy", offset=0, iscrowd=None, out=None, n_threads=None):
    return pairwise(FG_IOU, boxes1, boxes2, fmt, offset, out, n_threads)


def generalized_box_iou(boxes1, boxes2, *, fmt="xyxy", offset=0, out=None, n_threads=None):
    return pairwise(FG_GIOU, boxes1, boxes2, fmt, offset, out, n_threads)


cdef object pairwise(int kind, boxes1, boxes2, fmt, offset, out, n_threads):
    if not (is_plain_boxes(boxes1) and is_plain_boxes(boxes2) and is_f64(boxes1) == is_f64(boxes2)):
        boxes1, boxes2 = checks.box_pair(boxes1, boxes2)
    cdef fg_iou_call call
    cdef cnp.npy_intp shape[2]
    cdef int status
    call.kind = kind
    call.fmt = 0 if fmt is "xyxy" else checks.FORMATS.index(checks.choice("fmt", fmt, checks.FORMATS))
    call.offset = 0 if offset is 0 else checks.integer("offset", offset, 0, 1)
    call.n_threads = 0 if n_threads is None else checks.thread_count(n_threads)
    call.is_f64 = is_f64(boxes1)
    call.n = shape[0] = cnp.PyArray_DIM(boxes1, 0)
    call.m = shape[1] = cnp.PyArray_DIM(boxes2, 0)
    if out is None:
        out = new_array(2, shape, cnp.PyArray_TYPE(boxes1))
    else:
        checks.output_array(out, (call.n, call.m), boxes1.dtype, boxes1, boxes2)
    call.boxes1 = cnp.PyArray_DATA(boxes1)
    call.boxes2 = cnp.PyArray_DATA(boxes2)
    call.out = cnp.PyArray_DATA(out)
    with nogil:
        status = fg_pairwise_iou(runtime(), &call)
    if status == FG_BAD_VALUE:
        checks.box_values("boxes1", boxes1)
        checks.box_values("boxes2", boxes2)
    raise_status(status)
    return out
