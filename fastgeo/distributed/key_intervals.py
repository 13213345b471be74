"""Refinement of a ROC AUC by intervals of score keys: integers in the order of the scores.

Twice the Mann–Whitney numerator is an integer. It is the sum of what is certain (pairs in different intervals) and
what is not (pairs inside one interval, each worth 0 to 2): cutting an interval moves pairs to the certain side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from fastgeo.ranking import inputs

# Bins of one pass: two int64 counts each, so that a partial result stays below 4 MB.
MAX_BINS = 1 << 18
KEY_BITS = 64


def score_keys(scores: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Map scores to uint64 so that order and equality are kept; -0.0 and 0.0 share a key."""
    sign = np.uint64(1 << 63)
    if scores.dtype.kind in "bu":
        return scores.astype(np.uint64)
    if scores.dtype.kind == "i":
        return np.asarray(scores.astype(np.int64).view(np.uint64) ^ sign)
    bits = (scores.astype(np.float64) + 0.0).view(np.uint64)
    keys: np.ndarray[Any, Any] = np.where(bits & sign, ~bits, bits | sign)
    return keys


class Interval(NamedTuple):
    """Keys from `low` to low + 2**width - 1, and how many of each class they hold."""

    low: int
    width: int
    positives: int
    negatives: int

    @property
    def undecided(self) -> int:
        return self.positives * self.negatives if self.width > 0 else 0


@dataclass(frozen=True)
class Bins:
    """The intervals of one pass, each cut into 2**cut equal bins (fewer where it is narrower)."""

    lows: np.ndarray[Any, Any]  # sorted, uint64
    widths: np.ndarray[Any, Any]  # uint64
    cut: int

    @property
    def n_bins(self) -> int:
        return len(self.lows) << self.cut

    @property
    def shifts(self) -> np.ndarray[Any, Any]:
        return np.asarray(self.widths - np.minimum(self.widths, np.uint64(self.cut)))

    def index(self, keys: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Which keys fall into an interval (mask), and the bin of each that does."""
        interval = np.searchsorted(self.lows, keys, side="right") - 1
        inside = interval >= 0
        distance = keys - self.lows[interval]
        # A shift by 64 is undefined: an interval of all keys has width 64 and contains everything.
        full = self.widths[interval] == KEY_BITS
        inside &= full | ((distance >> np.where(full, 0, self.widths[interval]).astype(np.uint64)) == 0)
        bins = (interval << self.cut) + (distance >> self.shifts[interval]).astype(np.int64)
        return inside, bins[inside]


class KeyCounts(NamedTuple):
    """How many positives and negatives fell into each bin of a pass, and of what kind the scores were."""

    positives: np.ndarray[Any, Any]
    negatives: np.ndarray[Any, Any]
    kinds: frozenset[str]


class Refinement:
    """What is known of the AUC so far."""

    def __init__(self) -> None:
        self.certain = 0  # twice the numerator from pairs in different intervals
        self.intervals: list[Interval] = []
        self.totals: tuple[int, int] | None = None  # positives, negatives
        self.chosen: list[Interval] = []
        self.bins = Bins(np.zeros(1, np.uint64), np.full(1, KEY_BITS, np.uint64), MAX_BINS.bit_length() - 1)

    def choose(self, tol: float) -> bool:
        """Choose the intervals to cut in the next pass; False if the AUC is known to `tol`."""
        if self.totals is None:
            self.chosen = [Interval(0, KEY_BITS, 0, 0)]
            return True
        by_size = sorted(self.intervals, key=lambda i: i.undecided, reverse=True)
        left = sum(i.undecided for i in by_size)
        allowed = tol * self.totals[0] * self.totals[1]
        count = 0
        while left > allowed and count < min(len(by_size), MAX_BINS // 2):
            left -= by_size[count].undecided
            count += 1
        self.chosen = sorted(by_size[:count])
        self.intervals = by_size[count:]
        if not self.chosen:
            return False
        lows = np.array([i.low for i in self.chosen], np.uint64)
        widths = np.array([i.width for i in self.chosen], np.uint64)
        self.bins = Bins(lows, widths, (MAX_BINS // len(self.chosen)).bit_length() - 1)
        return True

    def refine(self, counts: KeyCounts) -> None:
        """Take the counts of the chosen intervals' bins."""
        for n, interval in enumerate(self.chosen):
            own = slice(n << self.bins.cut, (n + 1) << self.bins.cut)
            self._split(interval, counts.positives[own], counts.negatives[own])
        if self.totals is None:
            self.totals = int(counts.positives.sum()), int(counts.negatives.sum())

    def _split(self, interval: Interval, positives: Any, negatives: Any) -> None:
        width = interval.width - min(interval.width, self.bins.cut)
        below = 0
        for digit in np.flatnonzero((positives > 0) | (negatives > 0)).tolist():
            part = Interval(interval.low + (digit << width), width, int(positives[digit]), int(negatives[digit]))
            self.certain += 2 * part.positives * below
            below += part.negatives
            if part.undecided:
                self.intervals.append(part)
            elif part.positives and part.negatives:
                self.certain += part.positives * part.negatives  # one key: tied pairs, one half each

    def auc(self, on_undefined: str) -> float:
        """The midpoint of the bounds; exact once nothing is undecided."""
        positives, negatives = self.totals or (0, 0)
        if positives == 0 or negatives == 0:
            return inputs.undefined(on_undefined, positives, negatives)
        numerator = self.certain + sum(i.undecided for i in self.intervals)
        return float(numerator) / float(2 * positives * negatives)
