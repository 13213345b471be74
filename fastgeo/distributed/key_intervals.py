"""ROC AUC by intervals of score keys: integers in the order of the scores.

Twice the Mann–Whitney numerator is an integer, the sum of what is decided (pairs in different intervals, and ties) and
what is not (pairs inside one interval, each worth 0 to 2). Cutting an interval decides pairs of it; comparing its keys
decides them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fastgeo.ranking import inputs

Array = np.ndarray[Any, Any]

# Bins of one pass. A chunk has at most this many to report, 28 bytes for each class in it.
DIGIT_BITS = 18
MAX_BINS = 1 << DIGIT_BITS
MIN_BINS = 1 << 10
BIN_BYTES = 56

# Keys that one task compares.
RANGE_KEYS = 1 << 21

KEY_BITS = 64
LARGEST_KEY = np.uint64(2**64 - 1)
SIGN = np.uint64(1 << 63)


def score_keys(scores: Array) -> Array:
    """Map scores to uint64 so that order and equality are kept; -0.0 and 0.0 share a key."""
    if scores.dtype.kind in "bu":
        return scores.astype(np.uint64)
    if scores.dtype.kind == "i":
        return np.asarray(scores.astype(np.int64).view(np.uint64) ^ SIGN)
    bits = (scores.astype(np.float64) + 0.0).view(np.uint64)
    bits ^= np.where(bits & SIGN, LARGEST_KEY, SIGN)
    return np.asarray(bits)


class Keys(NamedTuple):
    """The keys of either class of a chunk, and of what kind the scores were."""

    negatives: Array
    positives: Array
    kinds: frozenset[str]

    def sorted(self) -> Keys:
        self.negatives.sort()
        self.positives.sort()
        return self


def keys_of(batch: Sequence[Any]) -> Keys:
    """The keys of a batch (labels, scores), which is checked."""
    labels, scores = batch[:2]
    labels, scores, _ = inputs.samples(labels, scores, None)
    inputs.sample_values(labels, scores, None)
    positive = labels.astype(bool)
    kinds = [] if len(scores) == 0 else ["integers" if scores.dtype.kind in "biu" else "floats"]
    return Keys(score_keys(scores[~positive]), score_keys(scores[positive]), frozenset(kinds))


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


def count_digits(batch: Sequence[Any]) -> Counts:
    """Count a chunk by the keys' leading bits, for which it need not be sorted."""
    keys = keys_of(batch)
    return Counts(_digits(keys.negatives), _digits(keys.positives), keys.kinds)


def _digits(keys: Array) -> Bins:
    digits = (keys >> np.uint64(KEY_BITS - DIGIT_BITS)).astype(np.int32)
    counts = np.bincount(digits, minlength=MAX_BINS)
    lows, highs = np.full(MAX_BINS, LARGEST_KEY), np.zeros(MAX_BINS, np.uint64)
    np.minimum.at(lows, digits, keys)
    np.maximum.at(highs, digits, keys)
    index = np.flatnonzero(counts).astype(np.int32)
    return Bins(index, counts[index], lows[index], highs[index])


def count_keys(batch: Sequence[Any], lasts: Array) -> Counts:
    """Count a chunk into bins; bin i ends with the key lasts[i], one more bin holds what lies beyond."""
    keys = keys_of(batch).sorted()
    return Counts(_bins(keys.negatives, lasts), _bins(keys.positives, lasts), keys.kinds)


def _bins(keys: Array, lasts: Array) -> Bins:
    index = np.searchsorted(lasts, keys).astype(np.int32)
    begins = _begins(index)
    ends = np.append(begins[1:], len(keys))[: len(begins)]
    return Bins(index[begins], ends - begins, keys[begins], keys[ends - 1])


def _begins(sorted_index: Array) -> Array:
    """Where runs of equal numbers begin."""
    return np.flatnonzero(np.diff(sorted_index, prepend=-1))


def add_counts(parts: Sequence[Counts]) -> Counts:
    """The counts of several chunks together."""
    kinds = frozenset().union(*(part.kinds for part in parts))
    if len(kinds) > 1:
        raise ValueError("scores: expected integers in every chunk or floats in every chunk, got both")
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


def cut_keys(batch: Sequence[Any], lows: Array, highs: Array, last_of_range: Array) -> list[tuple[Array, Array]]:
    """A chunk's keys that lie in the intervals, cut into ranges of intervals: negatives and positives of each."""
    keys = keys_of(batch).sorted()
    columns = [_cut(own, lows, highs, last_of_range) for own in keys[:2]]
    return list(zip(*columns, strict=True))


def _cut(keys: Array, lows: Array, highs: Array, last_of_range: Array) -> list[Array]:
    interval = np.searchsorted(highs, keys)
    inside = interval < len(highs)
    inside &= keys >= lows[np.minimum(interval, len(lows) - 1)]
    keys = keys[inside]
    return np.split(keys, np.searchsorted(keys, last_of_range[:-1], side="right"))


def compare_keys(pieces: Sequence[tuple[Array, Array]]) -> Array:
    """Twice the pairs that positives win in one range, and its negatives and positives; the pieces of all chunks."""
    # The pieces are sorted: a stable sort merges them.
    negatives, positives = (np.sort(np.concatenate(column), kind="stable") for column in zip(*pieces, strict=True))
    below = np.searchsorted(negatives, positives, side="left").sum()
    below += np.searchsorted(negatives, positives, side="right").sum()
    return np.array([below, len(negatives), len(positives)], np.int64)


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
