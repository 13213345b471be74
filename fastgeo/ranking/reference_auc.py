"""Exact AUC in NumPy: the specification of the kernel."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from fastgeo.ranking import curves, inputs
from fastgeo.ranking.curves import GroupedAUC
from fastgeo.ranking.reference_rank import rank
from fastgeo.runtime.checks import Array


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


def one_auc(
    labels: Array, scores: Array, weights: Array | None, limit: float, on_undefined: str, what: str = "labels"
) -> float:
    """AUC of checked samples; NaN where a class is absent, if `on_undefined` says so."""
    ranked = rank(labels, scores, weights)
    if not curves.both_classes(ranked, on_undefined, what):
        return math.nan
    return curves.partial_auc(ranked, limit) if limit < 1 else curves.auc(ranked)
