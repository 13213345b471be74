"""AUCHistogram in NumPy: the specification; the kernels replace the counting and the products of counts."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from fastgeo.ranking import curves, inputs
from fastgeo.ranking.curves import Ranked
from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array

Self = TypeVar("Self", bound="AUCHistogram")

# Magic and version, whether there are weights, bins, range, additions of weights; the cells and a CRC-32 follow.
HEADER = struct.Struct("<8sQqddq")
MAGIC = b"FGAUCH\x00\x01"
CHECKSUM = struct.Struct("<I")

# Products of two counts then stay below 2**126.
MAX_COUNT = 2**62

# Bins up to which counts are added in place, in about a millisecond.
IN_PLACE = 2**20


def _restored(cls: type[AUCHistogram], data: bytes) -> AUCHistogram:
    # A function of the module, since cloudpickle would copy an inherited class method with all that it uses.
    return cls.from_bytes(data)


class AUCHistogram:
    """ROC AUC of a stream of batches, in constant memory, with bounds on the exact value.

    Parameters
    ----------
    n_bins : int, default 1000
        From 1 to 2**26. More bins bring narrower bounds.
    range : pair of float, default (0.0, 1.0)
        Lower edge of the first and upper edge of the last bin; scores must lie within.

    Raises
    ------
    ValueError
        From the constructor for `n_bins` or `range`; from ``update`` as :func:`fastgeo.histogram_auc`, the state then
        being as before; from ``merge`` for other bins; from ``from_bytes`` for anything but the bytes of a histogram.

    See Also
    --------
    histogram_auc : the same of arrays that are at hand.

    Notes
    -----
    ``update(labels, scores, sample_weight=None)`` adds a batch and ``merge(other)`` another histogram; both return the
    histogram itself, and ``h1 + h2`` is a new one. Histograms pickle, and ``to_bytes()`` and ``from_bytes(data)`` go
    through a versioned form with a checksum, the same on every platform. ``n_positive`` and ``n_negative`` are counts;
    floats once there are weights.

    ``auc(on_undefined="raise")`` is that of :func:`fastgeo.histogram_auc`. ``bounds()`` gives ``(low, high)``: the
    exact AUC of everything seen lies inside, as does :func:`fastgeo.roc_auc` of it; low counts the pairs within a bin
    as lost and high as won, so that the width is ``sum(positives * negatives) / (n_positive * n_negative)`` over the
    bins, rounded outward. ``roc_curve()`` and ``precision_recall_curve()`` are those of the functions of these names,
    with the lower edges of the bins as thresholds.

    Counts are int64: without weights, any order and any batching of the same samples gives the same state bit for bit.
    Weights are summed in float64 and agree to rounding; the bounds allow for that. One histogram must not be updated
    from two threads at once: give each its own and merge. Time O(N) for a batch, memory 16 bytes for a bin, as much
    again with weights.

    References
    ----------
    .. [1] J. A. Hanley, B. J. McNeil, "The meaning and use of the area under a receiver operating characteristic
       (ROC) curve", Radiology 143 (1982).

    Examples
    --------
    >>> import fastgeo
    >>> histogram = fastgeo.AUCHistogram(n_bins=10)
    >>> for labels, scores in [([0, 1], [0.12, 0.81]), ([0, 1], [0.42, 0.47])]:
    ...     histogram = histogram.update(labels, scores)
    >>> histogram.auc()
    0.875
    >>> histogram.bounds()
    (0.75, 1.0)
    """

    def __init__(self, n_bins: int = 1000, *, range: tuple[float, float] = (0.0, 1.0)) -> None:
        self.n_bins = checks.integer("n_bins", n_bins, 1, inputs.MAX_BINS)
        low, high, self._width = inputs.bin_range(range, self.n_bins)
        self.range = (low, high)
        self._counts: Array = np.zeros((self.n_bins, 2), np.int64)  # negatives, positives
        self._sums: Array | None = None  # the same of the weights, from the first batch that has them
        self._additions = 0  # at most this many have gone into any sum

    def update(self: Self, labels: ArrayLike, scores: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Add a batch of samples; see :func:`fastgeo.histogram_auc` for what they may be."""
        labels, scores, weights = inputs.checked_histogram_samples(labels, scores, sample_weight, *self.range)
        cells = self._cells_of(labels, scores, weights)
        if weights is None:
            self._add_counts(cells)
        else:
            self._add_sums(cells, len(weights))
        return self

    def merge(self: Self, other: AUCHistogram) -> Self:
        """Add what another histogram with the same bins has seen."""
        if not isinstance(other, AUCHistogram):
            raise TypeError(f"other: expected an AUCHistogram, got {type(other).__name__}")
        if (self.n_bins, self.range) != (other.n_bins, other.range):
            raise ValueError(
                f"other: expected {self.n_bins} bins over {self.range}, got {other.n_bins} bins over {other.range}"
            )
        if sum(_totals(self._counts)) + sum(_totals(other._counts)) > MAX_COUNT:
            raise OverflowError("other: expected at most 2**62 samples in all")
        self._add_counts(other._counts)
        if other._sums is not None:
            self._add_sums(other._sums, other._additions)
        return self

    def __add__(self: Self, other: AUCHistogram) -> Self:
        if not isinstance(other, AUCHistogram):
            return NotImplemented
        return type(self)(self.n_bins, range=self.range).merge(self).merge(other)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AUCHistogram) and self.to_bytes() == other.to_bytes()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<AUCHistogram: {self.n_bins} bins over {self.range}, {self.n_positive}+, {self.n_negative}->"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.to_bytes())

    @property
    def n_positive(self) -> int | float:
        """How many positives were seen, or what they weigh."""
        return self._in_all(1)

    @property
    def n_negative(self) -> int | float:
        """How many negatives were seen, or what they weigh."""
        return self._in_all(0)

    def auc(self, on_undefined: str = "raise") -> float:
        """AUC where a pair within one bin counts one half."""
        checks.choice("on_undefined", on_undefined, inputs.ON_UNDEFINED)
        return self._auc_of(self._cells(), on_undefined)

    def bounds(self) -> tuple[float, float]:
        """Two numbers between which lies the exact AUC of everything seen."""
        cells = self._cells()
        negatives, positives = cells[:, 0], cells[:, 1]
        curves.both_classes(Ranked(cells, negatives, positives))
        if cells.dtype == np.int64:
            wins, ties = self._pairs(cells)
            n_negative, n_positive = _totals(cells)
            pairs = n_negative * n_positive
        else:
            wins, ties, pairs = curves.pairs_of_weights(negatives, positives)
        low, high = curves.below(wins, pairs), curves.above(wins + ties, pairs)
        slack = 8 * (self._additions + 2) * 2.0**-53 if self._sums is not None else 0.0
        return (low, high) if slack == 0 else (max(0.0, low * (1 - slack)), min(1.0, high * (1 + slack)))

    def roc_curve(self) -> tuple[Array, Array, Array]:
        """As :func:`fastgeo.roc_curve`, with the lower edges of the bins as thresholds."""
        return self._roc_points(*self._rows())

    def precision_recall_curve(self) -> tuple[Array, Array, Array]:
        """As :func:`fastgeo.precision_recall_curve`, with the lower edges of the bins as thresholds."""
        return self._precision_recall_points(*self._rows())

    def to_bytes(self) -> bytes:
        """The whole state, in the same bytes on every platform."""
        out = io.BytesIO()
        checksum = 0
        for part in self._parts():
            checksum = zlib.crc32(part, checksum)
            out.write(part)
        out.write(CHECKSUM.pack(checksum))
        return out.getvalue()

    def _parts(self) -> Iterator[bytes]:
        """What the checksum is of, part by part: Ctrl-C is answered in between."""
        yield HEADER.pack(MAGIC, self._sums is not None, self.n_bins, *self.range, self._additions)
        for cells, form in ((self._counts, "<i8"), (self._sums, "<f8")):
            if cells is not None:
                for part in checks.row_parts(cells):
                    yield cells[part].astype(form).tobytes()

    @classmethod
    def from_bytes(cls: type[Self], data: bytes) -> Self:
        """The histogram that `to_bytes` has written; anything else raises ValueError."""
        view = memoryview(data)
        body = view.cast("B") if view.c_contiguous and view.nbytes else memoryview(bytes(view))
        if len(body) < HEADER.size + CHECKSUM.size or body[: len(MAGIC)] != MAGIC:
            raise ValueError("data: expected the bytes of an AUCHistogram, version 1, got something else")
        _, weighted, n_bins, low, high, additions = HEADER.unpack_from(body)
        size = 16 * n_bins
        if weighted > 1 or len(body) != HEADER.size + (1 + weighted) * size + CHECKSUM.size:
            raise ValueError(
                f"data: expected the bytes of an AUCHistogram, got {len(body)} bytes, truncated or altered"
            )
        if CHECKSUM.unpack(body[-CHECKSUM.size :])[0] != _checksum(body[: -CHECKSUM.size]):
            raise ValueError("data: expected the bytes of an AUCHistogram, got a wrong checksum")
        histogram = cls(n_bins, range=(low, high))
        histogram._counts = _copied(np.frombuffer(body, "<i8", 2 * n_bins, HEADER.size).reshape(n_bins, 2), np.int64)
        parts = list(checks.row_parts(histogram._counts))
        valid = all(histogram._counts[part].min() >= 0 for part in parts)
        valid = valid and sum(float(histogram._counts[part].sum(dtype=np.float64)) for part in parts) <= MAX_COUNT
        if weighted:
            sums = np.frombuffer(body, "<f8", 2 * n_bins, HEADER.size + size).reshape(n_bins, 2)
            histogram._sums, histogram._additions = _copied(sums, np.float64), additions
            finite = curves.total(_sum(histogram._sums, histogram._counts).ravel()) < np.inf
            # Each batch of weights counts as one addition more than it has samples.
            some = sum(int(np.count_nonzero(sums[part])) for part in parts)
            valid = valid and all(bool((sums[part] >= 0).all()) for part in parts) and finite and additions > some
        if not valid or (additions > 0) != weighted:
            raise ValueError("data: expected the bytes of an AUCHistogram, got impossible counts")
        return histogram

    def _cells_of(self, labels: Array, scores: Array, weights: Array | None) -> Array:
        """Counts or weights of one checked batch."""
        distances = scores.astype(np.float64) - self.range[0]
        bins = np.minimum((distances / self._width).astype(np.int64), self.n_bins - 1)
        return inputs.cells(bins, labels, weights, self.n_bins)

    @staticmethod
    def _pairs(cells: Array) -> tuple[int, int]:
        """Pairs of counts won, and pairs within one bin."""
        return curves.pairs(cells[:, 0].tolist(), cells[:, 1].tolist())

    @staticmethod
    def _auc_of(cells: Array, on_undefined: str) -> float:
        return curves.auc_of_cells(cells, on_undefined)

    @staticmethod
    def _roc_points(edges: Array, cells: Array) -> tuple[Array, Array, Array]:
        return curves.roc_points(Ranked(edges, cells[:, 0], cells[:, 1]), drop_intermediate=True)

    @staticmethod
    def _precision_recall_points(edges: Array, cells: Array) -> tuple[Array, Array, Array]:
        return curves.precision_recall_points(Ranked(edges, cells[:, 0], cells[:, 1]), drop_intermediate=False)

    def _add_counts(self, counts: Array) -> None:
        """In place where that is short; else into a new array, so that Ctrl-C finds the old counts or the new ones."""
        if self.n_bins <= IN_PLACE:
            self._counts += counts
        else:
            self._counts = _sum(self._counts, counts)

    def _add_sums(self, sums: Array, additions: int) -> None:
        total = sums.copy() if self._sums is None else _sum(self._sums, sums)
        inputs.finite_total(curves.total(total.ravel()))
        self._sums = total
        self._additions += additions + 1

    def _cells(self) -> Array:
        return self._counts if self._sums is None else _sum(self._counts, self._sums)

    def _in_all(self, column: int) -> int | float:
        cells = self._cells()[:, column]
        return int(cells.sum()) if self._sums is None else curves.total(cells)

    def _rows(self) -> tuple[Array, Array]:
        """The lower edges of the bins that hold something, and what they hold."""
        cells = self._cells()
        bins = _occupied(cells)
        held = np.empty((len(bins), 2), cells.dtype)
        for part in checks.row_parts(held):
            held[part] = cells[bins[part]]
        return lower_edges(*self.range, self._width, bins), held


