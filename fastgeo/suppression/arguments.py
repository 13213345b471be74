"""Checks of the suppression family's arguments, shared by kernels and references so that both raise alike."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array

KINDS = ("iou", "diou", "ioa")
SOFT_METHODS = ("linear", "gaussian")
NO_IDXS = "idxs: expected an array of integers, got None"


# Boxes, or scores of an image, are numbered in 31 bits.
MOST_BOXES = 2**31 - 2


def nms_arrays(boxes: Any, scores: Any, idxs: Any = None, *, values: bool = True) -> tuple[Array, Array, Array | None]:
    """Plain arrays of equal length; with `values` these are checked as well, each array before the next."""
    boxes = few_enough("boxes", checks.float_array("boxes", boxes, ("N", 4)))
    if values:
        checks.box_values("boxes", boxes)
    scores = checks.float_array("scores", scores, ("N",))
    checks.same_length("boxes", boxes, "scores", scores)
    if values:
        number_values("scores", scores)
    if idxs is not None:
        idxs = group_ids("idxs", idxs)
        checks.same_length("boxes", boxes, "idxs", idxs)
    return boxes, scores, idxs


def few_enough(name: str, boxes: Array) -> Array:
    if len(boxes) > MOST_BOXES:
        raise ValueError(f"{name}: expected at most {MOST_BOXES} boxes, got {len(boxes)}")
    return boxes


def number_values(name: str, scores: Array) -> None:
    checks.reject(name, scores, np.isnan(scores), "a number")


def rotated_arrays(boxes: Any, scores: Any) -> tuple[Array, Array]:
    """Checked boxes (cx, cy, w, h, degrees) and scores of equal length."""
    boxes = few_enough("boxes", checks.float_array("boxes", boxes, ("N", 5)))
    checks.box_values("boxes", boxes)
    scores = checks.float_array("scores", scores, ("N",))
    checks.same_length("boxes", boxes, "scores", scores)
    number_values("scores", scores)
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


def head_arrays(boxes: Any, scores: Any, *, values: bool = True) -> tuple[Array, Array]:
    """Plain arrays (B, N, 4) or (B, N, C, 4) and (B, N, C); with `values` these are checked as well."""
    array = checks.numeric_array("boxes", boxes)
    scores = checks.float_array("scores", scores, ("B", "N", "C"))
    batch, n, n_classes = scores.shape
    shape: tuple[int, ...] = (batch, n, n_classes, 4) if array.ndim == 4 else (batch, n, 4)
    if array.shape == (0,) and scores.size == 0 and batch * n == 0:
        array = array.reshape(shape)
    if array.shape != shape:
        raise ValueError(f"boxes: expected shape {shape}, to match scores, got {array.shape}")
    if n * n_classes > MOST_BOXES:
        raise ValueError(f"scores: expected at most {MOST_BOXES} for an image, got {n} x {n_classes}")
    array = checks.plain(array, checks.float_type(array.dtype))
    if values:
        checks.box_values("boxes", array)
        number_values("scores", scores)
    return array, scores


def head(
    boxes: Any,
    scores: Any,
    iou_threshold: Any,
    score_threshold: Any,
    top_k: Any,
    max_boxes: Any,
    class_agnostic: Any,
    fmt: Any,
    n_threads: Any,
    *,
    values: bool = True,
) -> Head:
    """Check the arguments of multiclass_nms; the values of boxes and scores only with `values`."""
    array, scores = head_arrays(boxes, scores, values=values)
    n_classes = scores.shape[2]
    iou_thresholds = class_values("iou_threshold", iou_threshold, n_classes)
    checks.reject("iou_threshold", iou_thresholds, ~((iou_thresholds >= 0) & (iou_thresholds <= 1)), "from 0 to 1")
    score_thresholds = class_values("score_threshold", score_threshold, n_classes)
    number_values("score_threshold", score_thresholds)
    top_k = None if top_k is None else checks.integer("top_k", top_k, 0)
    limit = checks.integer("max_output", max_boxes, 0, 2**40)
    if class_agnostic not in (True, False):
        raise TypeError(f"class_agnostic: expected True or False, got {class_agnostic!r}")
    if class_agnostic and len(set(iou_thresholds.tolist())) > 1:
        raise ValueError("iou_threshold: expected one number for all classes with class_agnostic, got several")
    checks.choice("fmt", fmt, checks.FORMATS)
    checks.thread_count(n_threads)
    return Head(array, scores, iou_thresholds, score_thresholds, top_k, limit, bool(class_agnostic))


def class_values(name: str, value: Any, n_classes: int) -> Array:
    """One float64 for each class, from one number or an array of them."""
    array = checks.numeric_array(name, value)
    if array.ndim == 0:
        return np.full(n_classes, array, np.float64)
    return checks.plain(checks.shaped(name, array, (n_classes,)), np.float64)


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


# Scores, weights and coordinates up to their limits: no product or sum of them overflows.
FUSION_LIMIT = 2.0**240


class Fusion(NamedTuple):
    """The arguments of weighted_boxes_fusion, checked; lists hold one entry for each model."""

    boxes: list[Array]
    scores: list[Array]
    labels: list[Array]  # all of `label_type`
    weights: list[float]
    iou_threshold: float
    skip_box_threshold: float
    box_type: Any
    score_type: Any
    label_type: Any


def fusion(
    boxes_list: Any, scores_list: Any, labels_list: Any, weights: Any, iou_threshold: Any, skip_box_threshold: Any
) -> Fusion:
    """Check the arguments of weighted_boxes_fusion."""
    for name, arrays in (("boxes_list", boxes_list), ("scores_list", scores_list), ("labels_list", labels_list)):
        if not hasattr(arrays, "__len__") or not hasattr(arrays, "__iter__"):
            raise TypeError(f"{name}: expected a list of arrays, got {arrays!r}")
    n_models = len(boxes_list)
    for name, other in (("scores_list", scores_list), ("labels_list", labels_list)):
        if len(other) != n_models:
            raise ValueError(f"{name}: expected length {n_models}, as boxes_list, got {len(other)}")
    boxes, scores, labels = [], [], []
    for m, (model_boxes, model_scores, model_labels) in enumerate(
        zip(boxes_list, scores_list, labels_list, strict=True)
    ):
        boxes.append(checks.boxes_array(f"boxes_list[{m}]", model_boxes))
        scores.append(fusion_scores(f"scores_list[{m}]", model_scores))
        labels.append(whole_labels(f"labels_list[{m}]", model_labels))
        checks.same_length(f"boxes_list[{m}]", boxes[m], f"scores_list[{m}]", scores[m])
        checks.same_length(f"boxes_list[{m}]", boxes[m], f"labels_list[{m}]", labels[m])
    labels = labels_of_one_type(labels)
    model_weights = fusion_weights(weights, n_models)
    iou_threshold = checks.in_range("iou_threshold", iou_threshold, 0, 1)
    least = checks.real_number("skip_box_threshold", skip_box_threshold)
    if math.isnan(least):
        raise ValueError("skip_box_threshold: expected a number, got nan")
    return Fusion(
        boxes,
        scores,
        labels,
        model_weights,
        iou_threshold,
        least,
        np.result_type(*boxes) if boxes else np.dtype(np.float64),
        np.result_type(*scores) if scores else np.dtype(np.float64),
        labels[0].dtype if labels else np.dtype(np.int64),
    )


def fusion_weights(weights: Any, n_models: int) -> list[float]:
    if weights is None:
        return [1.0] * n_models
    array = checks.float_array("weights", weights, (n_models,)).astype(np.float64)
    checks.reject("weights", array, ~((array >= 0) & (array <= FUSION_LIMIT)), "a weight from 0 to 2**240")
    if n_models and not array.any():
        raise ValueError(f"weights: expected a positive sum, got {n_models} zeros")
    result: list[float] = array.tolist()
    return result


def fusion_scores(name: str, value: Any) -> Array:
    scores = checks.float_array(name, value, ("N",))
    bad = ~(np.abs(scores.astype(np.float64)) <= FUSION_LIMIT)
    checks.reject(name, scores, bad, "a finite number of magnitude at most 2**240")
    return scores


def whole_labels(name: str, value: Any) -> Array:
    """Integers, or floats that are whole, as int64; unsigned ones keep their type."""
    array = checks.shaped(name, checks.numeric_array(name, value), ("N",))
    if array.dtype.kind == "f":
        checks.reject(name, array, ~((np.abs(array) < 2.0**63) & (array == np.trunc(array))), "a whole number")
    return array if array.dtype == np.uint64 else array.astype(np.int64)


def labels_of_one_type(labels: list[Array]) -> list[Array]:
    """The labels of all models as int64, or as uint64 where one does not fit that."""
    if all(part.dtype == np.int64 or not (part > np.uint64(2**63 - 1)).any() for part in labels):
        return [part.astype(np.int64) for part in labels]
    for m, part in enumerate(labels):
        checks.reject(f"labels_list[{m}]", part, part < 0, "a label of at least 0, as another one is 2**63 or more")
    return [part.astype(np.uint64) for part in labels]
