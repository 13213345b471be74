"""The drop-ins for the ranking functions of ``sklearn.metrics``."""

from __future__ import annotations

from typing import Any

import numpy as np
import sklearn.metrics as theirs

import fastgeo
from fastgeo.compat.sklearn.cases import averaged, binary_case, columns_case, one_versus_one
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
        As in scikit-learn.
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
    found = _roc_auc(y_true, y_score, average, sample_weight, max_fpr, multi_class, labels)
    if found is None:
        return theirs.roc_auc_score(
            y_true,
            y_score,
            average=average,
            sample_weight=sample_weight,
            max_fpr=max_fpr,
            multi_class=multi_class,
            labels=labels,
        )
    return found


def _roc_auc(
    y_true: Any, y_score: Any, average: Any, sample_weight: Any, max_fpr: Any, multi_class: Any, labels: Any
) -> Any:
    """The answer; None for what raises, warns or is rare."""
    if np.ndim(y_score) != 2:
        case = binary_case(y_true, y_score, sample_weight)
        if case is None or not (max_fpr is None or (isinstance(max_fpr, float) and 0 < max_fpr <= 1)):
            return None
        return fastgeo.roc_auc(case.positive, case.scores, sample_weight=case.weights, max_fpr=max_fpr)
    columns = columns_case(y_true, y_score, sample_weight, labels) if max_fpr is None else None
    if columns is None:
        return None
    if columns.classes is not None:
        if multi_class not in ("ovr", "ovo") or not np.allclose(1, columns.scores.sum(axis=1)):
            return None
        if multi_class == "ovo":
            return one_versus_one(fastgeo.roc_auc, columns, average) if sample_weight is None else None
    return averaged(fastgeo.roc_auc, columns, average)


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
    case = binary_case(y_true, y_score, sample_weight, pos_label, curve=True)
    if case is None:
        answer: tuple[Array, Array, Array] = theirs.roc_curve(
            y_true, y_score, pos_label=pos_label, sample_weight=sample_weight, drop_intermediate=drop_intermediate
        )
        return answer
    fpr, tpr, thresholds = fastgeo.roc_curve(
        case.positive, case.scores, sample_weight=case.weights, drop_intermediate=drop_intermediate
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
    case = binary_case(y_true, y_score, sample_weight, pos_label, curve=True)
    if case is None:
        answer: tuple[Array, Array, Array] = theirs.precision_recall_curve(
            y_true, y_score, pos_label=pos_label, sample_weight=sample_weight, drop_intermediate=drop_intermediate
        )
        return answer
    return fastgeo.precision_recall_curve(
        case.positive, case.scores, sample_weight=case.weights, drop_intermediate=drop_intermediate
    )


def average_precision_score(
    y_true: Any, y_score: Any, *, average: str | None = "macro", pos_label: Any = 1, sample_weight: Any = None
) -> Any:
    """Average precision, as ``sklearn.metrics.average_precision_score``.

    Parameters
    ----------
    y_true : array_like, shape (n,) or (n, classes)
    y_score : array_like, shape (n,) or (n, classes)
    average
        As in scikit-learn.
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
    found = None
    if np.ndim(y_score) != 2:
        case = binary_case(y_true, y_score, sample_weight, pos_label)
        if case is not None:
            found = fastgeo.average_precision(case.positive, case.scores, sample_weight=case.weights)
    elif isinstance(pos_label, int) and pos_label == 1:
        columns = columns_case(y_true, y_score, sample_weight)
        if columns is not None:
            found = averaged(fastgeo.average_precision, columns, average)
    if found is None:
        return theirs.average_precision_score(
            y_true, y_score, average=average, pos_label=pos_label, sample_weight=sample_weight
        )
    return found
