"""Weighted boxes fusion: clusters of overlapping boxes become their mean, weighted by score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array
from fastgeo.suppression import arguments


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
    for candidate in candidates(case):
        best, best_iou = None, case.iou_threshold
        for cluster in clusters:
            if cluster.label == candidate.label and iou(cluster.box, candidate.box) > best_iou:
                best, best_iou = cluster, iou(cluster.box, candidate.box)
        if best is None:
            clusters.append(Cluster(candidate))
        else:
            best.add(candidate)
    n_models, total_weight = len(case.weights), math.fsum(case.weights)
    scored = [(c.score / c.count * min(c.count, n_models) / total_weight, c) for c in clusters]
    scored.sort(key=lambda item: -item[0])
    return (
        np.array([cluster.box for _, cluster in scored], case.box_type).reshape(-1, 4),
        np.array([score for score, _ in scored], case.score_type),
        np.array([cluster.label for _, cluster in scored], case.label_type),
    )


class Candidate(NamedTuple):
    """A box of one of the models."""

    box: list[float]
    score: float  # times the weight of the model
    label: int


def candidates(case: arguments.Fusion) -> list[Candidate]:
    """The boxes that take part, by descending score; among equal ones the first box of the first model first."""
    found = []
    for boxes, scores, labels, weight in zip(case.boxes, case.scores, case.labels, case.weights, strict=True):
        for (xa, ya, xb, yb), score, label in zip(boxes.tolist(), scores.tolist(), labels.tolist(), strict=True):
            box = [xa if xa < xb else xb, ya if ya < yb else yb, xa if xa > xb else xb, ya if ya > yb else yb]
            if score >= case.skip_box_threshold and area(box) > 0:
                found.append(Candidate(box, score * weight, label))
    return sorted(found, key=lambda candidate: -candidate.score)


class Cluster:
    """Boxes of one label and their mean, weighted by score."""

    def __init__(self, first: Candidate) -> None:
        self.box, self.label = first.box, first.label
        self.count, self.score, self.sums = 0, 0.0, [0.0] * 4
        self.count_in(first)

    def add(self, other: Candidate) -> None:
        self.count_in(other)
        if self.score > 0:
            self.box = [total / self.score for total in self.sums]

    def count_in(self, one: Candidate) -> None:
        self.count += 1
        self.score += one.score
        self.sums = [total + one.score * value for total, value in zip(self.sums, one.box, strict=True)]


def iou(a: list[float], b: list[float]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    intersection = max(width, 0.0) * max(height, 0.0)
    union = area(a) + area(b) - intersection
    return intersection / union if union > 0 else 0.0


def area(box: list[float]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
