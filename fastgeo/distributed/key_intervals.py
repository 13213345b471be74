"""ROC AUC by intervals of score keys: integers in the order of the scores.

Twice the Mann–Whitney numerator is an integer, the sum of what is decided (pairs in different intervals, and ties) and
what is not (pairs inside one interval, each worth 0 to 2). Cutting an interval decides pairs of it; comparing its keys
decides them all.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fastgeo.ranking import compare_pieces, count_by_key, cut_by_key, inputs
from fastgeo.runtime.checks import Array

# Bins of one pass. A chunk has at most this many to report.
DIGIT_BITS = 18
MAX_BINS = 1 << DIGIT_BITS
MIN_BINS = 1 << 10
BIN_BYTES = 36

# A row that is handed over to be compared, at most: a word of its score and its label.
ROW_BYTES = 8

# Rows of a sample of one chunk, in runs of so many: a row or two would cost as much as the cache line they lie in.
SAMPLE_ROWS = 1 << 13
RUN_ROWS = 16

# Rows that one task compares: more bring fewer pieces, fewer share out better.
MIN_RANGE_ROWS = 1 << 20
MAX_RANGE_ROWS = 1 << 23

# A task sorts its rows in parts of about so many, which a processor's cache holds.
PART_ROWS = 1 << 15

# Parts that a chunk is cut into in one pass: writing to more places at once is slow.
MAX_PARTS = 1 << 11

# How the families of scores, which cannot be compared with one another, are called.
KINDS = {"float32": "floats", "float64": "floats", "int64": "integers", "uint64": "uint64"}


class Counts(NamedTuple):
    """What one pass counts: the bins that hold keys, how many of each class, and the smallest and the largest."""

    numbers: Array
    negatives: Array
    positives: Array
    lows: Array
    highs: Array
    kinds: frozenset[str]  # types of the scores of chunks with rows
    times: int  # rows of a sample count so many times, at most; 1 if all rows were counted


def count_keys(batch: Sequence[Any], lasts: Array | None = None) -> Counts:
    """Count a chunk into bins that end with the given keys, or by the keys' leading bits."""
    return _counts(*_checked(batch), lasts)


def sample_keys(batch: Sequence[Any]) -> Counts:
    """Count some rows of a chunk, or all if they are few."""
    labels, scores = _checked(batch)
    step = len(labels) // SAMPLE_ROWS * RUN_ROWS
    if step <= RUN_ROWS:
        return _counts(labels, scores)
    runs = len(labels) // step * step
    some_labels, some_scores = (column[:runs].reshape(-1, step)[:, :RUN_ROWS].ravel() for column in (labels, scores))
    try:
        return _counts(some_labels, some_scores, times=step // RUN_ROWS)
    except ValueError:
        inputs.sample_values(labels, scores, None)  # the same error, with the index in the chunk
        raise


def _counts(labels: Array, scores: Array, lasts: Array | None = None, times: int = 1) -> Counts:
    numbers, negatives, positives, lows, highs = count_by_key(labels, scores, lasts, DIGIT_BITS)
    kinds = frozenset([scores.dtype.name] if len(scores) else [])
    return Counts(numbers, negatives * times, positives * times, lows, highs, kinds, times)


def _checked(batch: Sequence[Any]) -> tuple[Array, Array]:
    labels, scores, _ = inputs.samples(batch[0], batch[1], None)
    return labels, scores


def add_counts(parts: Sequence[Counts]) -> Counts:
    """The counts of several chunks together."""
    kinds = frozenset().union(*(part.kinds for part in parts))
    families = {KINDS[kind] for kind in kinds}
    if len(families) > 1:
        raise ValueError(f"scores: expected scores of one kind in every chunk, got {' and '.join(sorted(families))}")
    numbers, *columns = (np.concatenate(column) for column in list(zip(*parts, strict=True))[:5])
    order = np.argsort(numbers, kind="stable")
    begins = _begins(numbers[order])
    negatives, positives, lows, highs = (column[order] for column in columns)
    return Counts(
        numbers[order][begins],
        _in_runs(np.add, negatives, begins),
        _in_runs(np.add, positives, begins),
        _in_runs(np.minimum, lows, begins),
        _in_runs(np.maximum, highs, begins),
        kinds,
        max(part.times for part in parts),
    )


def _in_runs(operation: np.ufunc, column: Array, begins: Array) -> Array:
    return np.asarray(operation.reduceat(column, begins)) if len(begins) else column


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


class Cuts(NamedTuple):
    """How rows are cut: intervals into parts, which are sorted apart, and parts into ranges, a task each."""

    lows: Array
    highs: Array
    parts: Array  # the interval after the last of each part
    ranges: Array  # the part after the last of each range
    narrow: bool  # whether all scores are float32


def cut_ranges(batch: Sequence[Any], cuts: Cuts) -> list[tuple[Array, Array]]:
    """The rows of a chunk as words, range by range, and where the parts of each begin."""
    words, starts = cut_by_key(*_checked(batch), cuts.lows, cuts.highs, cuts.parts, cuts.narrow)
    ends = itertools.pairwise([0, *cuts.ranges.tolist()])
    return [(words[starts[i] : starts[j]], starts[i : j + 1] - starts[i]) for i, j in ends]


def compare_rows(pieces: Sequence[tuple[Array, Array]]) -> Array:
    """Twice the pairs that positives win in one range, and its negatives and positives; the pieces of all chunks."""
    return np.array([compare_pieces(pieces)], np.int64)


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
