"""Greedy non-maximum suppression: nms, batched_nms and nms_groups."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastgeo.runtime import checks
from fastgeo.runtime.box_math import Corners, corners, hull_extents, intersection_area, ratio
from fastgeo.runtime.checks import Array
from fastgeo.suppression import arguments


def nms(
    boxes: ArrayLike,
    scores: ArrayLike,
    iou_threshold: float,
    *,
    score_threshold: float | None = None,
    max_output: int | None = None,
    kind: str = "iou",
    fmt: str = "xyxy",
    offset: int = 0,
) -> Array:
    """Greedy non-maximum suppression.

    Goes through the boxes by descending score and keeps each one that no box kept before suppresses.

    Parameters
    ----------
    boxes : array_like, shape (N, 4)
        Boxes in the format `fmt`, in pixels or any other unit. float32 and float64 keep their type; float16 becomes
        float32 and integers become float64.
    scores : array_like, shape (N,)
        One score for each box; the higher, the earlier. Among equal scores the lowest index comes first. Infinities
        are legal, NaN is not. The type need not be that of `boxes`.
    iou_threshold : float
        From 0 to 1. A kept box suppresses a later one whose overlap with it is strictly greater.
    score_threshold : float, optional
        Only boxes with a score strictly above take part. By default all do.
    max_output : int, optional
        Stop after this many kept boxes.
    kind : {"iou", "diou", "ioa"}, default "iou"
        The overlap: intersection over union; that less the squared distance of the centres over the squared diagonal
        of the smallest box around both; or intersection over the area of the lower-scoring box.
    fmt : {"xyxy", "xywh", "cxcywh"}, default "xyxy"
        Two corners; or one corner and the size; or the centre and the size.
    offset : {0, 1}, default 0
        Added to every extent: 1 is the inclusive-pixel convention of Fast R-CNN.

    Returns
    -------
    ndarray of int64, shape (K,)
        Indices of the kept boxes, by descending score. A box with x2 < x1 or y2 < y1 is empty; it overlaps nothing and
        is kept.

    Raises
    ------
    ValueError
        For a wrong shape, different lengths, NaN, an infinite box or one beyond 2**60 (float32) or 2**508 (float64) in
        magnitude, a threshold or `max_output` out of range, an unknown `kind` or `fmt`.
    TypeError
        For an array that is not of real numbers.

    Notes
    -----
    Kernel and reference agree to the last bit, and with ``torchvision.ops.nms`` where scores differ. The overlap is
    computed in the type of `boxes` and compared in float64. Time O(N log N) unless very many boxes overlap by just less
    than the threshold, never more than O(N·K); memory O(N). Of several algorithms :func:`fastgeo.explain` tells which a
    call would run.

    References
    ----------
    .. [1] R. Girshick et al., "Rich feature hierarchies for accurate object detection and semantic segmentation",
       CVPR 2014.
    .. [2] Z. Zheng et al., "Distance-IoU loss: faster and better learning for bounding box regression", AAAI 2020.

    Examples
    --------
    >>> import fastgeo
    >>> boxes = [[0, 0, 10, 10], [1, 1, 11, 11], [20, 20, 30, 30]]
    >>> fastgeo.nms(boxes, [0.8, 0.9, 0.7], 0.5)
    array([1, 2])
    """
    keep, _ = suppress(boxes, scores, None, iou_threshold, score_threshold, max_output, kind, fmt, offset)
    return keep


def batched_nms(
    boxes: ArrayLike,
    scores: ArrayLike,
    idxs: ArrayLike,
    iou_threshold: float,
    *,
    score_threshold: float | None = None,
    max_output: int | None = None,
    kind: str = "iou",
    fmt: str = "xyxy",
    offset: int = 0,
    n_threads: int | None = None,
) -> Array:
    """Greedy non-maximum suppression inside groups: a box suppresses only boxes of its own group.

    Parameters
    ----------
    boxes, scores, iou_threshold, score_threshold, kind, fmt, offset
        As in :func:`fastgeo.nms`.
    idxs : array_like of integers, shape (N,)
        The group of each box, its class for example: any integers.
    max_output : int, optional
        Return only the first so many of the merged result.
    n_threads : int, optional
        At most this many threads; by default as many as :func:`fastgeo.get_num_threads` says.

    Returns
    -------
    ndarray of int64, shape (K,)
        Indices of the boxes kept in any group, by descending score.

    Raises
    ------
    ValueError
        As :func:`fastgeo.nms`.
    TypeError
        As :func:`fastgeo.nms`, and for `idxs` that are not integers.

    Notes
    -----
    Kernel and reference agree to the last bit. Groups are compared, coordinates are never shifted, so the result is
    that of :func:`fastgeo.nms` run group by group, whatever the ids and coordinates. Groups run in parallel. Time and
    memory as :func:`fastgeo.nms`.

    References
    ----------
    .. [1] R. Girshick et al., "Rich feature hierarchies for accurate object detection and semantic segmentation",
       CVPR 2014.

    Examples
    --------
    >>> import fastgeo
    >>> boxes = [[0, 0, 10, 10], [1, 1, 11, 11], [20, 20, 30, 30]]
    >>> fastgeo.batched_nms(boxes, [0.8, 0.9, 0.7], [5, -5, 5], 0.5)
    array([1, 0, 2])
    """
    if idxs is None:
        raise TypeError(arguments.NO_IDXS)
    keep, _ = suppress(boxes, scores, idxs, iou_threshold, score_threshold, max_output, kind, fmt, offset)
    checks.thread_count(n_threads)
    return keep


def nms_groups(
    boxes: ArrayLike,
    scores: ArrayLike,
    iou_threshold: float,
    *,
    idxs: ArrayLike | None = None,
    score_threshold: float | None = None,
    max_output: int | None = None,
    kind: str = "iou",
    fmt: str = "xyxy",
    offset: int = 0,
) -> tuple[Array, Array]:
    """Greedy non-maximum suppression that also tells which box suppressed which.

    Parameters
    ----------
    boxes, scores, iou_threshold, score_threshold, kind, fmt, offset
        As in :func:`fastgeo.nms`.
    idxs : array_like of integers, shape (N,), optional
        The group of each box, as in :func:`fastgeo.batched_nms`; by default all boxes are one group.
    max_output : int, optional
        Stop after this many kept boxes, counted over all groups.

    Returns
    -------
    keep : ndarray of int64, shape (K,)
        Indices of the kept boxes, by descending score.
    owner : ndarray of int64, shape (N,)
        ``owner[i]`` is i where box i is kept; else the first kept box, by descending score, that suppresses it; and -1
        where it does not take part or comes after the last box that `max_output` allows.

    Raises
    ------
    ValueError, TypeError
        As :func:`fastgeo.batched_nms`.

    Notes
    -----
    Kernel and reference agree to the last bit. The groups ``owner == k`` partition the boxes, which is what merging or
    voting over suppressed boxes needs. Time and memory as :func:`fastgeo.nms`.

    References
    ----------
    .. [1] R. Girshick et al., "Rich feature hierarchies for accurate object detection and semantic segmentation",
       CVPR 2014.

    Examples
    --------
    >>> import fastgeo
    >>> boxes = [[0, 0, 10, 10], [1, 1, 11, 11], [20, 20, 30, 30]]
    >>> keep, owner = fastgeo.nms_groups(boxes, [0.8, 0.9, 0.7], 0.5)
    >>> owner
    array([1, 1, 2])
    """
    return suppress(boxes, scores, idxs, iou_threshold, score_threshold, max_output, kind, fmt, offset)


def suppress(
    boxes: Any,
    scores: Any,
    idxs: Any,
    iou_threshold: Any,
    score_threshold: Any,
    max_output: Any,
    kind: Any,
    fmt: Any,
    offset: Any,
) -> tuple[Array, Array]:
    """Keep and owner, of one group or many."""
    boxes, scores, idxs = arguments.nms_arrays(boxes, scores, idxs)
    iou_threshold = checks.in_range("iou_threshold", iou_threshold, 0, 1)
    takes_part, limit = selection(scores, score_threshold, max_output)
    checks.choice("kind", kind, arguments.KINDS)
    checks.choice("fmt", fmt, checks.FORMATS)
    offset = checks.integer("offset", offset, 0, 1)
    all_corners = corners(boxes, fmt, offset)
    same_group = np.zeros(len(boxes), np.int64) if idxs is None else idxs

    keep: list[int] = []
    owner = np.full(len(boxes), -1, np.int64)
    for i in by_descending_score(scores):
        if len(keep) == limit:
            break
        if not takes_part[i]:
            continue
        rivals = np.array([k for k in keep if same_group[k] == same_group[i]], np.int64)
        values = overlap(pick(all_corners, rivals), pick(all_corners, i), kind, offset)
        suppressors = rivals[values.astype(np.float64) > iou_threshold]
        if len(suppressors):
            owner[i] = suppressors[0]
        else:
            owner[i] = i
            keep.append(int(i))
    return np.array(keep, np.int64), owner


def selection(scores: Array, score_threshold: Any, max_output: Any) -> tuple[Array, int]:
    """Which boxes take part, and how many may be kept."""
    takes_part = np.ones(len(scores), bool)
    if score_threshold is not None:
        takes_part = scores.astype(np.float64) > arguments.score_threshold(score_threshold)
    return takes_part, len(scores) if max_output is None else arguments.max_output(max_output)


def by_descending_score(scores: Array) -> Array:
    """Indices, lowest first among equal scores."""
    return np.argsort(-scores, kind="stable")


def pick(boxes: Corners, index: Any) -> Corners:
    return Corners(*(values[index] for values in boxes))


def overlap(kept: Corners, other: Corners, kind: str, offset: int) -> Array:
    """Overlap of each kept box with one box of lower score."""
    intersection = intersection_area(kept, other, offset)
    if kind == "ioa":
        return ratio(intersection, other.area)
    iou = ratio(intersection, kept.area + other.area - intersection)
    if kind == "iou":
        return iou
    width, height = hull_extents(kept, other, offset)
    dx = (kept.x1 + kept.x2) / 2 - (other.x1 + other.x2) / 2
    dy = (kept.y1 + kept.y2) / 2 - (other.y1 + other.y2) / 2
    diou: Array = iou - ratio(dx * dx + dy * dy, width * width + height * height)
    return diou
