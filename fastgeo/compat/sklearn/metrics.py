"""The drop-ins for the ranking functions of ``sklearn.metrics``."""

from __future__ import annotations

from typing import Any

import numpy as np
import sklearn.metrics as theirs

import fastgeo
from fastgeo.runtime.checks import Array


def roc_auc_score(
    y_true: Any,
    y_score: Any,
    *,
    average: str | None = "macro",
    sample_weight: Any = None,
    max_fpr: float | None = None,
    multi_class: str = "raise",
    labels: Any = None,
) -> Any:
    """Area under the ROC curve, as ``sklearn.metrics.roc_auc_score``.

    Parameters
    ----------
    y_true : array_like, shape (n,) or (n, classes)
    y_score : array_like, shape (n,) or (n, classes)
    average, max_fpr, multi_class, labels
        As in scikit-learn, to whose own function every case but the plain binary one is handed.
    sample_weight : array_like, shape (n,), optional

    Returns
    -------
    float, or ndarray with ``average=None``

    Examples
    --------
    >>> from fastgeo.compat.sklearn import roc_auc_score
    >>> roc_auc_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    case = _binary_case(y_true, y_score, sample_weight) if max_fpr is None else None
    if case is None:
        return theirs.roc_auc_score(
            y_true,
            y_score,
            average=average,
            sample_weight=sample_weight,
            max_fpr=max_fpr,
            multi_class=multi_class,
            labels=labels,
        )
    return fastgeo.roc_auc(case[0], case[1], sample_weight=case[2])


def roc_curve(
    y_true: Any, y_score: Any, *, pos_label: Any = None, sample_weight: Any = None, drop_intermediate: bool = True
) -> tuple[Array, Array, Array]:
    """ROC curve, as ``sklearn.metrics.roc_curve``.

    Parameters
    ----------
    y_true : array_like, shape (n,)
    y_score : array_like, shape (n,)
    pos_label : label, optional
        The label that counts as positive.
    sample_weight : array_like, shape (n,), optional
    drop_intermediate : bool, default True
        Leave out points on a straight line.

    Returns
    -------
    fpr, tpr, thresholds : ndarray, shape (points,)

    Examples
    --------
    >>> from fastgeo.compat.sklearn import roc_curve
    >>> fpr, tpr, thresholds = roc_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    >>> fpr, tpr
    (array([0. , 0. , 0.5, 0.5, 1. ]), array([0. , 0.5, 0.5, 1. , 1. ]))
    """
    case = _binary_case(y_true, y_score, sample_weight, pos_label, curve=True)
    if case is None:
        answer: tuple[Array, Array, Array] = theirs.roc_curve(
            y_true, y_score, pos_label=pos_label, sample_weight=sample_weight, drop_intermediate=drop_intermediate
        )
        return answer
    fpr, tpr, thresholds = fastgeo.roc_curve(
        case[0], case[1], sample_weight=case[2], drop_intermediate=drop_intermediate
    )
    return fpr, tpr, thresholds.astype(np.float64, copy=False)


def precision_recall_curve(
    y_true: Any, y_score: Any, *, pos_label: Any = None, sample_weight: Any = None, drop_intermediate: bool = False
) -> tuple[Array, Array, Array]:
    """Precision over recall, as ``sklearn.metrics.precision_recall_curve``.

    Parameters
    ----------
    y_true : array_like, shape (n,)
    y_score : array_like, shape (n,)
    pos_label : label, optional
        The label that counts as positive.
    sample_weight : array_like, shape (n,), optional
    drop_intermediate : bool, default False
        Leave out points on a straight line.

    Returns
    -------
    precision, recall : ndarray, shape (points + 1,)
    thresholds : ndarray, shape (points,)

    Examples
    --------
    >>> from fastgeo.compat.sklearn import precision_recall_curve
    >>> precision, recall, thresholds = precision_recall_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    >>> precision.round(2), recall
    (array([0.5 , 0.67, 0.5 , 1.  , 1.  ]), array([1. , 1. , 0.5, 0.5, 0. ]))
    """
    case = None if drop_intermediate else _binary_case(y_true, y_score, sample_weight, pos_label, curve=True)
    if case is None:
        answer: tuple[Array, Array, Array] = theirs.precision_recall_curve(
            y_true, y_score, pos_label=pos_label, sample_weight=sample_weight, drop_intermediate=drop_intermediate
        )
        return answer
    return fastgeo.precision_recall_curve(case[0], case[1], sample_weight=case[2])


def average_precision_score(
    y_true: Any, y_score: Any, *, average: str | None = "macro", pos_label: Any = 1, sample_weight: Any = None
) -> Any:
    """Average precision, as ``sklearn.metrics.average_precision_score``.

    Parameters
    ----------
    y_true : array_like, shape (n,) or (n, classes)
    y_score : array_like, shape (n,) or (n, classes)
    average
        As in scikit-learn, to whose own function every case but the plain binary one is handed.
    pos_label : label, default 1
        The label that counts as positive.
    sample_weight : array_like, shape (n,), optional

    Returns
    -------
    float, or ndarray with ``average=None``

    Examples
    --------
    >>> from fastgeo.compat.sklearn import average_precision_score
    >>> round(average_precision_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 3)
    0.833
    """
    case = _binary_case(y_true, y_score, sample_weight, pos_label)
    if case is None:
        return theirs.average_precision_score(
            y_true, y_score, average=average, pos_label=pos_label, sample_weight=sample_weight
        )
    return fastgeo.average_precision(case[0], case[1], sample_weight=case[2])


def _binary_case(
    y_true: Any, y_score: Any, sample_weight: Any, pos_label: Any = None, curve: bool = False
) -> tuple[Array, Array, Array | None] | None:
    """Labels as bool, scores and weights if this is a plain binary problem that raises nothing; else None."""
    try:
        labels, scores = np.asarray(y_true), np.asarray(y_score)
        weights = None if sample_weight is None else np.asarray(sample_weight)
    except (TypeError, ValueError):
        return None
    arrays = [labels, scores] if weights is None else [labels, scores, weights]
    if any(a.ndim != 1 or len(a) != len(labels) or len(a) == 0 or a.dtype.kind not in "buif" for a in arrays):
        return None
    low, high = labels.min(), labels.max()
    positive = labels == high
    if not (low < high and float(low).is_integer() and float(high).is_integer() and _is_finite(scores)):
        return None
    if not (positive | (labels == low)).all():
        return None
    if pos_label is None:
        if curve and (float(low), float(high)) not in ((0.0, 1.0), (-1.0, 1.0)):
            return None
    elif pos_label == low:
        positive = ~positive
    elif pos_label != high:
        return None
    if weights is not None:
        if not (_is_finite(weights) and weights.min() >= 0):
            return None
        used = weights > 0
        if not used.all():
            positive, scores, weights = positive[used], scores[used], weights[used]
        if positive.all() or not positive.any():
            return None
    return positive, scores, weights


def _is_finite(array: Array) -> bool:
    # min and max pass a NaN on
    return array.dtype.itemsize <= 8 and bool(np.isfinite(array.min()) and np.isfinite(array.max()))
