# Labelled scores by intervals of their keys. Part of kernels.pyx.
cdef extern from "ranking/partition.h" nogil:
    ctypedef struct fg_bin:
        pass
    ctypedef struct fg_count_call:
        fg_samples samples
        const uint64_t *lasts
        int64_t n_lasts
        int digit_bits
        int64_t occupied
        fg_bin *bins
        uint8_t *touched
    int fg_count_by_key(const fg_team *team, fg_count_call *call)
    void fg_list_bins(const fg_count_call *call, int32_t *numbers, int64_t *negatives, int64_t *positives,
                      uint64_t *lows, uint64_t *highs)
    ctypedef struct fg_cut_call:
        fg_samples samples
        const uint64_t *lows
        const uint64_t *highs
        const int64_t *ends
        int64_t n_intervals
        int64_t n_parts
        int narrow
        int64_t *starts
        void *words
    int fg_cut_by_key(const fg_team *team, fg_cut_call *call)

cdef extern from "ranking/auc.h" nogil:
    ctypedef struct fg_piece:
        const void *words
        const int64_t *starts
    ctypedef struct fg_compare_call:
        const fg_piece *pieces
        int64_t n_pieces
        int64_t n_parts
        int narrow
        int64_t n
        int64_t positives
        uint64_t twice_wins_high
        uint64_t twice_wins_low
    int fg_compare_pieces(const fg_team *team, fg_compare_call *call)


# Labels and scores come from inputs.samples.

def count_by_key(labels, scores, lasts=None, digit_bits=18):
    cdef fg_team team
    open_team(&team, 1)
    cdef fg_count_call call
    cdef int status
    call.bins = NULL
    call.touched = NULL
    call.digit_bits = digit_bits
    call.lasts = NULL
    if lasts is not None:
        lasts = np.ascontiguousarray(lasts, np.uint64)
        call.lasts = <const uint64_t *>cnp.PyArray_DATA(lasts)
        call.n_lasts = cnp.PyArray_DIM(lasts, 0)
    fill_samples(&call.samples, labels, scores)
    try:
        with nogil:
            status = fg_count_by_key(&team, &call)
        raise_sample_status(status, labels, scores)
        return listed_bins(&call)
    finally:
        free(call.bins)
        free(call.touched)


cdef tuple listed_bins(const fg_count_call *call):
    cdef cnp.npy_intp n = call.occupied
    numbers = new_array(1, &n, cnp.NPY_INT32)
    negatives, positives = new_array(1, &n, cnp.NPY_INT64), new_array(1, &n, cnp.NPY_INT64)
    lows, highs = new_array(1, &n, cnp.NPY_UINT64), new_array(1, &n, cnp.NPY_UINT64)
    fg_list_bins(call, <int32_t *>cnp.PyArray_DATA(numbers), <int64_t *>cnp.PyArray_DATA(negatives),
                 <int64_t *>cnp.PyArray_DATA(positives), <uint64_t *>cnp.PyArray_DATA(lows),
                 <uint64_t *>cnp.PyArray_DATA(highs))
    return numbers, negatives, positives, lows, highs


def cut_by_key(labels, scores, lows, highs, ends, narrow=False):
    cdef fg_team team
    open_team(&team, 1)
    cdef fg_cut_call call
    cdef int status
    lows, highs = np.ascontiguousarray(lows, np.uint64), np.ascontiguousarray(highs, np.uint64)
    ends = np.ascontiguousarray(ends, np.int64)
    fill_samples(&call.samples, labels, scores)
    call.narrow = bool(narrow) and call.samples.score_kind == FG_SCORE_F32
    words = new_words(len(labels), np.dtype(np.uint32 if call.narrow else np.uint64))
    starts = np.empty(len(ends) + 1, np.int64)
    call.lows = <const uint64_t *>cnp.PyArray_DATA(lows)
    call.highs = <const uint64_t *>cnp.PyArray_DATA(highs)
    call.ends = <const int64_t *>cnp.PyArray_DATA(ends)
    call.n_intervals = cnp.PyArray_DIM(lows, 0)
    call.n_parts = cnp.PyArray_DIM(ends, 0)
    call.starts = <int64_t *>cnp.PyArray_DATA(starts)
    call.words = cnp.PyArray_DATA(words)
    with nogil:
        status = fg_cut_by_key(&team, &call)
    raise_sample_status(status, labels, scores)
    return words[:call.starts[call.n_parts]], starts


cdef object new_words(Py_ssize_t n, dtype):
    """Places come at random: in small pages each first one would wait for the system."""
    from fastgeo.runtime.large_arrays import LARGE_PAGE, large_array
    return large_array((n,), dtype) if n * dtype.itemsize >= 2 * LARGE_PAGE else np.empty(n, dtype)


def compare_pieces(pieces):
    cdef fg_team team
    open_team(&team, 1)
    cdef fg_compare_call call
    cdef int status
    cdef Py_ssize_t i
    words = [np.ascontiguousarray(own) for own, _ in pieces if len(own)]
    starts = [np.ascontiguousarray(own, np.int64) for other, own in pieces if len(other)]
    call.n_pieces = len(words)
    call.n_parts = len(starts[0]) - 1 if starts else 0
    call.narrow = call.n_pieces > 0 and cnp.PyArray_ITEMSIZE(words[0]) == 4
    cdef fg_piece *each = <fg_piece *>malloc(call.n_pieces * sizeof(fg_piece) + 1)
    if not each:
        raise MemoryError
    for i in range(call.n_pieces):
        each[i] = fg_piece(cnp.PyArray_DATA(words[i]), <const int64_t *>cnp.PyArray_DATA(starts[i]))
    call.pieces = each
    with nogil:
        status = fg_compare_pieces(&team, &call)
    free(each)
    raise_status(status)
    return (<object>call.twice_wins_high << 64) | call.twice_wins_low, call.n - call.positives, call.positives


cdef int raise_sample_status(int status, labels, scores) except -1:
    if status == FG_BAD_VALUE:
        inputs.sample_values(labels, scores, None)
    raise_status(status)
    return 0
