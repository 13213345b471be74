"""``torchvision.ops`` box functions on CPU tensors: ``from fastgeo.compat.torchvision import nms, box_iou``.

Tensors in, tensors out, sharing memory both ways; NumPy arrays in, NumPy arrays out. PyTorch is never imported from
here: a tensor can only arrive where it already is. Signatures, types, shapes and values are those of
``torchvision.ops``, except:

- Tensors on another device raise: call ``.cpu()`` first. So do sparse and quantized ones.
- What fastgeo says by ``ValueError``, as of a wrong shape, is for tensors a ``RuntimeError`` as well.
- Thresholds of suppression below 0 and NaN raise.
- There are no gradients. A tensor with ``requires_grad`` raises, unless gradients are disabled; use ``.detach()``.
  `nms`, `batched_nms` and `remove_small_boxes` return indices and take such tensors as they are.
- TorchScript, ``torch.jit.trace`` and ``torch.export`` raise. ``torch.compile`` leaves these calls outside its graph.
- NaN, infinite and enormous coordinates and NaN scores raise ``ValueError``.
- A box with x2 < x1 or y2 < y1 is empty: its area is 0 (torchvision multiplies the negative extents), like its IoU.
- 0 / 0 is 0, not NaN: two empty boxes have IoU 0. `eps` of `distance_box_iou` and `complete_box_iou` is accepted and
  not added, so results differ by about `eps` where boxes are large and more where they are tiny.
- Integer boxes are computed in float64, then given torchvision's type (torch's default type for the IoU functions), so
  they do not overflow and ``clip_boxes_to_image`` cuts off a fractional size. float16 and bfloat16 boxes are computed
  in float32 throughout. NumPy integers give float64, as in fastgeo.
- `nms` takes boxes and scores of different float types, integer and float16 boxes, which torchvision rejects.
- Wherever torchvision takes a tensor, a list or array is taken as well; beside a tensor the answer is a tensor.
- `batched_nms` compares the boxes themselves within a class. torchvision shifts each class by an offset if there are
  few boxes, which rounds the coordinates and can change a decision near the threshold. `idxs` must be integers.
- Of the rotated formats `box_iou` takes ``"cxcywhr"``, to the accuracy that fastgeo states for rotated boxes, and
  keeps float64 (torchvision returns float32); `box_convert` takes none.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np

import fastgeo
from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array, float_type

F = TypeVar("F", bound=Callable[..., Any])

__all__ = [
    "batched_nms",
    "box_area",
    "box_convert",
    "box_iou",
    "clip_boxes_to_image",
    "complete_box_iou",
    "distance_box_iou",
    "generalized_box_iou",
    "nms",
    "remove_small_boxes",
]


class TensorError(ValueError, RuntimeError):
    """A `ValueError` of fastgeo about a tensor, of which PyTorch would say `RuntimeError`."""


def _as_in_torch(function: F) -> F:
    """Raise what is wrong with a tensor so that handlers written for PyTorch's `RuntimeError` see it."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except ValueError as error:
            if _torch_of(*args, *kwargs.values()) is None:
                raise
            raise TensorError(str(error)) from error

    return cast(F, call)


@_as_in_torch
def nms(boxes: Any, scores: Any, iou_threshold: float) -> Any:
    """Non-maximum suppression: a box falls to a better one that it overlaps by more than the threshold.

    Parameters
    ----------
    boxes : tensor or array_like, shape (N, 4)
        Corners (x1, y1, x2, y2).
    scores : tensor or array_like, shape (N,)
    iou_threshold : float
        At least 0; above 1 nothing falls.

    Returns
    -------
    tensor or ndarray of int64, shape (K,)
        Indices of the kept boxes by descending score.

    Examples
    --------
    >>> from fastgeo.compat.torchvision import nms
    >>> boxes = [[0, 0, 10, 10], [0, 0, 10, 9], [20, 20, 30, 30]]
    >>> nms(boxes, [0.9, 0.8, 0.7], 0.5)
    array([0, 2])
    """
    torch = _torch_of(boxes, scores)
    keep = fastgeo.nms(
        _array("boxes", boxes, torch, gradient=False),
        _array("scores", scores, torch, gradient=False),
        _threshold(iou_threshold),
    )
    return _answer(keep, torch)


