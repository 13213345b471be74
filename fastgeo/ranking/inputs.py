"""The input contract of the ranking family, shared by reference and kernels: plain arrays, or a clear error."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array

ON_UNDEFINED = ("raise", "nan")
MAX_BINS = 2**26

# Labels of these types are read as they are; others are converted first.
LABEL_TYPES = [np.dtype(t) for t in (np.bool_, np.uint8, np.int8, np.int32, np.uint32, np.int64, np.uint64)]
LABEL_TYPES += [np.dtype(np.float32), np.dtype(np.float64)]


def label_array(labels: Any, shape: tuple[str, ...] = ("N",)) -> Array:
    """Coerce to a plain array of a type that kernels read; the values are not checked."""
    array = checks.shaped("labels", checks.numeric_array("labels", labels), shape)
    if array.dtype not in LABEL_TYPES:
        array = array.astype(np.float32 if array.dtype.kind == "f" else np.int64)
    return checks.plain(array, array.dtype)


def label_values(labels: Array) -> None:
    """Every label is 0 or 1. A bool counts as the byte it is."""
    values = labels.view(np.uint8) if labels.dtype == np.bool_ else labels
    checks.reject("labels", values, ~((values == 0) | (values == 1)), "0 or 1")


def score_array(scores: Any, shape: tuple[str, ...] = ("N",)) -> Array:
    """Coerce to a plain array of float32, float64, int64 or uint64: the types in which scores are compared."""
    array = checks.shaped("scores", checks.numeric_array("scores", scores), shape)
    if array.dtype.kind == "f":
        return checks.plain(array, checks.float_type(array.dtype))
    return checks.plain(array, np.uint64 if array.dtype == np.uint64 else np.int64)


def score_values(scores: Array) -> None:
    """No score is NaN; infinities are legal."""
    if scores.dtype.kind == "f":
        checks.reject("scores", scores, np.isnan(scores), "a number")


def score_range(scores: Array, low: float, high: float) -> None:
    """Every score lies in [low, high]; NaN does not."""
    wide = scores.astype(np.float64)
    checks.reject("scores", scores, ~((low <= wide) & (wide <= high)), f"a number from {low:g} to {high:g}")


def weight_array(sample_weight: Any) -> Array:
    """Coerce to a plain float64 array."""
    return checks.plain(checks.float_array("sample_weight", sample_weight, ("N",)), np.float64)


def weight_values(weights: Array) -> None:
    """Weights are finite, at least zero, and not all zero."""
    checks.reject("sample_weight", weights, ~((weights >= 0) & (weights < math.inf)), "a finite number of at least 0")
    if len(weights) and not weights.any():
        raise ValueError("sample_weight: expected at least one weight above 0, got none")


def finite_total(total: float) -> None:
    if not total < math.inf:
        raise ValueError("sample_weight: expected a finite sum, got inf")


def bin_range(value: Any, n_bins: int) -> tuple[float, float, float]:
    """Both ends of the range and the width of a bin."""
    try:
        low, high = value
    except (TypeError, ValueError):
        raise ValueError(f"range: expected a pair (low, high), got {value!r}") from None
    low, high = checks.real_number("range", low), checks.real_number("range", high)
    width = (high - low) / n_bins
    if not (math.isfinite(low) and math.isfinite(high) and 0 < width < math.inf):
        raise ValueError(f"range: expected finite numbers low < high, got ({low:g}, {high:g})")
    return low, high, width


def undefined(on_undefined: str, n_positive: float, n_negative: float, what: str = "labels") -> float:
    """The AUC where one class is absent."""
    if on_undefined == "nan":
        return math.nan
    raise ValueError(f"{what}: expected both classes, got {n_positive:g} positive and {n_negative:g} negative")


def samples(labels: Any, scores: Any, sample_weight: Any) -> tuple[Array, Array, Array | None]:
    """Arrays of one length for the exact functions."""
    return _same_lengths(label_array(labels), score_array(scores), sample_weight)


def histogram_samples(labels: Any, scores: Any, sample_weight: Any) -> tuple[Array, Array, Array | None]:
    """Arrays of one length for the histogram, whose scores are floats."""
    return _same_lengths(label_array(labels), checks.float_array("scores", scores, ("N",)), sample_weight)


def _same_lengths(labels: Array, scores: Array, sample_weight: Any) -> tuple[Array, Array, Array | None]:
    checks.same_length("labels", labels, "scores", scores)
    if sample_weight is None:
        return labels, scores, None
    weights = weight_array(sample_weight)
    checks.same_length("labels", labels, "sample_weight", weights)
    return labels, scores, weights


def sample_values(labels: Array, scores: Array, weights: Array | None) -> None:
    label_values(labels)
    score_values(scores)
    if weights is not None:
        weight_values(weights)


def histogram_values(labels: Array, scores: Array, weights: Array | None, low: float, high: float) -> None:
    label_values(labels)
    score_range(scores, low, high)
    if weights is not None:
        weight_values(weights)


def group_array(groups: Any, labels: Array) -> Array:
    """Coerce to a plain array of int64 or uint64 ids."""
    array = checks.shaped("groups", checks.numeric_array("groups", groups), ("N",))
    if array.dtype.kind == "f" and len(array):
        raise TypeError(f"groups: expected integer ids, got dtype {array.dtype}")
    checks.same_length("labels", labels, "groups", array)
    return checks.plain(array, np.uint64 if array.dtype == np.uint64 else np.int64)


def has_classes(scores: Any) -> bool:
    """Whether the scores have a second axis, one column for each class."""
    return checks.numeric_array("scores", scores).ndim == 2


def classes(
    labels: Any, scores: Any, sample_weight: Any, groups: Any
) -> Iterator[tuple[Array, Array, Array | None, str]]:
    """Labels, scores and weights of each class against the rest, and what to call its labels in an error."""
    if groups is not None:
        raise ValueError("groups: expected None where scores have a column for each class, got groups")
    scores = score_array(scores, ("N", "classes"))
    labels = class_labels(labels, scores.shape)
    checks.same_length("labels", labels, "scores", scores)
    score_values(scores)
    weights = None if sample_weight is None else weight_array(sample_weight)
    if weights is not None:
        checks.same_length("labels", labels, "sample_weight", weights)
        weight_values(weights)
    for i in range(scores.shape[1]):
        column = labels == i if labels.ndim == 1 else np.ascontiguousarray(labels[:, i])
        yield column, np.ascontiguousarray(scores[:, i]), weights, f"labels of class {i}"


def class_labels(labels: Any, shape: tuple[int, ...]) -> Array:
    """Class ids of shape (N,), or labels 0 and 1 of shape (N, classes)."""
    array = checks.numeric_array("labels", labels)
    if array.ndim == 1:
        with np.errstate(invalid="ignore"):
            bad = (array < 0) | (array >= shape[1]) | (array % 1 != 0)
        checks.reject("labels", array, bad, f"a class id from 0 to {shape[1] - 1}")
        return array
    array = label_array(labels, ("N", "classes"))
    if array.shape[1] != shape[1]:
        raise ValueError(f"labels: expected shape (N,) or (N, {shape[1]}), as scores have, got {array.shape}")
    label_values(array)
    return array


def cells(rows: Array, labels: Array, weights: Array | None, n_rows: int) -> Array:
    """Counts, or weights added up in index order, of the negatives and positives of each row, shape (n_rows, 2)."""
    result = np.zeros((n_rows, 2), np.int64 if weights is None else np.float64)
    with np.errstate(over="ignore"):  # an infinite sum is refused later
        np.add.at(result, (rows, labels.astype(np.int64)), 1 if weights is None else weights)
    return result
