"""Overlaps that are found without a table of all pairs."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from fastgeo.boxes.reference_iou import box_iou
from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array


def sparse_box_iou(
    boxes1: ArrayLike,
    boxes2: ArrayLike,
    threshold: float = 0.0,
    *,
    fmt: str = "xyxy",
    n_threads: int | None = None,
) -> tuple[Array, Array, Array]:
    """Find the pairs of boxes whose intersection over union exceeds a threshold.

    Parameters
    ----------
    boxes1, boxes2, fmt, n_threads
        As in :func:`fastgeo.box_iou`.
    threshold : float, default 0.0
        From 0 to 1. A pair is returned if ``float64(iou) > threshold``.

    Returns
    -------
    rows : ndarray of int64, shape (K,)
        Indices into `boxes1`, ascending.
    cols : ndarray of int64, shape (K,)
        Indices into `boxes2`, ascending within a row.
    values : ndarray, shape (K,)
        The intersection over union of each pair, in the boxes' float type.

    Raises
    ------
    ValueError, TypeError
        As :func:`fastgeo.box_iou`; also for a threshold outside [0, 1].

    Notes
    -----
    Kernel and reference agree to the last bit. The kernel holds no table of all pairs: memory O(N + M + K). For many
    boxes it builds a tree ([1]_, [2]_): O(log M) for each row and the boxes near it, O(N·M) at worst.

    References
    ----------
    .. [1] J. L. Bentley, "Multidimensional binary search trees used for associative searching", CACM 18 (1975).
    .. [2] L. Arge et al., "The priority R-tree: a practically efficient and worst-case optimal R-tree", SIGMOD 2004.

    Examples
    --------
    >>> import fastgeo
    >>> rows, cols, values = fastgeo.sparse_box_iou([[0, 0, 2, 2], [5, 5, 6, 6]], [[9, 9, 10, 10], [0, 0, 2, 4]])
    >>> rows, cols, values
    (array([0]), array([1]), array([0.5]))
    """
    boxes1, boxes2 = checks.box_pair(boxes1, boxes2)
    threshold = checks.in_range("threshold", threshold, 0, 1)
    values = box_iou(boxes1, boxes2, fmt=fmt, n_threads=n_threads)
    rows, cols = np.nonzero(values.astype(np.float64) > threshold)
    return rows.astype(np.int64), cols.astype(np.int64), values[rows, cols]
