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

cdef extern from "suppression/nms.h" nogil:
    enum:
        FG_BAD_VALUE
    ctypedef struct fg_nms_call:
        const void *boxes
        const void *scores
        const int64_t *groups
        int64_t n
        int64_t repeat
        int boxes_f64
        int scores_f64
        double iou_threshold
        int has_score_threshold
        double score_threshold
        int64_t max_output
        int kind
        int fmt
        int offset
        int64_t *keep
        int64_t *owner
        int64_t n_keep
    int fg_nms(const fg_team *team, fg_nms_call *call)

cdef extern from "suppression/soft_nms.h" nogil:
    ctypedef struct fg_soft_nms_call:
        const void *boxes
        const void *scores
        int64_t n
        int boxes_f64
        int scores_f64
        int method
        int fmt
        double sigma
        double iou_threshold
        double score_threshold
        int64_t *keep
        double *new_scores
        int64_t n_keep
    int fg_soft_nms(const fg_team *team, fg_soft_nms_call *call)

cdef extern from "suppression/fusion.h" nogil:
    ctypedef struct fg_fusion_call:
        const double *boxes
        const double *scores
        const int64_t *labels
        const uint8_t *skip
        int64_t n
        int64_t n_labels
        double iou_threshold
        int64_t n_models
        double total_weight
        double *out_boxes
        double *out_scores
        int64_t *out_labels
        int64_t n_out
    int fg_weighted_boxes_fusion(const fg_team *team, fg_fusion_call *call)

cdef extern from "suppression/multiclass.h" nogil:
    ctypedef struct fg_multiclass_call:
        const void *boxes
        const void *scores
        int64_t batch
        int64_t n
        int64_t n_classes
        int own_boxes
        int boxes_f64
        int scores_f64
        const double *iou_thresholds
        const double *score_thresholds
        int64_t top_k
        int64_t max_output
        int class_agnostic
        int fmt
        void *out_boxes
        void *out_scores
        int64_t *out_classes
        int64_t *out_indices
        int64_t *out_counts
    int fg_multiclass_nms(const fg_team *team, const fg_multiclass_call *call)

cdef extern from "suppression/rotated_nms.h" nogil:
    ctypedef struct fg_rotated_nms_call:
        const void *boxes
        const void *scores
        int64_t n
        int boxes_f64
        int scores_f64
        double iou_threshold
        int has_score_threshold
        double score_threshold
        int64_t max_output
        int64_t *keep
        int64_t n_keep
    int fg_rotated_nms(const fg_team *team, fg_rotated_nms_call *call)

cdef extern from "suppression/plan.h" nogil:
    enum:
        FG_NMS_BEST_FIRST
        FG_NMS_COUNT
    const char *const fg_nms_names[]

cdef enum:
    SMALL = 128
    MOST_BOXES = 0x7FFFFFFE

cdef object _searches = tuple([fg_nms_names[i].decode() for i in range(FG_NMS_COUNT)])
ALGORITHMS = {"nms": ("nms", _searches)}
for _name in ("batched_nms", "nms_groups", "multiclass_nms"):
    ALGORITHMS[_name] = ("nms", _searches[:FG_NMS_BEST_FIRST])


def nms(boxes, scores, iou_threshold, *, score_threshold=None, max_output=None, kind="iou", fmt="xyxy", offset=0):
    return suppress(boxes, scores, None, iou_threshold, score_threshold, max_output, kind, fmt, offset, None, False)


def batched_nms(boxes, scores, idxs, iou_threshold, *, score_threshold=None, max_output=None, kind="iou", fmt="xyxy",
                offset=0, n_threads=None):
    if idxs is None:
        raise TypeError(arguments.NO_IDXS)
    return suppress(boxes, scores, idxs, iou_threshold, score_threshold, max_output, kind, fmt, offset, n_threads, False)


def nms_groups(boxes, scores, iou_threshold, *, idxs=None, score_threshold=None, max_output=None, kind="iou",
               fmt="xyxy", offset=0):
    return suppress(boxes, scores, idxs, iou_threshold, score_threshold, max_output, kind, fmt, offset, None, True)


