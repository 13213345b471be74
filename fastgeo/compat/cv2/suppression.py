"""The drop-ins for the box suppression of ``cv2.dnn``."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

import fastgeo
from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array
from fastgeo.suppression.arguments import group_ids

SOFT_NMSMETHOD_SOFTNMS_LINEAR = 1
SOFT_NMSMETHOD_SOFTNMS_GAUSSIAN = 2

NUMBERS = {float, int}  # which are hashable; arrays of no dimension are not


def NMSBoxes(
    bboxes: Any, scores: Any, score_threshold: float, nms_threshold: float, eta: float = 1.0, top_k: int = 0
) -> Array:
    """Non-maximum suppression, as ``cv2.dnn.NMSBoxes``.

    Parameters
    ----------
    bboxes : array_like, shape (N, 4)
        x, y, width, height.
    scores : array_like, shape (N,)
    score_threshold : float
        Boxes take part whose score is above it.
    nms_threshold : float
        A box falls when its overlap with a better one is above it.
    eta : float, default 1
        Below 1 each kept box multiplies the threshold by it, until the threshold is at most 0.5.
    top_k : int, default 0
        Above 0 only that many boxes of the highest scores take part.

    Returns
    -------
    ndarray of int32, shape (K,)
        Indices of the kept boxes by descending score.

    Examples
    --------
    >>> from fastgeo.compat.cv2 import NMSBoxes
    >>> boxes = [[0, 0, 10, 10], [1, 1, 10, 10], [20, 20, 5, 5]]
    >>> NMSBoxes(boxes, [0.9, 0.8, 0.7], 0.1, 0.4)
    array([0, 2], dtype=int32)
    """
    return _suppress(bboxes, scores, None, score_threshold, nms_threshold, eta, top_k)


def NMSBoxesBatched(
    bboxes: Any,
    scores: Any,
    class_ids: Any,
    score_threshold: float,
    nms_threshold: float,
    eta: float = 1.0,
    top_k: int = 0,
) -> Array:
    """As `NMSBoxes`, suppressing only inside one class, as ``cv2.dnn.NMSBoxesBatched``.

    Parameters
    ----------
    bboxes : array_like, shape (N, 4)
        x, y, width, height.
    scores : array_like, shape (N,)
    class_ids : array_like of int, shape (N,)
    score_threshold : float
        Boxes take part whose score is above it.
    nms_threshold : float
        A box falls when its overlap with a better one is above it.
    eta : float, default 1
        Below 1 each kept box multiplies the threshold by it, until the threshold is at most 0.5.
    top_k : int, default 0
        Above 0 only that many boxes of the highest scores take part.

    Returns
    -------
    ndarray of int32, shape (K,)
        Indices of the kept boxes by descending score.

    Examples
    --------
    >>> from fastgeo.compat.cv2 import NMSBoxesBatched
    >>> boxes = [[0, 0, 10, 10], [1, 1, 10, 10], [1, 0, 9, 9]]
    >>> NMSBoxesBatched(boxes, [0.9, 0.8, 0.7], [0, 1, 0], 0.1, 0.4)
    array([0, 1], dtype=int32)
    """
    return _suppress(bboxes, scores, class_ids, score_threshold, nms_threshold, eta, top_k)


def NMSBoxesRotated(
    bboxes: Any, scores: Any, score_threshold: float, nms_threshold: float, eta: float = 1.0, top_k: int = 0
) -> Array:
    """Non-maximum suppression of rotated boxes, as ``cv2.dnn.NMSBoxesRotated``.

    Parameters
    ----------
    bboxes : sequence of ((x, y), (width, height), angle), or array_like, shape (N, 5)
        Centre, size and clockwise angle in degrees.
    scores : array_like, shape (N,)
    score_threshold, nms_threshold, top_k
        As in `NMSBoxes`.
    eta : float, default 1
        Only 1.

    Returns
    -------
    ndarray of int32, shape (K,)
        Indices of the kept boxes by descending score.

    Examples
    --------
    >>> from fastgeo.compat.cv2 import NMSBoxesRotated
    >>> boxes = [((5, 5), (10, 4), 30), ((5, 5), (10, 4), 35), ((50, 50), (5, 5), 0)]
    >>> NMSBoxesRotated(boxes, [0.9, 0.8, 0.7], 0.1, 0.4)
    array([0, 2], dtype=int32)
    """
    threshold = _threshold(nms_threshold)
    if checks.real_number("eta", eta) != 1:
        raise ValueError(f"eta: expected 1 for rotated boxes, got {eta}")
    rows = bboxes if isinstance(bboxes, np.ndarray) else [[*centre, *size, angle] for centre, size, angle in bboxes]
    boxes = checks.float_array("bboxes", rows, ("N", 5)).astype(np.float64)
    scores = checks.scores_array("scores", scores).astype(np.float32, copy=False)
    checks.same_length("bboxes", boxes, "scores", scores)
    boxes[:, 4] *= -1  # fastgeo counts against the clock
    chosen = _best(scores, score_threshold, top_k)
    return chosen[fastgeo.rotated_nms(boxes[chosen], scores[chosen], threshold)].astype(np.int32)


def _best(scores: Array, score_threshold: Any, top_k: int) -> Array:
    """Which boxes take part, by descending score."""
    limit = float(np.float32(checks.real_number("score_threshold", score_threshold)))
    chosen = np.flatnonzero(scores > limit)
    chosen = chosen[np.argsort(-scores[chosen], kind="stable")]
    return chosen[:top_k] if top_k > 0 else chosen


def softNMSBoxes(
    bboxes: Any,
    scores: Any,
    score_threshold: float,
    nms_threshold: float,
    top_k: int = 0,
    sigma: float = 0.5,
    method: int = SOFT_NMSMETHOD_SOFTNMS_GAUSSIAN,
) -> tuple[Array, Array]:
    """Lower the scores of overlapping boxes instead of dropping them, as ``cv2.dnn.softNMSBoxes``.

    Parameters
    ----------
    bboxes : array_like, shape (N, 4)
        x, y, width, height.
    scores : array_like, shape (N,)
    score_threshold : float
        Boxes stay whose new score is at least this.
    nms_threshold : float
        Overlap from which the linear method lowers a score.
    top_k : int, default 0
        Above 0 at most that many boxes are returned.
    sigma : float, default 0.5
        Width of the Gaussian method.
    method : {1, 2}, default 2
        ``SOFT_NMSMETHOD_SOFTNMS_LINEAR`` or ``SOFT_NMSMETHOD_SOFTNMS_GAUSSIAN``.

    Returns
    -------
    new_scores : ndarray of float32, shape (K,)
    indices : ndarray of int32, shape (K,)
        By descending new score.

    Examples
    --------
    >>> from fastgeo.compat.cv2 import softNMSBoxes
    >>> boxes = [[0, 0, 10, 10], [0, 0, 10, 9]]
    >>> scores, indices = softNMSBoxes(boxes, [0.9, 0.8], 0.01, 0.3)
    >>> scores.round(2).tolist(), indices
    ([0.8999999761581421, 0.1599999964237213], array([0, 1], dtype=int32))
    """
    threshold = _threshold(nms_threshold)
    boxes, scores = _boxes_and_scores(bboxes, scores)
    if method not in (SOFT_NMSMETHOD_SOFTNMS_LINEAR, SOFT_NMSMETHOD_SOFTNMS_GAUSSIAN):
        raise ValueError(f"method: expected 1 (linear) or 2 (Gaussian), got {method!r}")
    keep, new_scores = fastgeo.soft_nms(
        boxes,
        scores,
        method="linear" if method == SOFT_NMSMETHOD_SOFTNMS_LINEAR else "gaussian",
        sigma=sigma,
        iou_threshold=_equivalent(threshold),
        # OpenCV keeps a score equal to the threshold, fastgeo only what is above
        score_threshold=float(np.nextafter(np.float32(score_threshold), np.float32(-np.inf))),
        fmt="xywh",
    )
    count = top_k if top_k > 0 else len(keep)
    return new_scores[:count], keep[:count].astype(np.int32)


def _threshold(nms_threshold: Any) -> float:
    """The threshold as OpenCV's float32. What is above 1 suppresses nothing, there and here."""
    return float(np.float32(min(checks.in_range("nms_threshold", nms_threshold, 0, np.inf), 1.0)))


