# Greedy suppression of a whole detector head.
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
