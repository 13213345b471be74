# Overlaps that are found without a table of all pairs, and those of rotated boxes.
cdef extern from "boxes/sparse.h" nogil:
    enum:
        FG_TREE_IF_IT_PAYS
    ctypedef struct fg_sparse_call:
        const void *boxes1
        const void *boxes2
        int64_t n
        int64_t m
        double threshold
        int is_f64
        int fmt
        int tree
    ctypedef struct fg_sparse_pairs:
        pass
    int fg_sparse_find(const fg_team *team, const fg_sparse_call *call, fg_sparse_pairs **pairs)
    int64_t fg_sparse_count(const fg_sparse_pairs *pairs)
    int fg_sparse_take(const fg_team *team, fg_sparse_pairs *pairs, int64_t *rows, int64_t *cols, void *values)
    void fg_sparse_free(fg_sparse_pairs *pairs)

cdef extern from "boxes/rotated.h" nogil:
    ctypedef struct fg_rotated_call:
        const void *boxes1
        const void *boxes2
        void *out
        int64_t n
        int64_t m
        int is_f64
    int fg_rotated_pairwise_iou(const fg_team *team, const fg_rotated_call *call)


# Tests and benchmarks say True or False, to have a tree of boxes2 whether it pays or not.
use_tree = None


def sparse_box_iou(boxes1, boxes2, threshold=0.0, *, fmt="xyxy", n_threads=None):
    cdef fg_sparse_call call
    cdef fg_sparse_pairs *pairs = NULL
    cdef cnp.npy_intp count
    cdef int64_t *row_data
    cdef int64_t *col_data
    cdef void *value_data
    cdef int status
    cdef fg_team team
    if not (is_plain_boxes(boxes1) and is_plain_boxes(boxes2) and is_f64(boxes1) == is_f64(boxes2)):
        boxes1, boxes2 = checks.box_pair(boxes1, boxes2)
    try:
        call.threshold = checks.in_range("threshold", threshold, 0, 1)
        call.fmt = format_index(fmt, "fmt")
        open_team(&team, n_threads)
    except (TypeError, ValueError):
        check_values(boxes1, boxes2)
        raise
    call.tree = FG_TREE_IF_IT_PAYS if use_tree is None else use_tree
    call.is_f64 = is_f64(boxes1)
    call.n = cnp.PyArray_DIM(boxes1, 0)
    call.m = cnp.PyArray_DIM(boxes2, 0)
    call.boxes1 = cnp.PyArray_DATA(boxes1)
    call.boxes2 = cnp.PyArray_DATA(boxes2)
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
