"""Suppression that blends instead of dropping, in NumPy: the specification of soft_nms and weighted_boxes_fusion."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from fastgeo.runtime import checks
from fastgeo.runtime.box_math import corners, intersection_area, ratio
from fastgeo.runtime.checks import Array
from fastgeo.suppression import arguments
from fastgeo.suppression.greedy import by_descending_score, pick


def soft_nms(
    boxes: ArrayLike,
    scores: ArrayLike,
    *,
    method: str = "gaussian",
    sigma: float = 0.5,
    iou_threshold: float = 0.3,
    score_threshold: float = 0.001,
    fmt: str = "xyxy",
) -> tuple[Array, Array]:
    """Soft non-maximum suppression: boxes that overlap a kept one lose score instead of being dropped.

    Takes the box with the highest score, multiplies the scores of the remaining boxes by a weight that falls with
    their overlap with it, and goes on until no score exceeds `score_threshold`.

    Parameters
    ----------
    boxes : array_like, shape (N, 4)
        As in :func:`fastgeo.nms`.
    scores : array_like, shape (N,)
        As in :func:`fastgeo.nms`. Among equal scores the lowest index is taken first.
    method : {"gaussian", "linear"}, default "gaussian"
        The weight: ``exp(-iou**2 / sigma)``, or ``1 - iou`` where the IoU exceeds `iou_threshold`.
    sigma : float, default 0.5
        Width of the Gaussian, above 0.
    iou_threshold : float, default 0.3
        From 0 to 1; of the linear method only.
    score_threshold : float, default 0.001
        Only boxes whose score, as decayed so far, is strictly above are taken.
    fmt : {"xyxy", "xywh", "cxcywh"}, default "xyxy"
        As in :func:`fastgeo.nms`.

    Returns
    -------
    keep : ndarray of int64, shape (K,)
        Indices of the boxes, in the order in which they were taken.
    new_scores : ndarray, shape (K,)
        The score of each when it was taken, in the type of `scores`.

    Raises
    ------
    ValueError
        As :func:`fastgeo.nms`, and for an unknown `method` or a `sigma` that is not above 0.
    TypeError
        As :func:`fastgeo.nms`.

    Notes
    -----
    The IoU is computed in the type of `boxes`, scores and weights in float64. Of the linear method kernel and reference
    agree to the last bit. The exponential of the Gaussian is a polynomial in the kernel: the same bits on every
    instruction set, each weight within 2 ulp (float64) of the reference's. An infinite score times a weight of 0 is 0.
    Time O(N·K), memory O(N).

    References
    ----------
    .. [1] N. Bodla et al., "Soft-NMS: improving object detection with one line of code", ICCV 2017.

    Examples
    --------
    >>> import fastgeo
    >>> boxes = [[0, 0, 10, 10], [0, 0, 10, 5], [20, 20, 30, 30]]
    >>> fastgeo.soft_nms(boxes, [0.9, 0.8, 0.7], method="linear")
    (array([0, 2, 1]), array([0.9, 0.7, 0.4]))
    """
    boxes, scores, _ = arguments.nms_arrays(boxes, scores)
    checks.choice("method", method, arguments.SOFT_METHODS)
    sigma = arguments.sigma(sigma)
    iou_threshold = checks.in_range("iou_threshold", iou_threshold, 0, 1)
    score_threshold = arguments.score_threshold(score_threshold)
    checks.choice("fmt", fmt, checks.FORMATS)
    all_corners = corners(boxes, fmt, 0)
    current = scores.astype(np.float64)
    remaining = np.ones(len(boxes), bool)
    keep, new_scores = [], []
    while remaining.any():
        candidates = np.flatnonzero(remaining)
        best = int(candidates[np.argmax(current[candidates])])
        if not current[best] > score_threshold:
            break
        keep.append(best)
        new_scores.append(current[best])
        remaining[best] = False
        chosen = pick(all_corners, best)
        intersection = intersection_area(chosen, all_corners, 0)
        iou = ratio(intersection, chosen.area + all_corners.area - intersection).astype(np.float64)
        for i in np.flatnonzero(remaining):
            weight = decay_weight(float(iou[i]), method, sigma, iou_threshold)
            current[i] = current[i] * weight if weight != 0 else 0.0
    return np.array(keep, np.int64), np.array(new_scores, np.float64).astype(scores.dtype)


def decay_weight(iou: float, method: str, sigma: float, iou_threshold: float) -> float:
    if method == "gaussian":
        return math.exp(-(iou * iou) / sigma)
    return 1 - iou if iou > iou_threshold else 1.0


def weighted_boxes_fusion(
    boxes_list: Sequence[ArrayLike],
    scores_list: Sequence[ArrayLike],
    labels_list: Sequence[ArrayLike],
    *,
    weights: ArrayLike | None = None,
    iou_threshold: float = 0.55,
    skip_box_threshold: float = 0.0,
    n_threads: int | None = None,
) -> tuple[Array, Array, Array]:
    """Fuse the boxes of several models: each cluster of overlapping boxes becomes their mean, weighted by score.

    Goes through all boxes by descending score (times the weight of the model). Each joins the cluster of its label
    whose mean box it overlaps most, if that IoU exceeds `iou_threshold`, and opens a new one otherwise.

    Parameters
    ----------
    boxes_list : sequence of M array_like, each of shape (N_m, 4)
        Corners (x1, y1, x2, y2) in any unit, of each model; they are not clipped to [0, 1]. Crossed corners are swapped
        and boxes without area left out.
    scores_list : sequence of M array_like, each of shape (N_m,)
        Scores of magnitude at most 2**240. Among equal ones the first box of the first model comes first.
    labels_list : sequence of M array_like, each of shape (N_m,)
        Whole numbers from -2**63 to 2**64 - 1; not both below 0 and from 2**63 on.
    weights : array_like, shape (M,), optional
        How much each model counts, from 0 to 2**240; by default all alike.
    iou_threshold : float, default 0.55
        From 0 to 1.
    skip_box_threshold : float, default 0.0
        Boxes whose score, without the weight, is below are left out.
    n_threads : int, optional
        Accepted for uniformity; one thread does the work.

    Returns
    -------
    boxes : ndarray, shape (K, 4)
        The mean of each cluster, by descending score; in the widest float type of `boxes_list`.
    scores : ndarray, shape (K,)
        Mean score of the cluster, times min(M, size of the cluster) over the sum of the weights.
    labels : ndarray of int64, shape (K,)
        Its label; uint64 where one is 2**63 or more.

    Raises
    ------
    ValueError
        For lists of different lengths, wrong shapes, NaN or infinity, a label that is not whole, weights or scores
        out of range, weights that are all zero, `iou_threshold` outside [0, 1].
    TypeError
        For an array that is not of real numbers.

    Notes
    -----
    Computed in float64; kernel and reference agree to the last bit. The figures are those of ``ensemble_boxes``, the
    implementation of the paper's authors, with ``conf_type="avg"`` and ``allows_overflow=False``, on boxes inside
    [0, 1], up to its rounding of the means to float32 and its order among equal scores. Where all scores of a cluster
    are zero, its box is the first one's. Time O(N·K), memory O(N).

    References
    ----------
    .. [1] R. Solovyev, W. Wang, T. Gabruseva, "Weighted boxes fusion: ensembling boxes from different object detection
       models", Image and Vision Computing 107 (2021).

    Examples
    --------
    >>> import fastgeo
    >>> one, two = [[0, 0, 4, 4]], [[0, 0, 4, 8]]
    >>> boxes, scores, labels = fastgeo.weighted_boxes_fusion([one, two], [[0.9], [0.3]], [[1], [1]], iou_threshold=0.4)
    >>> boxes, scores, labels
    (array([[0., 0., 4., 5.]]), array([0.6]), array([1]))
    """
    case = arguments.fusion(boxes_list, scores_list, labels_list, weights, iou_threshold, skip_box_threshold)
    checks.thread_count(n_threads)
    clusters: list[Cluster] = []
    for i in by_descending_score(case.scores):
        if case.skip[i]:
            continue
        box, score, label = case.boxes[i].tolist(), float(case.scores[i]), int(case.labels[i])
        best, best_iou = None, case.iou_threshold
        for cluster in clusters:
            if cluster.label == label and corner_iou(cluster.box, box) > best_iou:
                best, best_iou = cluster, corner_iou(cluster.box, box)
        if best is None:
            clusters.append(Cluster(box, score, label))
        else:
            best.add(box, score)
    scores = np.array(
        [c.score / c.count * min(c.count, case.n_models) / case.total_weight for c in clusters], np.float64
    )
    order = by_descending_score(scores)
    boxes = np.array([cluster.box for cluster in clusters], np.float64).reshape(-1, 4)
    labels = np.array([cluster.label for cluster in clusters], np.int64)
    return (
        boxes[order].astype(case.box_type),
        scores[order].astype(case.score_type),
        case.label_values[labels[order]],
    )


class Cluster:
    """Boxes of one label and their mean, weighted by score."""

    def __init__(self, box: list[float], score: float, label: int) -> None:
        self.box, self.score, self.label, self.count = box, score, label, 1
        self.sums = [score * value for value in box]

    def add(self, box: list[float], score: float) -> None:
        self.score += score
        self.count += 1
        self.sums = [total + score * value for total, value in zip(self.sums, box, strict=True)]
        if self.score > 0:
            self.box = [total / self.score for total in self.sums]


def corner_iou(a: list[float], b: list[float]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    intersection = max(width, 0.0) * max(height, 0.0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - intersection
    return intersection / union if union > 0 else 0.0
