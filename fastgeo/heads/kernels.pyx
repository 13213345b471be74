"""The heads family in C: the names, signatures and answers of reference.py."""
cimport numpy as cnp
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport calloc, free

from fastgeo.runtime.core cimport fg_team, open_team, raise_status

import numpy as np

from fastgeo.boxes import box_convert
from fastgeo.heads import reference
from fastgeo.heads.reference import __all__
from fastgeo.suppression import batched_nms, nms

cnp.import_array()

cdef extern from "heads/select.h" nogil:
    enum:
        FG_HEAD_F32
        FG_HEAD_F16
        FG_HEAD_U8
        FG_HEAD_I8
    ctypedef struct fg_select_call:
        const void *values
        int kind
        int64_t images
        int64_t anchors
        int64_t image_stride
        int64_t channel_stride
        int64_t anchor_stride
        int64_t first_class
        int has_objectness
        int logits
        const int64_t *classes
        int64_t n_classes
        int multi_label
        float threshold
        const float *scales
        int32_t zero_point
    ctypedef struct fg_candidate:
        int64_t anchor
        int64_t class_id
        float score
        float objectness
        float box[4]
    ctypedef struct fg_candidates:
        fg_candidate *list
        int64_t count
    int fg_select(const fg_team *team, const fg_select_call *call, fg_candidates *images)
    void fg_candidates_free(fg_candidates *images, int64_t count)

KINDS = {np.dtype(np.float32): FG_HEAD_F32, np.dtype(np.float16): FG_HEAD_F16, np.dtype(np.uint8): FG_HEAD_U8,
         np.dtype(np.int8): FG_HEAD_I8}


def decode_predictions(predictions, *, score_threshold=0.25, iou_threshold=0.45, layout="channels_first", scale=None,
                       zero_point=0, objectness=False, n_classes=None, logits=False, multi_label=False,
                       class_agnostic=False, classes=None, max_candidates=30000, max_output=300, fmt="cxcywh",
                       n_threads=None):
    cdef fg_team team
    head = reference.checked_head(predictions, score_threshold, iou_threshold, layout, scale, zero_point, objectness,
                                  n_classes, logits, multi_label, class_agnostic, classes, max_candidates, max_output,
                                  fmt)
    open_team(&team, n_threads)
    return reference.finish(head, select(&team, head), box_convert, batched_nms, nms)


cdef list select(const fg_team *team, head):
    """The candidates of each image."""
    cdef fg_select_call call
    cdef int status
    values = readable(head.values)
    cdef int64_t images = values.shape[0], item = values.itemsize
    call.values = cnp.PyArray_DATA(values)
    call.kind = KINDS[values.dtype]
    call.images, call.anchors = images, values.shape[2]
    call.image_stride, call.channel_stride, call.anchor_stride = [stride // item for stride in values.strides]
    call.first_class, call.has_objectness, call.logits = head.first_class, head.objectness, head.logits
    call.classes = <const int64_t *>cnp.PyArray_DATA(head.class_ids)
    call.n_classes, call.multi_label = len(head.class_ids), head.multi_label
    call.threshold = head.stored_threshold
    call.scales = NULL
    if head.scales is not None:
        call.scales = <const float *>cnp.PyArray_DATA(head.scales)
    call.zero_point = head.zero_point
    cdef fg_candidates *found = <fg_candidates *>calloc(images + 1, sizeof(fg_candidates))
    if found == NULL:
        raise MemoryError("fastgeo: not enough memory for this call")
    try:
        with nogil:
            status = fg_select(team, &call, found)
        raise_status(status)
        return [columns(&found[i]) for i in range(images)]
    finally:
        fg_candidates_free(found, images)
        free(found)


cdef object readable(values):
    """The head with anchors or channels side by side, as nearly all are; else a copy."""
    item = values.itemsize
    if all(stride % item == 0 for stride in values.strides) and values.flags.aligned and item in values.strides[1:]:
        return values
    return values.copy()  # contiguous and aligned, which np.ascontiguousarray does not promise


cdef object columns(const fg_candidates *found):
    cdef cnp.npy_intp shape[2]
    cdef int64_t i
    shape[0], shape[1] = found.count, 4
    anchors = cnp.PyArray_EMPTY(1, shape, cnp.NPY_INT64, 0)
    class_ids = cnp.PyArray_EMPTY(1, shape, cnp.NPY_INT64, 0)
    scores = cnp.PyArray_EMPTY(1, shape, cnp.NPY_FLOAT, 0)
    objectness = cnp.PyArray_EMPTY(1, shape, cnp.NPY_FLOAT, 0)
    boxes = cnp.PyArray_EMPTY(2, shape, cnp.NPY_FLOAT, 0)
    cdef int64_t *c_anchors = <int64_t *>cnp.PyArray_DATA(anchors)
    cdef int64_t *c_classes = <int64_t *>cnp.PyArray_DATA(class_ids)
    cdef float *c_scores = <float *>cnp.PyArray_DATA(scores)
    cdef float *c_objectness = <float *>cnp.PyArray_DATA(objectness)
    cdef float *c_boxes = <float *>cnp.PyArray_DATA(boxes)
    for i in range(found.count):
        c_anchors[i], c_classes[i] = found.list[i].anchor, found.list[i].class_id
        c_scores[i], c_objectness[i] = found.list[i].score, found.list[i].objectness
        for k in range(4):
            c_boxes[4 * i + k] = found.list[i].box[k]
    return reference.Candidates(anchors, class_ids, scores, objectness, boxes)
