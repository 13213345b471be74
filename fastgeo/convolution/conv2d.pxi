# conv2d and Conv2d.
cdef extern from "convolution/conv2d.h" nogil:
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

cdef extern from "convolution/plan.h" nogil:
    enum:
        FG_CONV_ALGORITHMS
    const char *const fg_conv_algorithm_names[]


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
