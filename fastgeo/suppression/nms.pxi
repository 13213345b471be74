# Greedy suppression, of all boxes or group by group.
cdef extern from "suppression/nms.h" nogil:
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

cdef enum:
    SMALL = 128  # kept boxes that need no memory of their own


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


cdef object suppress(boxes, scores, idxs, iou_threshold, score_threshold, max_output, kind, fmt, offset, n_threads,
                     bint with_owner):
    if not are_plain(boxes, scores, idxs):
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
