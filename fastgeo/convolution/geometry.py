"""Where the window of a convolution or pooling lands: shapes, strides and padding, checked once for all.

Reference and kernels share this module, so both raise the same exceptions.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array

LAYOUTS = ("NHWC", "NCHW")
PADDING_MODES = ("zeros", "reflect", "replicate")
ACTIVATIONS = ("relu",)

# Sizes and offsets are 64-bit in C; with every parameter below this no sum of them can overflow.
LARGEST = 2**31 - 1

Pair = tuple[int, int]


class Window(NamedTuple):
    """A window sliding over images: everything but the values."""

    batch: int
    height: int
    width: int
    channels: int
    out_height: int
    out_width: int
    out_channels: int
    size: Pair
    stride: Pair
    dilation: Pair
    top_bottom: Pair
    left_right: Pair
    groups: int = 1

    @property
    def out_shape(self) -> tuple[int, int, int, int]:
        """Shape of the output, channels last."""
        return self.batch, self.out_height, self.out_width, self.out_channels


def layout_shape(shape: tuple[int, ...], layout: str) -> tuple[int, ...]:
    """A channels-last shape in the given layout."""
    return shape if layout == "NHWC" else (shape[0], shape[3], shape[1], shape[2])


def pair(name: str, value: Any, low: int) -> Pair:
    """An integer, or one for rows and one for columns."""
    if isinstance(value, (tuple, list)):
        if len(value) != 2:
            raise ValueError(f"{name}: expected an integer or a pair, got {value!r}")
        rows, columns = value
        return checks.integer(f"{name}[0]", rows, low, LARGEST), checks.integer(f"{name}[1]", columns, low, LARGEST)
    number = checks.integer(name, value, low, LARGEST)
    return number, number


def output_length(name: str, length: int, size: int, stride: int, dilation: int, pads: Pair, ceil_mode: bool) -> int:
    """How many windows fit along one axis."""
    extent = dilation * (size - 1) + 1
    room = length + sum(pads) - extent
    if room < 0:
        raise ValueError(
            f"kernel {name}: expected at most the padded input's {length + sum(pads)} "
            f"({length} + {pads[0]} + {pads[1]}), got {extent} (size {size}, dilation {dilation})"
        )
    if not ceil_mode:
        return room // stride + 1
    count = -(-room // stride) + 1
    # A window that begins beyond the last cell sees nothing but padding.
    return count - 1 if count > 1 and (count - 1) * stride >= length + pads[0] else count


def same_pads(length: int, size: int, stride: int, dilation: int) -> Pair:
    """TensorFlow's "same": ceil(length / stride) windows, the odd cell at the end."""
    total = max((-(-length // stride) - 1) * stride + dilation * (size - 1) + 1 - length, 0)
    return total // 2, total - total // 2


def padding_sides(padding: Any, image: Pair, size: Pair, stride: Pair, dilation: Pair) -> tuple[Pair, Pair]:
    """((top, bottom), (left, right)) from any of the accepted forms."""
    if isinstance(padding, str):
        checks.choice("padding", padding, ("valid", "same"))
        if padding == "valid":
            return (0, 0), (0, 0)
        rows, columns = (same_pads(*axis) for axis in zip(image, size, stride, dilation, strict=True))
        return rows, columns
    if isinstance(padding, (tuple, list)) and len(padding) == 2 and isinstance(padding[0], (tuple, list)):
        return pair("padding[0]", padding[0], 0), pair("padding[1]", padding[1], 0)
    rows_pad, columns_pad = pair("padding", padding, 0)
    return (rows_pad, rows_pad), (columns_pad, columns_pad)


def window(
    inputs_shape: tuple[int, ...],
    layout: str,
    size: Pair,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool = False,
    out_channels: int | None = None,
    groups: int = 1,
) -> Window:
    """The window of a call, from its parameters as the caller gave them."""
    n, a, b, c = inputs_shape
    height, width, channels = (a, b, c) if layout == "NHWC" else (b, c, a)
    if channels < 1:
        raise ValueError(f"inputs: expected at least 1 channel, got shape {inputs_shape}")
    stride, dilation = pair("stride", stride, 1), pair("dilation", dilation, 1)
    rows, columns = padding_sides(padding, (height, width), size, stride, dilation)
    out_height = output_length("height", height, size[0], stride[0], dilation[0], rows, ceil_mode)
    out_width = output_length("width", width, size[1], stride[1], dilation[1], columns, ceil_mode)
    made = channels if out_channels is None else out_channels
    if n * out_height * out_width * made * 8 > 2**63 - 1:
        raise ValueError(f"output: expected less than 2**63 bytes, got shape {(n, out_height, out_width, made)}")
    return Window(
        n, height, width, channels, out_height, out_width, made, size, stride, dilation, rows, columns, groups
    )


def conv_window(
    inputs_shape: tuple[int, ...],
    kernel_shape: tuple[int, ...],
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
    padding_mode: str,
    layout: str,
) -> Window:
    """The window of a convolution; shapes in the given layout."""
    size, group_channels, out_channels = kernel_axes(kernel_shape, layout)
    groups = checks.integer("groups", groups, 1, LARGEST)
    channels = inputs_shape[3 if layout == "NHWC" else 1]
    if channels % groups or out_channels % groups:
        raise ValueError(
            f"groups: expected a divisor of {channels} input channels and {out_channels} output channels, got {groups}"
        )
    if channels != group_channels * groups:
        raise ValueError(
            f"kernel: expected {channels // groups} input channels ({channels} / groups {groups}), "
            f"got {group_channels} in shape {kernel_shape}"
        )
    found = window(inputs_shape, layout, size, stride, padding, dilation, out_channels=out_channels, groups=groups)
    if padding_mode == "reflect":
        mirrored("height", found.height, found.top_bottom)
        mirrored("width", found.width, found.left_right)
    elif padding_mode == "replicate" and 0 in (found.height, found.width):
        raise ValueError(f"inputs: expected cells to replicate, got shape {inputs_shape}")
    return found


def mirrored(name: str, length: int, pads: Pair) -> None:
    if max(pads) >= max(length, 1):
        raise ValueError(f"padding: expected less than the {name} {length} for padding_mode 'reflect', got {max(pads)}")


def kernel_axes(shape: tuple[int, ...], layout: str) -> tuple[Pair, int, int]:
    """((height, width), input channels of a group, output channels) of a kernel's shape."""
    if min(shape) < 1:
        raise ValueError(f"kernel: expected every length at least 1, got shape {shape}")
    height, width, channels, outputs = shape if layout == "NHWC" else (shape[2], shape[3], shape[1], shape[0])
    return (height, width), channels, outputs


def conv_arrays(inputs: Any, kernel: Any, bias: Any, layout: str) -> tuple[Array, Array, Array | None]:
    """The arrays of a convolution, plain and of one float type."""
    kernel, bias = kernel_arrays(kernel, bias, layout)
    inputs = images(inputs, layout)
    if bias is None:
        inputs, kernel = checks.same_float_type(inputs, kernel)
        return inputs, kernel, None
    inputs, kernel, bias = checks.same_float_type(inputs, kernel, bias)
    return inputs, kernel, bias


def kernel_arrays(kernel: Any, bias: Any, layout: str) -> tuple[Array, Array | None]:
    """Kernel and bias, plain and of one float type."""
    checks.choice("layout", layout, LAYOUTS)
    kernel = checks.float_array("kernel", kernel, "HWIO" if layout == "NHWC" else "OIHW")
    outputs = kernel_axes(kernel.shape, layout)[2]
    if bias is None:
        return kernel, None
    bias = checks.float_array("bias", bias, (outputs,))
    kernel, bias = checks.same_float_type(kernel, bias)
    return kernel, bias


def images(inputs: Any, layout: str) -> Array:
    """The input images, a plain float array."""
    checks.choice("layout", layout, LAYOUTS)
    return checks.float_array("inputs", inputs, layout)


def activation_name(activation: Any) -> str | None:
    return None if activation is None else checks.choice("activation", activation, ACTIVATIONS)


def pool_window(
    inputs_shape: tuple[int, ...], layout: str, size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: Any
) -> Window:
    """The window of a pooling; stride None is the window's size."""
    size = pair("size", size, 1)
    stride = size if stride is None else stride
    return window(inputs_shape, layout, size, stride, padding, dilation, bool(ceil_mode))


# The plain integers of most calls are hashable and need looking at only once.
cached_conv_window = lru_cache(maxsize=512, typed=True)(conv_window)
cached_pool_window = lru_cache(maxsize=512, typed=True)(pool_window)


class Layer(NamedTuple):
    """The arguments of a Conv2d, checked as far as they can be without images."""

    kernel: Array
    bias: Array | None
    stride: Any
    padding: Any
    dilation: Any
    groups: int
    padding_mode: str
    layout: str
    activation: str | None


def layer(
    kernel: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
    padding_mode: Any,
    layout: Any,
    activation: Any,
) -> Layer:
    """The arguments of a Conv2d, with copies of its arrays."""
    kernel, bias = kernel_arrays(kernel, bias, layout)
    checks.choice("padding_mode", padding_mode, PADDING_MODES)
    groups = checks.integer("groups", groups, 1, LARGEST)
    size, _, outputs = kernel_axes(kernel.shape, layout)
    if outputs % groups:
        raise ValueError(f"groups: expected a divisor of {outputs} output channels, got {groups}")
    stride, dilation = pair("stride", stride, 1), pair("dilation", dilation, 1)
    if not isinstance(padding, str):
        padding = padding_sides(padding, size, size, stride, dilation)
    else:
        checks.choice("padding", padding, ("valid", "same"))
    bias = None if bias is None else bias.copy()
    return Layer(
        kernel.copy(), bias, stride, padding, dilation, groups, padding_mode, layout, activation_name(activation)
    )


def norm_order(p: Any) -> float:
    """The order of an Lp norm. True and False are none, as they are no stride."""
    if isinstance(p, (bool, np.bool_)):
        raise TypeError(f"p: expected a number, got {p!r}")
    number = checks.real_number("p", p)
    if not 0 < number < float("inf"):
        raise ValueError(f"p: expected a finite number greater than 0, got {number:g}")
    return number
