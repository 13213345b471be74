"""The ranking family in NumPy: the specification of every kernel in it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from fastgeo.ranking import curves, inputs
from fastgeo.ranking.auc_histogram import AUCHistogram
from fastgeo.ranking.curves import AUCInterval, GroupedAUC, Ranked
from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array

__all__ = [
    "AUCHistogram",
    "average_precision",
    "histogram_auc",
    "precision_recall_curve",
    "roc_auc",
    "roc_auc_interval",
    "roc_curve",
]


def histogram_auc(
    labels: ArrayLike,
    scores: ArrayLike,
    n_bins: int = 100,
    *,
    range: tuple[float, float] = (0.0, 1.0),
    sample_weight: ArrayLike | None = None,
    on_undefined: str = "raise",
    n_threads: int | None = None,
) -> float:
    """Area under the ROC curve from a histogram of the scores: one pass at memory speed.

    Parameters
    ----------
    labels : array_like of bool, int or float, shape (N,)
        0 or False for a negative, 1 or True for a positive sample; nothing else is taken.
    scores : array_like, shape (N,)
        Within `range`, both ends included; a higher score speaks for a positive. Computed with in float64.
    n_bins : int, default 100
        From 1 to 2**26.
    range : pair of float, default (0.0, 1.0)
        Lower edge of the first and upper edge of the last bin.
    sample_weight : array_like, shape (N,), optional
        Finite weights of at least 0, not all 0; taken as float64.
    on_undefined : {"raise", "nan"}, default "raise"
        What to do where a class is absent.
    n_threads : int, optional
        At most this many threads; by default as many as :func:`fastgeo.get_num_threads` says.

    Returns
    -------
    float
        The share of pairs (positive, negative) in which the positive lies in the higher bin; a pair within one bin
        counts one half.

    Raises
    ------
    ValueError
        For a label other than 0 and 1, a score outside `range` (never clipped) or NaN, a bad weight, lengths that
        differ, or a class that is absent.
    TypeError
        For an array that is not of real numbers.

    See Also
    --------
    roc_auc : exact, by sorting.
    AUCHistogram : the same over a stream, with bounds on the exact value.

    Notes
    -----
    A score s falls into bin ``min(int((s - low) / ((high - low) / n_bins)), n_bins - 1)`` of float64 arithmetic.
    Unweighted, all counts and their products are exact integers; numerator and denominator are each rounded once to
    float64, then divided. With weights every sum is taken in index order, then bin by bin. Kernel and reference agree
    to the last bit either way. Time O(N + n_bins), memory O(n_bins) for each thread.

    References
    ----------
    .. [1] J. A. Hanley, B. J. McNeil, "The meaning and use of the area under a receiver operating characteristic
       (ROC) curve", Radiology 143 (1982).

    Examples
    --------
    >>> import fastgeo
    >>> fastgeo.histogram_auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    labels, scores, weights, n_bins, low, width = inputs.histogram_arguments(
        labels, scores, n_bins, range, sample_weight, on_undefined, n_threads
    )
    bins = np.minimum(((scores.astype(np.float64) - low) / width).astype(np.int64), n_bins - 1)
    return curves.auc_of_cells(inputs.cells(bins, labels, weights, n_bins), on_undefined)


