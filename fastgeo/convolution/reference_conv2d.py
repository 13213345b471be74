"""Convolution in NumPy: the specification of conv2d and Conv2d."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastgeo.convolution import geometry
from fastgeo.convolution.geometry import Window
from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array

NUMPY_PAD = {"zeros": "constant", "reflect": "reflect", "replicate": "edge"}


def conv2d(
    inputs: ArrayLike,
    kernel: ArrayLike,
    bias: ArrayLike | None = None,
    stride: Any = 1,
    padding: Any = 0,
    *,
    dilation: Any = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    layout: str = "NHWC",
    activation: str | None = None,
    out: Array | None = None,
    n_threads: int | None = None,
) -> Array:
    """Two-dimensional convolution, as in deep learning: correlation, the kernel is not flipped.

    Parameters
    ----------
    inputs : array_like, shape (batch, height, width, channels)
        Images. With ``layout="NCHW"`` shape (batch, channels, height, width). float32 and float64 keep their type;
        float16 becomes float32 and integers become float64; of all arrays the widest type is used.
    kernel : array_like, shape (kernel_height, kernel_width, channels // groups, out_channels)
        Weights. With ``layout="NCHW"`` shape (out_channels, channels // groups, kernel_height, kernel_width).
    bias : array_like, shape (out_channels,), optional
        Where each sum starts; 0 by default.
    stride : int or (int, int), default 1
        Step of the window, in rows and columns.
    padding : int, (int, int), ((top, bottom), (left, right)), "valid" or "same", default 0
        Cells added around each image. ``"same"`` is TensorFlow's: the output has ceil(length / stride) cells, and the
        odd cell of padding goes to the bottom and right. ``"valid"`` is none.
    dilation : int or (int, int), default 1
        Distance between the cells that one window looks at.
    groups : int, default 1
        Channels are cut into this many groups, each convolved by itself; ``groups=channels`` is depthwise convolution.
    padding_mode : {"zeros", "reflect", "replicate"}, default "zeros"
        What the added cells hold: 0; the image mirrored, its edge not repeated; or the nearest cell.
    layout : {"NHWC", "NCHW"}, default "NHWC"
        Order of the axes of `inputs`, `kernel` and the output.
    activation : {"relu"}, optional
        ``"relu"`` turns negative outputs into 0. NaN stays NaN.
    out : ndarray, optional
        Where to put the result; C-contiguous, of the result's shape and type.
    n_threads : int, optional
        At most this many threads; by default as many as :func:`fastgeo.get_num_threads` says.

    Returns
    -------
    ndarray, shape (batch, out_height, out_width, out_channels)
        In `layout`; an output has ``(length + pads - dilation * (size - 1) - 1) // stride + 1`` cells along an axis.

    Raises
    ------
    ValueError
        For a wrong shape, groups that do not divide the channels, a kernel larger than the padded input, reflected
        padding as large as the image, a parameter out of its range, or an output too large for any memory.
    TypeError
        For an array that is not of real numbers.

    Notes
    -----
    Each output is one chain of fused multiply-adds in the input's float type, in the order (kernel row, kernel column,
    channel), that starts from the bias; a padded cell is a number that takes part. So the kernel gives the same bits
    on every instruction set, with any number of threads and in both layouts. The reference computes in float64, and
    the two agree within ``γₙ·(|b| + Σ|x·w|) + n·η``, where n = kernel_height·kernel_width·channels/groups + 1,
    γₙ = n·u / (1 - n·u), u is the unit roundoff and η the smallest subnormal of the float type (twice that bound for
    float64, where the reference rounds as well). The bound holds where no partial sum of a chain overflows the float
    type; once one has, the output is infinite or NaN, even where the whole sum would be finite. NaN and infinity are
    passed on.

    Time O(batch·out_height·out_width·out_channels·n); where it pays, padded zeros are not multiplied, which changes no
    bit. Memory beyond the result: one copy of the kernel, its outputs rounded up to whole vectors and up to a sixteenth
    longer, and at most 1 MB a thread (a little more where a single window is larger than that); no padded copy of the
    images.
    :class:`fastgeo.Conv2d` prepares the kernel once for many calls.

    References
    ----------
    .. [1] Y. LeCun et al., "Gradient-based learning applied to document recognition", Proc. IEEE 86 (1998).
    .. [2] V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285 (2016).
    .. [3] N. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed. (2002), section 3.1.

    Examples
    --------
    >>> import fastgeo
    >>> import numpy as np
    >>> image = np.arange(9.0).reshape(1, 3, 3, 1)
    >>> box = np.ones((2, 2, 1, 1))
    >>> fastgeo.conv2d(image, box)[0, :, :, 0]
    array([[ 8., 12.],
           [20., 24.]])
    """
    inputs, kernel, bias = geometry.conv_arrays(inputs, kernel, bias, layout)
    checks.choice("padding_mode", padding_mode, geometry.PADDING_MODES)
    activation = geometry.activation_name(activation)
    checks.thread_count(n_threads)
    window = geometry.conv_window(inputs.shape, kernel.shape, stride, padding, dilation, groups, padding_mode, layout)
    shape = geometry.layout_shape(window.out_shape, layout)
    arrays = [inputs, kernel] if bias is None else [inputs, kernel, bias]
    out = checks.output_array(out, shape, inputs.dtype, *arrays)
    if layout == "NCHW":
        inputs, kernel = inputs.transpose(0, 2, 3, 1), kernel.transpose(2, 3, 1, 0)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        y = chain(inputs, kernel, bias, window, padding_mode).astype(inputs.dtype)
    if activation == "relu":
        y = np.where(y < 0, y.dtype.type(0), y)
    out[...] = y if layout == "NHWC" else y.transpose(0, 3, 1, 2)
    return out


def chain(inputs: Array, kernel: Array, bias: Array | None, window: Window, padding_mode: str) -> Array:
    """The sums in float64, one tap of the kernel after another."""
    pads = ((0, 0), window.top_bottom, window.left_right, (0, 0))
    x = np.pad(inputs.astype(np.float64), pads, mode=NUMPY_PAD[padding_mode])  # type: ignore[call-overload]
    y = np.zeros(window.out_shape)
    if bias is not None:
        y += bias
    group_channels, group_outputs = kernel.shape[2], window.out_channels // window.groups
    for row in range(window.size[0]):
        for column in range(window.size[1]):
            cells = tap(x, window, row, column)
            for channel in range(group_channels):
                one_of_each_group = cells[..., channel::group_channels]
                weights = kernel[row, column, channel].astype(np.float64)
                y += np.repeat(one_of_each_group, group_outputs, axis=-1) * weights
    return y


def tap(x: Array, window: Window, row: int, column: int) -> Array:
    """The cell at (row, column) of every window over the padded images `x`."""
    top, left = row * window.dilation[0], column * window.dilation[1]
    bottom = top + (window.out_height - 1) * window.stride[0] + 1
    right = left + (window.out_width - 1) * window.stride[1] + 1
    return x[:, top : bottom : window.stride[0], left : right : window.stride[1]]


class Conv2d:
    """A convolution whose weights are prepared once: a layer.

    Parameters
    ----------
    kernel, bias, stride, padding, dilation, groups, padding_mode, layout, activation
        As in :func:`fastgeo.conv2d`. Kernel and bias are copied.

    Raises
    ------
    ValueError, TypeError
        As :func:`fastgeo.conv2d`; what depends on the images is checked in the call.

    See Also
    --------
    fastgeo.conv2d : The same in one call, and the numeric contract.

    Notes
    -----
    ``layer(inputs, out=None, n_threads=None)`` gives the very bits of ``conv2d`` on the same arguments. A layer may be
    called from several threads at once, can be pickled, and never changes. Calls reuse the layer's scratch memory (at
    most 1 MB a thread; a second call at the same time takes its own), so that beyond the result nothing is allocated.
    Inputs of a wider float type than the kernel are convolved in that type, without the prepared weights.

    References
    ----------
    .. [1] E. Georganas et al., "Anatomy of high-performance deep learning convolutions on SIMD architectures", SC 2018.

    Examples
    --------
    >>> import fastgeo
    >>> import numpy as np
    >>> blur = fastgeo.Conv2d(np.full((3, 3, 1, 1), 1 / 8), padding="same")
    >>> blur(np.ones((1, 4, 4, 1)))[0, :, :, 0]
    array([[0.5  , 0.75 , 0.75 , 0.5  ],
           [0.75 , 1.125, 1.125, 0.75 ],
           [0.75 , 1.125, 1.125, 0.75 ],
           [0.5  , 0.75 , 0.75 , 0.5  ]])
    """

    def __init__(
        self,
        kernel: ArrayLike,
        bias: ArrayLike | None = None,
        stride: Any = 1,
        padding: Any = 0,
        *,
        dilation: Any = 1,
        groups: int = 1,
        padding_mode: str = "zeros",
        layout: str = "NHWC",
        activation: str | None = None,
    ) -> None:
        self._layer = geometry.layer(kernel, bias, stride, padding, dilation, groups, padding_mode, layout, activation)

    def __call__(self, inputs: ArrayLike, out: Array | None = None, n_threads: int | None = None) -> Array:
        return conv2d(inputs, out=out, n_threads=n_threads, **self._layer._asdict())
