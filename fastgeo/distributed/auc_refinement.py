"""What is known of a ROC AUC, and what the next pass over the rows should look at."""

from __future__ import annotations

import math

import numpy as np

from fastgeo.distributed.key_intervals import (
    BIN_BYTES,
    DIGIT_BITS,
    MAX_BINS,
    MAX_PARTS,
    MAX_RANGE_ROWS,
    MIN_BINS,
    MIN_RANGE_ROWS,
    PART_ROWS,
    ROW_BYTES,
    Counts,
    Cuts,
    Intervals,
    exact_dot,
    pairs_won,
)
from fastgeo.ranking import inputs
from fastgeo.ranking.partition import KEY_BITS, LARGEST_KEY, SIGN
from fastgeo.runtime.checks import Array

# Keys cut out for comparison that one pass hands over, in pieces: one of each chunk for each range. In the graph of a
# cluster a piece takes about 8 kB of the caller's memory.
MAX_PIECES = 1 << 14

# From this share of undecided rows on it takes longer to count all rows first than to compare all of them.
MOSTLY_UNDECIDED = 0.75

# So few sampled rows do not show that a bin is decided.
FEW = 8

# What keys of one digit differ in.
WITHIN_DIGIT = np.uint64((1 << (KEY_BITS - DIGIT_BITS)) - 1)

CHANGED = "scores: expected the same values in every pass, got others; persist them"


