"""Convolution and pooling of chunked images: lazy, and the same bits as on one machine.

Every chunk of the output reads the rows and columns of the input that it needs, its neighbours' included. Cells that
lie outside the whole picture are padded by the kernel itself, as on one machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise, product
from operator import getitem
from typing import Any, NamedTuple

import dask.array as da
import numpy as np
from dask.highlevelgraph import HighLevelGraph

import fastgeo
from fastgeo.convolution import geometry
from fastgeo.distributed.task_spec import DataNode, List, Task, TaskRef
from fastgeo.distributed.tasks import in_chunk, new_name


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
    """:func:`fastgeo.conv2d` of a chunked Dask array, lazily.

    Parameters
    ----------
    inputs : dask array, shape (batch, height, width, channels), or (batch, channels, height, width) for NCHW
        Of chunks of known sizes along any axis.
    kernel, bias : array_like
        As in :func:`fastgeo.conv2d`, and in memory: they are sent out once.
    stride, padding, dilation, groups, padding_mode, layout, activation
        As in :func:`fastgeo.conv2d`.

    Returns
    -------
    dask array
        Not computed yet; the same bits as the one-machine call. Chunks follow those of the input; all output
        channels are in one.

    Raises
    ------
    ValueError, TypeError
        At once, as :func:`fastgeo.conv2d`; for chunks of unknown sizes. When computed, for chunks of another type or
        shape than the array's, with ``chunk i: `` in front, i being the first chunk of the result that reads them.

    See Also
    --------
    fastgeo.conv2d : the same of an array in memory, and the numeric contract.

    Notes
    -----
    A task a chunk, and one for each neighbour of whose chunk it needs an edge, so that only edges move: up to
    dilation * (size - 1) rows or columns a border. A chunk that needs none is read where it lies; one that does is put
    together once.

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> from fastgeo import distributed
    >>> images = da.ones((1, 8, 8, 1), chunks=(1, 4, 4, 1))
    >>> sums = distributed.conv2d(images, np.ones((3, 3, 1, 1)), padding=1)
    >>> sums.chunks
    ((1,), (4, 4), (4, 4), (1,))
    >>> sums.compute()[0, :2, :, 0]
    array([[4., 6., 6., 6., 6., 6., 6., 4.],
           [6., 9., 9., 9., 9., 9., 9., 6.]])
    """
    kernel, bias = geometry.kernel_arrays(kernel, bias, layout)
    options = {"dilation": dilation, "groups": groups, "layout": layout, "activation": activation}
    empty = _without_images(fastgeo.conv2d, inputs, kernel, bias, stride, padding, padding_mode=padding_mode, **options)
    window = geometry.conv_window(inputs.shape, kernel.shape, stride, padding, dilation, groups, padding_mode, layout)
    cuts = _image_chunks(inputs, layout)
    if padding_mode != "zeros":
        sides = [window.top_bottom, window.left_right]
        sides = [(0, 0), *sides, (0, 0)] if layout == "NHWC" else [(0, 0), (0, 0), *sides]
        inputs = da.pad(inputs, sides, mode={"reflect": "reflect", "replicate": "edge"}[padding_mode])
        window = geometry.conv_window(inputs.shape, kernel.shape, stride, 0, dilation, groups, "zeros", layout)
    return _slide(Call(fastgeo.conv2d, (kernel, bias), stride, options), inputs, window, layout, cuts, empty.dtype)


def max_pool2d(inputs: Any, size: Any, stride: Any = None, padding: Any = 0, **options: Any) -> Any:
    """:func:`fastgeo.max_pool2d` of a chunked Dask array, lazily.

    Parameters
    ----------
    inputs : dask array, shape (batch, height, width, channels), or (batch, channels, height, width) for NCHW
        Of chunks of known sizes along any axis.
    size, stride, padding
        As in :func:`fastgeo.max_pool2d`, like `options`; ``return_indices`` is not offered.

    Returns
    -------
    dask array
        Not computed yet; the same bits as the one-machine call, in chunks as :func:`fastgeo.distributed.conv2d` makes.

    Raises
    ------
    ValueError, TypeError
        At once, as :func:`fastgeo.max_pool2d`; for chunks of unknown sizes, and for ``return_indices``. When computed,
        as :func:`fastgeo.distributed.conv2d`.

    See Also
    --------
    fastgeo.max_pool2d : the same of an array in memory.
    fastgeo.distributed.conv2d : what moves between chunks.

    Examples
    --------
    >>> import dask.array as da
    >>> from fastgeo import distributed
    >>> images = da.arange(16, chunks=16).reshape((1, 4, 4, 1)).rechunk((1, 1, 4, 1))
    >>> distributed.max_pool2d(images, 2).compute()[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """
    return _pool(fastgeo.max_pool2d, inputs, size, stride, padding, options)


def avg_pool2d(inputs: Any, size: Any, stride: Any = None, padding: Any = 0, **options: Any) -> Any:
    """:func:`fastgeo.avg_pool2d` of a chunked Dask array, lazily.

    Parameters, result and errors are those of :func:`fastgeo.distributed.max_pool2d`, with the options of
    :func:`fastgeo.avg_pool2d`.

    Examples
    --------
    >>> import dask.array as da
    >>> from fastgeo import distributed
    >>> images = da.arange(16, chunks=16).reshape((1, 4, 4, 1)).rechunk((1, 1, 4, 1))
    >>> distributed.avg_pool2d(images, 2).compute()[0, :, :, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]])
    """
    return _pool(fastgeo.avg_pool2d, inputs, size, stride, padding, options)


def lp_pool2d(inputs: Any, size: Any, stride: Any = None, padding: Any = 0, **options: Any) -> Any:
    """:func:`fastgeo.lp_pool2d` of a chunked Dask array, lazily.

    Parameters, result and errors are those of :func:`fastgeo.distributed.max_pool2d`, with the options of
    :func:`fastgeo.lp_pool2d`.

    Examples
    --------
    >>> import dask.array as da
    >>> from fastgeo import distributed
    >>> images = da.full((1, 4, 4, 1), 3.0, chunks=(1, 1, 4, 1))
    >>> distributed.lp_pool2d(images, 2).compute()[0, :, :, 0]
    array([[6., 6.],
           [6., 6.]])
    """
    return _pool(fastgeo.lp_pool2d, inputs, size, stride, padding, options)


def _pool(function: Callable[..., Any], inputs: Any, size: Any, stride: Any, padding: Any, options: Any) -> Any:
    if options.get("return_indices"):
        raise ValueError("return_indices: expected False on chunked images, got True")
    empty = _without_images(function, inputs, size, stride, padding, **options)
    layout = options.get("layout", "NHWC")
    size = geometry.pair("size", size, 1)
    stride = size if stride is None else stride
    dilation, ceil_mode = options.get("dilation", 1), options.get("ceil_mode", False)
    window = geometry.window(inputs.shape, layout, size, stride, padding, dilation, ceil_mode)
    call = Call(function, (size,), stride, options)
    return _slide(call, inputs, window, layout, _image_chunks(inputs, layout), empty.dtype)


def _without_images(function: Callable[..., Any], inputs: Any, *args: Any, **options: Any) -> Any:
    """The call on no image: it raises what it would raise for all of them, and tells the type of the result."""
    if not isinstance(inputs, da.Array):
        raise TypeError(f"inputs: expected a dask array, got {type(inputs).__name__}")
    if np.isnan(inputs.shape).any():
        raise ValueError("inputs: expected chunks of known sizes, got unknown ones; see compute_chunk_sizes()")
    return function(np.empty((0, *inputs.shape[1:]), inputs.dtype), *args, **options)


class Call(NamedTuple):
    """What is called on each piece of the input: function(piece, *fixed, stride, pads, **options)."""

    function: Callable[..., Any]
    fixed: tuple[Any, ...]
    stride: Any
    options: dict[str, Any]


class Span(NamedTuple):
    """What one chunk of the output needs along one axis."""

    outputs: int  # how many it has
    begin: int  # of the input cells it reads
    end: int
    pads: tuple[int, int]  # cells it reads outside the picture


def _image_chunks(inputs: Any, layout: str) -> list[tuple[int, ...]]:
    """Chunks along height and width."""
    chunks: tuple[tuple[int, ...], ...] = inputs.chunks
    return [*(chunks[1:3] if layout == "NHWC" else chunks[2:4])]


def _spans(chunks: tuple[int, ...], axis: int, window: geometry.Window) -> list[Span]:
    """One span for each chunk of the image as the caller gave it: with stride 1 and "same" padding equally long."""
    length, n_out = (window.height, window.width)[axis], (window.out_height, window.out_width)[axis]
    before, after = (window.top_bottom, window.left_right)[axis]
    stride, reach = window.stride[axis], window.dilation[axis] * (window.size[axis] - 1) + 1
    ends = np.cumsum([0, *chunks[:-1]]).tolist()
    firsts = sorted({first for end in ends if (first := -(-end // stride)) < n_out})
    if len(firsts) > 1 and firsts[-1] * stride - before + reach > length + after:
        firsts.pop()  # it hangs over the edge (ceil_mode): the kernel takes it only with one that does not
    found = []
    for first, last in pairwise([*firsts, n_out]):
        low, high = first * stride - before, min((last - 1) * stride - before + reach, length + after)
        # Windows may lie outside the picture altogether.
        begin = min(max(low, 0), length)
        end = max(min(high, length), begin)
        leading = min(max(-low, 0), high - low)
        found.append(Span(last - first, begin, end, (leading, high - low - leading - (end - begin))))
    return found


def _slide(
    call: Call, inputs: Any, window: geometry.Window, layout: str, cuts: Sequence[tuple[int, ...]], dtype: Any
) -> Any:
    """Build the output chunk by chunk; `cuts` are the chunks along height and width that it follows."""
    spans = [_spans(chunks, axis, window) for axis, chunks in enumerate(cuts)]
    ends = np.cumsum([0, *inputs.chunks[0]]).tolist()
    name = new_name(call.function)
    layer: dict[Any, Any] = {}
    fixed = []
    for i, value in enumerate(call.fixed):
        layer[name, "fixed", i] = DataNode((name, "fixed", i), value)
        fixed.append(TaskRef((name, "fixed", i)))
    places = product(enumerate(pairwise(ends)), *map(enumerate, spans))
    for index, ((b, image), (r, row), (c, column)) in enumerate(places):
        ranges = [image, (row.begin, row.end), (column.begin, column.end)]
        ranges.insert(3 if layout == "NHWC" else 1, (0, window.channels))
        piece = _piece(inputs, ranges, (name, "edge", index), layer)
        key = (name, *geometry.layout_shape((b, r, c, 0), layout))
        args = [call.function, *piece, *fixed, call.stride, (row.pads, column.pads)]
        layer[key] = Task(key, in_chunk, index, _on_piece, *args, **call.options)
    lengths = [inputs.chunks[0], *(tuple(span.outputs for span in axis) for axis in spans), (window.out_channels,)]
    chunks = geometry.layout_shape(tuple(lengths), layout)
    graph = HighLevelGraph.from_collections(name, layer, [inputs])
    return da.Array(graph, name, chunks, dtype=dtype)


Place = tuple[slice, ...]


def _piece(
    inputs: Any, ranges: Sequence[tuple[int, int]], name: tuple[Any, ...], layer: dict[Any, Any]
) -> tuple[Any, list[Place], tuple[int, ...]]:
    """The cells of these ranges: parts of chunks, their places and the shape of all; cuts of chunks go to `layer`."""
    parts: list[Any] = []
    places: list[Place] = []
    for blocks in product(*(_overlaps(*axis) for axis in zip(inputs.chunks, ranges, strict=True))):
        part: Any = TaskRef((inputs.name, *(block.number for block in blocks)))
        if not all(block.whole for block in blocks):
            key = (*name, len(parts))
            layer[key] = Task(key, getitem, part, tuple(block.cells for block in blocks))
            part = TaskRef(key)
        parts.append(part)
        places.append(tuple(block.place for block in blocks))
    return List(*parts), places, tuple(end - begin for begin, end in ranges)


class Overlap(NamedTuple):
    """What a range has of one chunk along an axis."""

    number: int  # of the chunk
    cells: slice  # in the chunk
    place: slice  # in the range
    whole: bool


def _overlaps(chunks: tuple[int, ...], cells: tuple[int, int]) -> list[Overlap]:
    found, first = [], 0
    for number, length in enumerate(chunks):
        begin, end = max(cells[0], first), min(cells[1], first + length)
        if begin < end:
            own, place = slice(begin - first, end - first), slice(begin - cells[0], end - cells[0])
            found.append(Overlap(number, own, place, end - begin == length))
        first += length
    return found or [Overlap(0, slice(0, 0), slice(0, 0), False)]


def _on_piece(
    function: Callable[..., Any],
    parts: Sequence[Any],
    places: Sequence[Place],
    shape: tuple[int, ...],
    *args: Any,
    **options: Any,
) -> Any:
    """Call on one chunk as it is, or on what is put together from several; all of the shape that the array states."""
    for part, place in zip(parts, places, strict=True):
        expected = tuple(cells.stop - cells.start for cells in place)
        if np.shape(part) != expected:
            raise ValueError(f"inputs: expected shape {expected}, got {np.shape(part)}")
    piece = parts[0] if len(parts) == 1 else _put_together(parts, places, shape)
    return function(piece, *args, **options)


def _put_together(parts: Sequence[Any], places: Sequence[Place], shape: tuple[int, ...]) -> Any:
    # Of a type that holds every part: a part of a type that is refused must not be cast to one that is not.
    piece = np.empty(shape, np.result_type(*parts))
    for part, place in zip(parts, places, strict=True):
        piece[place] = part
    return piece
