# Greedy suppression of rotated boxes.
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