# Part by part, so that Ctrl-C is answered in between:


def _checksum(data: memoryview) -> int:
    checksum = 0
    for begin in range(0, len(data), 1 << 23):
        checksum = zlib.crc32(data[begin : begin + (1 << 23)], checksum)
    return checksum


def _copied(rows: Array, dtype: Any) -> Array:
    copy = np.empty(rows.shape, dtype)
    for part in checks.row_parts(rows):
        copy[part] = rows[part]
    return copy


def _totals(counts: Array) -> list[int]:
    """All negatives and all positives."""
    return [sum(int(counts[part, column].sum()) for part in checks.row_parts(counts)) for column in (0, 1)]


def _occupied(cells: Array) -> Array:
    """The bins that hold something."""
    found = [np.flatnonzero((cells[part] != 0).any(axis=1)) + part.start for part in checks.row_parts(cells)]
    bins = np.empty(sum(map(len, found)), np.int64)
    end = 0
    for some in found:
        bins[end : end + len(some)] = some
        end += len(some)
    return bins


def _sum(a: Array, b: Array) -> Array:
    """a + b."""
    total = np.empty(a.shape, np.result_type(a, b))
    with np.errstate(over="ignore"):
        for part in checks.row_parts(total):
            np.add(a[part], b[part], out=total[part])
    return total