@_as_in_torch
def batched_nms(boxes: Any, scores: Any, idxs: Any, iou_threshold: float) -> Any:
    """Non-maximum suppression inside each value of `idxs`.

    Parameters
    ----------
    boxes : tensor or array_like, shape (N, 4)
        Corners (x1, y1, x2, y2).
    scores : tensor or array_like, shape (N,)
    idxs : tensor or array_like of integers, shape (N,)
        The class of each box.
    iou_threshold : float
        At least 0; above 1 nothing falls.

    Returns
    -------
    tensor or ndarray of int64, shape (K,)
        Indices of the kept boxes by descending score.

    Examples
    --------
    >>> from fastgeo.compat.torchvision import batched_nms
    >>> boxes = [[0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 8]]
    >>> batched_nms(boxes, [0.9, 0.8, 0.7], [0, 1, 0], 0.5)
    array([0, 1])
    """
    torch = _torch_of(boxes, scores, idxs)
    if len(boxes) == 0:  # torchvision does not even look at the rest
        return _answer(np.zeros(0, np.int64), torch)
    keep = fastgeo.batched_nms(
        _array("boxes", boxes, torch, gradient=False),
        _array("scores", scores, torch, gradient=False),
        _array("idxs", idxs, torch),
        _threshold(iou_threshold),
    )
    return _answer(keep, torch)


@_as_in_torch
def box_iou(boxes1: Any, boxes2: Any, fmt: str = "xyxy") -> Any:
    """IoU of every pair.

    Parameters
    ----------
    boxes1, boxes2 : tensor or array_like, shape (..., N, 4) and (..., M, 4)
        Leading axes are broadcast.
    fmt : {"xyxy", "xywh", "cxcywh", "cxcywhr"}, default "xyxy"
        Corners, corner and size, centre and size; the last with an angle in degrees, shape (..., 5).

    Returns
    -------
    tensor or ndarray, shape (..., N, M)

    Examples
    --------
    >>> from fastgeo.compat.torchvision import box_iou
    >>> box_iou([[0.0, 0, 2, 2]], [[1.0, 0, 3, 2], [5.0, 5, 6, 6]]).round(3)
    array([[0.333, 0.   ]])
    """
    if fmt == "cxcywhr":
        return _pairwise(fastgeo.rotated_box_iou, boxes1, boxes2)
    return _pairwise(fastgeo.box_iou, boxes1, boxes2, fmt=fmt)


@_as_in_torch
def generalized_box_iou(boxes1: Any, boxes2: Any) -> Any:
    """Generalized IoU of every pair.

    Parameters
    ----------
    boxes1, boxes2 : tensor or array_like, shape (..., N, 4) and (..., M, 4)
        Corners (x1, y1, x2, y2); leading axes are broadcast.

    Returns
    -------
    tensor or ndarray, shape (..., N, M)

    Examples
    --------
    >>> from fastgeo.compat.torchvision import generalized_box_iou
    >>> generalized_box_iou([[0.0, 0, 1, 1]], [[2.0, 0, 3, 1]]).round(3)
    array([[-0.333]])
    """
    return _pairwise(fastgeo.generalized_box_iou, boxes1, boxes2)


@_as_in_torch
def distance_box_iou(boxes1: Any, boxes2: Any, eps: float = 1e-7) -> Any:
    """Distance IoU of every pair.

    Parameters
    ----------
    boxes1, boxes2 : tensor or array_like, shape (..., N, 4) and (..., M, 4)
        Corners (x1, y1, x2, y2); leading axes are broadcast.
    eps : float, default 1e-7
        Accepted and not added: 0 / 0 is 0 without it.

    Returns
    -------
    tensor or ndarray, shape (..., N, M)

    Examples
    --------
    >>> from fastgeo.compat.torchvision import distance_box_iou
    >>> distance_box_iou([[0.0, 0, 1, 1]], [[2.0, 0, 3, 1]]).round(3)
    array([[-0.4]])
    """
    return _pairwise(fastgeo.distance_box_iou, boxes1, boxes2)


