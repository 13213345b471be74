"""The convolution family in C: the names, signatures and answers of reference.py."""
cimport numpy as cnp
from libc.stdint cimport int64_t

from fastgeo.runtime.arrays cimport is_f64, is_plain, is_plain_float, new_array
from fastgeo.runtime.core cimport fg_team, open_team, raise_status

from fastgeo.convolution import geometry, reference
from fastgeo.convolution.reference import __all__
from fastgeo.runtime import checks

cnp.import_array()

include "conv2d.pxi"
include "pooling.pxi"

# Function -> (the choice it makes, the algorithms it chooses among).
ALGORITHMS = {
    **dict.fromkeys(["conv2d", "Conv2d"], ("conv2d", tuple(
        [fg_conv_algorithm_names[i].decode() for i in range(FG_CONV_ALGORITHMS)]))),
    **dict.fromkeys(["max_pool2d", "avg_pool2d", "lp_pool2d"], ("pool2d", tuple(
        [fg_pool_algorithm_names[i].decode() for i in range(FG_POOL_ALGORITHMS)]))),
}


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
