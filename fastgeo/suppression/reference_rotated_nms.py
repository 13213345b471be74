"""Greedy non-maximum suppression of rotated boxes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from fastgeo.runtime import checks
from fastgeo.runtime.box_math import rotated_iou
from fastgeo.runtime.checks import Array
from fastgeo.suppression import arguments
from fastgeo.suppression.reference_nms import by_descending_score, selection


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
    the same boxes unless an IoU lies that close to the threshold. Time O(N·K) at worst; the kernel compares only boxes
    near each other. Memory O(N).

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
