"""The specification of detection metrics: matching and curves as the COCO API defines them, in plain Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastgeo.evaluation import arguments
from fastgeo.evaluation.evaluator import DetectionEvaluator
from fastgeo.evaluation.matching import curve, match_image
from fastgeo.evaluation.scores import DetectionScores
from fastgeo.runtime import checks

__all__ = ["DetectionEvaluator", "mean_average_precision"]


def mean_average_precision(
    detections: Mapping[str, Any],
    truth: Mapping[str, Any],
    *,
    convention: str = "coco",
    fmt: str = "xywh",
    iou_thresholds: ArrayLike | None = None,
    recall_thresholds: ArrayLike | None = None,
    area_ranges: Mapping[str, tuple[float, float]] | None = None,
    max_detections: Sequence[int] | None = None,
    class_agnostic: bool = False,
    images: ArrayLike | None = None,
    classes: ArrayLike | None = None,
    n_threads: int | None = None,
) -> DetectionScores:
    """Average precision and recall of detections, as the COCO API computes them.

    Parameters
    ----------
    detections : mapping of columns
        ``image_id`` and ``class_id`` (D,), integers or text; ``boxes`` (D, 4) in the format `fmt`; ``scores`` (D,);
        optionally ``areas`` (D,), by default those of the boxes.
    truth : mapping of columns
        ``image_id``, ``class_id``, ``boxes`` and ``areas`` in the same way; optionally ``iscrowd`` and ``ignore`` (G,),
        flags. A crowd takes any number of detections, and overlap with it is taken relative to the detection. What is
        found of crowds and of ignored truths counts neither for nor against the detector.
    convention : {"coco", "voc2007", "voc2012"}, default "coco"
        Whose rules: those of the COCO API, or of the VOC devkit with 11 points of the curve (2007) or all of it (2012).
    fmt : {"xywh", "xyxy", "cxcywh"}, default "xywh"
        Format of the boxes.
    iou_thresholds : array_like, shape (T,), optional
        A detection may match a truth whose overlap reaches this (VOC: is above it); by default 0.5, 0.55, … 0.95, of
        VOC 0.5.
    recall_thresholds : array_like, shape (R,), optional
        Where precision is read off; by default 0, 0.01, … 1, of "voc2007" 0, 0.1, … 1.
    area_ranges : mapping of str to (low, high), optional
        Truths, and detections without a match, count where their area lies in the closed range; by default COCO's
        all, small, medium and large. Only with "coco".
    max_detections : sequence of int, optional
        How many detections of an image and class take part at most, those of highest score; by default 1, 10, 100, of
        VOC all.
    class_agnostic : bool, default False
        Take all classes as one.
    images, classes : array_like, optional
        Ids that are evaluated, in this order; by default all that occur, ascending.
    n_threads : int, optional
        At most this many threads; by default as many as :func:`fastgeo.get_num_threads` says.

    Returns
    -------
    DetectionScores
        The arrays ``precision`` (T, R, K, A, M), ``recall`` (T, K, A, M) and ``scores`` (T, R, K, A, M) of COCOeval;
        ``stats``, ``ap``, ``ap50``, ``per_class`` and what else is made of them. Its text is what COCOeval prints.

    Raises
    ------
    ValueError
        For a column that is missing or of another length, NaN, coordinates as in :func:`fastgeo.box_iou`, and ids that
        `images` or `classes` lack.
    TypeError
        For columns of another type.

    Notes
    -----
    The arrays are those of pycocotools to the last bit. Detections are taken by descending score; of equal scores
    first those of the earlier image, then of the earlier row. Each takes the free truth of highest overlap, the later
    of two equals, and an ignored one only where no other is left.

    VOC's rules differ: extents are those of inclusive pixels, one more than the difference of the coordinates; a
    detection belongs to the truth of highest overlap, the first of equals, and is false where that is taken. Flag
    "difficult" truths as ``ignore``. The average precision of "voc2012" is the area under the curve, summed from the
    highest recall down.

    Areas decide which range a truth belongs to; COCO's annotations have those of masks, so pass them as ``areas`` for
    its figures. Boxes are computed in float64. Time O(D log D) and the overlaps within each image and class, memory
    about 60 bytes a detection.

    References
    ----------
    .. [1] T.-Y. Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014.
    .. [2] M. Everingham et al., "The Pascal Visual Object Classes (VOC) challenge", IJCV 88 (2010).

    Examples
    --------
    >>> import fastgeo
    >>> detections = {
    ...     "image_id": [1, 1, 2],
    ...     "class_id": [7, 7, 7],
    ...     "boxes": [[0, 0, 10, 10], [50, 50, 9, 9], [1, 0, 10, 10]],
    ...     "scores": [0.9, 0.8, 0.7],
    ... }
    >>> truth = {"image_id": [1, 2], "class_id": [7, 7], "boxes": [[0, 0, 10, 10], [0, 0, 10, 10]]}
    >>> scores = fastgeo.mean_average_precision(detections, truth)
    >>> round(scores.ap50, 3), round(scores.ar, 3)
    (0.835, 0.85)
    """
    parameters = convention, iou_thresholds, recall_thresholds, area_ranges, max_detections
    grid = arguments.grid_of_call(detections, truth, *parameters)
    whole = arguments.problem(detections, truth, grid, fmt, class_agnostic, images, classes, arguments.code_ids)
    arguments.values(whole)
    checks.thread_count(n_threads)
    shape = grid.shape(len(whole.classes))
    precision, scores = np.full(shape, -1.0), np.full(shape, -1.0)
    recall = np.full((shape[0], *shape[2:]), -1.0)
    areas = np.full(recall.shape, -1.0) if convention == "voc2012" else None
    for k in range(len(whole.classes)):
        for a, limits in enumerate(grid.area_ranges.values()):
            matched = [match_image(whole, k, image, limits) for image in range(len(whole.images))]
            positives = sum(image.positives for image in matched)
            for m, limit in enumerate(grid.max_detections if positives else []):
                for t in range(len(grid.iou_thresholds)):
                    found = [row for image in matched for row in image.found[t][:limit]]
                    of = curve(found, positives, grid.recall_thresholds, arguments.margin(convention))
                    recall[t, k, a, m], precision[t, :, k, a, m], scores[t, :, k, a, m] = of[:3]
                    if areas is not None:
                        areas[t, k, a, m] = of.area
    return DetectionScores(precision, recall, scores, areas, whole.classes, whole.images, *grid)
