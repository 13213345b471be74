"""Convolution and pooling of chunked images: lazy, and the same bits as on one machine.

Every chunk of the output reads the rows and columns of the input that it needs, its neighbours' included. Cells that
lie outside the whole picture are padded by the kernel itself, as on one machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import dask.array as da
import numpy as np
from dask.delayed import delayed

import fastgeo
from fastgeo.convolution import geometry
from fastgeo.distributed.tasks import in_chunk
from fastgeo.runtime import checks


def conv2d(
    inputs: Any,
    kernel: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    *,
    dilation: Any = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    layout: str = "NHWC",
    activation: str | None = None,
) -> Any:
    """:func:`fastgeo.conv2d` of a chunked Dask array; all parameters as there.

    Returns
    -------
    dask.array.Array
        Not computed yet. Its chunks follow those of the input, with all output channels in one.
    """
    kernel, bias = geometry.kernel_arrays(kernel, bias, layout)
    window = geometry.conv_window(inputs.shape, kernel.shape, stride, padding, dilation, groups, padding_mode, layout)
    if padding_mode != "zeros":
        sides = [(0, 0), window.top_bottom, window.left_right, (0, 0)]
        sides = sides if layout == "NHWC" else [sides[0], sides[3], *sides[1:3]]
        inputs = da.pad(inputs, sides, mode={"reflect": "reflect", "replicate": "edge"}[padding_mode])
        window = geometry.conv_window(inputs.shape, kernel.shape, stride, 0, dilation, groups, "zeros", layout)
    dtype = np.result_type(checks.float_type(inputs.dtype), kernel, *([] if bias is None else [bias]))
    weights = delayed(kernel)

    def task(index: int, piece: Any, pads: Any) -> Any:
        options = {"dilation": dilation, "groups": groups, "layout": layout, "activation": activation}
        return delayed(in_chunk)(index, fastgeo.conv2d, piece, weights, bias, stride, pads, **options)

    return _slide(inputs, window, layout, dtype, task)


def max_pool2d(inputs: Any, size: Any, stride: Any = None, padding: Any = 0, **options: Any) -> Any:
    """:func:`fastgeo.max_pool2d` of a chunked Dask array, without indices. Returns a lazy Dask array."""
    return _pool(fastgeo.max_pool2d, inputs, size, stride, padding, options)


def avg_pool2d(inputs: Any, size: Any, stride: Any = None, padding: Any = 0, **options: Any) -> Any:
    """:func:`fastgeo.avg_pool2d` of a chunked Dask array. Returns a lazy Dask array."""
    return _pool(fastgeo.avg_pool2d, inputs, size, stride, padding, options)


def lp_pool2d(inputs: Any, size: Any, stride: Any = None, padding: Any = 0, **options: Any) -> Any:
    """:func:`fastgeo.lp_pool2d` of a chunked Dask array. Returns a lazy Dask array."""
    return _pool(fastgeo.lp_pool2d, inputs, size, stride, padding, options)


def _pool(function: Callable[..., Any], inputs: Any, size: Any, stride: Any, padding: Any, options: Any) -> Any:
    if options.get("return_indices"):
        raise ValueError("return_indices: expected False on chunked images, got True")
    layout = checks.choice("layout", options.get("layout", "NHWC"), geometry.LAYOUTS)
    size = geometry.pair("size", size, 1)
    stride = size if stride is None else stride
    dilation, ceil_mode = options.get("dilation", 1), options.get("ceil_mode", False)
    window = geometry.window(inputs.shape, layout, size, stride, padding, dilation, ceil_mode)

    def task(index: int, piece: Any, pads: Any) -> Any:
        return delayed(in_chunk)(index, function, piece, size, stride, pads, **options)

    return _slide(inputs, window, layout, checks.float_type(inputs.dtype), task)


class Span(NamedTuple):
    """What one chunk of the output needs along one axis."""

    outputs: int  # how many it has
    begin: int  # of the input cells it reads
    end: int
    pads: tuple[int, int]  # cells it reads outside the picture


def _spans(chunks: tuple[int, ...], axis: int, window: geometry.Window) -> Iterator[Span]:
    """One span for each input chunk in which at least one window begins."""
    length, n_out = sum(chunks), (window.out_height, window.out_width)[axis]
    before, after = (window.top_bottom, window.left_right)[axis]
    stride, reach = window.stride[axis], window.dilation[axis] * (window.size[axis] - 1) + 1
    first, chunk_end = 0, 0
    for i, chunk in enumerate(chunks):
        chunk_end += chunk
        # Windows whose first cell lies before chunk_end; all that remain belong to the last chunk.
        last = n_out if i == len(chunks) - 1 else min(n_out, -(-(chunk_end + before) // stride))
        if last > first:
            low, high = first * stride - before, min((last - 1) * stride - before + reach, length + after)
            yield Span(last - first, max(low, 0), min(high, length), (max(-low, 0), max(high - length, 0)))
            first = last


def _slide(inputs: Any, window: geometry.Window, layout: str, dtype: Any, task: Callable[..., Any]) -> Any:
    """Build the output chunk by chunk; `task(index, piece, pads)` makes one."""
    row_axis = 1 if layout == "NHWC" else 2
    channel_axis = 3 if layout == "NHWC" else 1
    rows = list(_spans(inputs.chunks[row_axis], 0, window))
    columns = list(_spans(inputs.chunks[row_axis + 1], 1, window))
    batch_ends = np.cumsum(inputs.chunks[0]).tolist()
    index = 0
    blocks: list[Any] = []
    for end, count in zip(batch_ends, inputs.chunks[0], strict=True):
        lines = []
        for row in rows:
            line = []
            for column in columns:
                cut = [slice(end - count, end), slice(row.begin, row.end), slice(column.begin, column.end)]
                cut.insert(channel_axis, slice(None))
                piece = inputs[tuple(cut)].rechunk((-1, -1, -1, -1)).to_delayed(optimize_graph=False).item()
                shape = geometry.layout_shape((count, row.outputs, column.outputs, window.out_channels), layout)
                made = task(index, piece, (row.pads, column.pads))
                line.append(da.from_delayed(made, shape, dtype))
                index += 1
            lines.append(da.concatenate(line, axis=row_axis + 1))
        blocks.append(da.concatenate(lines, axis=row_axis))
    return da.concatenate(blocks, axis=0)
