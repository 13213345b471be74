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
    """Arrays of one length for the exact functions; their values are not checked."""
    labels, scores = _same_lengths(label_array(labels), score_array(scores))
    return labels, scores, weights_of(sample_weight, labels)


def checked_samples(labels: Any, scores: Any, sample_weight: Any) -> tuple[Array, Array, Array | None]:
    """The same with their values checked, one argument after the other."""
    labels, scores = _same_lengths(label_array(labels), score_array(scores))
    label_values(labels)
    score_values(scores)
    return labels, scores, checked_weights(sample_weight, labels)


def histogram_pair(labels: Any, scores: Any) -> tuple[Array, Array]:
    """Arrays of one length for the histogram, whose scores are floats; their values are not checked."""
    return _same_lengths(label_array(labels), checks.float_array("scores", scores, ("N",)))


def checked_histogram_samples(
    labels: Any, scores: Any, sample_weight: Any, low: float, high: float
) -> tuple[Array, Array, Array | None]:
    """The same, and weights, with their values checked, one argument after the other."""
    labels, scores = histogram_pair(labels, scores)
    label_values(labels)
    score_range(scores, low, high)
    return labels, scores, checked_weights(sample_weight, labels)


def histogram_arguments(
    labels: Any, scores: Any, n_bins: Any, range: Any, sample_weight: Any, on_undefined: Any, n_threads: Any
) -> tuple[Array, Array, Array | None, int, float, float]:
    """All of `histogram_auc`, in order, scores by the range: arrays, and number, lower edge and width of the bins."""
    label_values(histogram_pair(labels, scores)[0])
    n_bins = checks.integer("n_bins", n_bins, 1, MAX_BINS)
    low, high, width = bin_range(range, n_bins)
    arrays = checked_histogram_samples(labels, scores, sample_weight, low, high)
    checks.choice("on_undefined", on_undefined, ON_UNDEFINED)
    checks.thread_count(n_threads)
    return *arrays, n_bins, low, width


def _same_lengths(labels: Array, scores: Array) -> tuple[Array, Array]:
    checks.same_length("labels", labels, "scores", scores)
    return labels, scores


def weights_of(sample_weight: Any, labels: Array) -> Array | None:
    """One float64 weight for each label, or None; the values are not checked."""
    if sample_weight is None:
        return None
    weights = checks.plain(checks.float_array("sample_weight", sample_weight, ("N",)), np.float64)
    checks.same_length("labels", labels, "sample_weight", weights)
    return weights


def checked_weights(sample_weight: Any, labels: Array) -> Array | None:
    weights = weights_of(sample_weight, labels)
    if weights is not None:
        weight_values(weights)
    return weights


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


def false_positive_limit(max_fpr: float | None) -> float:
    """1 stands for the whole curve."""
    if max_fpr is None:
        return 1.0
    max_fpr = checks.real_number("max_fpr", max_fpr)
    if not 0 < max_fpr <= 1:
        raise ValueError(f"max_fpr: expected a number above 0, up to 1, got {max_fpr:g}")
    return max_fpr


def exact_scalars(max_fpr: Any, on_undefined: Any, n_threads: Any) -> float:
    """Those of `roc_auc`, in order: the limit."""
    limit = false_positive_limit(max_fpr)
    checks.choice("on_undefined", on_undefined, ON_UNDEFINED)
    checks.thread_count(n_threads)
    return limit


def confidence(level: float) -> float:
    level = checks.real_number("level", level)
    if not 0 < level < 1:
        raise ValueError(f"level: expected a number between 0 and 1, got {level:g}")
    return level


def has_classes(labels: Any, scores: Any) -> bool:
    """Whether the scores have a second axis, one column for each class."""
    checks.numeric_array("labels", labels)
    return checks.numeric_array("scores", scores).ndim == 2


def classes(
    labels: Any, scores: Any, sample_weight: Any, groups: Any
) -> Iterator[tuple[Array, Array, Array | None, str]]:
    """Labels, scores and weights of each class against the rest, and what to call its labels in an error."""
    scores = score_array(scores, ("N", "classes"))
    labels = class_labels(labels, scores.shape)
    _same_lengths(labels, scores)
    score_values(scores)
    weights = checked_weights(sample_weight, labels)
    if groups is not None:
        raise ValueError("groups: expected None where scores have a column for each class, got groups")
    return (
        (_of_class(labels, i), np.ascontiguousarray(scores[:, i]), weights, f"labels of class {i}")
        for i in range(scores.shape[1])
    )


def _of_class(labels: Array, i: int) -> Array:
    return labels == i if labels.ndim == 1 else np.ascontiguousarray(labels[:, i])


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
