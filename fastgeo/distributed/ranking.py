"""AUC over chunked labels and scores: constant-size histograms, merged by a tree."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from dask.delayed import Delayed, delayed

from fastgeo import AUCHistogram
from fastgeo.distributed.key_intervals import Bins, KeyCounts, Refinement, score_keys
from fastgeo.distributed.tasks import row_batches
from fastgeo.ranking import inputs
from fastgeo.runtime import checks


def histogram_auc(
    labels: Any,
    scores: Any = None,
    n_bins: int = 100,
    *,
    range: tuple[float, float] = (0.0, 1.0),
    sample_weight: Any = None,
    on_undefined: str = "raise",
    compute: bool = True,
) -> Any:
    """:func:`fastgeo.histogram_auc` of chunked data, in one pass.

    Parameters
    ----------
    labels, scores : dask array or series; or an iterable of delayed batches and None
        Chunks of `scores` follow those of `labels`. A delayed batch is (labels, scores) or (labels, scores, weights).
    n_bins, range, sample_weight, on_undefined
        As in :func:`fastgeo.histogram_auc`.
    compute : bool, default True
        False returns a ``dask.delayed`` value.

    Returns
    -------
    float
        The same bits as the one-machine call where there are no weights, for any chunking.
    """
    checks.choice("on_undefined", on_undefined, inputs.ON_UNDEFINED)
    histogram = _merged_histogram(labels, scores, n_bins, range, sample_weight)
    auc = delayed(_auc)(histogram, on_undefined)
    return auc.compute() if compute else auc


def average_precision(
    labels: Any,
    scores: Any = None,
    n_bins: int = 10_000,
    *,
    range: tuple[float, float] = (0.0, 1.0),
    sample_weight: Any = None,
    compute: bool = True,
) -> Any:
    """Average precision of chunked data from a merged histogram: scores of one bin count as tied.

    Parameters
    ----------
    labels, scores, n_bins, range, sample_weight, compute
        As in :func:`fastgeo.distributed.histogram_auc`.

    Returns
    -------
    float
        Equal to :func:`fastgeo.average_precision` of the scores rounded to their bins.
    """
    histogram = _merged_histogram(labels, scores, n_bins, range, sample_weight)
    precision = delayed(_average_precision)(histogram)
    return precision.compute() if compute else precision


def roc_auc(labels: Any, scores: Any = None, *, tol: float = 0.0, on_undefined: str = "raise") -> float:
    """Exact ROC AUC of chunked data, or one within `tol`, without sorting and in constant memory.

    The range of all float64 values is cut into bins; every pass cuts those bins finer that hold both classes, until
    what is undecided cannot move the AUC by more than `tol`.

    Parameters
    ----------
    labels, scores : dask array or series; or an iterable of delayed batches and None
        As in :func:`fastgeo.distributed.histogram_auc`. They are read once a pass: persist what is costly to make.
    tol : float, default 0
        Stop when the AUC is known to lie in an interval of this length; its midpoint is returned. With 0 the answer
        has the bits of :func:`fastgeo.roc_auc`.
    on_undefined : {"raise", "nan"}, default "raise"
        What to answer where a class is missing.

    Returns
    -------
    float
    """
    tol = checks.in_range("tol", tol, 0.0, 1.0)
    checks.choice("on_undefined", on_undefined, inputs.ON_UNDEFINED)
    batches = row_batches(labels) if scores is None else row_batches(labels, scores)
    refinement = Refinement()
    while refinement.choose(tol):
        refinement.refine(batches.reduce(_count_keys, _add_counts, refinement.bins).compute())
    return refinement.auc(on_undefined)


def _merged_histogram(labels: Any, scores: Any, n_bins: int, range: Any, sample_weight: Any) -> Delayed:
    AUCHistogram(n_bins, range=range)  # raises for what no chunk could use
    batches = row_batches(labels) if scores is None else row_batches(labels, scores, sample_weight)
    return batches.reduce(partial(_histogram, n_bins=n_bins, range=range), _merge)


def _histogram(batch: Sequence[Any], n_bins: int, range: Any) -> AUCHistogram:
    return AUCHistogram(n_bins, range=range).update(*batch)


def _auc(histogram: AUCHistogram, on_undefined: str) -> float:
    return histogram.auc(on_undefined)


def _merge(histograms: Sequence[AUCHistogram]) -> AUCHistogram:
    total = histograms[0]
    for histogram in histograms[1:]:
        total = total + histogram
    return total


def _average_precision(histogram: AUCHistogram) -> float:
    precision, recall, _ = histogram.precision_recall_curve()
    return float(-np.sum(np.diff(recall) * precision[:-1]))


def _count_keys(batch: Sequence[Any], bins: Bins) -> KeyCounts:
    labels, scores = batch[:2]
    labels, scores, _ = inputs.samples(labels, scores, None)
    inputs.sample_values(labels, scores, None)
    inside, index = bins.index(score_keys(scores))
    positive = labels[inside].astype(bool)
    kinds = [] if len(scores) == 0 else ["integers" if scores.dtype.kind in "biu" else "floats"]
    positives = np.bincount(index[positive], minlength=bins.n_bins)
    negatives = np.bincount(index[~positive], minlength=bins.n_bins)
    return KeyCounts(positives, negatives, frozenset(kinds))


def _add_counts(parts: Sequence[KeyCounts]) -> KeyCounts:
    kinds = frozenset().union(*(part.kinds for part in parts))
    if len(kinds) > 1:
        raise ValueError("scores: expected integers in every chunk or floats in every chunk, got both")
    positives = np.sum([part.positives for part in parts], axis=0)
    negatives = np.sum([part.negatives for part in parts], axis=0)
    return KeyCounts(positives, negatives, kinds)