@_as_in_torch
def complete_box_iou(boxes1: Any, boxes2: Any, eps: float = 1e-7) -> Any:
    """Complete IoU of every pair.

    Parameters
    ----------
    boxes1, boxes2 : tensor or array_like, shape (..., N, 4) and (..., M, 4)
        Corners (x1, y1, x2, y2); leading axes are broadcast.
    eps : float, default 1e-7
        Accepted and not added: 0 / 0 is 0 without it.

    Returns
    -------
    tensor or ndarray, shape (..., N, M)

    Examples
    --------
    >>> from fastgeo.compat.torchvision import complete_box_iou
    >>> complete_box_iou([[0.0, 0, 1, 1]], [[2.0, 0, 3, 1]]).round(3)
    array([[-0.4]])
    """
    return _pairwise(fastgeo.complete_box_iou, boxes1, boxes2)


@_as_in_torch
def box_area(boxes: Any, fmt: str = "xyxy") -> Any:
    """Areas of boxes.

    Parameters
    ----------
    boxes : tensor or array_like, shape (..., 4)
    fmt : {"xyxy", "xywh", "cxcywh"}, default "xyxy"

    Returns
    -------
    tensor or ndarray, shape (...)

    Examples
    --------
    >>> from fastgeo.compat.torchvision import box_area
    >>> box_area([[0.0, 0, 2, 3], [4.0, 4, 4, 9]])
    array([6., 0.])
    """
    torch = _torch_of(boxes)
    array = _array("boxes", boxes, torch)
    areas = fastgeo.box_area(_rows(array), fmt=fmt).reshape(np.shape(array)[:-1])
    if torch is None or boxes.dtype.is_floating_point:
        return _answer(areas, torch)
    return _answer(areas, torch, torch.int64 if boxes.dtype is torch.int64 else torch.int32)


@_as_in_torch
def box_convert(boxes: Any, in_fmt: str, out_fmt: str) -> Any:
    """Boxes in another format.

    Parameters
    ----------
    boxes : tensor or array_like, shape (..., 4)
    in_fmt, out_fmt : {"xyxy", "xywh", "cxcywh"}

    Returns
    -------
    tensor or ndarray, shape (..., 4)

    Examples
    --------
    >>> from fastgeo.compat.torchvision import box_convert
    >>> box_convert([[0.0, 0, 2, 4]], "xyxy", "cxcywh")
    array([[1., 2., 2., 4.]])
    """
    torch = _torch_of(boxes)
    array = _array("boxes", boxes, torch)
    converted = fastgeo.box_convert(_rows(array), in_fmt, out_fmt).reshape(np.shape(array))
    if torch is not None and "cxcywh" in (in_fmt, out_fmt) and not boxes.dtype.is_floating_point and in_fmt != out_fmt:
        return _answer(converted, torch, torch.get_default_dtype())
    return _answer(converted, torch, None if torch is None else boxes.dtype)


@_as_in_torch
def clip_boxes_to_image(boxes: Any, size: tuple[int, int]) -> Any:
    """Boxes clipped to an image.

    Parameters
    ----------
    boxes : tensor or array_like, shape (..., 4)
        Corners (x1, y1, x2, y2).
    size : (height, width)

    Returns
    -------
    tensor or ndarray, shape (..., 4)

    Examples
    --------
    >>> from fastgeo.compat.torchvision import clip_boxes_to_image
    >>> clip_boxes_to_image([[-5.0, 2, 30, 12]], (10, 20))
    array([[ 0.,  2., 20., 10.]])
    """
    torch = _torch_of(boxes)
    array = _array("boxes", boxes, torch)
    clipped = fastgeo.clip_boxes(_rows(array), size).reshape(np.shape(array))
    return _answer(clipped, torch, None if torch is None else boxes.dtype)


@_as_in_torch
def remove_small_boxes(boxes: Any, min_size: float) -> Any:
    """Which boxes have both sides at least `min_size` long.

    Parameters
    ----------
    boxes : tensor or array_like, shape (N, 4)
        Corners (x1, y1, x2, y2).
    min_size : float

    Returns
    -------
    tensor or ndarray of int64, shape (K,)
        Their indices.

    Examples
    --------
    >>> from fastgeo.compat.torchvision import remove_small_boxes
    >>> remove_small_boxes([[0, 0, 9, 9], [0, 0, 9, 1]], 5)
    array([0])
    """
    torch = _torch_of(boxes)
    sizes = fastgeo.box_convert(_array("boxes", boxes, torch, gradient=False), "xyxy", "xywh")
    return _answer(np.flatnonzero((sizes[:, 2] >= min_size) & (sizes[:, 3] >= min_size)), torch)


