# Overlap of every pair of boxes, or pair by pair.
cdef extern from "boxes/iou.h" nogil:
    enum:
        FG_IOU
        FG_GIOU
        FG_DIOU
        FG_CIOU
        FG_SIOU
        FG_IOA
        FG_IOU_CROWD
    ctypedef struct fg_iou_call:
        const void *boxes1
        const void *boxes2
        const uint8_t *iscrowd
        void *out
        int64_t n
        int64_t m
        int is_f64
        int out_is_zero
        int kind
        int fmt
        int offset
    int fg_pairwise_iou(const fg_team *team, const fg_iou_call *call)
    int fg_paired_iou(const fg_team *team, const fg_iou_call *call)


def box_iou(boxes1, boxes2, *, fmt="xyxy", offset=0, iscrowd=None, out=None, n_threads=None):
    return pairwise(FG_IOU, boxes1, boxes2, fmt, offset, iscrowd, out, n_threads)


def generalized_box_iou(boxes1, boxes2, *, fmt="xyxy", offset=0, out=None, n_threads=None):
    return pairwise(FG_GIOU, boxes1, boxes2, fmt, offset, None, out, n_threads)


def distance_box_iou(boxes1, boxes2, *, fmt="xyxy", offset=0, out=None, n_threads=None):
    return pairwise(FG_DIOU, boxes1, boxes2, fmt, offset, None, out, n_threads)


def complete_box_iou(boxes1, boxes2, *, fmt="xyxy", offset=0, out=None, n_threads=None):
    return pairwise(FG_CIOU, boxes1, boxes2, fmt, offset, None, out, n_threads)


def scylla_box_iou(boxes1, boxes2, *, fmt="xyxy", offset=0, out=None, n_threads=None):
    return pairwise(FG_SIOU, boxes1, boxes2, fmt, offset, None, out, n_threads)


def box_ioa(boxes1, boxes2, *, fmt="xyxy", offset=0, out=None, n_threads=None):
    return pairwise(FG_IOA, boxes1, boxes2, fmt, offset, None, out, n_threads)


KINDS = ("iou", "giou", "diou", "ciou", "siou")  # in the order of the enumeration in iou.h


def paired_box_iou(boxes1, boxes2, *, kind="iou", fmt="xyxy", offset=0, out=None, n_threads=None):
    cdef fg_iou_call call
    cdef cnp.npy_intp shape[1]
    cdef int status
    cdef fg_team team
    if not are_plain_pair(boxes1, boxes2):
        boxes1, boxes2 = plain_pair(boxes1, boxes2)
    call.n = call.m = shape[0] = cnp.PyArray_DIM(boxes1, 0)
    call.is_f64 = is_f64(boxes1)
    try:
        if cnp.PyArray_DIM(boxes2, 0) != call.n:
            checks.same_length("boxes1", boxes1, "boxes2", boxes2)
        call.kind = 0 if kind is "iou" else KINDS.index(checks.choice("kind", kind, KINDS))
        call.fmt = format_index(fmt, "fmt")
        call.offset = offset_value(offset)
        out = result_array(out, 1, shape, boxes1, boxes2)
        open_team(&team, n_threads)
    except (TypeError, ValueError):
        check_values(boxes1, boxes2)
        raise
    call.boxes1 = cnp.PyArray_DATA(boxes1)
    call.boxes2 = cnp.PyArray_DATA(boxes2)
    call.out = cnp.PyArray_DATA(out)
    with nogil:
        status = fg_paired_iou(&team, &call)
    if status == FG_BAD_VALUE:
        check_values(boxes1, boxes2)
    raise_status(status)
    return out


cdef object pairwise(int kind, boxes1, boxes2, fmt, offset, iscrowd, out, n_threads):
    cdef fg_iou_call call
    cdef cnp.npy_intp shape[2]
    cdef int status
    cdef fg_team team
    if not are_plain_pair(boxes1, boxes2):
        boxes1, boxes2 = plain_pair(boxes1, boxes2)
    call.kind = kind
    call.is_f64 = is_f64(boxes1)
    call.n = shape[0] = cnp.PyArray_DIM(boxes1, 0)
    call.m = shape[1] = cnp.PyArray_DIM(boxes2, 0)
    call.iscrowd = NULL
    try:
        call.fmt = format_index(fmt, "fmt")
        call.offset = offset_value(offset)
        if iscrowd is not None:
            if not (is_plain(iscrowd, 1) and cnp.PyArray_TYPE(iscrowd) == cnp.NPY_BOOL
                    and cnp.PyArray_DIM(iscrowd, 0) == call.m):
                iscrowd = checks.flags_array("iscrowd", iscrowd, call.m)
            call.kind = FG_IOU_CROWD
            call.iscrowd = <const uint8_t *>cnp.PyArray_DATA(iscrowd)
        call.out_is_zero = out is None and shape[0] * shape[1] >= LARGE_VALUES
        out = result_array(out, 2, shape, boxes1, boxes2)
        open_team(&team, n_threads)
    except (TypeError, ValueError):
        check_values(boxes1, boxes2)
        raise
    call.boxes1 = cnp.PyArray_DATA(boxes1)
    call.boxes2 = cnp.PyArray_DATA(boxes2)
    call.out = cnp.PyArray_DATA(out)
    with nogil:
        status = fg_pairwise_iou(&team, &call)
    if status == FG_BAD_VALUE:
        check_values(boxes1, boxes2)
    raise_status(status)
    return out
