# Pooling.
cdef extern from "convolution/pooling.h" nogil:
    enum:
        FG_MAX_POOL
        FG_AVG_POOL
        FG_LP_POOL
    ctypedef struct fg_pool_call:
        const void *input
        void *output
        int64_t *indices
        int64_t batch, height, width, channels
        int64_t out_height, out_width
        int64_t size_y, size_x, stride_y, stride_x, dilation_y, dilation_x
        int64_t pad_top, pad_bottom, pad_left, pad_right
        double p
        int is_f64
        int kind
        int planar
        int count_include_pad
    int fg_pool2d(const fg_team *team, const fg_pool_call *call)

cdef extern from "convolution/pooling_plan.h" nogil:
    enum:
        FG_POOL_ALGORITHMS
    const char *const fg_pool_algorithm_names[]


def max_pool2d(inputs, size, stride=None, padding=0, *, dilation=1, ceil_mode=False, return_indices=False,
               layout="NHWC", out=None, n_threads=None):
    return pool(FG_MAX_POOL, inputs, size, stride, padding, dilation, ceil_mode, layout, out, n_threads, return_indices,
                False, 0)


def avg_pool2d(inputs, size, stride=None, padding=0, *, dilation=1, ceil_mode=False, count_include_pad=True,
               layout="NHWC", out=None, n_threads=None):
    return pool(FG_AVG_POOL, inputs, size, stride, padding, dilation, ceil_mode, layout, out, n_threads, False,
                count_include_pad, 0)


def lp_pool2d(inputs, size, stride=None, padding=0, *, dilation=1, ceil_mode=False, p=2, layout="NHWC", out=None,
              n_threads=None):
    return pool(FG_LP_POOL, inputs, size, stride, padding, dilation, ceil_mode, layout, out, n_threads, False, False, p)


cdef object pool(int kind, inputs, size, stride, padding, dilation, ceil_mode, layout, out, n_threads, return_indices,
                 count_include_pad, p):
    cdef fg_pool_call call
    cdef int status
    call.p = geometry.norm_order(p) if kind == FG_LP_POOL else 0
    if not (is_plain_float(inputs, 4) and layout is "NHWC"):
        inputs = geometry.images(inputs, layout)
    call.kind = kind
    call.planar = layout == "NCHW"
    cacheable = type(size) is int and is_simple(size if stride is None else stride, padding, dilation)
    window = (geometry.cached_pool_window if cacheable else geometry.pool_window)(
        (<object>inputs).shape, layout, size, stride, padding, dilation, bool(ceil_mode))
    (call.batch, call.height, call.width, call.channels, call.out_height, call.out_width, channels,
     (call.size_y, call.size_x), (call.stride_y, call.stride_x), (call.dilation_y, call.dilation_x),
     (call.pad_top, call.pad_bottom), (call.pad_left, call.pad_right), _) = window
    cdef fg_team team
    open_team(&team, n_threads)
    call.count_include_pad = bool(count_include_pad)
    call.is_f64 = is_f64(inputs)
    out = output(out, call.planar, call.batch, call.out_height, call.out_width, call.channels, inputs, (inputs,))
    indices = None
    call.indices = NULL
    if return_indices:
        indices = new_array(4, cnp.PyArray_DIMS(out), cnp.NPY_INT64)
        call.indices = <int64_t *>cnp.PyArray_DATA(indices)
    call.input = cnp.PyArray_DATA(inputs)
    call.output = cnp.PyArray_DATA(out)
    with nogil:
        status = fg_pool2d(&team, &call)
    raise_status(status)
    return out if indices is None else (out, indices)
