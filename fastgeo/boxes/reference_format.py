"""Areas, formats and clipping."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from fastgeo.runtime import checks
from fastgeo.runtime.box_math import corners, maximum, minimum
from fastgeo.runtime.checks import Array


def box_area(boxes: ArrayLike, *, fmt: str = "xyxy", offset: int = 0) -> Array:
    """Areas of boxes.

    Parameters
    ----------
    boxes : array_like, shape (N, 4)
        As `boxes1` of :func:`fastgeo.box_iou`.
    fmt, offset
        As in :func:`fastgeo.box_iou`.

    Returns
    -------
    ndarray, shape (N,)
        Width times height, each at least 0, in the square of the boxes' unit.

    Raises
    ------
    ValueError, TypeError
        As :func:`fastgeo.box_iou`.

    Notes
    -----
    Kernel and reference agree to the last bit. Time O(N); no memory beyond the result.

    References
    ----------
    .. [1] R. Girshick, "Fast R-CNN", ICCV 2015, whose code counts inclusive pixels (``offset=1``).

    Examples
    --------
    >>> import fastgeo
    >>> fastgeo.box_area([[0, 0, 2, 3], [5, 5, 4, 6]])
    array([6., 0.])
    """
    boxes = checks.boxes_array("boxes", boxes)
    checks.choice("fmt", fmt, checks.FORMATS)
    return corners(boxes, fmt, checks.integer("offset", offset, 0, 1)).area


def box_convert(boxes: ArrayLike, in_fmt: str, out_fmt: str) -> Array:
    """Convert boxes from one format to another.

    Parameters
    ----------
    boxes : array_like, shape (N, 4)
        As `boxes1` of :func:`fastgeo.box_iou`.
    in_fmt, out_fmt : {"xyxy", "xywh", "cxcywh"}
        Two corners; or one corner and the size; or the centre and the size.

    Returns
    -------
    ndarray, shape (N, 4)
        New boxes in the format `out_fmt`; a copy where both formats are the same. Sizes below 0 are kept.

    Raises
    ------
    ValueError, TypeError
        As :func:`fastgeo.box_iou`; also for an unknown format.

    Notes
    -----
    Always by way of the two corners, as ``torchvision.ops.box_convert`` does. Kernel and reference agree to the last
    bit. Time O(N); no memory beyond the result.

    References
    ----------
    .. [1] The torchvision developers, ``torchvision.ops.box_convert``.

    Examples
    --------
    >>> import fastgeo
    >>> fastgeo.box_convert([[1, 2, 5, 4]], "xyxy", "cxcywh")
    array([[3., 3., 4., 2.]])
    """
    boxes = checks.boxes_array("boxes", boxes)
    checks.choice("in_fmt", in_fmt, checks.FORMATS)
    checks.choice("out_fmt", out_fmt, checks.FORMATS)
    if in_fmt == out_fmt:
        return boxes.copy()
    x1, y1, x2, y2, *_ = corners(boxes, in_fmt, offset=0)
    if out_fmt == "xyxy":
        columns = x1, y1, x2, y2
    elif out_fmt == "xywh":
        columns = x1, y1, x2 - x1, y2 - y1
    else:
        columns = (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1
    return np.stack(columns, axis=1)


def clip_boxes(boxes: ArrayLike, size: Sequence[float]) -> Array:
    """Clip boxes to an image.

    Parameters
    ----------
    boxes : array_like, shape (N, 4)
        Boxes (x1, y1, x2, y2); types as in :func:`fastgeo.box_iou`.
    size : (height, width)
        Of the image, in the boxes' unit; each at least 0.

    Returns
    -------
    ndarray, shape (N, 4)
        New boxes, with x in [0, width] and y in [0, height].

    Raises
    ------
    ValueError, TypeError
        As :func:`fastgeo.box_iou`; also for a size below 0 or that is not two numbers.

    Notes
    -----
    Kernel and reference agree to the last bit, and with ``torchvision.ops.clip_boxes_to_image``. Time O(N); no memory
    beyond the result.

    References
    ----------
    .. [1] S. Ren et al., "Faster R-CNN: towards real-time object detection with region proposal networks", NIPS 2015.

    Examples
    --------
    >>> import fastgeo
    >>> fastgeo.clip_boxes([[-3, 1, 50, 7]], (5, 40))
    array([[ 0.,  1., 40.,  5.]])
    """
    boxes = checks.boxes_array("boxes", boxes)
    height, width = checks.image_size(size, boxes.dtype)
    limits = np.array([width, height, width, height], boxes.dtype)
    return minimum(maximum(boxes, boxes.dtype.type(0)), limits)