cdef object plain_arrays(boxes, scores, idxs):
    """The arrays, of which an earlier one that breaks the contract is reported before a later one."""
    try:
        return arguments.nms_arrays(boxes, scores, idxs, values=False)
    except (TypeError, ValueError):
        arguments.nms_arrays(boxes, scores, idxs)
        raise


cdef object suppress(boxes, scores, idxs, iou_threshold, score_threshold, max_output, kind, fmt, offset, n_threads,
                     bint with_owner):
    cdef bint same = is_plain_boxes(boxes) and is_plain_float(scores, 1)
    if same and idxs is not None:
        same = is_plain(idxs, 1) and cnp.PyArray_TYPE(idxs) == cnp.NPY_INT64
    if same:
        same = cnp.PyArray_DIM(boxes, 0) == cnp.PyArray_DIM(scores, 0)
    if same and idxs is not None:
        same = cnp.PyArray_DIM(boxes, 0) == cnp.PyArray_DIM(idxs, 0)
    if not same:
        boxes, scores, idxs = plain_arrays(boxes, scores, idxs)
    cdef fg_nms_call call
    cdef cnp.npy_intp length
    cdef int status
    cdef int64_t small[SMALL]
    cdef object owner = None, keep
    call.n = length = cnp.PyArray_DIM(boxes, 0)
    call.repeat = 1
    call.boxes = cnp.PyArray_DATA(boxes)
    call.scores = cnp.PyArray_DATA(scores)
    call.groups = NULL
    if idxs is not None:
        call.groups = <const int64_t *>cnp.PyArray_DATA(idxs)
    call.boxes_f64 = is_f64(boxes)
    call.scores_f64 = is_f64(scores)
    cdef fg_team team
    try:
        if type(iou_threshold) is float and 0.0 <= <double>iou_threshold <= 1.0:
            call.iou_threshold = iou_threshold
        else:
            call.iou_threshold = checks.in_range("iou_threshold", iou_threshold, 0, 1)
        call.has_score_threshold = score_threshold is not None
        call.score_threshold = 0 if score_threshold is None else arguments.score_threshold(score_threshold)
        call.max_output = -1 if max_output is None else arguments.max_output(max_output)
        call.kind = 0 if kind is "iou" else arguments.KINDS.index(checks.choice("kind", kind, arguments.KINDS))
        call.fmt = 0 if fmt is "xyxy" else checks.FORMATS.index(checks.choice("fmt", fmt, checks.FORMATS))
        call.offset = 0 if offset is 0 else checks.integer("offset", offset, 0, 1)
        open_team(&team, n_threads)
        if length > MOST_BOXES:
            raise ValueError
    except (TypeError, ValueError):
        arguments.nms_arrays(boxes, scores, idxs)
        raise
    call.owner = NULL
    if with_owner:
        owner = new_array(1, &length, cnp.NPY_INT64)
        call.owner = <int64_t *>cnp.PyArray_DATA(owner)
    call.keep = small
    if length > SMALL:
        call.keep = <int64_t *>malloc(length * sizeof(int64_t))
        if call.keep == NULL:
            raise MemoryError
    with nogil:
        status = fg_nms(&team, &call)
    try:
        if status == FG_BAD_VALUE:
            arguments.nms_arrays(boxes, scores)
        raise_status(status)
        length = call.n_keep
        keep = new_array(1, &length, cnp.NPY_INT64)
        memcpy(cnp.PyArray_DATA(keep), call.keep, length * sizeof(int64_t))
    finally:
        if call.keep != small:
            free(call.keep)
    return (keep, owner) if with_owner else keep