class Refinement:
    """Bounds of the AUC, and the intervals of keys in which pairs are undecided."""

    def __init__(self, counts: Counts) -> None:
        """Take the counts of the first pass, by leading bits."""
        found = _intervals(counts)
        self.negatives, self.positives = int(found.negatives.sum()), int(found.positives.sum())
        self.decided = 0  # twice the pairs won, of those that are decided
        self._narrow = counts.kinds <= {"float32"}
        self._within = WITHIN_DIGIT  # what an interval has to itself, and may take in
        self.intervals = self._chosen = self._rest = found.at(np.zeros(0, np.int64))
        self._owner: Array = np.zeros(0, np.int64)  # of each bin: which of the chosen
        self._split(found, np.zeros(len(found.lows), np.int64))

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
        owner = self._owner[counts.numbers]
        inside = owner >= 0
        found, owner = _intervals(counts).at(inside), owner[inside]
        self._within = np.uint64(0)
        if not _same_totals(found, owner, self._chosen):
            raise ValueError(CHANGED)
        self._split(found, owner)

    def _split(self, found: Intervals, owner: Array) -> None:
        """Decide what the parts of the chosen intervals decide."""
        self.decided += 2 * pairs_won(found.negatives, found.positives, owner)
        ties = found.lows == found.highs
        self.decided += exact_dot(found.negatives[ties], found.positives[ties])
        self._keep(found.at(~ties & (found.negatives > 0) & (found.positives > 0)))

    def should_compare(self, tol: float, n_chunks: int) -> bool:
        """Whether comparing the undecided keys moves less than counting bins until `tol` is met."""
        rows = self.intervals.rows
        n_bins = self._needed_bins(tol)
        return bool(rows.max(initial=0) <= MAX_RANGE_ROWS) and _comparing_moves_less(
            int(rows.sum()), self.positives + self.negatives, n_bins, n_chunks
        )

    def ranges(self, tol: float, n_chunks: int) -> Cuts:
        """Choose intervals to compare."""
        pairs = self.intervals.negatives.astype(float) * self.intervals.positives
        order = np.argsort(-pairs, kind="stable")
        surplus = self.undecided - tol * self.positives * self.negatives
        count = int(np.searchsorted(np.cumsum(pairs[order]), surplus)) + 1
        rows = np.cumsum(self.intervals.rows[order])
        count = min(count, max(1, int(np.searchsorted(rows, _most_ranges(n_chunks) * (MAX_RANGE_ROWS // 2)))))
        self._choose(np.sort(order[:count]))
        part, self._owner = _shared_out(self._chosen.rows, n_chunks)
        lows, highs = self._chosen.lows & ~self._within, self._chosen.highs | self._within
        return _cuts(lows, highs, part, self._owner, self._narrow)

    def compare(self, found: Array) -> None:
        """Take what the comparison of these ranges has found: all pairs in a range, also those already decided."""
        chosen = self._chosen
        twice_won, *totals = map(int, found.sum(axis=0))
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


def _intervals(counts: Counts) -> Intervals:
    return Intervals(counts.lows, counts.highs, counts.negatives, counts.positives)


def _same_totals(found: Intervals, owner: Array, parents: Intervals) -> bool:
    return all(
        np.array_equal(np.bincount(owner, children, len(own)), own)
        for children, own in ((found.negatives, parents.negatives), (found.positives, parents.positives))
    )


def cuts_of_all(sample: Counts, tol: float, n_chunks: int) -> Cuts | None:
    """How to cut all rows, to be compared at once; None where counting them first is expected to leave less to do."""
    bins = _intervals(sample)
    rows, n = bins.rows, int(bins.rows.sum())
    is_decided = (bins.lows == bins.highs) | (bins.negatives == 0) | (bins.positives == 0)
    undecided = rows[~is_decided | (rows < FEW * sample.times)].astype(float)
    share = float(undecided.sum()) / n
    is_within = np.square(undecided).sum() <= tol * float(n) ** 2  # if both classes lie alike in each bin
    n_bins = math.inf if tol == 0 else share**2 / tol
    if (
        is_within
        or share < MOSTLY_UNDECIDED
        or rows.max() > MAX_RANGE_ROWS
        or n > _most_ranges(n_chunks) * (MAX_RANGE_ROWS // 2)
        or not _comparing_moves_less(n, n, n_bins, n_chunks)
    ):
        return None
    part, owner = _shared_out(bins.rows, n_chunks)
    first = np.append(0, _run_ends(part)[:-1])
    # A part goes on to the next; below and above all digits may lie what the sample has missed.
    digits = bins.lows[first] & ~WITHIN_DIGIT
    above = (bins.highs[-1] | WITHIN_DIGIT) + np.uint64(1)  # 0 if there are no more
    lows = np.unique(np.concatenate([[np.uint64(0), above], digits]))
    highs = np.append(lows[1:] - np.uint64(1), LARGEST_KEY)
    of = first[np.maximum(np.searchsorted(digits, lows, side="right") - 1, 0)]
    return _cuts(lows, highs, part[of], owner[of], sample.kinds <= {"float32"})


def auc_of_ranges(found: Array, on_undefined: str) -> float:
    """The AUC of all rows, from what the comparison of their ranges has found."""
    twice_won, negatives, positives = found.T
    totals = int(negatives.sum()), int(positives.sum())
    if 0 in totals:
        return inputs.undefined(on_undefined, totals[1], totals[0])
    won = int(twice_won.sum()) + 2 * pairs_won(negatives, positives, np.zeros(len(found), np.int64))
    return float(won) / float(2 * totals[0] * totals[1])


def _comparing_moves_less(undecided_rows: int, n: int, n_bins: float, n_chunks: int) -> bool:
    """Than counting so many bins, in as many passes as that takes."""
    passes = max(1.0, n_bins / MAX_BINS)
    return ROW_BYTES * undecided_rows <= passes * BIN_BYTES * min(MAX_BINS * n_chunks, n)


def _most_ranges(n_chunks: int) -> int:
    return max(1, MAX_PIECES // n_chunks)


def _shared_out(rows: Array, n_chunks: int) -> tuple[Array, Array]:
    """The part and the range of each interval; ranges end where parts do."""
    total = int(rows.sum())
    part_rows = max(PART_ROWS, total // MAX_PARTS)
    range_rows = min(MAX_RANGE_ROWS, max(MIN_RANGE_ROWS, 2 * total // _most_ranges(n_chunks)))
    part = (np.cumsum(rows) - rows) // part_rows
    return part, part // max(1, range_rows // part_rows)


def _cuts(lows: Array, highs: Array, part: Array, owner: Array, narrow: bool) -> Cuts:
    """The keys of a part agree in their top bit, for which an interval may have to be cut in two."""
    across = np.flatnonzero((lows < SIGN) & (highs >= SIGN))
    lows, highs = np.insert(lows, across + 1, SIGN), np.insert(highs, across, SIGN - np.uint64(1))
    part, owner = (np.insert(numbers, across, numbers[across]) for numbers in (part, owner))
    ends = _run_ends(part + (lows >= SIGN))
    return Cuts(lows, highs, ends, _run_ends(owner[ends - 1]), narrow)


def _run_ends(numbers: Array) -> Array:
    """Where runs of equal numbers end."""
    return np.flatnonzero(np.append(np.diff(numbers) > 0, True)) + 1
