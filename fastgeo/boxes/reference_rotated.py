"""Overlaps of rotated boxes."""

from __future__ import annotations

from numpy.typing import ArrayLike

from fastgeo.runtime import checks
from fastgeo.runtime.box_math import rotated_iou
from fastgeo.runtime.checks import Array


def rotated_box_iou(
    boxes1: ArrayLike,
    boxes2: ArrayLike,
    *,
    out: Array | None = None,
    n_threads: int | None = None,
) -> Array:
    """Intersection over union of every rotated box of one set with every rotated box of another.

    Parameters
    ----------
    boxes1 : array_like, shape (N, 5)
        Boxes (cx, cy, w, h, angle): centre, size, and the angle in degrees by which the box is turned about its centre,
        counter-clockwise on a screen whose y axis points down, as in detectron2.
    boxes2 : array_like, shape (M, 5)
        As `boxes1`.
    out, n_threads
        As in :func:`fastgeo.box_iou`.

    Returns
    -------
    ndarray, shape (N, M)
        ``area(a & b) / area(a | b)``, from 0 to 1; 0 where the union is empty. A box with w < 0 or h < 0 is empty.

    Raises
    ------
    ValueError, TypeError
        As :func:`fastgeo.box_iou`.

    Notes
    -----
    One box is clipped by the sides of the other, in the frame of the other, in float64 for either float type. Angles
    are reduced in degrees, so that multiples of 90 are exact. The kernel has a sine and a cosine of its own: it gives
    the same bits on every instruction set and lies within ``8 r`` units of the epsilon of float64 of the reference,
    where r is the longest side of the pair over the shortest; then both round to the boxes' type. Time O(N·M); memory
    beyond the result O(N + M).

    References
    ----------
    .. [1] I. E. Sutherland and G. W. Hodgman, "Reentrant polygon clipping", Communications of the ACM 17 (1974).
    .. [2] J. Ma et al., "Arbitrary-oriented scene text detection via rotation proposals", IEEE TMM 20 (2018).

    Examples
    --------
    >>> import fastgeo
    >>> fastgeo.rotated_box_iou([[0, 0, 4, 2, 0]], [[0, 0, 4, 2, 90], [0, 0, 2, 4, 90]])
    array([[0.33333333, 1.        ]])
    """
    boxes1, boxes2 = checks.box_pair(boxes1, boxes2, columns=5)
    out = checks.output_array(out, (len(boxes1), len(boxes2)), boxes1.dtype, boxes1, boxes2)
    checks.thread_count(n_threads)
    for i, box1 in enumerate(boxes1):
        for j, box2 in enumerate(boxes2):
            out[i, j] = rotated_iou(box1, box2)
    return out
