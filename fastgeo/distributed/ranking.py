"""AUC and average precision of chunked labels and scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
from dask.sizeof import sizeof

from fastgeo import AUCHistogram
from fastgeo.distributed.auc_refinement import Refinement, auc_of_ranges, cuts_of_all
from fastgeo.distributed.columns import is_chunked, row_batches
from fastgeo.distributed.key_intervals import Cuts, add_counts, compare_rows, count_keys, cut_ranges, sample_keys
from fastgeo.distributed.tasks import Batches
from fastgeo.ranking import inputs
from fastgeo.runtime import checks

# Down to this tolerance one count of all rows is mostly enough, and a sample would not spare it.
COARSE = 2.0**-7


@sizeof.register(AUCHistogram)  # type: ignore[untyped-decorator]
def _size(histogram: AUCHistogram) -> int:
    """Bytes, which Dask's schedulers and counters would take for 48."""
    return 16 * histogram.n_bins


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
    labels : dask array or series, shape (N,); or an iterable of delayed batches
        A delayed batch computes to (labels, scores) or (labels, scores, weights).
    scores : dask array or series, shape (N,); None for delayed batches
        In as many chunks; an array of chunks of other lengths is cut like `labels`. Beside a Dask array of known chunks
        `labels`, `scores` or `sample_weight` may lie in memory.
    n_bins, range, on_undefined
        As in :func:`fastgeo.histogram_auc`.
    sample_weight : dask array or series, shape (N,), optional
        As in :func:`fastgeo.histogram_auc`, chunked as the others. None for delayed batches, which hold their own.
    compute : bool, default True
        False gives a lazy ``dask.delayed`` value, which ``dask.compute`` takes together with others; rows that they
        share are made once.

    Returns
    -------
    float, or a lazy one
        Without weights the same bits as the one-machine call, for any chunking; with weights the same to rounding, and
        the same bits for the same chunking on any number of workers.

    Raises
    ------
    ValueError, TypeError
        As :func:`fastgeo.histogram_auc`; from the values of a chunk with ``chunk i: `` in front, where i counts from 0,
        and indices that count from the chunk's first row. For columns of unequal lengths or partitions.

    See Also
    --------
    fastgeo.histogram_auc : the same of arrays in memory.
    fastgeo.distributed.roc_auc : exact.

    Notes
    -----
    A chunk is counted into 16 * n_bins bytes; 8 of these are joined at a time, in order. A task takes one chunk; within
    one machine, where enough tasks remain for its workers, 8 chunks one by one. Time O(N + n_bins *
    chunks), memory of the caller O(chunks + n_bins).

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> from fastgeo import distributed
    >>> labels = da.from_array(np.array([0, 0, 1, 1]), chunks=2)
    >>> scores = da.from_array(np.array([0.1, 0.4, 0.35, 0.8]), chunks=2)
    >>> distributed.histogram_auc(labels, scores)
    0.75
    >>> import dask
    >>> batches = [dask.delayed(([0, 0], [0.1, 0.4])), dask.delayed(([1, 1], [0.35, 0.8]))]
    >>> distributed.histogram_auc(batches)
    0.75
    """
    checks.choice("on_undefined", on_undefined, inputs.ON_UNDEFINED)
    finish = partial(_auc, on_undefined=on_undefined)
    return _of_merged_histogram(finish, labels, scores, n_bins, range, sample_weight, compute)


def average_precision(
    labels: Any,
    scores: Any = None,
    n_bins: int = 10_000,
    *,
    range: tuple[float, float] = (0.0, 1.0),
    sample_weight: Any = None,
    compute: bool = True,
) -> Any:
    """Average precision of chunked data from a merged histogram: scores in one bin count as tied.

    Parameters
    ----------
    labels, scores, sample_weight, compute
        As in :func:`fastgeo.distributed.histogram_auc`.
    n_bins : int, default 10 000
        From 1 to 2**26; the value is exact where no bin holds different scores.
    range : pair of float, default (0.0, 1.0)
        Lower edge of the first and upper edge of the last bin.

    Returns
    -------
    float, or a lazy one
        :func:`fastgeo.average_precision` of the scores rounded to their bins, to rounding; without weights the same
        bits for any chunking.

    Raises
    ------
    ValueError, TypeError
        As :func:`fastgeo.distributed.histogram_auc`; where there is no positive.

    See Also
    --------
    fastgeo.average_precision : exact, of arrays in memory.

    Notes
    -----
    One pass; 16 * n_bins bytes a chunk, joined 8 at a time.

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> from fastgeo import distributed
    >>> labels = da.from_array(np.array([0, 0, 1, 1]), chunks=2)
    >>> scores = da.from_array(np.array([0.1, 0.4, 0.35, 0.8]), chunks=2)
    >>> round(distributed.average_precision(labels, scores), 4)
    0.8333
    """
    return _of_merged_histogram(_average_precision, labels, scores, n_bins, range, sample_weight, compute)


def roc_auc(labels: Any, scores: Any = None, *, tol: float = 0.0, on_undefined: str = "raise") -> float:
    """:func:`fastgeo.roc_auc` of chunked data, exact or within `tol`; no chunk need fit on the caller's machine.

    Parameters
    ----------
    labels, scores
        As in :func:`fastgeo.distributed.histogram_auc`. They are read once a pass and must then be the same: persist
        what is costly to make or random.
    tol : float, default 0
        Stop when the AUC is known to lie between two numbers no further apart than this, and return their middle.
    on_undefined : {"raise", "nan"}, default "raise"
        What to do where a class is absent.

    Returns
    -------
    float
        With ``tol=0`` the bits of the one-machine call. Otherwise at most tol / 2 from it (and a rounding), where the
        last digits depend on the number of chunks.

    Raises
    ------
    ValueError, TypeError
        As :func:`fastgeo.roc_auc`, named by chunk as in :func:`fastgeo.distributed.histogram_auc`; for scores of
        different kinds in different chunks (floats, signed integers, uint64); for scores that change between passes.

    See Also
    --------
    fastgeo.roc_auc : the same of arrays in memory.
    fastgeo.distributed.histogram_auc : one pass, for scores of a known range.

    Notes
    -----
    Scores are mapped to 64-bit keys in their order. A pass counts both classes by the keys' leading 18 bits, with the
    smallest and the largest key of each bin: pairs in different bins are decided, and so are ties. The undecided bins
    are then cut further, pass by pass, most finely where most pairs are undecided: about 1 / (tol * 2**18) passes where
    the scores of both classes lie evenly mixed. Where it moves less (always with ``tol=0``), the undecided rows are
    compared instead: packed into words of 4 or 8 bytes, cut into ranges of about 2**20 to 2**23 and brought together
    range by range on the workers, in passes of up to 2**14 pieces, one of each chunk for each range.

    For a `tol` below 2**-7 the first pass only samples some 2**13 rows of each chunk. Where these leave most rows
    undecided, and ranges suffice for all, all rows are compared at once: two passes, of which one reads the chunks
    whole. What the sample has missed costs time at most.

    Memory of the caller: O(2**18) a pass that cuts bins, O(chunks + pieces) for the graph; it does not depend on N
    beyond these limits. Time a pass O(N log N) divided by the workers.

    References
    ----------
    .. [1] H. Shi, J. Schaeffer, "Parallel sorting by regular sampling", Journal of Parallel and Distributed Computing
       14 (1992): ranges of keys, one a worker.

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> from fastgeo import distributed
    >>> labels = da.from_array(np.array([0, 0, 1, 1]), chunks=2)
    >>> scores = da.from_array(np.array([0.1, 0.4, 0.35, 0.8]), chunks=2)
    >>> distributed.roc_auc(labels, scores)
    0.75
    >>> round(distributed.roc_auc(labels, scores, tol=0.1), 1)
    0.8
    """
    tol = checks.in_range("tol", tol, 0.0, 1.0)
    checks.choice("on_undefined", on_undefined, inputs.ON_UNDEFINED)
    batches = _row_batches(labels, scores, None)
    n_chunks = max(1, len(batches.keys))
    first = batches.reduced(count_keys if tol >= COARSE else sample_keys, add_counts)
    if first.times > 1:
        cuts = cuts_of_all(first, tol, n_chunks)
        if cuts is not None:
            return auc_of_ranges(_compared(batches, cuts), on_undefined)
        first = batches.reduced(count_keys, add_counts)
    known = Refinement(first)
    while not known.is_within(tol):
        if known.should_compare(tol, n_chunks):
            known.compare(_compared(batches, known.ranges(tol, n_chunks)))
        else:
            known.count(batches.reduced(count_keys, add_counts, known.bins(tol)))
    return known.auc(on_undefined)


def _row_batches(labels: Any, scores: Any, sample_weight: Any) -> Batches:
    if scores is None and is_chunked(labels):
        raise TypeError("scores: expected a Dask array or series, as labels, got None")
    return row_batches(labels=labels, scores=scores, sample_weight=sample_weight)


def _compared(batches: Batches, cuts: Cuts) -> Any:
    return batches.exchanged(cut_ranges, len(cuts.ranges), compare_rows, np.concatenate, cuts)


def _of_merged_histogram(
    finish: Callable[[AUCHistogram], float],
    labels: Any,
    scores: Any,
    n_bins: int,
    range: Any,
    sample_weight: Any,
    compute: bool,
) -> Any:
    inputs.bin_range(range, checks.integer("n_bins", n_bins, 1, inputs.MAX_BINS))  # raise for what no chunk could use
    batches = _row_batches(labels, scores, sample_weight)
    count = partial(_histogram, n_bins=n_bins, range=range)
    if compute:
        count_several = partial(_histogram_of_several, n_bins=n_bins, range=range)
        return batches.reduced(count, _merge, finish=finish, of_several=count_several)
    return batches.reduce(count, _merge, finish=finish)


def _histogram(batch: Sequence[Any], n_bins: int, range: Any) -> AUCHistogram:
    return AUCHistogram(n_bins, range=range).update(*batch)


def _histogram_of_several(batches: Iterable[Sequence[Any]], n_bins: int, range: Any) -> AUCHistogram:
    histogram = AUCHistogram(n_bins, range=range)
    for batch in batches:
        histogram.update(*batch)
    return histogram


def _auc(histogram: AUCHistogram, on_undefined: str) -> float:
    return histogram.auc(on_undefined)


def _merge(histograms: Sequence[AUCHistogram]) -> AUCHistogram:
    total = AUCHistogram(histograms[0].n_bins, range=histograms[0].range)
    for histogram in histograms:
        total.merge(histogram)
    return total


def _average_precision(histogram: AUCHistogram) -> float:
    precision, recall, _ = histogram.precision_recall_curve()
    return float(-np.sum(np.diff(recall) * precision[:-1]))
