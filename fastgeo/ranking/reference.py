"""The ranking room in NumPy: the specification of every kernel in it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from fastgeo.ranking import inputs
from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array

__all__ = ["histogram_auc", "roc_auc"]


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
    n_bins = checks.integer("n_bins", n_bins, 1, inputs.MAX_BINS)
    low, high, width = inputs.bin_range(range, n_bins)
    checks.choice("on_undefined", on_undefined, inputs.ON_UNDEFINED)
    checks.thread_count(n_threads)
    labels, scores, weights = inputs.histogram_samples(labels, scores, sample_weight)
    inputs.histogram_values(labels, scores, weights, low, high)
    bins = np.minimum(((scores.astype(np.float64) - low) / width).astype(np.int64), n_bins - 1)
    if weights is not None:
        sums = np.zeros((n_bins, 2))
        np.add.at(sums, (bins, labels.astype(np.int64)), weights)  # in index order
        return weighted_auc(sums[:, 1], sums[:, 0], on_undefined)
    counts = np.bincount(2 * bins + labels.astype(np.int64), minlength=2 * n_bins).reshape(n_bins, 2)
    return counted_auc(counts[:, 1], counts[:, 0], on_undefined)


def roc_auc(
    labels: ArrayLike,
    scores: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    on_undefined: str = "raise",
    n_threads: int | None = None,
) -> float:
    """Area under the ROC curve, exact: the Mann–Whitney statistic.

    Parameters
    ----------
    labels : array_like of bool, int or float, shape (N,)
        0 or False for a negative, 1 or True for a positive sample; nothing else is taken.
    scores : array_like, shape (N,)
        A higher score speaks for a positive. Infinities are legal; 64-bit integers are compared as integers.
    on_undefined : {"raise", "nan"}, default "raise"
        What to do where a class is absent.
    sample_weight, n_threads
        As in :func:`fastgeo.histogram_auc`.

    Returns
    -------
    float
        The share of pairs (positive, negative) in which the positive has the higher score; equal scores count one half.

    Raises
    ------
    ValueError
        For a label other than 0 and 1, a score that is NaN, a bad weight, lengths that differ, or a class that is
        absent.
    TypeError
        For an array that is not of real numbers.

    Notes
    -----
    The scores are compared as they are, never transformed or rounded: any strictly increasing map of them gives the
    same value. Counts and their products are exact integers; numerator and denominator are each rounded once to
    float64, then divided. Kernel and reference agree to the last bit. Time O(N) by radix sort; memory 8·N bytes for
    float32 scores, 16·N for others.

    References
    ----------
    .. [1] H. B. Mann, D. R. Whitney, "On a test of whether one of two random variables is stochastically larger than
       the other", Annals of Mathematical Statistics 18 (1947).

    Examples
    --------
    >>> import fastgeo
    >>> fastgeo.roc_auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    checks.choice("on_undefined", on_undefined, inputs.ON_UNDEFINED)
    checks.thread_count(n_threads)
    labels, scores, weights = inputs.samples(labels, scores, sample_weight)
    inputs.sample_values(labels, scores, weights)
    if weights is not None:
        return weighted_auc(*tied_weights(labels, scores, weights), on_undefined)
    positives, negatives = tied_counts(labels, scores)
    return counted_auc(positives, negatives, on_undefined)


def tied_counts(labels: Array, scores: Array) -> tuple[Array, Array]:
    """How many positives and negatives there are at each distinct score, in ascending order of the scores."""
    distinct, inverse = np.unique(scores, return_inverse=True)
    counts = np.bincount(2 * inverse.ravel() + labels.astype(np.int64), minlength=2 * len(distinct)).reshape(-1, 2)
    return counts[:, 1], counts[:, 0]


def tied_weights(labels: Array, scores: Array, weights: Array) -> tuple[Array, Array]:
    """As `tied_counts`, but the weights, added up in index order."""
    distinct, inverse = np.unique(scores, return_inverse=True)
    sums = np.zeros((len(distinct), 2))
    np.add.at(sums, (inverse.ravel(), labels.astype(np.int64)), weights)
    return sums[:, 1], sums[:, 0]


def counted_auc(positives: Array, negatives: Array, on_undefined: str) -> float:
    """AUC of counts by ascending score; a pair at one score counts one half. Integers do not overflow in Python."""
    twice_wins = below = 0
    for p, n in zip(positives.tolist(), negatives.tolist(), strict=True):
        twice_wins += p * (2 * below + n)
        below += n
    n_positive = sum(positives.tolist())
    if n_positive == 0 or below == 0:
        return inputs.undefined(on_undefined, n_positive, below)
    return float(twice_wins) / float(2 * n_positive * below)


def weighted_auc(positives: Array, negatives: Array, on_undefined: str) -> float:
    """AUC of float64 weights by ascending score, scaled by powers of two lest a product overflow or vanish."""
    n_positive, n_negative = total(positives), total(negatives)
    inputs.finite_total(n_positive + n_negative)
    if n_positive == 0 or n_negative == 0:
        return inputs.undefined(on_undefined, n_positive, n_negative)
    positives = np.ldexp(positives, -np.frexp(n_positive)[1])
    negatives = np.ldexp(negatives, -np.frexp(n_negative)[1])
    twice_wins = below = 0.0
    for p, n in zip(positives.tolist(), negatives.tolist(), strict=True):
        twice_wins += p * (2 * below + n)
        below += n
    return twice_wins / (2 * total(positives) * below)


def total(values: Array) -> float:
    """Sum in index order."""
    return float(np.cumsum(values)[-1]) if len(values) else 0.0
