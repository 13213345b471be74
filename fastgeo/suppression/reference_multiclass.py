"""Non-maximum suppression of a whole detector head."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from fastgeo.runtime.checks import Array
from fastgeo.suppression import arguments
from fastgeo.suppression.reference_nms import nms


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
    classes = range(n_classes)
    for b in range(batch):
        score_of = case.scores[b].tolist()
        kept: list[tuple[int, int]] = []
        for rivals in [list(classes)] if case.class_agnostic else [[c] for c in classes]:
            kept += keep_of_classes(case, b, score_of, rivals, fmt)
        kept.sort(key=lambda pair: (-score_of[pair[0]][pair[1]], pair))
        for k, (i, c) in enumerate(kept[: case.max_output]):
            out_boxes[b, k] = case.boxes[b, i, c] if case.boxes.ndim == 4 else case.boxes[b, i]
            out_scores[b, k] = case.scores[b, i, c]
            out_classes[b, k] = c
            out_indices[b, k] = i
        counts[b] = min(len(kept), case.max_output)
    return out_boxes, out_scores, out_classes, out_indices, counts


def keep_of_classes(
    case: arguments.Head, b: int, score_of: list[list[float]], classes: list[int], fmt: str
) -> list[tuple[int, int]]:
    """The pairs (box, class) that stay of image b, of one class or of several whose boxes suppress each other."""
    pairs = [(i, c) for i, row in enumerate(score_of) for c in classes if row[c] > case.score_thresholds[c]]
    pairs.sort(key=lambda pair: -score_of[pair[0]][pair[1]])
    pairs = pairs[: case.top_k]
    if not pairs:
        return []
    box, class_ = (list(index) for index in zip(*pairs, strict=True))
    boxes = case.boxes[b, box, class_] if case.boxes.ndim == 4 else case.boxes[b, box]
    found = nms(boxes, case.scores[b, box, class_], float(case.iou_thresholds[classes[0]]), fmt=fmt)
    return [pairs[k] for k in found]
