# Weighted boxes fusion of several models.
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