def _pairwise(function: Callable[..., Array], boxes1: Any, boxes2: Any, **options: Any) -> Any:
    torch = _torch_of(boxes1, boxes2)
    a, b = _array("boxes1", boxes1, torch), _array("boxes2", boxes2, torch)
    if np.ndim(a) <= 2 and np.ndim(b) <= 2:
        result = function(a, b, **options)
    else:
        result = _over_leading_axes(function, np.asarray(a), np.asarray(b), options)
    return _answer(result, torch, _ratio_type(torch, boxes1, boxes2))


def _over_leading_axes(function: Callable[..., Array], a: Array, b: Array, options: dict[str, Any]) -> Array:
    try:
        leading = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise ValueError(
            f"boxes2: expected leading axes that broadcast with {a.shape[:-2]} of boxes1, got {b.shape[:-2]}"
        ) from None
    a = np.broadcast_to(a, leading + a.shape[-2:])
    b = np.broadcast_to(b, leading + b.shape[-2:])
    result = np.empty((*leading, a.shape[-2], b.shape[-2]), float_type(np.result_type(a, b)))
    for index in np.ndindex(leading):
        result[index] = function(a[index], b[index], **options)
    return result


def _threshold(iou_threshold: Any) -> float:
    """No IoU is above 1, so that every threshold above it is as good as 1."""
    return min(checks.in_range("iou_threshold", iou_threshold, 0, np.inf), 1.0)


def _rows(array: Any) -> Any:
    """(..., 4) as (n, 4)."""
    return array if np.ndim(array) == 2 else np.reshape(array, (-1, 4))


def _torch_of(*values: Any) -> Any:
    """The torch module if one of the values is a tensor, else None."""
    torch = sys.modules.get("torch")
    return torch if torch is not None and any(isinstance(value, torch.Tensor) for value in values) else None


def _array(name: str, value: Any, torch: Any, gradient: bool = True) -> Any:
    """A tensor as an array on the same memory. `gradient`: torchvision's function would pass gradients back."""
    if torch is None or not isinstance(value, torch.Tensor):
        return value
    if torch.jit.is_tracing():  # the answer would become a constant
        raise RuntimeError("fastgeo cannot be traced; leave it outside the traced function")
    if value.device.type != "cpu":
        raise TypeError(f"{name}: expected a tensor on the CPU, got one on {value.device}; call .cpu() first")
    if value.layout is not torch.strided:
        raise TypeError(f"{name}: expected a dense tensor, got layout {value.layout}; call .to_dense() first")
    if value.is_quantized:
        raise TypeError(f"{name}: expected a tensor that is not quantized, got {value.dtype}; call .dequantize() first")
    if value.requires_grad:
        if gradient and torch.is_grad_enabled():
            raise ValueError(f"{name}: expected a tensor without gradient, got requires_grad; call .detach() first")
        value = value.detach()
    if value.dtype.is_floating_point and value.dtype.itemsize < 4 and value.dtype is not torch.float16:
        value = value.float()  # bfloat16 and the types of 8 bits, which NumPy does not have
    return value.numpy()


def _answer(array: Array, torch: Any, dtype: Any = None) -> Any:
    """The array itself, or a tensor on its memory; of another type if `dtype` says so."""
    if torch is None:
        return array
    tensor = torch.from_numpy(array)
    return tensor if dtype is None or tensor.dtype is dtype else tensor.to(dtype)


def _ratio_type(torch: Any, *boxes: Any) -> Any:
    """The type of a quotient in torchvision: the promoted type, float32 for half floats, the default for integers."""
    if torch is None:
        return None
    tensors = [torch.as_tensor(box) for box in boxes]
    dtype = tensors[0].dtype if tensors[0].dtype is tensors[1].dtype else torch.result_type(*tensors)
    if not dtype.is_floating_point:
        return torch.get_default_dtype()
    return torch.float32 if dtype.itemsize < 4 else dtype
