cdef extern from "ranking/partition.h" nogil:
    ctypedef struct fg_bin:
        int64_t count
    ctypedef struct fg_count_call:
        fg_samples samples
        const uint64_t *lasts
        int64_t n_lasts
        int digit_bits
        int64_t occupied[2]
        fg_bin *bins
        uint8_t *touched
    int fg_count_by_key(const fg_runtime *runtime, fg_count_call *call)
    void fg_list_bins(const fg_count_call *call, int label, int32_t *numbers, int64_t *counts, uint64_t *lows,
                      uint64_t *highs)
    ctypedef struct fg_cut_call:
        fg_samples samples
        const uint64_t *lows
        const uint64_t *highs
        const int64_t *ends
        int64_t n_intervals
        int64_t n_ranges
        int64_t *starts
        uint8_t *labels_out
        void *scores_out
    int fg_cut_by_key(const fg_runtime *runtime, fg_cut_call *call)


# Labels and scores come from inputs.samples.

def count_by_key(labels, scores, lasts=None, digit_bits=18):
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
            status = fg_count_by_key(runtime(), &call)
        raise_sample_status(status, labels, scores)
        return listed_bins(&call, 0), listed_bins(&call, 1)
    finally:
        free(call.bins)
        free(call.touched)


cdef tuple listed_bins(const fg_count_call *call, int label):
    cdef cnp.npy_intp n = call.occupied[label]
    numbers, counts = new_array(1, &n, cnp.NPY_INT32), new_array(1, &n, cnp.NPY_INT64)
    lows, highs = new_array(1, &n, cnp.NPY_UINT64), new_array(1, &n, cnp.NPY_UINT64)
    fg_list_bins(call, label, <int32_t *>cnp.PyArray_DATA(numbers), <int64_t *>cnp.PyArray_DATA(counts),
                 <uint64_t *>cnp.PyArray_DATA(lows), <uint64_t *>cnp.PyArray_DATA(highs))
    return numbers, counts, lows, highs


def cut_by_key(labels, scores, lows, highs, ends):
    cdef fg_cut_call call
    cdef int status
    lows, highs = np.ascontiguousarray(lows, np.uint64), np.ascontiguousarray(highs, np.uint64)
    ends = np.ascontiguousarray(ends, np.int64)
    labels_out, scores_out = np.empty(len(labels), np.bool_), np.empty_like(scores)
    starts = np.empty(len(ends) + 1, np.int64)
    fill_samples(&call.samples, labels, scores)
    call.lows = <const uint64_t *>cnp.PyArray_DATA(lows)
    call.highs = <const uint64_t *>cnp.PyArray_DATA(highs)
    call.ends = <const int64_t *>cnp.PyArray_DATA(ends)
    call.n_intervals = cnp.PyArray_DIM(lows, 0)
    call.n_ranges = cnp.PyArray_DIM(ends, 0)
    call.starts = <int64_t *>cnp.PyArray_DATA(starts)
    call.labels_out = <uint8_t *>cnp.PyArray_DATA(labels_out)
    call.scores_out = cnp.PyArray_DATA(scores_out)
    with nogil:
        status = fg_cut_by_key(runtime(), &call)
    raise_sample_status(status, labels, scores)
    n = call.starts[call.n_ranges]
    return labels_out[:n], scores_out[:n], starts


cdef int raise_sample_status(int status, labels, scores) except -1:
    if status == FG_BAD_VALUE:
        inputs.sample_values(labels, scores, None)
    raise_status(status)
    return 0
