"""Counting and cutting rows by intervals of score keys, on which the exact AUC of chunked data stands."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgeo import ranking
from fastgeo.ranking import partition
from fastgeo.ranking.partition import score_keys

SIGN = 2**63
LABEL_TYPES = [np.bool_, np.uint8, np.int32, np.int64, np.float32, np.float64]


def same(found, expected):
    """Of the same types and bits, in tuples of tuples."""
    if isinstance(expected, tuple):
        assert len(found) == len(expected)
        for own, other in zip(found, expected, strict=True):
            same(own, other)
    else:
        assert found.dtype == expected.dtype
        assert found.tobytes() == expected.tobytes()


@pytest.fixture(params=["reference", "kernel"])
def room(request):
    if request.param == "kernel":
        assert ranking.count_by_key is not partition.count_by_key
        return ranking
    return partition


def test_counts_by_hand(room):
    labels = np.array([0, 1, 1, 0, 1, 0, 1], np.uint8)
    scores = np.array([-3, 7, 5, 5, 5, 0, 99])
    lasts = np.array([SIGN - 1, SIGN + 4, SIGN + 5, SIGN + 9], np.uint64)  # scores to -1, 4, 5, 9, and beyond
    negatives, positives = room.count_by_key(labels, scores, lasts)
    assert [column.tolist() for column in negatives] == [
        [0, 1, 2],
        [1, 1, 1],
        [SIGN - 3, SIGN, SIGN + 5],
        [SIGN - 3, SIGN, SIGN + 5],
    ]
    assert [column.tolist() for column in positives] == [
        [2, 3, 4],
        [2, 1, 1],
        [SIGN + 5, SIGN + 7, SIGN + 99],
        [SIGN + 5, SIGN + 7, SIGN + 99],
    ]


def test_leading_bits_by_hand(room):
    """The two leading bits of a float's key: negative or not, and whether its size reaches 2."""
    labels = np.zeros(6, bool)
    scores = np.array([-np.inf, -1.0, -0.0, 0.0, 1.5, 2.0])
    (numbers, counts, lows, highs), (none, *_) = room.count_by_key(labels, scores, digit_bits=2)
    assert numbers.tolist() == [0, 1, 2, 3]
    assert counts.tolist() == [1, 1, 3, 1]
    assert lows.tolist() == [0x000FFFFFFFFFFFFF, 0x400FFFFFFFFFFFFF, SIGN, 0xC000000000000000]
    assert highs.tolist() == [0x000FFFFFFFFFFFFF, 0x400FFFFFFFFFFFFF, 0xBFF8000000000000, 0xC000000000000000]
    assert len(none) == 0


def test_ranges_by_hand(room):
    """Intervals 2 to 3, 5 and 8 to 9; the first two are one range, between them and beyond lies nothing."""
    labels = np.array([1, 0, 1, 0, 1, 0, 1, 0], np.int64)
    scores = np.array([9, 3, 4, 5, 2, 1, 10, 8])
    lows, highs = (np.array(ends, np.uint64) + np.uint64(SIGN) for ends in ([2, 5, 8], [3, 5, 9]))
    found, kept, starts = room.cut_by_key(labels, scores, lows, highs, np.array([2, 3]))
    assert starts.tolist() == [0, 3, 5]
    assert kept.tolist() == [3, 5, 2, 9, 8]
    assert found.tolist() == [False, False, True, True, False]


@st.composite
def rows(draw):
    n = draw(st.integers(0, 300))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    labels = rng.integers(0, 2, n).astype(draw(st.sampled_from(LABEL_TYPES)))
    kinds = {
        "uniform": rng.random(n),
        "crowded": 0.5 + rng.integers(0, 5, n) * 2.0**-50,
        "any bits": rng.integers(0, 2**63, n).view(np.float64),
        "single": rng.normal(size=n).astype(np.float32),
        "integers": rng.integers(-(2**63), 2**63 - 1, n),
        "small integers": rng.integers(-5, 5, n),
        "unsigned": rng.integers(0, 2**64 - 1, n, np.uint64),
        "same": np.full(n, -0.0),
    }
    scores = kinds[draw(st.sampled_from(sorted(kinds)))]
    if scores.dtype.kind == "f":
        scores = np.nan_to_num(scores, nan=0.25, posinf=np.inf, neginf=-np.inf)
    return labels, scores, rng


@given(rows(), st.integers(0, 60), st.integers(1, 18))
def test_kernel_counts_as_the_reference(case, n_bins, digit_bits):
    labels, scores, rng = case
    keys = np.unique(score_keys(scores))
    borders = np.concatenate([keys, keys - np.uint64(1), rng.integers(0, 2**64 - 1, 9, np.uint64)])
    lasts = np.unique(rng.permutation(borders)[:n_bins])
    same(ranking.count_by_key(labels, scores, lasts), partition.count_by_key(labels, scores, lasts))
    same(
        ranking.count_by_key(labels, scores, digit_bits=digit_bits),
        partition.count_by_key(labels, scores, digit_bits=digit_bits),
    )


@given(rows(), st.integers(1, 30))
def test_kernel_cuts_as_the_reference(case, n_intervals):
    labels, scores, rng = case
    keys = np.concatenate([score_keys(scores), rng.integers(0, 2**64 - 1, 2, np.uint64)])
    borders = np.unique(rng.choice(keys, 2 * n_intervals))
    lows, highs = borders[: len(borders) // 2 * 2].reshape(-1, 2).T.copy()
    if len(lows) == 0:
        lows, highs = borders[:1], borders[:1]
    ends = np.unique(np.append(rng.integers(1, len(lows) + 1, 4), len(lows)))
    found, expected = (room.cut_by_key(labels, scores, lows, highs, ends) for room in (ranking, partition))
    same(found, expected)


def test_many_rows_and_ranges():
    """More than one chunk of rows, and more ranges than 16 bits number."""
    rng = np.random.default_rng(0)
    labels, scores = rng.random(600_000) < 0.3, rng.random(600_000)
    keys = np.unique(score_keys(scores))
    lows = keys[::4][:140_000]
    highs = lows + np.uint64(1000)
    ends = np.arange(2, len(lows) + 1, 2)
    found, expected = (room.cut_by_key(labels, scores, lows, highs, ends) for room in (ranking, partition))
    assert len(ends) == 70_000 and len(expected[0]) >= 140_000
    same(found, expected)
    same(ranking.count_by_key(labels, scores, highs), partition.count_by_key(labels, scores, highs))


def test_bad_values_are_refused_as_everywhere(room):
    intervals = np.zeros(1, np.uint64), np.zeros(1, np.uint64), np.ones(1, np.int64)
    for labels, scores, message in (
        (np.array([0, 2]), np.zeros(2), r"^labels\[1\]: expected 0 or 1, got 2"),
        (np.array([0, 1]), np.array([0, np.nan]), r"^scores\[1\]: expected a number, got nan"),
    ):
        with pytest.raises(ValueError, match=message):
            room.count_by_key(labels, scores)
        with pytest.raises(ValueError, match=message):
            room.cut_by_key(labels, scores, *intervals)
