"""ONNX operators as functions of arrays and attributes: ``from fastgeo.compat.onnx import Conv, MaxPool``.

The operator definitions of ONNX for two spatial axes, (N, C, H, W), with every attribute; ONNX is not imported. Names
of inputs and attributes are ONNX's; attributes are keyword-only. Differences:

- Inputs of one or three spatial axes raise ``ValueError``.
- float16 is computed in float32 and rounded once at the end. bfloat16 is not taken.
- `Conv` and `AveragePool` sum in fastgeo's fixed order, so other runtimes agree to rounding, not to the last bit.
- `NonMaxSuppression` puts each class in descending order of score (equal scores: lowest index first), as ONNX Runtime
  does; the definition leaves the order open. NaN and infinite boxes and NaN scores raise ``ValueError``.
- Where a dilated or padded window of `MaxPool` covers no cell of the input, the result is fastgeo's, see `max_pool2d`.
- In `ceil_mode` a window that would start in the padding at the end is left out, as the definition says from opset 22.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import fastgeo
from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array

__all__ = ["AveragePool", "Conv", "LpPool", "MaxPool", "NonMaxSuppression"]

Pads = tuple[tuple[int, int], tuple[int, int]]


def Conv(
    X: Any,
    W: Any,
    B: Any = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Sequence[int] | None = None,
    group: int = 1,
    kernel_shape: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Array:
    """Convolution, without flipping the kernel.

    Parameters
    ----------
    X : array_like, shape (N, C, H, W)
    W : array_like, shape (M, C // group, kH, kW)
    B : array_like, shape (M,), optional
    auto_pad : {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"}, default "NOTSET"
    dilations : two ints, default 1
    group : int, default 1
    kernel_shape : two ints, optional
        Must be that of `W`.
    pads : four ints (top, left, bottom, right), default 0
    strides : two ints, default 1

    Returns
    -------
    ndarray, shape (N, M, oH, oW), of the type of `X`

    Examples
    --------
    >>> import numpy as np
    >>> from fastgeo.compat.onnx import Conv
    >>> Conv(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)), pads=[1, 1, 0, 0], strides=[2, 2])
    array([[[[1., 2.],
             [2., 4.]]]])
    """
    X, W = _images("X", X), _images("W", W)
    if kernel_shape is not None and tuple(kernel_shape) != W.shape[2:]:
        raise ValueError(f"kernel_shape: expected {W.shape[2:]}, as W, got {tuple(kernel_shape)}")
    strides, dilations = _pair("strides", strides), _pair("dilations", dilations)
    padding = _padding(auto_pad, pads, X.shape[2:], W.shape[2:], strides, dilations)
    result = fastgeo.conv2d(X, W, B, strides, padding, dilation=dilations, groups=group, layout="NCHW")
    return result.astype(X.dtype, copy=False)


def NonMaxSuppression(
    boxes: Any,
    scores: Any,
    max_output_boxes_per_class: Any = None,
    iou_threshold: Any = None,
    score_threshold: Any = None,
    *,
    center_point_box: int = 0,
) -> Array:
    """Non-maximum suppression of every class of every picture of a batch.

    Parameters
    ----------
    boxes : array_like, shape (B, N, 4)
        Two corners (y1, x1, y2, x2) on either diagonal, or (cx, cy, w, h) with ``center_point_box=1``.
    scores : array_like, shape (B, C, N)
    max_output_boxes_per_class : int or array of one, default 0
        Without it nothing is selected.
    iou_threshold : float or array of one, default 0
    score_threshold : float or array of one, optional
        Boxes take part whose score is above it.
    center_point_box : {0, 1}, default 0

    Returns
    -------
    ndarray of int64, shape (K, 3)
        Batch, class and box of each box selected, each class in descending order of score.

    Examples
    --------
    >>> from fastgeo.compat.onnx import NonMaxSuppression
    >>> boxes, scores = [[[0.0, 0, 1, 1], [0.0, 0, 1, 0.9]]], [[[0.5, 0.6], [0.7, 0.2]]]
    >>> NonMaxSuppression(boxes, scores, 5, 0.5)
    array([[0, 0, 1],
           [0, 1, 0]])
    """
    boxes = checks.float_array("boxes", boxes, ("B", "N", 4))
    scores = checks.scores_array("scores", scores, ("B", "C", "N"))
    if len(boxes) != len(scores) or boxes.shape[1] != scores.shape[2]:
        raise ValueError(f"scores: expected shape ({len(boxes)}, C, {boxes.shape[1]}), got {scores.shape}")
    if center_point_box not in (0, 1):
        raise ValueError(f"center_point_box: expected 0 or 1, got {center_point_box!r}")
    if not center_point_box:
        one, other = boxes[..., :2], boxes[..., 2:]
        boxes = np.concatenate([np.minimum(one, other), np.maximum(one, other)], axis=-1)
    count = int(_number(max_output_boxes_per_class, 0))
    options: dict[str, Any] = {
        "score_threshold": None if score_threshold is None else _number(score_threshold, 0.0),
        "max_output": max(count, 0),
        "fmt": "cxcywh" if center_point_box else "xyxy",
    }
    threshold = _number(iou_threshold, 0.0)
    selected = [np.empty((0, 3), np.int64)]
    for b, c in np.ndindex(*scores.shape[:2]):
        keep = fastgeo.nms(boxes[b], scores[b, c], threshold, **options)
        selected.append(np.column_stack([np.full_like(keep, b), np.full_like(keep, c), keep]))
    return np.concatenate(selected)


def MaxPool(
    X: Any,
    *,
    kernel_shape: Sequence[int],
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    storage_order: int = 0,
    strides: Sequence[int] | None = None,
    return_indices: bool = False,
) -> Any:
    """Maxima of windows.

    Parameters
    ----------
    X : array_like, shape (N, C, H, W)
        Floats, int8 or uint8.
    kernel_shape : two ints
    auto_pad : {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"}, default "NOTSET"
    ceil_mode : int, default 0
        1 rounds the output size up.
    dilations : two ints, default 1
    pads : four ints (top, left, bottom, right), default 0
    storage_order : {0, 1}, default 0
        1 counts each plane of `Indices` column by column.
    strides : two ints, default 1
    return_indices : bool, default False
        Whether the operator's second output is asked for.

    Returns
    -------
    Y : ndarray, shape (N, C, oH, oW), of the type of `X`
    Indices : ndarray of int64, shape (N, C, oH, oW)
        Place of each maximum in `X` as a flat array; only with `return_indices`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgeo.compat.onnx import MaxPool
    >>> X = np.arange(9.0).reshape(1, 1, 3, 3)
    >>> Y, Indices = MaxPool(X, kernel_shape=[2, 2], return_indices=True)
    >>> Y.ravel(), Indices.ravel()
    (array([4., 5., 7., 8.]), array([4, 5, 7, 8]))
    """
    X = _images("X", X)
    if storage_order not in (0, 1):
        raise ValueError(f"storage_order: expected 0 or 1, got {storage_order!r}")
    arguments = _pool_arguments(X, kernel_shape, auto_pad, ceil_mode, dilations, pads, strides)
    if not return_indices:
        Y: Any = fastgeo.max_pool2d(_as_float(X), **arguments)
        return Y.astype(X.dtype, copy=False)
    Y, places = fastgeo.max_pool2d(_as_float(X), **arguments, return_indices=True)
    height, width = X.shape[2:]
    if storage_order:
        places = places % width * height + places // width
    planes = np.arange(X.shape[0] * X.shape[1], dtype=np.int64).reshape(*X.shape[:2], 1, 1)
    return Y.astype(X.dtype, copy=False), places + planes * (height * width)


def AveragePool(
    X: Any,
    *,
    kernel_shape: Sequence[int],
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    count_include_pad: int = 0,
    dilations: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Array:
    """Means of windows.

    Parameters
    ----------
    X : array_like, shape (N, C, H, W)
    kernel_shape : two ints
    auto_pad : {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"}, default "NOTSET"
    ceil_mode : int, default 0
        1 rounds the output size up.
    count_include_pad : int, default 0
        1 lets padded cells count.
    dilations : two ints, default 1
    pads : four ints (top, left, bottom, right), default 0
    strides : two ints, default 1

    Returns
    -------
    ndarray, shape (N, C, oH, oW), of the type of `X`

    Examples
    --------
    >>> import numpy as np
    >>> from fastgeo.compat.onnx import AveragePool
    >>> AveragePool(np.arange(9.0).reshape(1, 1, 3, 3), kernel_shape=[2, 2])
    array([[[[2., 3.],
             [5., 6.]]]])
    """
    X = _images("X", X)
    arguments = _pool_arguments(X, kernel_shape, auto_pad, ceil_mode, dilations, pads, strides)
    Y = fastgeo.avg_pool2d(_as_float(X), **arguments, count_include_pad=bool(count_include_pad))
    return Y.astype(X.dtype, copy=False)


def LpPool(
    X: Any,
    *,
    kernel_shape: Sequence[int],
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: Sequence[int] | None = None,
    p: int = 2,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Array:
    """p-norms of windows.

    Parameters
    ----------
    X : array_like, shape (N, C, H, W)
    kernel_shape : two ints
    auto_pad : {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"}, default "NOTSET"
    ceil_mode : int, default 0
        1 rounds the output size up.
    dilations : two ints, default 1
    p : int, default 2
    pads : four ints (top, left, bottom, right), default 0
    strides : two ints, default 1

    Returns
    -------
    ndarray, shape (N, C, oH, oW), of the type of `X`

    Examples
    --------
    >>> import numpy as np
    >>> from fastgeo.compat.onnx import LpPool
    >>> LpPool(np.array([[[[3.0, 4.0]]]]), kernel_shape=[1, 2])
    array([[[[5.]]]])
    """
    X = _images("X", X)
    arguments = _pool_arguments(X, kernel_shape, auto_pad, ceil_mode, dilations, pads, strides)
    return fastgeo.lp_pool2d(_as_float(X), **arguments, p=p).astype(X.dtype, copy=False)


def _images(name: str, value: Any) -> Array:
    array = checks.numeric_array(name, value)
    if array.ndim != 4:
        raise ValueError(f"{name}: expected shape (N, C, H, W), two spatial axes, got {array.shape}")
    return array


def _as_float(X: Array) -> Array:
    """8-bit integers as float32, which holds them exactly; other types as they are."""
    return X.astype(np.float32) if X.dtype.kind in "iu" and X.dtype.itemsize < 3 else X


def _pool_arguments(
    X: Array,
    kernel_shape: Sequence[int],
    auto_pad: str,
    ceil_mode: int,
    dilations: Sequence[int] | None,
    pads: Sequence[int] | None,
    strides: Sequence[int] | None,
) -> dict[str, Any]:
    size, stride, dilation = (
        _pair("kernel_shape", kernel_shape),
        _pair("strides", strides),
        _pair("dilations", dilations),
    )
    return {
        "size": size,
        "stride": stride,
        "padding": _padding(auto_pad, pads, X.shape[2:], size, stride, dilation),
        "dilation": dilation,
        # automatic padding fixes the output size, so that there is nothing to round
        "ceil_mode": bool(ceil_mode) and auto_pad == "NOTSET",
        "layout": "NCHW",
    }


def _pair(name: str, value: Sequence[int] | None) -> tuple[int, int]:
    pair = (1, 1) if value is None else tuple(int(number) for number in value)
    if len(pair) != 2:
        raise ValueError(f"{name}: expected two numbers, one for each spatial axis, got {value!r}")
    return pair[0], pair[1]


def _padding(
    auto_pad: str,
    pads: Sequence[int] | None,
    shape: tuple[int, ...],
    size: tuple[int, ...],
    strides: tuple[int, int],
    dilations: tuple[int, int],
) -> Pads:
    """((top, bottom), (left, right))."""
    checks.choice("auto_pad", auto_pad, ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"))
    if auto_pad == "NOTSET":
        pads = (0, 0, 0, 0) if pads is None else [int(number) for number in pads]
        if len(pads) != 4:
            raise ValueError(f"pads: expected four numbers (top, left, bottom, right), got {pads!r}")
        return (pads[0], pads[2]), (pads[1], pads[3])
    if pads is not None and any(pads):
        raise ValueError(f"pads: expected none beside auto_pad={auto_pad!r}, got {pads!r}")
    if auto_pad == "VALID":
        return (0, 0), (0, 0)
    both = []
    for n, k, s, d in zip(shape, size, strides, dilations, strict=True):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        small, large = total // 2, total - total // 2
        both.append((small, large) if auto_pad == "SAME_UPPER" else (large, small))
    return both[0], both[1]


def _number(value: Any, default: float) -> float:
    """A scalar input: a number or an array of one."""
    if value is None:
        return default
    array = np.asarray(value)
    if array.size != 1:
        raise ValueError(f"expected one number, got shape {array.shape}")
    return float(array.reshape(()).item())
