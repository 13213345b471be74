"""Greedy non-maximum suppression in NumPy: the specification of nms, batched_nms and nms_groups."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastgeo.runtime import checks
from fastgeo.runtime.box_math import Corners, corners, hull_extents, intersection_area, ratio, rotated_iou
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
    computed in the type of `boxes` and compared in float64. The kernel compares each box with those kept so far and
    goes over to an index of the boxes left where that would be slow: a grid, or a tree where sizes or places vary
    widely. O(N log N) time unless very many boxes overlap by just less than the threshold, never more than O(N·K). Of
    many boxes that lie deep it takes the best first, on as many threads as :func:`fastgeo.get_num_threads` says.
    Memory O(N).
    :func:`fastgeo.explain` tells what a call would run.

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


def rotated_nms(
    boxes: ArrayLike,
    scores: ArrayLike,
    iou_threshold: float,
    *,
    score_threshold: float | None = None,
    max_output: int | None = None,
    n_threads: int | None = None,
) -> Array:
    """Greedy non-maximum suppression of rotated boxes.

    Parameters
    ----------
    boxes : array_like, shape (N, 5)
        Centre, width, height and angle in degrees (cx, cy, w, h, angle), as :func:`fastgeo.rotated_box_iou` takes them.
    scores, iou_threshold, score_threshold, max_output
        As in :func:`fastgeo.nms`.
    n_threads : int, optional
        Accepted for uniformity; one thread does the work.

    Returns
    -------
    ndarray of int64, shape (K,)
        Indices of the kept boxes, by descending score.

    Raises
    ------
    ValueError, TypeError
        As :func:`fastgeo.nms`.

    Notes
    -----
    The kernel gives the same bits on every instruction set. Its IoU agrees with the reference's to 1e-12, so both keep
    the same boxes unless an IoU lies that close to the threshold. The reference compares each box with the K kept ones;
    the kernel finds those near it by a grid, and never makes more comparisons. Long thin boxes are near many others: of
    those that cross it decides by their widths and the angle, O(N·K) of some ten operations at worst. Memory O(N).

    References
    ----------
    .. [1] J. Ma et al., "Arbitrary-oriented scene text detection via rotation proposals", IEEE Transactions on
       Multimedia 20 (2018).

    Examples
    --------
    >>> import fastgeo
    >>> boxes = [[5, 5, 8, 2, 0], [5, 5, 8, 2, 90], [5, 5, 8, 2, 180]]
    >>> fastgeo.rotated_nms(boxes, [0.9, 0.8, 0.7], 0.5)
    array([0, 1])
    """
    boxes, scores = arguments.rotated_arrays(boxes, scores)
    iou_threshold = checks.in_range("iou_threshold", iou_threshold, 0, 1)
    takes_part, limit = selection(scores, score_threshold, max_output)
    checks.thread_count(n_threads)
    keep: list[int] = []
    for i in by_descending_score(scores):
        if len(keep) == limit:
            break
        if not takes_part[i]:
            continue
        overlaps = (boxes.dtype.type(rotated_iou(boxes[k], boxes[i])) for k in keep)
        if not any(float(value) > iou_threshold for value in overlaps):
            keep.append(int(i))
    return np.array(keep, np.int64)


def multiclass_nms(
    boxes: ArrayLike,
    scores: ArrayLike,
    iou_threshold: ArrayLike,
    *,
    score_threshold: ArrayLike = 0.0,
    top_k: int | None = None,
    max_output: int = 100,
    class_agnostic: bool = False,
    fmt: str = "xyxy",
    n_threads: int | None = None,
) -> tuple[Array, Array, Array, Array, Array]:
    """Non-maximum suppression of a whole detector head: every class of every image in one call.

    Of each class the boxes whose score exceeds its threshold are cut to the `top_k` highest and go through
    :func:`fastgeo.nms`; then the kept boxes of all classes are merged by score and cut to `max_output`.

    Parameters
    ----------
    boxes : array_like, shape (B, N, 4) or (B, N, C, 4)
        Boxes of each image, shared by the classes or one for each.
    scores : array_like, shape (B, N, C)
        Score of each box in each class. Infinities are legal, NaN is not.
    iou_threshold : float or array_like, shape (C,)
        From 0 to 1, for all classes or each. With `class_agnostic` all must be equal.
    score_threshold : float or array_like, shape (C,), default 0.0
        Only scores strictly above take part.
    top_k : int, optional
        At most so many of a class (with `class_agnostic`: of an image), the highest scores, enter the suppression.
    max_output : int, default 100
        Length of the output for each image.
    class_agnostic : bool, default False
        Boxes suppress each other across classes. Each pair of box and class counts as a box.
    fmt : {"xyxy", "xywh", "cxcywh"}, default "xyxy"
        As in :func:`fastgeo.nms`; the boxes returned have the same format.
    n_threads : int, optional
        At most this many threads; by default as many as :func:`fastgeo.get_num_threads` says.

    Returns
    -------
    boxes : ndarray, shape (B, max_output, 4)
        Kept boxes by descending score; of equal scores the lowest box first, then the lowest class. Padded with 0.
    scores : ndarray, shape (B, max_output)
        Their scores. Padded with 0.
    classes : ndarray of int64, shape (B, max_output)
        Their classes. Padded with -1.
    indices : ndarray of int64, shape (B, max_output)
        Their places along N. Padded with -1.
    counts : ndarray of int64, shape (B,)
        How many entries of each image are valid.

    Raises
    ------
    ValueError
        For shapes that do not match, thresholds out of range, and as :func:`fastgeo.nms`.
    TypeError
        As :func:`fastgeo.nms`.

    Notes
    -----
    Kernel and reference agree to the last bit. Classes and images run in parallel. Time that of :func:`fastgeo.nms` for
    each class and image; memory O(N) for each thread and O(B·C·min(N, max_output)).

    References
    ----------
    .. [1] W. Liu et al., "SSD: single shot multibox detector", ECCV 2016.

    Examples
    --------
    >>> import fastgeo
    >>> boxes = [[[0, 0, 10, 10], [1, 1, 11, 11], [20, 20, 30, 30]]]
    >>> scores = [[[0.9, 0.0], [0.8, 0.3], [0.0, 0.7]]]
    >>> boxes, scores, classes, indices, counts = fastgeo.multiclass_nms(boxes, scores, 0.5, max_output=4)
    >>> scores, classes, indices, counts
    (array([[0.9, 0.7, 0.3, 0. ]]), array([[ 0,  1,  1, -1]]), array([[ 0,  2,  1, -1]]), array([3]))
    """
    case = arguments.head(
        boxes, scores, iou_threshold, score_threshold, top_k, max_output, class_agnostic, fmt, n_threads
    )
    batch, _, n_classes = case.scores.shape
    out_boxes = np.zeros((batch, case.max_output, 4), case.boxes.dtype)
    out_scores = np.zeros((batch, case.max_output), case.scores.dtype)
    out_classes = np.full((batch, case.max_output), -1, np.int64)
    out_indices = np.full((batch, case.max_output), -1, np.int64)
    counts = np.zeros(batch, np.int64)
    # A candidate is a pair of box and class, numbered box * n_classes + class.
    takes_part = case.scores.astype(np.float64) > case.score_thresholds
    for b in range(batch):
        flat_scores = case.scores[b].reshape(-1)
        flat_boxes = case.boxes[b] if case.boxes.ndim == 4 else np.repeat(case.boxes[b][:, None], n_classes, axis=1)
        flat_boxes = flat_boxes.reshape(-1, 4)
        candidates = np.flatnonzero(takes_part[b])
        kept = []
        for c in range(min(1, n_classes) if case.class_agnostic else n_classes):
            mine = candidates if case.class_agnostic else candidates[candidates % n_classes == c]
            mine = mine[by_descending_score(flat_scores[mine])][: case.top_k]
            found = nms(flat_boxes[mine], flat_scores[mine], float(case.iou_thresholds[c]), fmt=fmt)
            kept.extend(mine[found].tolist())
        kept.sort(key=lambda i: (-float(flat_scores[i]), i))
        best = np.array(kept[: case.max_output], np.int64)
        counts[b] = len(best)
        out_boxes[b, : len(best)] = flat_boxes[best]
        out_scores[b, : len(best)] = flat_scores[best]
        if n_classes:
            out_classes[b, : len(best)] = best % n_classes
            out_indices[b, : len(best)] = best // n_classes
    return out_boxes, out_scores, out_classes, out_indices, counts


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
