"""Labelled scores by intervals of score keys, in NumPy: the specification of the kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastgeo.ranking import inputs

Array = np.ndarray[Any, Any]

KEY_BITS = 64
LARGEST_KEY = np.uint64(2**64 - 1)
SIGN = np.uint64(1 << 63)


def score_keys(scores: Array) -> Array:
    """Map scores to uint64 so that order and equality are kept; -0.0 and 0.0 share a key."""
    if scores.dtype.kind == "u":
        return scores.astype(np.uint64)
    if scores.dtype.kind == "i":
        return np.asarray(scores.astype(np.int64).view(np.uint64) ^ SIGN)
    bits = (scores.astype(np.float64) + 0.0).view(np.uint64)
    bits ^= np.where(bits & SIGN, LARGEST_KEY, SIGN)
    return np.asarray(bits)


def count_by_key(
    labels: Array, scores: Array, lasts: Array | None = None, digit_bits: int = 18
) -> tuple[Array, Array, Array, Array, Array]:
    """Count the negatives and the positives in bins of keys.

    Bin i ends with the key lasts[i], and one more bin holds what lies beyond; without `lasts` a bin is what shares the
    leading `digit_bits` bits. The numbers of the bins that hold keys, ascending, how many negatives and positives these
    are, and the smallest and the largest of them.
    """
    inputs.sample_values(labels, scores, None)
    keys = score_keys(scores)
    order = np.argsort(keys, kind="stable")
    keys, positive = keys[order], labels.astype(bool)[order]
    digits = keys >> np.uint64(KEY_BITS - digit_bits)
    index = (digits if lasts is None else np.searchsorted(lasts, keys)).astype(np.int32)
    begins = np.flatnonzero(np.diff(index, prepend=-1))
    ends = np.append(begins[1:], len(keys))[: len(begins)]
    below = np.append(0, np.cumsum(positive))
    positives = below[ends] - below[begins]
    return index[begins], ends - begins - positives, positives, keys[begins], keys[ends - 1]


def cut_by_key(
    labels: Array, scores: Array, lows: Array, highs: Array, ends: Array, narrow: bool = False
) -> tuple[Array, Array]:
    """The rows whose keys lie in intervals as words, part by part, and where each part begins and ends.

    Intervals are disjoint and ascending; part p ends before interval ends[p]. Its keys agree in their top bit, which
    gives way to the label in the lowest one. Within a part rows keep their order. With `narrow` the words of float32
    scores are of 32 bits.
    """
    inputs.sample_values(labels, scores, None)
    keys = score_keys(scores)
    interval = np.searchsorted(highs, keys)
    inside = interval < len(highs)
    inside[inside] = keys[inside] >= lows[interval[inside]]
    parts = np.searchsorted(ends, interval[inside], side="right")
    order = np.argsort(parts, kind="stable")
    starts = np.append(0, np.cumsum(np.bincount(parts, minlength=len(ends))))
    if narrow and scores.dtype == np.float32:
        keys = _keys_of_singles(scores)
    words = keys << np.asarray(1, keys.dtype) | labels.astype(keys.dtype)
    return words[inside][order], starts


def _keys_of_singles(scores: Array) -> Array:
    bits = (scores + np.float32(0)).view(np.uint32)
    sign = np.uint32(1 << 31)
    return np.asarray(bits ^ np.where(bits & sign, np.uint32(2**32 - 1), sign))


def compare_pieces(pieces: Sequence[tuple[Array, Array]]) -> tuple[int, int, int]:
    """Twice the pairs that positives win, and the numbers of negatives and positives; `pieces` are cut alike."""
    some = [piece for piece in pieces if len(piece[0])]
    twice, below, positives = 0, 0, 0
    for part in range(len(some[0][1]) - 1 if some else 0):
        words = np.concatenate([words[starts[part] : starts[part + 1]] for words, starts in some])
        keys, positive = words >> np.asarray(1, words.dtype), (words & np.asarray(1, words.dtype)).astype(bool)
        negatives = np.sort(keys[~positive])
        wins = (np.searchsorted(negatives, keys[positive], side) for side in ("left", "right"))
        twice += sum(int(won.sum()) for won in wins) + 2 * below * int(positive.sum())
        below += len(negatives)
        positives += int(positive.sum())
    return twice, below, positives
