"""The textbook functions that detection code carries around, under their textbook calls.

Each gives the result of the version everybody copies, without its faults; the docstrings list every difference.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

import fastgeo
from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array

__all__ = ["auc_calculate", "conv2d", "iou", "kmeans", "py_nms"]


def iou(box1: ArrayLike, box2: ArrayLike) -> float:
    """Intersection over union of two boxes (cx, cy, w, h).

    Parameters
    ----------
    box1, box2 : array_like, shape (4,)
        Centre and size.

    Returns
    -------
    float
        From 0 to 1.

    Notes
    -----
    Differences from the textbook function: two boxes without area give 0 instead of a division by zero; a negative
    width or height makes a box empty instead of turning the result negative; NaN and infinity raise ValueError.
    For many boxes at once call ``fastgeo.box_iou(boxes1, boxes2, fmt="cxcywh")``.

    Examples
    --------
    >>> from fastgeo.compat.classic import iou
    >>> iou([1, 1, 2, 2], [2, 1, 2, 2])
    0.3333333333333333
    """
    first, second = (checks.float_array(name, box, (4,)) for name, box in (("box1", box1), ("box2", box2)))
    return float(fastgeo.box_iou(first[None], second[None], fmt="cxcywh")[0, 0])


def conv2d(inputs: ArrayLike, kernel: ArrayLike, bias: ArrayLike | None, stride: Any = 1, padding: Any = 0) -> Array:
    """Convolution of a batch of pictures as deep learning writes it (no flip of the kernel).

    Parameters
    ----------
    inputs : array_like, shape (batch, height, width, channels)
    kernel : array_like, shape (kernel_height, kernel_width, channels, out_channels)
    bias : array_like, shape (out_channels,), or None
    stride, padding : int, default 1 and 0

    Returns
    -------
    ndarray, shape (batch, out_height, out_width, out_channels)

    Notes
    -----
    Differences from the textbook function: float32 stays float32 (most textbook versions fill a float64 array);
    a kernel that does not fit raises ValueError instead of giving an empty or wrong array; integers become float64.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgeo.compat.classic import conv2d
    >>> conv2d(np.ones((1, 3, 3, 1)), np.ones((2, 2, 1, 1)), [0.0]).ravel()
    array([4., 4., 4., 4.])
    """
    return np.asarray(fastgeo.conv2d(inputs, kernel, bias, stride, padding))


def kmeans(X: ArrayLike, k: int) -> tuple[Array, Array]:
    """Cluster points with Lloyd's algorithm until no label changes.

    Parameters
    ----------
    X : array_like, shape (n, d)
    k : int

    Returns
    -------
    centroids : ndarray, shape (k, d)
    labels : ndarray of int, shape (n,)

    Notes
    -----
    Differences from the textbook function: it starts from k-means++ instead of k points drawn evenly, and from the
    same seed at each call (the textbook draws from NumPy's global state); a cluster left empty is refilled with the
    point farthest from its centroid instead of becoming NaN; the labels are always those of the centroids returned.

    Examples
    --------
    >>> from fastgeo.compat.classic import kmeans
    >>> centroids, labels = kmeans([[0.0], [1.0], [10.0], [11.0]], 2)
    >>> sorted(centroids.ravel().tolist())
    [0.5, 10.5]
    """
    result = fastgeo.kmeans(X, k, seed=0)
    return result.centroids, result.labels


def py_nms(dets: ArrayLike, thresh: float) -> list[int]:
    """Greedy non-maximum suppression, as in Fast R-CNN: inclusive pixels, a width is x2 - x1 + 1.

    Parameters
    ----------
    dets : array_like, shape (N, 5)
        x1, y1, x2, y2, score.
    thresh : float
        A box is dropped when its IoU with a better one exceeds this.

    Returns
    -------
    list of int
        Indices of the boxes kept, best first.

    Notes
    -----
    Differences from the textbook function: equal scores keep the lowest index first (``argsort()[::-1]`` keeps the
    highest first); no boxes give ``[]`` instead of an IndexError; a box with x2 < x1 - 1 is empty, its area never
    negative; NaN raises ValueError; a threshold outside [0, 1] raises ValueError.

    Examples
    --------
    >>> from fastgeo.compat.classic import py_nms
    >>> py_nms([[0, 0, 9, 9, 0.9], [1, 1, 10, 10, 0.8], [20, 20, 29, 29, 0.7]], 0.5)
    [0, 2]
    """
    dets = checks.numeric_array("dets", dets)
    if dets.shape == (0,):
        return []
    dets = checks.float_array("dets", dets, ("N", 5))
    keep: list[int] = fastgeo.nms(dets[:, :4], dets[:, 4], thresh, offset=1).tolist()
    return keep


def auc_calculate(labels: ArrayLike, preds: ArrayLike, n_bins: int = 100) -> float:
    """Area under the ROC curve from a histogram of the predictions; pairs in one bin count one half.

    Parameters
    ----------
    labels : array_like of 0 and 1, shape (n,)
    preds : array_like, shape (n,)
        From 0 to 1.
    n_bins : int, default 100

    Returns
    -------
    float
        From 0 to 1.

    Notes
    -----
    Differences from the textbook function: a prediction of exactly 1.0 belongs to the last bin (the textbook indexes
    past the end); predictions outside [0, 1] raise ValueError instead of counting in a bin from the other end; labels
    of one class only raise ValueError instead of dividing by zero. The pairs are counted in integers, so the result
    may differ in the last bits from a textbook version that sums floats.

    Examples
    --------
    >>> from fastgeo.compat.classic import auc_calculate
    >>> auc_calculate([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    return fastgeo.histogram_auc(labels, preds, n_bins)