def soft_nms(boxes, scores, *, method="gaussian", sigma=0.5, iou_threshold=0.3, score_threshold=0.001, fmt="xyxy"):
    cdef fg_team team
    open_team(&team, 1)
    if not (is_plain_boxes(boxes) and is_plain_float(scores, 1)
            and cnp.PyArray_DIM(boxes, 0) == cnp.PyArray_DIM(scores, 0)):
        boxes, scores, _ = plain_arrays(boxes, scores, None)
    cdef fg_soft_nms_call call
    cdef cnp.npy_intp length = cnp.PyArray_DIM(boxes, 0)
    cdef int status
    try:
        call.method = arguments.SOFT_METHODS.index(checks.choice("method", method, arguments.SOFT_METHODS))
        call.sigma = arguments.sigma(sigma)
        call.iou_threshold = checks.in_range("iou_threshold", iou_threshold, 0, 1)
        call.score_threshold = arguments.score_threshold(score_threshold)
        call.fmt = checks.FORMATS.index(checks.choice("fmt", fmt, checks.FORMATS))
        if length > MOST_BOXES:
            raise ValueError
    except (TypeError, ValueError):
        arguments.nms_arrays(boxes, scores)
        raise
    call.n = length
    call.boxes = cnp.PyArray_DATA(boxes)
    call.scores = cnp.PyArray_DATA(scores)
    call.boxes_f64 = is_f64(boxes)
    call.scores_f64 = is_f64(scores)
    keep = new_array(1, &length, cnp.NPY_INT64)
    new_scores = new_array(1, &length, cnp.NPY_DOUBLE)
    call.keep = <int64_t *>cnp.PyArray_DATA(keep)
    call.new_scores = <double *>cnp.PyArray_DATA(new_scores)
    with nogil:
        status = fg_soft_nms(&team, &call)
    if status == FG_BAD_VALUE:
        arguments.nms_arrays(boxes, scores)
    raise_status(status)
    return keep[:call.n_keep].copy(), new_scores[:call.n_keep].astype(scores.dtype)


def weighted_boxes_fusion(boxes_list, scores_list, labels_list, *, weights=None, iou_threshold=0.55,
                          skip_box_threshold=0.0, n_threads=None):
    cdef fg_team team
    open_team(&team, 1)
    case = arguments.fusion(boxes_list, scores_list, labels_list, weights, iou_threshold, skip_box_threshold)
    checks.thread_count(n_threads)
    cdef fg_fusion_call call
    cdef cnp.npy_intp shape[2]
    cdef int status
    corners = joined([ordered_corners(part) for part in case.boxes], np.float64).reshape(-1, 4)
    weighted = joined([part.astype(np.float64) * w for part, w in zip(case.scores, case.weights)], np.float64)
    below = joined([part.astype(np.float64) < case.skip_box_threshold for part in case.scores], bool)
    empty = (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1]) == 0
    skip = below | empty
    label_values, numbers = np.unique(joined(case.labels, case.label_type), return_inverse=True)
    numbers = numbers.reshape(-1).astype(np.int64)
    call.n = shape[0] = len(corners)
    shape[1] = 4
    call.n_labels = len(label_values)
    call.boxes = <const double *>cnp.PyArray_DATA(corners)
    call.scores = <const double *>cnp.PyArray_DATA(weighted)
    call.labels = <const int64_t *>cnp.PyArray_DATA(numbers)
    call.skip = <const uint8_t *>cnp.PyArray_DATA(skip)
    call.iou_threshold = case.iou_threshold
    call.n_models = len(case.weights)
    call.total_weight = math.fsum(case.weights)
    boxes = new_array(2, shape, cnp.NPY_DOUBLE)
    scores = new_array(1, shape, cnp.NPY_DOUBLE)
    labels = new_array(1, shape, cnp.NPY_INT64)
    call.out_boxes = <double *>cnp.PyArray_DATA(boxes)
    call.out_scores = <double *>cnp.PyArray_DATA(scores)
    call.out_labels = <int64_t *>cnp.PyArray_DATA(labels)
    with nogil:
        status = fg_weighted_boxes_fusion(&team, &call)
    raise_status(status)
    n_out = call.n_out
    labels = label_values[labels[:n_out]]
    return boxes[:n_out].astype(case.box_type), scores[:n_out].astype(case.score_type), labels


cdef object joined(list parts, dtype):
    """The arrays of all models behind one another; of no model, an empty one."""
    return np.concatenate(parts) if parts else np.zeros(0, dtype)


