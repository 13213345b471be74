# Areas, formats and clipping.
cdef extern from "boxes/format.h" nogil:
    ctypedef struct fg_format_call:
        const void *boxes
        void *out
        int64_t n
        int is_f64
        int fmt
        int out_fmt
        int offset
        double width
        double height
    int fg_box_area(const fg_team *team, const fg_format_call *call)
    int fg_box_convert(const fg_team *team, const fg_format_call *call)
    int fg_clip_boxes(const fg_team *team, const fg_format_call *call)

ctypedef int format_function(const fg_team *team, const fg_format_call *call) noexcept nogil


def box_area(boxes, *, fmt="xyxy", offset=0):
    cdef fg_format_call call
    if not is_plain_boxes(boxes):
        boxes = plain_boxes(boxes)
    try:
        call.fmt = format_index(fmt, "fmt")
        call.offset = offset_value(offset)
    except (TypeError, ValueError):
        checks.box_values("boxes", boxes)
        raise
    return format_result(fg_box_area, &call, boxes, 1)


def box_convert(boxes, in_fmt, out_fmt):
    cdef fg_format_call call
    if not is_plain_boxes(boxes):
        boxes = plain_boxes(boxes)
    try:
        call.fmt = format_index(in_fmt, "in_fmt")
        call.out_fmt = format_index(out_fmt, "out_fmt")
    except (TypeError, ValueError):
        checks.box_values("boxes", boxes)
        raise
    return format_result(fg_box_convert, &call, boxes, 2)


def clip_boxes(boxes, size):
    cdef fg_format_call call
    if not is_plain_boxes(boxes):
        boxes = plain_boxes(boxes)
    try:
        call.height, call.width = checks.image_size(size, boxes.dtype)
    except (TypeError, ValueError):
        checks.box_values("boxes", boxes)
        raise
    return format_result(fg_clip_boxes, &call, boxes, 2)


cdef object format_result(format_function *run, fg_format_call *call, boxes, int ndim):
    """Fills the rest of the call, runs it and returns the new (n,) or (n, 4) array."""
    cdef fg_team team
    open_team(&team, 1)
    cdef cnp.npy_intp shape[2]
    cdef int status
    call.is_f64 = is_f64(boxes)
    call.n = shape[0] = cnp.PyArray_DIM(boxes, 0)
    shape[1] = 4
    out = new_array(ndim, shape, cnp.PyArray_TYPE(boxes))
    call.boxes = cnp.PyArray_DATA(boxes)
    call.out = cnp.PyArray_DATA(out)
    with nogil:
        status = run(&team, call)
    if status == FG_BAD_VALUE:
        checks.box_values("boxes", boxes)
    raise_status(status)
    return out