@lru_cache(maxsize=1024)
def _equivalent(threshold: float) -> float:
    """The float64 threshold that decides every IoU as OpenCV decides it.

    OpenCV's overlap is float32(1) - float32(1 - iou), compared in float32. Each of these steps is monotone, so there is
    one largest float64 IoU whose overlap does not exceed the threshold; numbers from 0 to 1 are ordered as their bits,
    which are bisected here.
    """
    one, limit = np.float32(1), np.float32(threshold)
    kept, dropped = np.array([0.0, np.nextafter(1, 2)]).view(np.int64).tolist()
    while dropped - kept > 1:
        middle = (kept + dropped) // 2
        iou = np.int64(middle).view(np.float64)
        if one - np.float32(1 - iou) <= limit:
            kept = middle
        else:
            dropped = middle
    return float(np.int64(kept).view(np.float64))


def _boxes_and_scores(bboxes: Any, scores: Any, checked: bool = True) -> tuple[Array, Array]:
    """float64 boxes and float32 scores; unless `checked`, the kernel may be left to look at their values."""
    quick = _quick(bboxes, np.float64, 2), _quick(scores, np.float32, 1)
    if not checked and quick[0] is not None and quick[1] is not None:
        return quick[0], quick[1]
    boxes = checks.float_array("bboxes", bboxes, ("N", 4)).astype(np.float64, copy=False)
    scores = checks.scores_array("scores", scores).astype(np.float32, copy=False)
    checks.same_length("bboxes", boxes, "scores", scores)
    return boxes, scores


