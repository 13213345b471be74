# Overlap of every pair of rotated boxes.
cdef extern from "boxes/rotated.h" nogil:
    ctypedef struct fg_rotated_call:
        const void *boxes1
        const void *boxes2
        void *out
        int64_t n
        int64_t m
        int is_f64
    int fg_rotated_pairwise_iou(const fg_team *team, const fg_rotated_call *call)


cdef inline bint is_plain_rotated(object array) noexcept:
    """Plain floats of shape (N, 5)."""
    return is_plain_float(array, 2) and cnp.PyArray_DIM(array, 1) == 5


def rotated_box_iou(boxes1, boxes2, *, out=None, n_threads=None):
    cdef fg_rotated_call call
    cdef cnp.npy_intp shape[2]
    cdef int status
    cdef fg_team team
    if not (is_plain_rotated(boxes1) and is_plain_rotated(boxes2) and is_f64(boxes1) == is_f64(boxes2)):
        boxes1, boxes2 = checks.box_pair(boxes1, boxes2, columns=5)
    call.is_f64 = is_f64(boxes1)
    call.n = shape[0] = cnp.PyArray_DIM(boxes1, 0)
    call.m = shape[1] = cnp.PyArray_DIM(boxes2, 0)
    try:
        out = result_array(out, 2, shape, boxes1, boxes2)
        open_team(&team, n_threads)
    except (TypeError, ValueError):
        check_values(boxes1, boxes2)
        raise
    call.boxes1 = cnp.PyArray_DATA(boxes1)
    call.boxes2 = cnp.PyArray_DATA(boxes2)
    call.out = cnp.PyArray_DATA(out)
    with nogil:
        status = fg_rotated_pairwise_iou(&team, &call)
    if status == FG_BAD_VALUE:
        check_values(boxes1, boxes2)
    raise_status(status)
    return out
