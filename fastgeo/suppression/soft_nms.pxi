# Soft suppression: overlapping boxes lose score.
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


def soft_nms(boxes, scores, *, method="gaussian", sigma=0.5, iou_threshold=0.3, score_threshold=0.001, fmt="xyxy"):
    cdef fg_team team
    open_team(&team, 1)
    if not are_plain(boxes, scores, None):
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
