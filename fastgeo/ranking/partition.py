"""Labelled scores by intervals of score keys, in NumPy: the specification of the kernels."""

from __future__ import annotations

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
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Count the negatives and the positives in bins of keys.

    Bin i ends with the key lasts[i], and one more bin holds what lies beyond; without `lasts` a bin is what shares the
    leading `digit_bits` bits. Of each class: the numbers of the bins that hold keys, ascending, how many these are, and
    the smallest and the largest of them.
    """
    inputs.sample_values(labels, scores, None)
    keys, positive = score_keys(scores), labels.astype(bool)
    return _bins(keys[~positive], lasts, digit_bits), _bins(keys[positive], lasts, digit_bits)


def _bins(keys: Array, lasts: Array | None, digit_bits: int) -> tuple[Array, ...]:
    keys = np.sort(keys)
    digits = keys >> np.uint64(KEY_BITS - digit_bits)
    index = (digits if lasts is None else np.searchsorted(lasts, keys)).astype(np.int32)
    begins = np.flatnonzero(np.diff(index, prepend=-1))
    ends = np.append(begins[1:], len(keys))[: len(begins)]
    return index[begins], ends - begins, keys[begins], keys[ends - 1]


def cut_by_key(labels: Array, scores: Array, lows: Array, highs: Array, ends: Array) -> tuple[Array, Array, Array]:
    """Labels and scores of the rows whose keys lie in intervals, range by range, and where each range begins and ends.

    Intervals are disjoint and ascending; range r ends before interval ends[r]. Within a range rows keep their order.
    """
    inputs.sample_values(labels, scores, None)
    keys = score_keys(scores)
    interval = np.searchsorted(highs, keys)
    inside = interval < len(highs)
    inside[inside] = keys[inside] >= lows[interval[inside]]
    ranges = np.searchsorted(ends, interval[inside], side="right")
    order = np.argsort(ranges, kind="stable")
    starts = np.append(0, np.cumsum(np.bincount(ranges, minlength=len(ends))))
    return labels[inside][order].astype(bool), scores[inside][order], starts
