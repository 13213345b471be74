"""The convolution room in C: the names, signatures and answers of reference.py."""
cimport numpy as cnp
from libc.stdint cimport int64_t

from fastgeo.runtime.arrays cimport is_f64, is_plain, is_plain_float, new_array
from fastgeo.runtime.core cimport fg_team, open_team, raise_status

from fastgeo.convolution import geometry, reference
from fastgeo.convolution.reference import __all__
from fastgeo.runtime import checks

cnp.import_array()

cdef extern from "convolution/conv.h" nogil:
    ctypedef struct fg_conv_call:
        const void *input
        const void *kernel
        const void *bias
        void *output
        int64_t batch, height, width, channels
        int64_t out_height, out_width, out_channels
        int64_t kernel_height, kernel_width, groups
        int64_t stride_y, stride_x, dilation_y, dilation_x, pad_top, pad_left
        int is_f64
        int planar
        int padding_mode
        int relu
    ctypedef struct fg_packed:
        pass
    int fg_conv_pack(const fg_team *team, const fg_conv_call *call, fg_packed **packed)
    void fg_packed_free(fg_packed *packed)
    int fg_conv2d(const fg_team *team, const fg_conv_call *call, fg_packed *packed)

cdef extern from "convolution/pool.h" nogil:
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


def conv2d(inputs, kernel, bias=None, stride=1, padding=0, *, dilation=1, groups=1, padding_mode="zeros", layout="NHWC",
           activation=None, out=None, n_threads=None):
    if not (is_plain_float(inputs, 4) and is_plain_float(kernel, 4) and is_f64(inputs) == is_f64(kernel)
            and (bias is None or (is_plain_float(bias, 1) and is_f64(bias) == is_f64(kernel)
                                  and layout is "NHWC" and cnp.PyArray_DIM(bias, 0) == cnp.PyArray_DIM(kernel, 3)))):
        inputs, kernel, bias = geometry.conv_arrays(inputs, kernel, bias, layout)
    return convolve(inputs, kernel, bias, stride, padding, dilation, groups, padding_mode, layout, activation, out,
                    n_threads, NULL)


cdef object convolve(inputs, kernel, bias, stride, padding, dilation, groups, padding_mode, layout, activation, out,
                     n_threads, fg_packed *packed):
    """Plain arrays of one float type in, the result out."""
    cdef fg_conv_call call
    cdef int status
    call.planar = layout is not "NHWC" and checks.choice("layout", layout, geometry.LAYOUTS) == "NCHW"
    call.padding_mode = 0 if padding_mode is "zeros" else geometry.PADDING_MODES.index(
        checks.choice("padding_mode", padding_mode, geometry.PADDING_MODES))
    call.relu = activation is not None and geometry.activation_name(activation) == "relu"
    cdef fg_team team
    open_team(&team, n_threads)
    shape = (<object>inputs).shape
    kernel_shape = (<object>kernel).shape
    # The parameters of a layer have been checked, and are tuples.
    cacheable = packed != NULL or is_simple(stride, padding, dilation) and type(groups) is int
    window = (geometry.cached_conv_window if cacheable else geometry.conv_window)(
        shape, kernel_shape, stride, padding, dilation, groups, padding_mode, layout)
    (call.batch, call.height, call.width, call.channels, call.out_height, call.out_width, call.out_channels,
     (call.kernel_height, call.kernel_width), (call.stride_y, call.stride_x), (call.dilation_y, call.dilation_x),
     (call.pad_top, _), (call.pad_left, _), call.groups) = window
    call.is_f64 = is_f64(inputs)
    out = output(out, call.planar, call.batch, call.out_height, call.out_width, call.out_channels, inputs,
                 (inputs, kernel) if bias is None else (inputs, kernel, bias))
    call.input = cnp.PyArray_DATA(inputs)
    call.kernel = cnp.PyArray_DATA(kernel)
    call.bias = NULL if bias is None else cnp.PyArray_DATA(bias)
    call.output = cnp.PyArray_DATA(out)
    with nogil:
        status = fg_conv2d(&team, &call, packed)
    raise_status(status)
    return out


cdef bint is_simple(stride, padding, dilation) noexcept:
    """Whether equal arguments mean the same, so that the window may be looked up (True, 1 and 1.0 are equal)."""
    return type(stride) is int and (type(padding) is int or type(padding) is str) and type(dilation) is int


cdef object output(out, bint planar, int64_t batch, int64_t height, int64_t width, int64_t channels, inputs, arrays):
    """The caller's array, or a new one."""
    cdef cnp.npy_intp shape[4]
    shape[0], shape[1], shape[2], shape[3] = batch, height, width, channels
    if planar:
        shape[1], shape[2], shape[3] = channels, height, width
    if out is None:
        return new_array(4, shape, cnp.PyArray_TYPE(inputs))
    return checks.output_array(out, (shape[0], shape[1], shape[2], shape[3]), inputs.dtype, *arrays)


cdef class PackedKernel:
    """Owns the packed weights of a Conv2d."""
    cdef fg_packed *packed

    def __cinit__(self, kernel, groups, layout):
        cdef fg_conv_call call
        cdef int status
        (call.kernel_height, call.kernel_width), channels, call.out_channels = geometry.kernel_axes(kernel.shape, layout)
        call.groups = groups
        call.channels = channels * groups
        call.planar = layout == "NCHW"
        call.is_f64 = is_f64(kernel)
        call.kernel = cnp.PyArray_DATA(kernel)
        cdef fg_team team
        open_team(&team, 1)
        with nogil:
            status = fg_conv_pack(&team, &call, &self.packed)
        raise_status(status)

    def __dealloc__(self):
        fg_packed_free(self.packed)


class Conv2d:
    __doc__ = reference.Conv2d.__doc__

    def __init__(self, kernel, bias=None, stride=1, padding=0, *, dilation=1, groups=1, padding_mode="zeros",
                 layout="NHWC", activation=None):
        self._layer = geometry.layer(kernel, bias, stride, padding, dilation, groups, padding_mode, layout, activation)
        self._packed = PackedKernel(self._layer.kernel, self._layer.groups, layout)

    def __call__(self, inputs, out=None, n_threads=None):
        kernel, bias, stride, padding, dilation, groups, padding_mode, layout, activation = self._layer
        if not (is_plain_float(inputs, 4) and is_f64(inputs) == is_f64(kernel)):
            inputs, kernel, bias = geometry.conv_arrays(inputs, kernel, bias, layout)
        cdef PackedKernel packed = self._packed
        return convolve(inputs, kernel, bias, stride, padding, dilation, groups, padding_mode, layout, activation, out,
                        n_threads, packed.packed)

    def __reduce__(self):
        return _rebuild, tuple(self._layer)


def _rebuild(kernel, bias, stride, padding, dilation, groups, padding_mode, layout, activation):
    """A pickled Conv2d, packed anew for the CPU at hand."""
    return Conv2d(kernel, bias, stride, padding, dilation=dilation, groups=groups, padding_mode=padding_mode,
                  layout=layout, activation=activation)


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
