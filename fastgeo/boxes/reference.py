"""The boxes room in NumPy: the specification of every kernel in it."""

from __future__ import annotations

from numpy.typing import ArrayLike

from fastgeo.runtime import checks
from fastgeo.runtime.box_math import corners, hull_extents, intersection_area, ratio
from fastgeo.runtime.checks import Array

__all__ = ["box_iou", "generalized_box_iou"]


def box_iou(
    boxes1: ArrayLike,
    boxes2: ArrayLike,
    *,
    fmt: str = "xyxy",
    offset: int = 0,
    iscrowd: ArrayLike | None = None,
    out: Array | None = None,
    n_threads: int | None = None,
) -> Array:
    """Intersection over union of every box of one set with every box of another.

    Parameters
    ----------
    boxes1 : array_like, shape (N, 4)
        Boxes in the format `fmt`, in pixels or any other unit. float32 and float64 keep their type; float16 becomes
        float32 and integers become float64; of two types the wider is used.
    boxes2 : array_like, shape (M, 4)
        As `boxes1`.
    fmt : {"xyxy", "xywh", "cxcywh"}, default "xyxy"
        Two corners; or one corner and the size; or the centre and the size.
    offset : {0, 1}, default 0
        Added to every extent: 1 is the inclusive-pixel convention of Fast R-CNN.
    iscrowd : array_like of bool, shape (M,), optional
        For a column marked here the denominator is the area of the box in `boxes1`, as in COCO.
    out : ndarray, shape (N, M), optional
        Where to put the result; C-contiguous, of the result's type.
    n_threads : int, optional
        At most this many threads; by default as many as :func:`fastgeo.get_num_threads` says.

    Returns
    -------
    ndarray, shape (N, M)
        ``area(a & b) / area(a | b)``, from 0 to 1; 0 where the union is empty. A box with x2 < x1 or y2 < y1 is empty.

    Raises
    ------
    ValueError
        For a wrong shape, NaN, infinity, or a value beyond 2**60 (float32) or 2**508 (float64) in magnitude.
    TypeError
        For an array that is not of real numbers.

    Notes
    -----
    Kernel and reference agree to the last bit, and with ``torchvision.ops.box_iou``. Time O(N·M); memory beyond the
    result O(N + M).

    References
    ----------
    .. [1] P. Jaccard, "The distribution of the flora in the alpine zone", New Phytologist 11 (1912).
    .. [2] M. Everingham et al., "The Pascal Visual Object Classes (VOC) challenge", IJCV 88 (2010).

    Examples
    --------
    >>> import fastgeo
    >>> fastgeo.box_iou([[0, 0, 2, 2]], [[1, 0, 3, 2], [5, 5, 6, 6]])
    array([[0.33333333, 0.        ]])
    """
    boxes1, boxes2 = checks.box_pair(boxes1, boxes2)
    offset = checks.integer("offset", offset, 0, 1)
    a, b = corners(boxes1[:, None], fmt, offset), corners(boxes2[None, :], fmt, offset)
    out = checks.output_array(out, (len(boxes1), len(boxes2)), boxes1.dtype, boxes1, boxes2)
    intersection = intersection_area(a, b, offset)
    out[...] = ratio(intersection, a.area + b.area - intersection)
    return out


def generalized_box_iou(
    boxes1: ArrayLike,
    boxes2: ArrayLike,
    *,
    fmt: str = "xyxy",
    offset: int = 0,
    out: Array | None = None,
    n_threads: int | None = None,
) -> Array:
    """Generalized IoU (GIoU) of every box of one set with every box of another.

    Parameters
    ----------
    boxes1, boxes2, fmt, offset, out, n_threads
        As in :func:`fastgeo.box_iou`.

    Returns
    -------
    ndarray, shape (N, M)
        ``IoU - area(hull minus union) / area(hull)``, from -1 to 1, where the hull is the smallest box around both.

    Raises
    ------
    ValueError, TypeError
        As :func:`fastgeo.box_iou`.

    Notes
    -----
    Kernel and reference agree to the last bit, and with ``torchvision.ops.generalized_box_iou``. Time O(N·M); memory
    beyond the result O(N + M).

    References
    ----------
    .. [1] H. Rezatofighi et al., "Generalized intersection over union: a metric and a loss for bounding box
       regression", CVPR 2019.

    Examples
    --------
    >>> import fastgeo
    >>> fastgeo.generalized_box_iou([[0, 0, 1, 1]], [[2, 0, 3, 1]])
    array([[-0.33333333]])
    """
    boxes1, boxes2 = checks.box_pair(boxes1, boxes2)
    offset = checks.integer("offset", offset, 0, 1)
    a, b = corners(boxes1[:, None], fmt, offset), corners(boxes2[None, :], fmt, offset)
    out = checks.output_array(out, (len(boxes1), len(boxes2)), boxes1.dtype, boxes1, boxes2)
    intersection = intersection_area(a, b, offset)
    union = a.area + b.area - intersection
    width, height = hull_extents(a, b, offset)
    hull = width * height
    out[...] = ratio(intersection, union) - ratio(hull - union, hull)
    return out
