"""Intersection over union and its relatives, of every pair of boxes or pair by pair."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from fastgeo.runtime import checks
from fastgeo.runtime.box_math import Corners, corners, hull_extents, intersection_area, maximum, minimum, ratio
from fastgeo.runtime.checks import Array


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
        ``area(a & b) / area(a | b)``, from 0 to 1 (but see Notes for "xywh" and "cxcywh"); 0 where the union is empty.
        A box with x2 < x1 or y2 < y1 is empty.

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

    In "xywh" and "cxcywh" the corners are computed and rounded, while the area is the width times the height as given.
    Where coordinates are more than 2**20 times the size in float32 (2**49 in float64), the two no longer fit together
    and a value may leave the range from 0 to 1. Pass corners ("xyxy") or float64 there.

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
    return pairwise(iou if iscrowd is None else iou_crowd, boxes1, boxes2, fmt, offset, out, n_threads, iscrowd)


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
    return pairwise(giou, boxes1, boxes2, fmt, offset, out, n_threads)


def distance_box_iou(
    boxes1: ArrayLike,
    boxes2: ArrayLike,
    *,
    fmt: str = "xyxy",
    offset: int = 0,
    out: Array | None = None,
    n_threads: int | None = None,
) -> Array:
    """Distance IoU (DIoU) of every box of one set with every box of another.

    Parameters
    ----------
    boxes1, boxes2, fmt, offset, out, n_threads
        As in :func:`fastgeo.box_iou`.

    Returns
    -------
    ndarray, shape (N, M)
        ``IoU - d**2 / c**2``, from -1 to 1, where d is the distance between the centres and c the diagonal of the
        smallest box around both; the quotient is 0 where c is 0.

    Raises
    ------
    ValueError, TypeError
        As :func:`fastgeo.box_iou`.

    Notes
    -----
    Kernel and reference agree to the last bit; ``torchvision.ops.distance_box_iou`` adds 1e-7 to c**2. Time O(N·M);
    memory beyond the result O(N + M).

    References
    ----------
    .. [1] Z. Zheng et al., "Distance-IoU loss: faster and better learning for bounding box regression", AAAI 2020.

    Examples
    --------
    >>> import fastgeo
    >>> fastgeo.distance_box_iou([[0, 0, 2, 2]], [[0, 0, 2, 2], [2, 0, 4, 2]])
    array([[ 1. , -0.2]])
    """
    return pairwise(diou, boxes1, boxes2, fmt, offset, out, n_threads)


def complete_box_iou(
    boxes1: ArrayLike,
    boxes2: ArrayLike,
    *,
    fmt: str = "xyxy",
    offset: int = 0,
    out: Array | None = None,
    n_threads: int | None = None,
) -> Array:
    """Complete IoU (CIoU) of every box of one set with every box of another.

    Parameters
    ----------
    boxes1, boxes2, fmt, offset, out, n_threads
        As in :func:`fastgeo.box_iou`.

    Returns
    -------
    ndarray, shape (N, M)
        ``DIoU - v**2 / (1 - IoU + v)`` with ``v = (2 / pi * (atan(w1 / h1) - atan(w2 / h2)))**2``: the difference in
        aspect counts too. The aspect angle of a box without width is 0, also where it has no height either.

    Raises
    ------
    ValueError, TypeError
        As :func:`fastgeo.box_iou`.

    Notes
    -----
    The angles are computed in float64. The kernel has an arctangent of its own, so it gives the same bits on every
    instruction set and lies within 8 units of machine epsilon of the reference. With exchanged corners, for which IoU
    can exceed 1, the last denominator may cancel, and there is no such bound. ``torchvision.ops.complete_box_iou`` adds
    1e-7 to its denominators. Time O(N·M), with N + M arctangents; memory beyond the result O(N + M).

    References
    ----------
    .. [1] Z. Zheng et al., "Distance-IoU loss: faster and better learning for bounding box regression", AAAI 2020.

    Examples
    --------
    >>> import fastgeo
    >>> fastgeo.complete_box_iou([[0, 0, 2, 2]], [[0, 0, 2, 2], [2, 0, 4, 2], [0, 0, 2, 4]]).round(4)
    array([[ 1.    , -0.2   ,  0.4468]])
    """
    return pairwise(ciou, boxes1, boxes2, fmt, offset, out, n_threads)


def scylla_box_iou(
    boxes1: ArrayLike,
    boxes2: ArrayLike,
    *,
    fmt: str = "xyxy",
    offset: int = 0,
    out: Array | None = None,
    n_threads: int | None = None,
) -> Array:
    """SCYLLA IoU (SIoU) of every box of one set with every box of another.

    Parameters
    ----------
    boxes1, boxes2, fmt, offset, out, n_threads
        As in :func:`fastgeo.box_iou`.

    Returns
    -------
    ndarray, shape (N, M)
        ``IoU - (distance cost + shape cost) / 2``, from -2 to 1.

    Raises
    ------
    ValueError, TypeError
        As :func:`fastgeo.box_iou`.

    Notes
    -----
    With the offsets dx, dy between the centres and the width W and height H of the smallest box around both:

    - angle cost ``A = 1 - 2 sin(asin(|dy| / sqrt(dx² + dy²)) - pi / 4)²``, which is ``2 |dx dy| / (dx² + dy²)``;
    - distance cost ``(1 - exp(-(2 - A) (dx / W)²)) + (1 - exp(-(2 - A) (dy / H)²))``;
    - shape cost ``(1 - exp(-|w1 - w2| / max(w1, w2)))⁴ + (1 - exp(-|h1 - h2| / max(h1, h2)))⁴``.

    Every quotient 0/0 is 0. The kernel has an exponential of its own, so it gives the same bits on every instruction
    set and lies within 8 units of machine epsilon of the reference. Time O(N·M); memory beyond the result O(N + M).

    References
    ----------
    .. [1] Z. Gevorgyan, "SIoU loss: more powerful learning for bounding box regression", arXiv:2205.12740 (2022),
       with its usual exponent of 4 in the shape cost.

    Examples
    --------
    >>> import fastgeo
    >>> fastgeo.scylla_box_iou([[0, 0, 2, 2]], [[0, 0, 2, 2], [2, 0, 4, 2], [0, 0, 2, 4]]).round(4)
    array([[ 1.    , -0.1967,  0.4293]])
    """
    return pairwise(siou, boxes1, boxes2, fmt, offset, out, n_threads)


def box_ioa(
    boxes1: ArrayLike,
    boxes2: ArrayLike,
    *,
    fmt: str = "xyxy",
    offset: int = 0,
    out: Array | None = None,
    n_threads: int | None = None,
) -> Array:
    """Intersection over the area of the first box, for every box of one set with every box of another.

    Parameters
    ----------
    boxes1, boxes2, fmt, offset, out, n_threads
        As in :func:`fastgeo.box_iou`.

    Returns
    -------
    ndarray, shape (N, M)
        ``area(a & b) / area(a)``, from 0 to 1; 0 where the box in `boxes1` is empty.

    Raises
    ------
    ValueError, TypeError
        As :func:`fastgeo.box_iou`.

    Notes
    -----
    Kernel and reference agree to the last bit. Time O(N·M); memory beyond the result O(N + M).

    References
    ----------
    .. [1] T.-Y. Lin et al., "Microsoft COCO: common objects in context", ECCV 2014: the overlap with a crowd region.

    Examples
    --------
    >>> import fastgeo
    >>> fastgeo.box_ioa([[0, 0, 2, 2]], [[1, 0, 9, 9], [0, 0, 4, 4]])
    array([[0.5, 1. ]])
    """
    return pairwise(ioa, boxes1, boxes2, fmt, offset, out, n_threads)


def paired_box_iou(
    boxes1: ArrayLike,
    boxes2: ArrayLike,
    *,
    kind: str = "iou",
    fmt: str = "xyxy",
    offset: int = 0,
    out: Array | None = None,
    n_threads: int | None = None,
) -> Array:
    """IoU, or one of its relatives, of the boxes of two sets pair by pair.

    Parameters
    ----------
    boxes1, boxes2 : array_like, shape (N, 4)
        As in :func:`fastgeo.box_iou`, of equal length.
    kind : {"iou", "giou", "diou", "ciou", "siou"}, default "iou"
        As :func:`fastgeo.box_iou`, :func:`fastgeo.generalized_box_iou`, :func:`fastgeo.distance_box_iou`,
        :func:`fastgeo.complete_box_iou` and :func:`fastgeo.scylla_box_iou`.
    fmt, offset, n_threads
        As in :func:`fastgeo.box_iou`.
    out : ndarray, shape (N,), optional
        Where to put the result; C-contiguous, of the result's type.

    Returns
    -------
    ndarray, shape (N,)
        The diagonal of what the function of that kind returns, to the last bit.

    Raises
    ------
    ValueError, TypeError
        As :func:`fastgeo.box_iou`; also for unequal lengths or an unknown `kind`.

    Notes
    -----
    Kernel and reference agree as they do in the function of that kind. Time O(N); memory beyond the result O(1).

    References
    ----------
    .. [1] Those of the function of that kind.

    Examples
    --------
    >>> import fastgeo
    >>> fastgeo.paired_box_iou([[0, 0, 2, 2], [0, 0, 2, 2]], [[0, 0, 2, 2], [0, 0, 1, 1]])
    array([1.  , 0.25])
    """
    boxes1, boxes2 = checks.box_pair(boxes1, boxes2)
    checks.same_length("boxes1", boxes1, "boxes2", boxes2)
    measure = MEASURES[checks.choice("kind", kind, list(MEASURES))]
    checks.choice("fmt", fmt, checks.FORMATS)
    offset = checks.integer("offset", offset, 0, 1)
    out = checks.output_array(out, (len(boxes1),), boxes1.dtype, boxes1, boxes2)
    checks.thread_count(n_threads)
    a, b = corners(boxes1, fmt, offset), corners(boxes2, fmt, offset)
    out[...] = measure(a, b, offset)
    return out


def pairwise(
    measure: Callable[..., Array],
    boxes1: ArrayLike,
    boxes2: ArrayLike,
    fmt: str,
    offset: int,
    out: Array | None,
    n_threads: int | None,
    iscrowd: ArrayLike | None = None,
) -> Array:
    """A measure of two boxes, for every pair."""
    boxes1, boxes2 = checks.box_pair(boxes1, boxes2)
    checks.choice("fmt", fmt, checks.FORMATS)
    offset = checks.integer("offset", offset, 0, 1)
    crowd = () if iscrowd is None else (checks.flags_array("iscrowd", iscrowd, len(boxes2)),)
    out = checks.output_array(out, (len(boxes1), len(boxes2)), boxes1.dtype, boxes1, boxes2)
    checks.thread_count(n_threads)
    a, b = corners(boxes1[:, None], fmt, offset), corners(boxes2[None, :], fmt, offset)
    out[...] = measure(a, b, offset, *crowd)
    return out


def iou(a: Corners, b: Corners, offset: int) -> Array:
    intersection = intersection_area(a, b, offset)
    return ratio(intersection, a.area + b.area - intersection)


def iou_crowd(a: Corners, b: Corners, offset: int, iscrowd: Array) -> Array:
    intersection = intersection_area(a, b, offset)
    return ratio(intersection, np.where(iscrowd, a.area, a.area + b.area - intersection))


def ioa(a: Corners, b: Corners, offset: int) -> Array:
    return ratio(intersection_area(a, b, offset), a.area)


def giou(a: Corners, b: Corners, offset: int) -> Array:
    intersection = intersection_area(a, b, offset)
    union = a.area + b.area - intersection
    width, height = hull_extents(a, b, offset)
    hull = width * height
    return ratio(intersection, union) - ratio(hull - union, hull)


def diou(a: Corners, b: Corners, offset: int) -> Array:
    dx, dy = centre_offsets(a, b)
    width, height = hull_extents(a, b, offset)
    return iou(a, b, offset) - ratio(dx * dx + dy * dy, width * width + height * height)


def ciou(a: Corners, b: Corners, offset: int) -> Array:
    difference = aspect_angle(a) - aspect_angle(b)
    v = squared(difference) * a.area.dtype.type(4 / np.pi**2)
    penalty: Array = ratio(v, 1 - iou(a, b, offset) + v) * v
    return diou(a, b, offset) - penalty


def siou(a: Corners, b: Corners, offset: int) -> Array:
    dx, dy = centre_offsets(a, b)
    width, height = hull_extents(a, b, offset)
    angle = ratio(2 * np.abs(dx * dy), dx * dx + dy * dy)
    gamma = 2 - minimum(angle, angle.dtype.type(1))
    distance = decay(gamma * squared(ratio(dx, width))) + decay(gamma * squared(ratio(dy, height)))
    shape = squared(squared(decay(size_difference(a.width, b.width))))
    shape = shape + squared(squared(decay(size_difference(a.height, b.height))))
    cost: Array = (distance + shape) / 2
    return iou(a, b, offset) - cost


MEASURES = {"iou": iou, "giou": giou, "diou": diou, "ciou": ciou, "siou": siou}


def centre_offsets(a: Corners, b: Corners) -> tuple[Array, Array]:
    return (a.x1 + a.x2) / 2 - (b.x1 + b.x2) / 2, (a.y1 + a.y2) / 2 - (b.y1 + b.y2) / 2


def aspect_angle(box: Corners) -> Array:
    """atan(width / height), and 0 for 0/0."""
    angle = np.arctan2(box.width.astype(np.float64), box.height.astype(np.float64))
    rounded: Array = angle.astype(box.width.dtype)
    return rounded


def size_difference(a: Array, b: Array) -> Array:
    return ratio(np.abs(a - b), maximum(a, b))


def squared(x: Array) -> Array:
    square: Array = x * x
    return square


def decay(x: Array) -> Array:
    """1 - exp(-x) for x >= 0; from 80 on it is 1 in either float type."""
    x = minimum(x, x.dtype.type(80))
    decayed: Array = 1 - np.exp(-x.astype(np.float64)).astype(x.dtype)
    return decayed