cdef object ordered_corners(boxes):
    """float64 corners with x1 <= x2 and y1 <= y2."""
    first, second = boxes[:, :2].astype(np.float64), boxes[:, 2:].astype(np.float64)
    return np.concatenate([minimum(first, second), maximum(first, second)], axis=1)


def rotated_nms(boxes, scores, iou_threshold, *, score_threshold=None, max_output=None, n_threads=None):
    cdef fg_team team
    open_team(&team, 1)
    boxes, scores = arguments.rotated_arrays(boxes, scores)
    cdef fg_rotated_nms_call call
    cdef cnp.npy_intp length = len(boxes)
    cdef int status
    call.n = length
    call.boxes = cnp.PyArray_DATA(boxes)
    call.scores = cnp.PyArray_DATA(scores)
    call.boxes_f64 = is_f64(boxes)
    call.scores_f64 = is_f64(scores)
    call.iou_threshold = checks.in_range("iou_threshold", iou_threshold, 0, 1)
    call.has_score_threshold = score_threshold is not None
    call.score_threshold = 0 if score_threshold is None else arguments.score_threshold(score_threshold)
    call.max_output = -1 if max_output is None else arguments.max_output(max_output)
    checks.thread_count(n_threads)
    keep = new_array(1, &length, cnp.NPY_INT64)
    call.keep = <int64_t *>cnp.PyArray_DATA(keep)
    with nogil:
        status = fg_rotated_nms(&team, &call)
    raise_status(status)
    return keep[:call.n_keep].copy()


def multiclass_nms(boxes, scores, iou_threshold, *, score_threshold=0.0, top_k=None, max_output=100,
                   class_agnostic=False, fmt="xyxy", n_threads=None):
    try:
        case = arguments.head(boxes, scores, iou_threshold, score_threshold, top_k, max_output, class_agnostic, fmt,
                              n_threads, values=False)
    except (TypeError, ValueError):
        arguments.head_arrays(boxes, scores)
        raise
    cdef fg_multiclass_call call
    cdef int status
    cdef fg_team team
    open_team(&team, n_threads)
    call.batch, call.n, call.n_classes = case.scores.shape
    if call.n_classes == 0:
        arguments.head_arrays(case.boxes, case.scores)  # the kernel reads boxes class by class
    call.boxes = cnp.PyArray_DATA(case.boxes)
    call.scores = cnp.PyArray_DATA(case.scores)
    call.own_boxes = case.boxes.ndim == 4
    call.boxes_f64 = is_f64(case.boxes)
    call.scores_f64 = is_f64(case.scores)
    call.iou_thresholds = <const double *>cnp.PyArray_DATA(case.iou_thresholds)
    call.score_thresholds = <const double *>cnp.PyArray_DATA(case.score_thresholds)
    call.top_k = -1 if case.top_k is None else min(case.top_k, 2**62)
    call.max_output = case.max_output
    call.class_agnostic = case.class_agnostic
    call.fmt = checks.FORMATS.index(fmt)
    shape = (call.batch, case.max_output)
    out_boxes = np.zeros((*shape, 4), case.boxes.dtype)
    out_scores = np.zeros(shape, case.scores.dtype)
    classes = np.full(shape, -1, np.int64)
    indices = np.full(shape, -1, np.int64)
    counts = np.zeros(call.batch, np.int64)
    call.out_boxes = cnp.PyArray_DATA(out_boxes)
    call.out_scores = cnp.PyArray_DATA(out_scores)
    call.out_classes = <int64_t *>cnp.PyArray_DATA(classes)
    call.out_indices = <int64_t *>cnp.PyArray_DATA(indices)
    call.out_counts = <int64_t *>cnp.PyArray_DATA(counts)
    with nogil:
        status = fg_multiclass_nms(&team, &call)
    if status == FG_BAD_VALUE:
        arguments.head_arrays(case.boxes, case.scores)
    raise_status(status)
    return out_boxes, out_scores, classes, indices, counts