def roc_auc(
    labels: ArrayLike,
    scores: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    max_fpr: float | None = None,
    on_undefined: str = "raise",
    n_threads: int | None = None,
) -> float | Array | GroupedAUC:
    """Area under the ROC curve, exact: the Mann–Whitney statistic.

    Parameters
    ----------
    labels : array_like of bool, int or float, shape (N,) or (N, classes)
        0 or False for a negative, 1 or True for a positive sample; nothing else is taken. Beside scores of shape
        (N, classes) also class ids from 0 to classes - 1, shape (N,).
    scores : array_like, shape (N,) or (N, classes)
        A higher score speaks for a positive. Infinities are legal; 64-bit integers are compared as integers.
    groups : array_like of int, shape (N,), optional
        An id for each sample, such as its user or query: one AUC for each id.
    max_fpr : float, optional
        Only the part of the curve up to this false positive rate, above 0 and up to 1, standardised so that chance
        gives 0.5 and the best 1.
    on_undefined : {"raise", "nan"}, default "raise"
        What to do where a class is absent; "nan" answers each column or group by itself.
    sample_weight, n_threads
        As in :func:`fastgeo.histogram_auc`. The sort runs on one thread.

    Returns
    -------
    float, or ndarray of shape (classes,), or GroupedAUC
        The share of pairs (positive, negative) in which the positive has the higher score; equal scores count one half.
        For scores of shape (N, classes) one value a class, the class against the rest. With `groups` a named tuple
        ``(mean, groups, values)``: the ids in ascending order, the value of each, and the plain mean of those defined.

    Raises
    ------
    ValueError
        For a label other than 0 and 1, a score that is NaN, a bad weight, lengths that differ, a class that is absent,
        or `groups` together with scores of shape (N, classes).
    TypeError
        For an array that is not of real numbers, or ids that are not integers.

    Notes
    -----
    The scores are compared as they are, never transformed or rounded: any strictly increasing map of them gives the
    same value. Counts and their products are exact integers; numerator and denominator are each rounded once to
    float64, then divided. Weights are float64, added up in index order at each score and then by ascending score:
    within (3·N + 8)·2**-53 of the exact value, relatively. Kernel and reference agree to the last bit. Time O(N) by
    radix sort; memory up to 8·N bytes for float32 scores and 16·N for others (from 4 MiB of sorted words on little more
    than half of it, where the scores spread out), 40·N with `max_fpr`, 56·N with weights and up to 72·N with groups.

    References
    ----------
    .. [1] H. B. Mann, D. R. Whitney, "On a test of whether one of two random variables is stochastically larger than
       the other", Annals of Mathematical Statistics 18 (1947).
    .. [2] D. K. McClish, "Analyzing a portion of the ROC curve", Medical Decision Making 9 (1989).

    Examples
    --------
    >>> import fastgeo
    >>> fastgeo.roc_auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    >>> fastgeo.roc_auc([0, 1, 0, 1], [1, 2, 3, 0], groups=[7, 7, 8, 8])
    GroupedAUC(mean=0.5, groups=array([7, 8]), values=array([1., 0.]))
    """
    if inputs.has_classes(labels, scores):
        columns = inputs.classes(labels, scores, sample_weight, groups)
        limit = inputs.exact_scalars(max_fpr, on_undefined, n_threads)
        return np.array([one_auc(*column[:3], limit, on_undefined, column[3]) for column in columns], np.float64)
    labels, scores, weights = inputs.checked_samples(labels, scores, sample_weight)
    ids = None if groups is None else inputs.group_array(groups, labels)
    limit = inputs.exact_scalars(max_fpr, on_undefined, n_threads)
    if ids is None:
        return one_auc(labels, scores, weights, limit, on_undefined)
    distinct = np.unique(ids)
    values = []
    for i in distinct.tolist():
        members = ids == i
        own_weights = None if weights is None else weights[members]
        values.append(one_auc(labels[members], scores[members], own_weights, limit, on_undefined, f"group {i}"))
    return curves.mean_of_defined(distinct, np.array(values, np.float64), on_undefined)


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


def one_auc(
    labels: Array, scores: Array, weights: Array | None, limit: float, on_undefined: str, what: str = "labels"
) -> float:
    """AUC of checked samples; NaN where a class is absent, if `on_undefined` says so."""
    ranked = rank(labels, scores, weights)
    if not curves.both_classes(ranked, on_undefined, what):
        return math.nan
    return curves.partial_auc(ranked, limit) if limit < 1 else curves.auc(ranked)


def rank(labels: Array, scores: Array, weights: Array | None) -> Ranked:
    """What there is at each distinct score."""
    distinct, inverse = np.unique(scores, return_inverse=True)
    if distinct.dtype.kind == "f":
        distinct += 0  # -0 becomes +0
    cells = inputs.cells(inverse.ravel(), labels, weights, len(distinct))
    return Ranked(distinct, cells[:, 0], cells[:, 1])
