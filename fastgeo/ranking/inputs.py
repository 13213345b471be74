"""The input contract of the ranking room, shared by reference and kernels: plain arrays, or a clear error."""

from __future__ import annotations

import math
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
    """Coerce to a plain array of a type that kernels read; the values are not looked at."""
    array = checks.shaped("labels", checks.numeric_array("labels", labels), shape)
    if array.dtype not in LABEL_TYPES:
        array = array.astype(np.float32 if array.dtype.kind == "f" else np.int64)
    return checks.plain(array, array.dtype)


def label_values(labels: Array) -> None:
    """Every label is 0 or 1. A bool is looked at as the byte it is."""
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
