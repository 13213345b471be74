# Overlaps of masks.

cdef extern from "masks/overlap.h" nogil:
    ctypedef struct fg_mask_iou_call:
        fg_masks masks1
        fg_masks masks2
        const uint8_t *iscrowd
        double *iou
    int fg_mask_iou(const fg_team *team, const fg_mask_iou_call *call)
    ctypedef struct fg_mask_nms_call:
        fg_masks masks
        const int64_t *order
        int64_t n
        const int64_t *ids
        double threshold
        int64_t most
        int64_t *keep
        int64_t n_kept
    int fg_mask_nms(const fg_team *team, fg_mask_nms_call *call)

cdef extern from "masks/plan.h" nogil:
    enum:
        FG_MASK_IOU_ALGORITHMS
    const char *fg_mask_iou_algorithms[]

cdef extern from "masks/boundary.h" nogil:
    int fg_boundaries(const fg_team *team, const fg_masks *masks, const int64_t *widths, fg_runs *runs)

cdef extern from "masks/paste.h" nogil:
    ctypedef struct fg_paste_call:
        const double *probabilities
        const double *boxes
        int64_t n
        int64_t rows
        int64_t columns
        int64_t height
        int64_t width
        double threshold
    int fg_paste(const fg_team *team, const fg_paste_call *call, fg_runs *runs)

# Function -> the choice it makes, and the algorithms it chooses among.
ALGORITHMS = dict.fromkeys(["mask_iou", "boundary_iou"], (
    "mask_iou", tuple([fg_mask_iou_algorithms[i].decode() for i in range(FG_MASK_IOU_ALGORITHMS)])))


def mask_iou(masks1, masks2, *, iscrowd=None, out=None, n_threads=None):
    cdef fg_team team
    cdef fg_mask_iou_call call
    cdef int status
    one, other = as_masks("masks1", masks1), as_masks("masks2", masks2)
    crowd, table = reference.iou_arguments(one, other, iscrowd, out, masks1, masks2)
    open_team(&team, n_threads)
    call.masks1, call.masks2 = columns_of(one), columns_of(other)
    call.iscrowd = NULL
    if crowd is not None:
        call.iscrowd = <const uint8_t *>cnp.PyArray_DATA(crowd)
    call.iou = <double *>cnp.PyArray_DATA(table)
    with nogil:
        status = fg_mask_iou(&team, &call)
    raise_status(status)
    return table


def mask_nms(masks, scores, iou_threshold, *, idxs=None, score_threshold=None, max_output=None):
    cdef fg_team team
    cdef fg_mask_nms_call call
    cdef int status
    masks = as_masks("masks", masks)
    order, call.threshold, ids, call.most = arguments.suppression(masks, scores, iou_threshold, idxs, score_threshold,
                                                                  max_output)
    open_team(&team, 1)
    call.masks = columns_of(masks)
    call.order, call.n = <const int64_t *>cnp.PyArray_DATA(order), cnp.PyArray_DIM(order, 0)
    call.ids = NULL
    if ids is not None:
        call.ids = <const int64_t *>cnp.PyArray_DATA(ids)
    keep = new_vector(call.n, cnp.NPY_INT64)
    call.keep = <int64_t *>cnp.PyArray_DATA(keep)
    with nogil:
        status = fg_mask_nms(&team, &call)
    raise_status(status)
    return keep[:call.n_kept].copy()


def mask_to_boxes(dense, *, n_threads=None):
    return reference.inclusive_boxes(Masks._encoded("dense", dense, n_threads))


cdef object as_masks(name, value):
    return value if isinstance(value, RunLengths) else Masks._encoded(name, value, None)


def boundary_iou(masks1, masks2, *, dilation_ratio=0.02, n_threads=None):
    masks1, masks2 = as_masks("masks1", masks1), as_masks("masks2", masks2)
    width = reference.boundary_width(masks1, masks2, dilation_ratio)
    checks.thread_count(n_threads)
    return mask_iou(boundaries(masks1, width, n_threads), boundaries(masks2, width, n_threads), n_threads=n_threads)


cdef object boundaries(masks, width, n_threads):
    cdef fg_team team
    cdef fg_masks found = columns_of(masks)
    cdef int status
    open_team(&team, n_threads)
    widths = np.full(found.n, width, np.int64)
    cdef const int64_t *c_widths = <const int64_t *>cnp.PyArray_DATA(widths)
    cdef fg_runs *runs = new_runs(found.n)
    try:
        with nogil:
            status = fg_boundaries(&team, &found, c_widths, runs)
        raise_status(status)
        counts, offsets = in_columns(runs, found.n)
    finally:
        free_runs(runs, found.n)
    return Masks._of(counts, offsets, masks.sizes)


def paste_masks(probabilities, boxes, height, width, *, threshold=0.5, n_threads=None):
    cdef fg_team team
    cdef fg_paste_call call
    cdef int status
    cells, corners, height, width, call.threshold = reference.paste_arguments(probabilities, boxes, height, width, threshold)
    open_team(&team, n_threads)
    call.probabilities = <const double *>cnp.PyArray_DATA(cells)
    call.boxes = <const double *>cnp.PyArray_DATA(corners)
    call.n, call.rows, call.columns = cells.shape
    call.height, call.width = height, width
    cdef fg_runs *runs = new_runs(call.n)
    try:
        with nogil:
            status = fg_paste(&team, &call, runs)
        raise_status(status)
        counts, offsets = in_columns(runs, call.n)
    finally:
        free_runs(runs, call.n)
    return Masks._of_one_size(counts, offsets, height, width)