def _quick(value: Any, dtype: Any, ndim: int) -> Array | None:
    """The short way for plain arrays and lists of numbers; None for what `checks` should see."""
    if type(value) is list:
        try:
            value = np.array(value)
        except (ValueError, TypeError, OverflowError):
            return None
        is_plain = value.ndim == ndim and value.dtype.kind in "iuf" and np.can_cast(value.dtype, dtype, "same_kind")
        return np.asarray(value, dtype) if is_plain else None
    return value if type(value) is np.ndarray and value.dtype == dtype and value.ndim == ndim else None


@lru_cache(maxsize=1024)
def _limits(score_threshold: Any, nms_threshold: Any, eta: Any) -> tuple[float, float, float]:
    """Checked, and as OpenCV's float32; frames of a video ask for the same again and again."""
    limit = float(np.float32(checks.real_number("score_threshold", score_threshold)))
    return limit, _threshold(nms_threshold), checks.in_range("eta", eta, 0, np.inf)


def _class_ids(class_ids: Any) -> Array:
    quick = _quick(class_ids, np.int64, 1)
    return group_ids("class_ids", class_ids) if quick is None else quick


def _suppress(
    bboxes: Any, scores: Any, class_ids: Any, score_threshold: float, nms_threshold: float, eta: float, top_k: int
) -> Array:
    ids = None if class_ids is None else _class_ids(class_ids)
    numbers = (score_threshold, nms_threshold, eta)
    limit, threshold, eta = (_limits if set(map(type, numbers)) <= NUMBERS else _limits.__wrapped__)(*numbers)
    in_one_call = top_k <= 0 and (eta >= 1 or threshold <= 0.5)
    boxes, scores = _boxes_and_scores(bboxes, scores, checked=not in_one_call)
    if ids is not None:
        checks.same_length("bboxes", boxes, "class_ids", ids)
    if in_one_call:
        return _nms(boxes, scores, ids, threshold, score_threshold=limit).astype(np.int32)
    chosen = _best(scores, limit, top_k)
    kept: list[int] = []
    if eta < 1 and threshold > 0.5:
        same_class = np.zeros(len(boxes), np.int64) if ids is None else ids
        kept, chosen, threshold = _adapt(boxes, same_class, chosen, threshold, eta)
    keep = _nms(boxes[chosen], scores[chosen], ids if ids is None else ids[chosen], threshold)
    return np.concatenate([kept, chosen[keep]]).astype(np.int32)


def _nms(boxes: Array, scores: Array, ids: Array | None, threshold: float, **options: Any) -> Array:
    if ids is None:
        return fastgeo.nms(boxes, scores, _equivalent(threshold), fmt="xywh", **options)
    return fastgeo.batched_nms(boxes, scores, ids, _equivalent(threshold), fmt="xywh", **options)


def _adapt(boxes: Array, ids: Array, chosen: Array, threshold: float, eta: float) -> tuple[list[int], Array, float]:
    """Keep boxes one by one while the threshold still shrinks; returns them, those left undecided, the threshold."""
    kept = []
    overlap = np.zeros(len(chosen))  # of every undecided box with the kept ones
    while threshold > 0.5 and len(chosen):
        best, chosen, overlap = chosen[0], chosen[1:], overlap[1:]
        kept.append(int(best))
        threshold = float(np.float32(threshold) * np.float32(eta))
        row = fastgeo.box_iou(boxes[[best]], boxes[chosen], fmt="xywh")[0]
        overlap = np.maximum(overlap, np.where(ids[chosen] == ids[best], row, 0))
        if threshold > 0.5:
            # boxes before the next kept one are dropped at this threshold
            passing = overlap <= _equivalent(threshold)
            first = int(passing.argmax()) if passing.any() else len(chosen)
            chosen, overlap = chosen[first:], overlap[first:]
    undecided = chosen[overlap <= _equivalent(threshold)]
    return kept, undecided, threshold
