"""Curves, average precision and DeLong's interval in NumPy: the specification of the kernels."""

from __future__ import annotations

from numpy.typing import ArrayLike

from fastgeo.ranking import curves, inputs
from fastgeo.ranking.curves import AUCInterval
from fastgeo.ranking.reference_rank import rank
from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array


def roc_curve(
    labels: ArrayLike,
    scores: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    drop_intermediate: bool = True,
    n_threads: int | None = None,
) -> tuple[Array, Array, Array]:
    """Receiver operating characteristic: the rates of false and true positives at every threshold.

    Parameters
    ----------
    labels, scores, sample_weight, n_threads
        As in :func:`fastgeo.roc_auc`, of shape (N,).
    drop_intermediate : bool, default True
        Leave out points on a straight line between their neighbours.

    Returns
    -------
    fpr, tpr : ndarray, shape (T,)
        Shares of the negatives and of the positives whose score is at least the threshold; both rise from 0 to 1.
    thresholds : ndarray, shape (T,)
        Falling; infinity first, then distinct scores, in their own float type (float64 for integers).

    Raises
    ------
    ValueError
        As :func:`fastgeo.roc_auc`; also where a class is absent, since a rate would be 0 / 0.
    TypeError
        For an array that is not of real numbers.

    Notes
    -----
    The values and conventions of ``sklearn.metrics.roc_curve``; infinite scores are legal here. A sample of weight 0
    is as if absent. Counts are exact and each rate is rounded once; kernel and reference agree to the last bit. Time
    O(N), memory 40·N bytes beside the curve, with weights 56·N.

    References
    ----------
    .. [1] T. Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 27 (2006).

    Examples
    --------
    >>> import fastgeo
    >>> fpr, tpr, thresholds = fastgeo.roc_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    >>> fpr, tpr
    (array([0. , 0. , 0.5, 0.5, 1. ]), array([0. , 0.5, 0.5, 1. , 1. ]))
    >>> thresholds
    array([ inf, 0.8 , 0.4 , 0.35, 0.1 ])
    """
    samples = inputs.checked_samples(labels, scores, sample_weight)
    checks.thread_count(n_threads)
    return curves.roc_points(rank(*samples), drop_intermediate)


def precision_recall_curve(
    labels: ArrayLike,
    scores: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    drop_intermediate: bool = False,
    n_threads: int | None = None,
) -> tuple[Array, Array, Array]:
    """Precision and recall at every threshold.

    Parameters
    ----------
    labels, scores, sample_weight, n_threads
        As in :func:`fastgeo.roc_auc`, of shape (N,).
    drop_intermediate : bool, default False
        Leave out thresholds where the true positives are the same as at both neighbours.

    Returns
    -------
    precision, recall : ndarray, shape (T + 1,)
        Of the samples whose score is at least the threshold, the share of positives; and their share of all positives.
        The last point, with no threshold, is precision 1 and recall 0.
    thresholds : ndarray, shape (T,)
        Distinct scores, rising.

    Raises
    ------
    ValueError
        As :func:`fastgeo.roc_auc`; also without any positive, since recall would be 0 / 0.
    TypeError
        For an array that is not of real numbers.

    Notes
    -----
    The values and conventions of ``sklearn.metrics.precision_recall_curve``; infinite scores are legal here. A sample
    of weight 0 is as if absent. Counts are exact and each ratio is rounded once; kernel and reference agree to the
    last bit. Time O(N), memory 40·N bytes beside the curve, with weights 56·N.

    References
    ----------
    .. [1] J. Davis, M. Goadrich, "The relationship between precision-recall and ROC curves", ICML 2006.

    Examples
    --------
    >>> import fastgeo
    >>> precision, recall, thresholds = fastgeo.precision_recall_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    >>> precision
    array([0.5       , 0.66666667, 0.5       , 1.        , 1.        ])
    >>> recall
    array([1. , 1. , 0.5, 0.5, 0. ])
    """
    samples = inputs.checked_samples(labels, scores, sample_weight)
    checks.thread_count(n_threads)
    return curves.precision_recall_points(rank(*samples), drop_intermediate)


def average_precision(
    labels: ArrayLike,
    scores: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    n_threads: int | None = None,
) -> float:
    """Average precision: the precision at each threshold, weighted by the rise in recall.

    Parameters
    ----------
    labels, scores, sample_weight, n_threads
        As in :func:`fastgeo.roc_auc`, of shape (N,).

    Returns
    -------
    float
        ``sum((R[i] - R[i - 1]) * P[i])`` over falling thresholds, from above 0 to 1; no interpolation.

    Raises
    ------
    ValueError
        As :func:`fastgeo.roc_auc`; also without any positive.
    TypeError
        For an array that is not of real numbers.

    Notes
    -----
    The value of ``sklearn.metrics.average_precision_score``. The sum is taken in float64 by falling threshold and
    divided by the positives at the end; kernel and reference agree to the last bit. Time O(N), memory 40·N bytes,
    with weights 56·N.

    References
    ----------
    .. [1] M. Zhu, "Recall, precision and average precision", University of Waterloo (2004).

    Examples
    --------
    >>> import fastgeo
    >>> round(fastgeo.average_precision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 6)
    0.833333
    """
    samples = inputs.checked_samples(labels, scores, sample_weight)
    checks.thread_count(n_threads)
    return curves.mean_precision(rank(*samples))


def roc_auc_interval(
    labels: ArrayLike,
    scores: ArrayLike,
    *,
    level: float = 0.95,
    n_threads: int | None = None,
) -> AUCInterval:
    """Exact AUC with a confidence interval by DeLong's method.

    Parameters
    ----------
    labels, scores, n_threads
        As in :func:`fastgeo.roc_auc`, of shape (N,).
    level : float, default 0.95
        Confidence, between 0 and 1.

    Returns
    -------
    AUCInterval
        A named tuple ``(auc, low, high)``: the normal interval on DeLong's variance, cut off at 0 and 1.

    Raises
    ------
    ValueError
        As :func:`fastgeo.roc_auc`; also for fewer than two samples of a class, or a level outside (0, 1).
    TypeError
        For an array that is not of real numbers.

    Notes
    -----
    The placements come from one sorted walk, as in [2]_, so that time is O(N); memory 40·N bytes. The counts behind
    them are exact. Variances are summed in float64 by ascending score; kernel and reference agree to the last bit.

    References
    ----------
    .. [1] E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, "Comparing the areas under two or more correlated receiver
       operating characteristic curves", Biometrics 44 (1988).
    .. [2] X. Sun, W. Xu, "Fast implementation of DeLong's algorithm", IEEE Signal Processing Letters 21 (2014).

    Examples
    --------
    >>> import fastgeo
    >>> auc, low, high = fastgeo.roc_auc_interval([0, 0, 0, 1, 1, 1], [0.1, 0.4, 0.3, 0.35, 0.8, 0.7])
    >>> round(auc, 4), round(low, 4), round(high, 4)
    (0.8889, 0.5809, 1.0)
    """
    samples = inputs.checked_samples(labels, scores, None)
    level = inputs.confidence(level)
    checks.thread_count(n_threads)
    return curves.delong(rank(*samples), level)
