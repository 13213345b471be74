"""Calls of scikit-learn's ranking metrics that fastgeo answers, as plain arrays; the rest is theirs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from fastgeo.runtime.checks import Array


class Binary(NamedTuple):
    """Labels as bool, scores, and weights of which none is zero."""

    positive: Array
    scores: Array
    weights: Array | None


class Columns(NamedTuple):
    """Several binary problems, one a column; `classes` numbers the rows of a multiclass one."""

    positive: Array
    scores: Array
    weights: Array | None
    classes: Array | None


def binary_case(
    y_true: Any, y_score: Any, sample_weight: Any, pos_label: Any = None, curve: bool = False
) -> Binary | None:
    """A binary problem that raises nothing and warns of nothing; else None."""
    arrays = _arrays(y_true, y_score, sample_weight)
    if arrays is None or arrays[0].ndim != 1 or arrays[1].ndim != 1:
        return None
    labels, scores, weights = arrays
    ends = _two_labels(labels)
    if ends is None or (pos_label is None and curve and ends not in ((0, 1), (-1, 1))):
        return None
    if pos_label is not None and pos_label not in ends:
        return None
    positive = labels == (ends[1] if pos_label is None else pos_label)
    if weights is not None:
        used = weights > 0
        if not used.all():
            positive, scores, weights = positive[used], scores[used], weights[used]
        if positive.all() or not positive.any():
            return None
    return Binary(positive, scores, weights)


def columns_case(y_true: Any, y_score: Any, sample_weight: Any, labels: Any = None) -> Columns | None:
    """A multiclass or multilabel problem of which each column has both classes; else None."""
    arrays = _arrays(y_true, y_score, sample_weight)
    if arrays is None or arrays[1].ndim != 2:
        return None
    targets, scores, weights = arrays
    found = _indicator(targets, scores.shape) if targets.ndim == 2 else _one_hot(targets, scores.shape[1], labels)
    if found is None:
        return None
    positive, classes = found
    if weights is not None and not (weights > 0).all():
        used = weights > 0
        positive, scores, weights = positive[used], scores[used], weights[used]
        classes = None if classes is None else classes[used]
    counts = positive.sum(axis=0)
    if not ((counts > 0) & (counts < len(positive))).all():
        return None
    return Columns(positive, scores, weights, classes)


def averaged(metric: Callable[..., Any], case: Columns, average: str | None) -> Any:
    """The metric of each column, averaged as scikit-learn does; None for averages that it alone has."""
    positive, scores, weights, _ = case
    if average == "micro":
        repeated = None if weights is None else np.repeat(weights, positive.shape[1])
        return metric(positive.ravel(), scores.ravel(), sample_weight=repeated)
    if average not in (None, "macro", "weighted"):
        return None
    values = np.array(
        [metric(positive[:, c], scores[:, c], sample_weight=weights) for c in range(positive.shape[1])], np.float64
    )
    if average is None:
        return values
    if average == "macro":
        return float(np.average(values))
    return float(np.average(values, weights=(positive if weights is None else positive * weights[:, None]).sum(axis=0)))


def one_versus_one(metric: Callable[..., Any], case: Columns, average: str | None) -> Any:
    """The mean over all pairs of classes (D. J. Hand, R. J. Till, Machine Learning 45, 2001)."""
    positive, scores, weights, classes = case
    if classes is None or weights is not None or average not in ("macro", "weighted"):
        return None
    values, shares = [], []
    for a, b in combinations(range(positive.shape[1]), 2):
        rows = positive[:, a] | positive[:, b]
        pair = [metric(positive[rows, c], scores[rows, c]) for c in (a, b)]
        values.append((pair[0] + pair[1]) / 2)
        shares.append(np.average(rows))
    return float(np.average(values, weights=shares if average == "weighted" else None))


def _arrays(y_true: Any, y_score: Any, sample_weight: Any) -> tuple[Array, Array, Array | None] | None:
    """Arrays of one length, finite numbers all but the labels; else None."""
    try:
        labels, scores = np.asarray(y_true), np.asarray(y_score)
        weights = None if sample_weight is None else np.asarray(sample_weight)
    except (TypeError, ValueError):
        return None
    if labels.dtype.kind == "O" and labels.ndim == 1 and set(map(type, labels.tolist())) == {str}:
        labels = labels.astype(str)
    if labels.ndim == 0 or len(labels) == 0 or labels.dtype.kind not in "buifU" or not _is_finite(labels):
        return None
    numbers = [scores] if weights is None else [scores, weights]
    if any(
        a.ndim == 0 or a.shape[0] != len(labels) or a.dtype.kind not in "buif" or not _is_finite(a) for a in numbers
    ):
        return None
    if weights is not None and (weights.ndim != 1 or weights.min() < 0):
        return None
    return labels, scores, weights


def _two_labels(labels: Array) -> tuple[Any, Any] | None:
    """The lower and the higher label, if there are two."""
    if labels.dtype.kind == "U":
        distinct = sorted(dict.fromkeys(labels.tolist()))  # faster than sorting text
        return (distinct[0], distinct[1]) if len(distinct) == 2 else None
    low, high = labels.min(), labels.max()
    if not (low < high and float(low).is_integer() and float(high).is_integer()):
        return None
    return (low, high) if ((labels == high) | (labels == low)).all() else None


def _indicator(targets: Array, shape: tuple[int, ...]) -> tuple[Array, None] | None:
    """A table of 0 and 1 as bool."""
    if targets.shape != shape or shape[1] < 2 or targets.dtype.kind == "U":
        return None
    positive = targets == 1
    return (positive, None) if (positive | (targets == 0)).all() else None


def _one_hot(targets: Array, width: int, labels: Any) -> tuple[Array, Array] | None:
    """Three classes or more, as columns of bool and as numbers of columns."""
    if targets.ndim != 1 or (targets.dtype.kind == "f" and not (targets == np.floor(targets)).all()):
        return None
    distinct: Sequence[Any] = sorted(dict.fromkeys(targets.tolist()))
    classes = distinct if labels is None else np.asarray(labels).tolist()
    if len(distinct) < 3 or len(classes) != width or list(classes) != list(distinct):
        return None
    numbers = np.searchsorted(np.array(classes), targets)
    return numbers[:, None] == np.arange(width), numbers


def _is_finite(array: Array) -> bool:
    if array.dtype.kind == "U" or array.size == 0:
        return True
    # min and max pass a NaN on
    return array.dtype.itemsize <= 8 and bool(np.isfinite(array.min()) and np.isfinite(array.max()))
