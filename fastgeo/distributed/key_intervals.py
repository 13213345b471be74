"""ROC AUC by intervals of score keys: integers in the order of the scores.

Twice the Mann–Whitney numerator is an integer, the sum of what is decided (pairs in different intervals, and ties) and
what is not (pairs inside one interval, each worth 0 to 2). Cutting an interval decides pairs of it; comparing its keys
decides them all.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np

import fastgeo
from fastgeo.ranking import count_by_key, cut_by_key, inputs
from fastgeo.runtime.checks import Array

# Bins of one pass. A chunk has at most this many to report, 28 bytes for each class in it.
DIGIT_BITS = 18
MAX_BINS = 1 << DIGIT_BITS
MIN_BINS = 1 << 10
BIN_BYTES = 56

# A row that is handed over to be compared, at most: its score and its label.
ROW_BYTES = 9

# Rows that one task compares: fewer are sorted within a processor's cache, more bring fewer pieces.
MIN_RANGE_ROWS = 1 << 19
MAX_RANGE_ROWS = 1 << 21


class Bins(NamedTuple):
    """The bins of one class that hold keys: how many, and the smallest and the largest."""

    numbers: Array
    counts: Array
    lows: Array
    highs: Array


class Counts(NamedTuple):
    """What one pass counts."""

    negatives: Bins
    positives: Bins
    kinds: frozenset[str]


def count_keys(batch: Sequence[Any], lasts: Array | None = None) -> Counts:
    """Count a chunk into bins that end with the given keys, or by the keys' leading bits."""
    labels, scores = _checked(batch)
    negatives, positives = count_by_key(labels, scores, lasts, DIGIT_BITS)
    return Counts(Bins(*negatives), Bins(*positives), _kinds(scores))


def _checked(batch: Sequence[Any]) -> tuple[Array, Array]:
    labels, scores, _ = inputs.samples(batch[0], batch[1], None)
    return labels, scores


def _kinds(scores: Array) -> frozenset[str]:
    names = {"f": "floats", "i": "integers", "u": "uint64"}
    return frozenset([names[scores.dtype.kind]] if len(scores) else [])


def add_counts(parts: Sequence[Counts]) -> Counts:
    """The counts of several chunks together."""
    kinds = frozenset().union(*(part.kinds for part in parts))
    if len(kinds) > 1:
        raise ValueError(f"scores: expected scores of one kind in every chunk, got {' and '.join(sorted(kinds))}")
    return Counts(_add([part.negatives for part in parts]), _add([part.positives for part in parts]), kinds)


def _add(parts: Sequence[Bins]) -> Bins:
    index, counts, lows, highs = map(np.concatenate, zip(*parts, strict=True))
    order = np.argsort(index, kind="stable")
    begins = _begins(index[order])
    if not len(begins):
        return parts[0]
    return Bins(
        index[order][begins],
        np.add.reduceat(counts[order], begins),
        np.minimum.reduceat(lows[order], begins),
        np.maximum.reduceat(highs[order], begins),
    )


def _begins(sorted_index: Array) -> Array:
    """Where runs of equal numbers begin."""
    return np.flatnonzero(np.diff(sorted_index, prepend=-1))


class Intervals(NamedTuple):
    """Disjoint intervals of keys in ascending order, both ends included, and how many of each class they hold."""

    lows: Array
    highs: Array
    negatives: Array
    positives: Array

    def at(self, index: Array) -> Intervals:
        return Intervals(*(column[index] for column in self))

    @property
    def rows(self) -> Array:
        return np.asarray(self.negatives + self.positives)


def cut_ranges(batch: Sequence[Any], lows: Array, highs: Array, ends: Array) -> list[tuple[Array, Array]]:
    """The rows of a chunk whose keys lie in the intervals, cut into ranges of intervals: labels and scores of each."""
    labels, scores, starts = cut_by_key(*_checked(batch), lows, highs, ends)
    return [(labels[i:j], scores[i:j]) for i, j in itertools.pairwise(starts)]


def compare_rows(pieces: Sequence[tuple[Array, Array]]) -> Array:
    """Twice the pairs that positives win in one range, and its negatives and positives; the pieces of all chunks."""
    # An empty list counts as floats, beside which integers would be rounded.
    some = [piece for piece in pieces if len(piece[0])] or pieces[:1]
    labels, scores = map(np.concatenate, zip(*some, strict=True))
    positives = int(np.count_nonzero(labels))
    negatives = len(labels) - positives
    twice = 2 * negatives * positives
    # The quotient is rounded once, so that the integer comes back: it is far below 2**52.
    won = round(cast(float, fastgeo.roc_auc(labels, scores)) * twice) if twice else 0
    return np.array([won, negatives, positives], np.int64)


def exact_dot(a: Array, b: Array) -> int:
    """Sum of the products of two arrays of counts, as a Python integer."""
    total, digit = 0, 21  # bits; 2**20 products of two digits stay below 2**63
    for first in range(0, len(a), 1 << 20):
        x, y = a[first : first + (1 << 20)], b[first : first + (1 << 20)]
        for i in range(0, 63, digit):
            for j in range(0, 63, digit):
                mask = (1 << digit) - 1
                total += int(((x >> i) & mask) @ ((y >> j) & mask)) << (i + j)
    return total


def pairs_won(negatives: Array, positives: Array, group: Array) -> int:
    """Pairs of a positive and a negative before it in the same group; groups are runs of equal numbers."""
    below = np.cumsum(negatives) - negatives
    begins = _begins(group)
    lengths = np.diff(np.append(begins, len(group)))
    return exact_dot(positives, below - np.repeat(below[begins], lengths))
