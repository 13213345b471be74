"""supervision's box overlaps and suppression: ``from fastgeo.compat.supervision import box_non_max_suppression``.

For programs that call ``sv.Detections.with_nms()`` and the like, ``fastgeo.compat.patch("supervision")`` puts these in
place of supervision's own. supervision itself is not imported. Differences:

- Equal scores: the lowest index is kept; supervision's order of equals depends on NumPy's sort.
- A box with x2 < x1 or y2 < y1 is empty; supervision multiplies the negative extents.
- NaN, infinite and enormous coordinates and NaN scores raise ``ValueError``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

import fastgeo
from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array

__all__ = ["box_iou_batch", "box_non_max_suppression"]

METRICS = ("IOU", "IOS")


def box_iou_batch(boxes_true: Any, boxes_detection: Any, overlap_metric: Any = "IOU") -> Array:
    """Overlap of every pair, as ``supervision.box_iou_batch``.

    Parameters
    ----------
    boxes_true, boxes_detection : array_like, shape (N, 4) and (M, 4)
        Corners (x1, y1, x2, y2).
    overlap_metric : {"IOU", "IOS"} or supervision.OverlapMetric, default "IOU"
        Intersection over the union, or over the smaller of the two areas.

    Returns
    -------
    ndarray of float32, shape (N, M)
        Computed in float64.

    Examples
    --------
    >>> from fastgeo.compat.supervision import box_iou_batch
    >>> box_iou_batch([[0, 0, 2, 2]], [[1, 0, 3, 2]]).round(3)
    array([[0.333]], dtype=float32)
    """
    metric = _metric(overlap_metric)
    boxes1, boxes2 = np.asarray(boxes_true, np.float64), np.asarray(boxes_detection, np.float64)
    if metric == "IOU":
        return fastgeo.box_iou(boxes1, boxes2).astype(np.float32)
    # Of the two quotients the larger has the smaller area below.
    over1, over2 = fastgeo.box_ioa(boxes1, boxes2), fastgeo.box_ioa(boxes2, boxes1)
    return np.maximum(over1, over2.T).astype(np.float32)


def box_non_max_suppression(predictions: Any, iou_threshold: float = 0.5, overlap_metric: Any = "IOU") -> Array:
    """Which predictions to keep, as ``supervision.box_non_max_suppression``.

    Parameters
    ----------
    predictions : array_like, shape (N, 5) or (N, 6)
        x1, y1, x2, y2, score and perhaps a class; only predictions of one class suppress each other.
    iou_threshold : float, default 0.5
        From 0 to 1.
    overlap_metric : {"IOU", "IOS"} or supervision.OverlapMetric, default "IOU"

    Returns
    -------
    ndarray of bool, shape (N,)

    Examples
    --------
    >>> from fastgeo.compat.supervision import box_non_max_suppression
    >>> box_non_max_suppression([[0, 0, 4, 4, 0.9, 0], [0, 0, 4, 4, 0.8, 0], [0, 0, 4, 4, 0.7, 1]])
    array([ True, False,  True])
    """
    kind = _metric(overlap_metric).lower()
    table = np.asarray(predictions, np.float64)
    if table.ndim != 2 or table.shape[1] not in (5, 6):
        raise ValueError(f"predictions: expected shape (N, 5) or (N, 6), got {table.shape}")
    threshold = _equivalent(float(np.float32(checks.in_range("iou_threshold", iou_threshold, 0, 1))))
    boxes, scores = table[:, :4], table[:, 4]
    if table.shape[1] == 5:
        keep = fastgeo.nms(boxes, scores, threshold, kind=kind)
    else:
        classes = np.unique(table[:, 5], return_inverse=True)[1]
        keep = fastgeo.batched_nms(boxes, scores, classes, threshold, kind=kind)
    kept = np.zeros(len(table), bool)
    kept[keep] = True
    return kept


@lru_cache(maxsize=1024)
def _equivalent(threshold: float) -> float:
    """The largest float64 that rounds to at most this float32: supervision compares overlaps rounded to float32."""
    if threshold >= 1:
        return 1.0
    low = np.float32(threshold)
    middle = (float(low) + float(np.nextafter(low, np.float32(2)))) / 2
    return middle if np.float32(middle) <= low else float(np.nextafter(middle, 0))


def _metric(overlap_metric: Any) -> str:
    """The name of a metric: text in any case, or a member of supervision's enumeration."""
    return checks.choice("overlap_metric", str(getattr(overlap_metric, "value", overlap_metric)).upper(), METRICS)
