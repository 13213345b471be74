# Overlaps that are found without a table of all pairs.
cdef extern from "boxes/sparse.h" nogil:
    enum:
        FG_SPARSE_MOST
    ctypedef struct fg_sparse_call:
        const void *boxes1
        const void *boxes2
        int64_t n
        int64_t m
        double threshold
        int is_f64
        int fmt
    ctypedef struct fg_sparse_pairs:
        pass
    int fg_sparse_find(const fg_team *team, const fg_sparse_call *call, fg_sparse_pairs **pairs)
    int64_t fg_sparse_count(const fg_sparse_pairs *pairs)
    int fg_sparse_take(const fg_team *team, fg_sparse_pairs *pairs, int64_t *rows, int64_t *cols, void *values)
    void fg_sparse_free(fg_sparse_pairs *pairs)


def sparse_box_iou(boxes1, boxes2, threshold=0.0, *, fmt="xyxy", n_threads=None):
    cdef fg_sparse_call call
    cdef fg_sparse_pairs *pairs = NULL
    cdef cnp.npy_intp count
    cdef int64_t *row_data
    cdef int64_t *col_data
    cdef void *value_data
    cdef int status
    cdef fg_team team
    if not are_plain_pair(boxes1, boxes2):
        boxes1, boxes2 = plain_pair(boxes1, boxes2)
    try:
        call.threshold = checks.in_range("threshold", threshold, 0, 1)
        call.fmt = format_index(fmt, "fmt")
        open_team(&team, n_threads)
    except (TypeError, ValueError):
        check_values(boxes1, boxes2)
        raise
    call.is_f64 = is_f64(boxes1)
    call.n = cnp.PyArray_DIM(boxes1, 0)
    call.m = cnp.PyArray_DIM(boxes2, 0)
    call.boxes1 = cnp.PyArray_DATA(boxes1)
    call.boxes2 = cnp.PyArray_DATA(boxes2)
    if call.m >= FG_SPARSE_MOST:
        raise ValueError(f"boxes2: expected fewer than {FG_SPARSE_MOST} boxes, got {call.m}")
    with nogil:
        status = fg_sparse_find(&team, &call, &pairs)
    if status == FG_BAD_VALUE:
        check_values(boxes1, boxes2)
    raise_status(status)
    try:
        count = fg_sparse_count(pairs)
        rows = new_array(1, &count, cnp.NPY_INT64)
        cols = new_array(1, &count, cnp.NPY_INT64)
        values = new_array(1, &count, cnp.PyArray_TYPE(boxes1))
        row_data, col_data = <int64_t *>cnp.PyArray_DATA(rows), <int64_t *>cnp.PyArray_DATA(cols)
        value_data = cnp.PyArray_DATA(values)
        with nogil:
            status = fg_sparse_take(&team, pairs, row_data, col_data, value_data)
        raise_status(status)
    finally:
        fg_sparse_free(pairs)
    return rows, cols, values
