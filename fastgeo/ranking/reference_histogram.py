"""AUC by bins of the scores in NumPy: the specification of the kernel."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from fastgeo.ranking import curves, inputs


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
