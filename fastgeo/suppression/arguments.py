"""Checks of the suppression room's arguments, shared by kernels and references so that both raise alike."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array

KINDS = ("iou", "diou", "ioa")
SOFT_METHODS = ("linear", "gaussian")
NO_IDXS = "idxs: expected an array of integers, got None"


def nms_arrays(boxes: Any, scores: Any, idxs: Any = None) -> tuple[Array, Array, Array | None]:
    """Plain arrays of equal length; their values are not looked at."""
    boxes = checks.float_array("boxes", boxes, ("N", 4))
    scores = checks.float_array("scores", scores, ("N",))
    checks.same_length("boxes", boxes, "scores", scores)
    if idxs is not None:
        idxs = group_ids("idxs", idxs)
        checks.same_length("boxes", boxes, "idxs", idxs)
    return boxes, scores, idxs


def rotated_arrays(boxes: Any, scores: Any) -> tuple[Array, Array]:
    """Checked boxes (cx, cy, w, h, degrees) and plain scores of equal length."""
    boxes = checks.float_array("boxes", boxes, ("N", 5))
    scores = checks.float_array("scores", scores, ("N",))
    checks.same_length("boxes", boxes, "scores", scores)
    checks.box_values("boxes", boxes)
    return boxes, scores


class Head(NamedTuple):
    """The arguments of multiclass_nms, checked; the thresholds one for each class."""

    boxes: Array
    scores: Array
    iou_thresholds: Array
    score_thresholds: Array
    top_k: int | None
    max_output: int
    class_agnostic: bool


def head(
    boxes: Any,
    scores: Any,
    iou_threshold: Any,
    score_threshold: Any,
    top_k: Any,
    max_boxes: Any,
    class_agnostic: Any,
    fmt: Any,
) -> Head:
    """Check the arguments of multiclass_nms, except for the values in boxes and scores."""
    scores = checks.float_array("scores", scores, ("B", "N", "C"))
    batch, n, n_classes = scores.shape
    array = checks.numeric_array("boxes", boxes)
    shape: tuple[int, ...] = (batch, n, n_classes, 4) if array.ndim == 4 else (batch, n, 4)
    if array.shape != shape:
        raise ValueError(f"boxes: expected shape {shape}, to match scores, got {array.shape}")
    array = checks.plain(array, checks.float_type(array.dtype))
    if class_agnostic not in (True, False):
        raise TypeError(f"class_agnostic: expected True or False, got {class_agnostic!r}")
    iou_thresholds = class_values("iou_threshold", iou_threshold, n_classes)
    checks.reject("iou_threshold", iou_thresholds, ~((iou_thresholds >= 0) & (iou_thresholds <= 1)), "from 0 to 1")
    if class_agnostic and len(set(iou_thresholds.tolist())) > 1:
        raise ValueError("iou_threshold: expected one number for all classes with class_agnostic, got several")
    score_thresholds = class_values("score_threshold", score_threshold, n_classes)
    checks.reject("score_threshold", score_thresholds, np.isnan(score_thresholds), "a number")
    top_k = None if top_k is None else checks.integer("top_k", top_k, 0)
    checks.choice("fmt", fmt, checks.FORMATS)
    limit = checks.integer("max_output", max_boxes, 0, 2**40)
    return Head(array, scores, iou_thresholds, score_thresholds, top_k, limit, bool(class_agnostic))


def class_values(name: str, value: Any, n_classes: int) -> Array:
    """One float64 for each class, from one number or an array of them."""
    array = checks.numeric_array(name, value)
    if array.ndim == 0:
        return np.full(n_classes, array, np.float64)
    return checks.plain(checks.shaped(name, array, (n_classes,)), np.float64)


def nms_values(boxes: Array, scores: Array) -> None:
    """Raise for a value that breaks the input contract."""
    checks.box_values("boxes", boxes)
    checks.scores_array("scores", scores)


def group_ids(name: str, value: Any) -> Array:
    """Integers of any type as int64; unsigned ids above 2**63 wrap, which keeps different ids different."""
    array = checks.shaped(name, checks.numeric_array(name, value), ("N",))
    if array.dtype.kind == "f" and array.size:
        raise TypeError(f"{name}: expected an array of integers, got dtype {array.dtype}")
    return checks.plain(array.astype(np.int64, copy=False), np.int64)


def score_threshold(value: Any) -> float:
    number = checks.real_number("score_threshold", value)
    if number != number:
        raise ValueError(f"score_threshold: expected a number, got {number:g}")
    return number


def max_output(value: Any) -> int:
    return min(checks.integer("max_output", value, 0), 2**62)


def sigma(value: Any) -> float:
    number = checks.real_number("sigma", value)
    if not 0 < number < math.inf:
        raise ValueError(f"sigma: expected a finite number above 0, got {number:g}")
    return number


class Fusion(NamedTuple):
    """What weighted boxes fusion works on: the boxes of all models in one row, as float64."""

    boxes: Array  # corners in order
    scores: Array  # times the weight of the model
    labels: Array  # numbered 0, 1, …
    label_values: Array  # what those numbers stand for
    skip: Array  # boxes below the score threshold, and those of no area
    box_type: Any
    score_type: Any
    iou_threshold: float
    n_models: int
    total_weight: float


def fusion(
    boxes_list: Any, scores_list: Any, labels_list: Any, weights: Any, iou_threshold: Any, skip_box_threshold: Any
) -> Fusion:
    """Check and gather the arguments of weighted_boxes_fusion."""
    for name, arrays in (("boxes_list", boxes_list), ("scores_list", scores_list), ("labels_list", labels_list)):
        if not hasattr(arrays, "__len__") or not hasattr(arrays, "__iter__"):
            raise TypeError(f"{name}: expected a list of arrays, got {arrays!r}")
    n_models = len(boxes_list)
    for name, other in (("scores_list", scores_list), ("labels_list", labels_list)):
        if len(other) != n_models:
            raise ValueError(f"{name}: expected length {n_models}, as boxes_list, got {len(other)}")
    boxes, scores, labels, below = [], [], [], []
    model_weights = fusion_weights(weights, n_models)
    iou_threshold = checks.in_range("iou_threshold", iou_threshold, 0, 1)
    least = checks.real_number("skip_box_threshold", skip_box_threshold)
    if math.isnan(least):
        raise ValueError("skip_box_threshold: expected a number, got nan")
    for m, (model_boxes, model_scores, model_labels) in enumerate(
        zip(boxes_list, scores_list, labels_list, strict=True)
    ):
        boxes.append(checks.boxes_array(f"boxes_list[{m}]", model_boxes))
        scores.append(finite_scores(f"scores_list[{m}]", model_scores))
        labels.append(whole_labels(f"labels_list[{m}]", model_labels))
        checks.same_length(f"boxes_list[{m}]", boxes[m], f"scores_list[{m}]", scores[m])
        checks.same_length(f"boxes_list[{m}]", boxes[m], f"labels_list[{m}]", labels[m])
        below.append(scores[m].astype(np.float64) < least)
    box_type = np.result_type(*boxes) if boxes else np.dtype(np.float64)
    score_type = np.result_type(*scores) if scores else np.dtype(np.float64)
    all_boxes = np.concatenate([*boxes, np.zeros((0, 4))]).astype(np.float64)
    corners = np.concatenate(
        [np.minimum(all_boxes[:, :2], all_boxes[:, 2:]), np.maximum(all_boxes[:, :2], all_boxes[:, 2:])], axis=1
    )
    weighted = [s.astype(np.float64) * w for s, w in zip(scores, model_weights, strict=True)]
    values, numbers = np.unique(np.concatenate([*labels, np.zeros(0, np.int64)]), return_inverse=True)
    area = (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])
    return Fusion(
        corners,
        np.concatenate([*weighted, np.zeros(0)]),
        numbers.reshape(-1).astype(np.int64),
        values,
        np.concatenate([*below, np.zeros(0, bool)]) | (area == 0),
        box_type,
        score_type,
        iou_threshold,
        n_models,
        math.fsum(model_weights),
    )


def fusion_weights(weights: Any, n_models: int) -> list[float]:
    if weights is None:
        return [1.0] * n_models
    array = checks.float_array("weights", weights, (n_models,)).astype(np.float64)
    checks.reject("weights", array, ~((array >= 0) & (array < math.inf)), "a finite number of at least 0")
    if n_models and not array.any():
        raise ValueError("weights: expected one above 0, got zeros only")
    result: list[float] = array.tolist()
    return result


def finite_scores(name: str, value: Any) -> Array:
    scores = checks.float_array(name, value, ("N",))
    checks.reject(name, scores, ~np.isfinite(scores), "a finite number")
    return scores


def whole_labels(name: str, value: Any) -> Array:
    """Integers, or floats that are whole, as int64."""
    array = checks.shaped(name, checks.numeric_array(name, value), ("N",))
    if array.dtype.kind == "f":
        checks.reject(name, array, ~((np.abs(array) < 2.0**63) & (array == np.trunc(array))), "a whole number")
    return array.astype(np.int64)
