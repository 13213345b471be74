"""Soft non-maximum suppression: boxes that overlap a kept one lose score instead of being dropped."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from fastgeo.runtime import checks
from fastgeo.runtime.box_math import corners, intersection_area, ratio
from fastgeo.runtime.checks import Array
from fastgeo.suppression import arguments
from fastgeo.suppression.reference_nms import pick


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
