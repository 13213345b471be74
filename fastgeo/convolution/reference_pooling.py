"""Pooling in NumPy: the specification of max_pool2d, avg_pool2d and lp_pool2d."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastgeo.convolution import geometry
from fastgeo.convolution.geometry import Window
from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array


def max_pool2d(
    inputs: ArrayLike,
    size: Any,
    stride: Any = None,
    padding: Any = 0,
    *,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    layout: str = "NHWC",
    out: Array | None = None,
    n_threads: int | None = None,
) -> Array | tuple[Array, Array]:
    """Largest value in each window.

    Parameters
    ----------
    inputs : array_like, shape (batch, height, width, channels)
        Images. With ``layout="NCHW"`` shape (batch, channels, height, width). float32 and float64 keep their type;
        float16 becomes float32 and integers become float64.
    size : int or (int, int)
        Height and width of the window.
    stride : int or (int, int), optional
        Step of the window; by default `size`, so that windows do not overlap.
    padding : int, (int, int), ((top, bottom), (left, right)), "valid" or "same", default 0
        As in :func:`fastgeo.conv2d`. A padded cell is never the largest.
    dilation : int or (int, int), default 1
        Distance between the cells that one window looks at.
    ceil_mode : bool, default False
        Also take a last window that reaches over the end, provided that it begins in the image or the padding before
        it.
    return_indices : bool, default False
        Also return where each maximum was found.
    layout : {"NHWC", "NCHW"}, default "NHWC"
        Order of the axes.
    out : ndarray, optional
        Where to put the values; C-contiguous, of the result's shape and type.
    n_threads : int, optional
        At most this many threads; by default as many as :func:`fastgeo.get_num_threads` says.

    Returns
    -------
    values : ndarray, shape (batch, out_height, out_width, channels)
        In `layout`. NaN if one is in the window; -inf if all its cells are padding.
    indices : ndarray of int64, same shape
        Only with `return_indices`: ``row * width + column`` of the maximum in its image, as in PyTorch and ONNX. The
        first of equal values, the first NaN; -1 if all cells are padding.

    Raises
    ------
    ValueError
        For a wrong shape, a window larger than the padded input, or a parameter out of its range.
    TypeError
        For an array that is not of real numbers.

    Notes
    -----
    Kernel and reference agree to the last bit. A value replaces the maximum if it is greater, in the window's row-major
    order, so the first of two zeros of different sign stays. Time O(outputs·size); no memory beyond the result.

    References
    ----------
    .. [1] D. Scherer, A. Müller and S. Behnke, "Evaluation of pooling operations in convolutional architectures for
       object recognition", ICANN 2010.

    Examples
    --------
    >>> import fastgeo
    >>> import numpy as np
    >>> image = np.arange(16.0).reshape(1, 4, 4, 1)
    >>> fastgeo.max_pool2d(image, 2)[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """
    x, window, out = arguments(inputs, size, stride, padding, dilation, ceil_mode, layout, out, n_threads)
    best = np.full(window.out_shape, -np.inf, x.dtype)
    index = np.full(window.out_shape, -1)
    for value, inside, row, column in cells(x, window):
        better = inside & ((index < 0) | (value > best) | (np.isnan(value) & ~np.isnan(best)))
        best = np.where(better, value, best)
        index = np.where(better, row * window.width + column, index)
    out[...] = in_layout(best, layout)
    return (out, np.ascontiguousarray(in_layout(index, layout))) if return_indices else out


def avg_pool2d(
    inputs: ArrayLike,
    size: Any,
    stride: Any = None,
    padding: Any = 0,
    *,
    dilation: Any = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    layout: str = "NHWC",
    out: Array | None = None,
    n_threads: int | None = None,
) -> Array:
    """Mean of each window.

    Parameters
    ----------
    inputs, size, stride, padding, dilation, ceil_mode, layout, out, n_threads
        As in :func:`fastgeo.max_pool2d`.
    count_include_pad : bool, default True
        Whether padded cells, which hold 0, count in the mean. Cells beyond the padding, which a window of `ceil_mode`
        may reach, never do.

    Returns
    -------
    ndarray, shape (batch, out_height, out_width, channels)
        In `layout`. 0 where no cell counts.

    Raises
    ------
    ValueError, TypeError
        As :func:`fastgeo.max_pool2d`.

    Notes
    -----
    Kernel and reference agree to the last bit: cells are added in the window's row-major order, starting from 0, in
    the input's float type; the sum is divided once. NaN and infinity are passed on. Time O(outputs·size); no memory
    beyond the result.

    References
    ----------
    .. [1] Y. LeCun et al., "Handwritten digit recognition with a back-propagation network", NIPS 1989.

    Examples
    --------
    >>> import fastgeo
    >>> import numpy as np
    >>> image = np.arange(16.0).reshape(1, 4, 4, 1)
    >>> fastgeo.avg_pool2d(image, 2)[0, :, :, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]])
    """
    x, window, out = arguments(inputs, size, stride, padding, dilation, ceil_mode, layout, out, n_threads)
    zero = x.dtype.type(0)
    total = np.zeros(window.out_shape, x.dtype)
    count = np.zeros(window.out_shape, np.int64)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        for value, inside, row, column in cells(x, window):
            total = total + np.where(inside, value, zero)
            count = count + (in_padded(window, row, column) if count_include_pad else inside)
        mean = np.divide(total, count.astype(x.dtype), out=np.zeros_like(total), where=count > 0)
    out[...] = in_layout(mean, layout)
    return out


def lp_pool2d(
    inputs: ArrayLike,
    size: Any,
    stride: Any = None,
    padding: Any = 0,
    *,
    dilation: Any = 1,
    ceil_mode: bool = False,
    p: float = 2,
    layout: str = "NHWC",
    out: Array | None = None,
    n_threads: int | None = None,
) -> Array:
    """p-norm of each window: ``(Σ |x|**p) ** (1 / p)``.

    Parameters
    ----------
    inputs, size, stride, padding, dilation, ceil_mode, layout, out, n_threads
        As in :func:`fastgeo.max_pool2d`. A padded cell is 0.
    p : float, default 2
        Finite and greater than 0.

    Returns
    -------
    ndarray, shape (batch, out_height, out_width, channels)
        In `layout`.

    Raises
    ------
    ValueError, TypeError
        As :func:`fastgeo.max_pool2d`.

    Notes
    -----
    Cells are summed in the window's row-major order in float64 for either float type, and the norm is rounded once to
    it; a float64 sum may overflow or underflow as usual. For p = 1 and p = 2 kernel and reference agree to the last
    bit. Other powers come from basic arithmetic alone, so that they are the same bits on every CPU and instruction set
    and with any number of threads: multiples of 1/2 up to 8 from products and one square root, within p + 1 ulp of the
    exact power, any other p within 1 ulp. The norm is within 1 ulp (float32) or 16 (1 + 1/p) ulp (float64) of the
    reference, whose powers come from NumPy, as long as no power overflows or is subnormal. NaN and infinity are passed
    on.

    Time O(outputs·size), some 3 times as long where p is no multiple of 1/2; no memory beyond the result.

    References
    ----------
    .. [1] P. Sermanet, S. Chintala and Y. LeCun, "Convolutional neural networks applied to house numbers digit
       classification", ICPR 2012.

    Examples
    --------
    >>> import fastgeo
    >>> fastgeo.lp_pool2d([[[[3.0], [4.0]]]], (1, 2))[0, 0, 0]
    array([5.])
    """
    p = geometry.norm_order(p)
    x, window, out = arguments(inputs, size, stride, padding, dilation, ceil_mode, layout, out, n_threads)
    total = np.zeros(window.out_shape)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        for value, inside, _, _ in cells(x, window):
            total = total + np.where(inside, power(np.abs(value.astype(np.float64)), p), 0.0)
        norm = total if p == 1 else np.sqrt(total) if p == 2 else total ** (1 / p)
        out[...] = in_layout(norm.astype(x.dtype), layout)
    return out


def power(x: Array, p: float) -> Array:
    return x if p == 1 else x * x if p == 2 else x**p


def arguments(
    inputs: ArrayLike,
    size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    layout: str,
    out: Array | None,
    n_threads: int | None,
) -> tuple[Array, Window, Array]:
    """What every pool checks first: (the images with channels last, the window, the result's array)."""
    x = geometry.images(inputs, layout)
    window = geometry.pool_window(x.shape, layout, size, stride, padding, dilation, ceil_mode)
    checks.thread_count(n_threads)
    out = checks.output_array(out, geometry.layout_shape(window.out_shape, layout), x.dtype, x)
    return x if layout == "NHWC" else x.transpose(0, 2, 3, 1), window, out


def in_layout(y: Array, layout: str) -> Array:
    return y if layout == "NHWC" else y.transpose(0, 3, 1, 2)


def cells(x: Array, window: Window) -> Iterator[tuple[Array, Array, Array, Array]]:
    """For each cell of the window in row-major order: (its values, whether it is inside the image, row, column)."""
    for i in range(window.size[0]):
        for j in range(window.size[1]):
            row = np.arange(window.out_height) * window.stride[0] - window.top_bottom[0] + i * window.dilation[0]
            column = np.arange(window.out_width) * window.stride[1] - window.left_right[0] + j * window.dilation[1]
            row, column = row[:, None, None], column[None, :, None]
            inside = (row >= 0) & (row < window.height) & (column >= 0) & (column < window.width)
            if inside.any():
                nearest_row, nearest_column = row.clip(0, window.height - 1), column.clip(0, window.width - 1)
                yield x[:, nearest_row[..., 0], nearest_column[..., 0]], inside, row, column
            else:
                yield np.zeros(window.out_shape, x.dtype), inside, row, column


def in_padded(window: Window, row: Array, column: Array) -> Array:
    """Whether a cell lies in the image or its padding."""
    return (row < window.height + window.top_bottom[1]) & (column < window.width + window.left_right[1])