def lower_edges(low: float, high: float, width: float, bins: Array) -> Array:
    """For each bin i of `bins` the least float64 number s in [low, high] with ``(s - low) / width >= i``.

    ``low + i * width`` is that number only up to rounding; a bisection of the numbers around it is exact.
    """
    edges = np.empty(len(bins))
    for part in checks.row_parts(edges[:, None]):
        edges[part] = low
        own = bins[part].astype(np.float64)
        below = np.full(len(own), _in_order(np.float64(low)))
        least = np.full(len(own), _in_order(np.float64(high)))
        guess, error = low + own * width, 4 * np.spacing(max(abs(low), abs(high)))
        every = np.flatnonzero(own)  # the least score of bin 0 is `low` itself
        for near in (_in_order(guess - error), _in_order(guess + error), _in_order(guess) - 4, _in_order(guess) + 4):
            _narrow(below, least, every, near.clip(below, least)[every], low, width, own)
        while len(every):
            middle = (below[every] & least[every]) + ((below[every] ^ least[every]) >> 1)
            between = middle > below[every]
            every = every[between]
            _narrow(below, least, every, middle[between], low, width, own)
        edges[part][own > 0] = _in_order(least).view(np.float64)[own > 0]
    return edges


def _narrow(below: Array, least: Array, places: Array, numbers: Array, low: float, width: float, bins: Array) -> None:
    """Let `numbers` bound the edges at `places`: from above where they reach the bin, else from below."""
    reach = (_in_order(numbers).view(np.float64) - low) / width >= bins[places]
    least[places[reach]] = numbers[reach]
    below[places[~reach]] = numbers[~reach]


def _in_order(numbers: Any) -> Any:
    """float64 numbers as integers in the same order; their bits, of an array of such integers."""
    bits = numbers.view(np.int64)
    return bits ^ (bits >> 63 & np.int64(2**63 - 1))
