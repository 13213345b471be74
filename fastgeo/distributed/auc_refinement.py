"""What is known of a ROC AUC, and what the next pass over the rows should look at."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from fastgeo.distributed.key_intervals import (
    BIN_BYTES,
    MAX_BINS,
    MAX_RANGE_ROWS,
    MIN_BINS,
    MIN_RANGE_ROWS,
    ROW_BYTES,
    Counts,
    Intervals,
    exact_dot,
    pairs_won,
)
from fastgeo.ranking import inputs
from fastgeo.ranking.partition import LARGEST_KEY
from fastgeo.runtime.checks import Array

# Keys cut out for comparison that one pass hands over, in pieces: one of each chunk for each range.
MAX_PIECES = 1 << 16

CHANGED = "scores: expected the same values in every pass, got others; persist them"


class Refinement:
    """Bounds of the AUC, and the intervals of keys in which pairs are undecided."""

    def __init__(self, counts: Counts) -> None:
        """Take the counts of the first pass, by leading bits."""
        found = _dense(counts, MAX_BINS)
        self.negatives, self.positives = int(found.negatives.sum()), int(found.positives.sum())
        self.decided = 0  # twice the pairs won, of those that are decided
        self.intervals = self._chosen = self._rest = found.at(np.zeros(0, np.int64))
        self._owner: Array = np.zeros(MAX_BINS, np.int64)  # of each bin: which of the chosen
        self._split(found)

    def is_within(self, tol: float) -> bool:
        """Whether the AUC is known to lie in an interval of this length."""
        return self.undecided <= tol * self.positives * self.negatives

    def auc(self, on_undefined: str) -> float:
        """The middle of the bounds; exact where nothing is undecided."""
        if self.positives == 0 or self.negatives == 0:
            return inputs.undefined(on_undefined, self.positives, self.negatives)
        return float(self.decided + self.undecided) / float(2 * self.positives * self.negatives)

    def bins(self, tol: float) -> Array:
        """Choose intervals to cut: the last key of each bin."""
        weights = _weights(self.intervals)
        wanted = 2 * self._needed_bins(tol)
        n_bins = MAX_BINS if wanted >= MAX_BINS else max(MIN_BINS, int(wanted))
        chosen = np.sort(np.argsort(-weights, kind="stable")[: n_bins // 2])
        self._choose(chosen)
        share = weights[chosen] / weights[chosen].sum()
        pieces = 2 + (share * (n_bins - 2 * len(chosen))).astype(np.int64)
        lasts, owner = _cut_evenly(self._chosen, pieces)
        # The keys before each interval that belong to none of them have a bin too, which is not looked at.
        gaps = self._chosen.lows[self._chosen.lows > 0] - np.uint64(1)
        gaps = np.setdiff1d(gaps, self._chosen.highs, assume_unique=True)
        order = np.argsort(np.concatenate([lasts, gaps]), kind="stable")
        self._owner = np.append(np.concatenate([owner, np.full(len(gaps), -1)])[order], -1)
        return np.asarray(np.concatenate([lasts, gaps])[order])

    def count(self, counts: Counts) -> None:
        """Take what the pass has counted in these bins."""
        found = _dense(counts, len(self._owner))
        inside = self._owner >= 0
        found, self._owner = found.at(inside), self._owner[inside]
        if not _same_totals(found, self._owner, self._chosen):
            raise ValueError(CHANGED)
        self._split(found)

    def _split(self, found: Intervals) -> None:
        """Decide what the parts of the chosen intervals decide."""
        self.decided += 2 * pairs_won(found.negatives, found.positives, self._owner)
        ties = found.lows == found.highs
        self.decided += exact_dot(found.negatives[ties], found.positives[ties])
        self._keep(found.at(~ties & (found.negatives > 0) & (found.positives > 0)))

    def should_compare(self, tol: float, n_chunks: int) -> bool:
        """Whether comparing the undecided keys moves less than counting bins until `tol` is met."""
        rows = self.intervals.rows
        if rows.max(initial=0) > MAX_RANGE_ROWS:
            return False
        passes = max(1.0, self._needed_bins(tol) / MAX_BINS)
        counted = BIN_BYTES * min(MAX_BINS * n_chunks, self.positives + self.negatives)
        return bool(ROW_BYTES * rows.sum() <= passes * counted)

    def ranges(self, tol: float, n_chunks: int) -> tuple[Array, Array, Array]:
        """Choose intervals to compare: their ends, and before which of them each range of them ends."""
        pairs = self.intervals.negatives.astype(float) * self.intervals.positives
        order = np.argsort(-pairs, kind="stable")
        surplus = self.undecided - tol * self.positives * self.negatives
        count = int(np.searchsorted(np.cumsum(pairs[order]), surplus)) + 1
        max_ranges = max(1, MAX_PIECES // n_chunks)
        rows = np.cumsum(self.intervals.rows[order])
        count = min(count, max(1, int(np.searchsorted(rows, max_ranges * (MAX_RANGE_ROWS // 2)))))
        self._choose(np.sort(order[:count]))
        # A range is more than half full.
        range_rows = min(MAX_RANGE_ROWS, max(MIN_RANGE_ROWS, 2 * int(rows[count - 1]) // max_ranges))
        self._owner = _ranges_of(self._chosen.rows, range_rows)
        ends = np.flatnonzero(np.append(np.diff(self._owner) > 0, True)) + 1
        return self._chosen.lows, self._chosen.highs, ends

    def compare(self, found: Sequence[int]) -> None:
        """Take what the comparison of these ranges has found: all pairs in a range, also those already decided."""
        chosen = self._chosen
        twice_won, *totals = map(int, found)
        if totals != [chosen.negatives.sum(), chosen.positives.sum()]:
            raise ValueError(CHANGED)
        self.decided += twice_won - 2 * pairs_won(chosen.negatives, chosen.positives, self._owner)
        self._keep(chosen.at(np.zeros(0, np.int64)))

    def _choose(self, chosen: Array) -> None:
        self._chosen = self.intervals.at(chosen)
        self._rest = Intervals(*(np.delete(column, chosen) for column in self.intervals))

    def _keep(self, found: Intervals) -> None:
        """The intervals not chosen remain, with what is left of the chosen."""
        every = Intervals(*map(np.concatenate, zip(self._rest, found, strict=True)))
        self.intervals = every.at(np.argsort(every.lows, kind="stable"))
        self.undecided = exact_dot(self.intervals.negatives, self.intervals.positives)

    def _needed_bins(self, tol: float) -> float:
        """How many bins decide enough, if keys lie evenly and the classes mixed in each interval."""
        allowed = tol * self.positives * self.negatives
        return math.inf if allowed == 0 else float(_weights(self.intervals).sum() ** 2 / allowed)


def _weights(intervals: Intervals) -> Array:
    """Bins in these proportions leave the fewest pairs undecided: cut into f, an interval keeps one f-th of them."""
    return np.asarray(np.sqrt(intervals.negatives.astype(float) * intervals.positives))


def _cut_evenly(intervals: Intervals, pieces: Array) -> tuple[Array, Array]:
    """The last key of each piece, and the interval that it is of; fewer pieces where there are fewer keys."""
    owner = np.repeat(np.arange(len(pieces)), pieces)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    span = intervals.highs - intervals.lows
    step = (span // pieces.astype(np.uint64))[owner]  # a piece has one key more
    span, number = span[owner], number.astype(np.uint64)
    # No product overflows: number * (step + 1) <= (pieces - 1) * (span / pieces + 1) < 2**64 for at most 2**18 pieces.
    begin = number * (step + np.uint64(1))
    some = begin <= span
    last = begin + np.minimum(step, span - np.minimum(begin, span))
    return (intervals.lows[owner] + last)[some], owner[some]


def _dense(counts: Counts, n_bins: int) -> Intervals:
    """Counts of all bins, also those without keys."""
    result = Intervals(
        np.full(n_bins, LARGEST_KEY),
        np.zeros(n_bins, np.uint64),
        np.zeros(n_bins, np.int64),
        np.zeros(n_bins, np.int64),
    )
    for column, bins in ((result.negatives, counts.negatives), (result.positives, counts.positives)):
        column[bins.numbers] = bins.counts
        result.lows[bins.numbers] = np.minimum(result.lows[bins.numbers], bins.lows)
        result.highs[bins.numbers] = np.maximum(result.highs[bins.numbers], bins.highs)
    return result


def _same_totals(found: Intervals, owner: Array, parents: Intervals) -> bool:
    begins = np.flatnonzero(np.diff(owner, prepend=-1))
    return all(
        np.array_equal(np.add.reduceat(children, begins), own)
        for children, own in ((found.negatives, parents.negatives), (found.positives, parents.positives))
    )


def _ranges_of(rows: Array, range_rows: int) -> Array:
    """A number for each interval: consecutive ones share it until they hold so many rows together."""
    numbers: list[Array] = []
    ends = np.cumsum(rows)
    first = 0
    while first < len(rows):
        before = ends[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(ends, before + range_rows, side="right")))
        numbers.append(np.full(last - first, len(numbers)))
        first = last
    return np.asarray(np.concatenate(numbers))
