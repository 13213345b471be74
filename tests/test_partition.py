"""Counting and cutting rows by intervals of score keys, on which the exact AUC of chunked data stands."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastgeo
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
def form(request):
    if request.param == "kernel":
        assert ranking.count_by_key is not partition.count_by_key
        return ranking
    return partition


def test_counts_by_hand(form):
    labels = np.array([0, 1, 1, 0, 1, 0, 1], np.uint8)
    scores = np.array([-3, 7, 5, 5, 5, 0, 99])
    lasts = np.array([SIGN - 1, SIGN + 4, SIGN + 5, SIGN + 9], np.uint64)  # scores to -1, 4, 5, 9, and beyond
    found = form.count_by_key(labels, scores, lasts)
    assert [column.tolist() for column in found] == [
        [0, 1, 2, 3, 4],
        [1, 1, 1, 0, 0],
        [0, 0, 2, 1, 1],
        [SIGN - 3, SIGN, SIGN + 5, SIGN + 7, SIGN + 99],
        [SIGN - 3, SIGN, SIGN + 5, SIGN + 7, SIGN + 99],
    ]


def test_leading_bits_by_hand(form):
    """The two leading bits of a float's key: negative or not, and whether its size reaches 2."""
    labels = np.zeros(6, bool)
    scores = np.array([-np.inf, -1.0, -0.0, 0.0, 1.5, 2.0])
    numbers, negatives, positives, lows, highs = form.count_by_key(labels, scores, digit_bits=2)
    assert numbers.tolist() == [0, 1, 2, 3]
    assert negatives.tolist() == [1, 1, 3, 1]
    assert positives.tolist() == [0, 0, 0, 0]
    assert lows.tolist() == [0x000FFFFFFFFFFFFF, 0x400FFFFFFFFFFFFF, SIGN, 0xC000000000000000]
    assert highs.tolist() == [0x000FFFFFFFFFFFFF, 0x400FFFFFFFFFFFFF, 0xBFF8000000000000, 0xC000000000000000]


def test_parts_by_hand(form):
    """Intervals 2 to 3, 5 and 8 to 9; the first two are one part, between them and beyond lies nothing."""
    labels = np.array([1, 0, 1, 0, 1, 0, 1, 0], np.int64)
    scores = np.array([9, 3, 4, 5, 2, 1, 10, 8])
    lows, highs = (np.array(ends, np.uint64) + np.uint64(SIGN) for ends in ([2, 5, 8], [3, 5, 9]))
    words, starts = form.cut_by_key(labels, scores, lows, highs, np.array([2, 3]))
    assert starts.tolist() == [0, 3, 5]
    assert words.tolist() == [2 * 3, 2 * 5, 2 * 2 + 1, 2 * 9 + 1, 2 * 8]  # the top bit has given way to the label
    assert words.dtype == np.uint64


def test_words_of_singles_by_hand(form):
    labels, scores = np.array([1, 0, 1], bool), np.array([1.0, -2.0, -0.0], np.float32)
    every = np.array([0, SIGN], np.uint64), np.array([SIGN - 1, 2**64 - 1], np.uint64), np.array([1, 2])
    words, starts = form.cut_by_key(labels, scores, *every, narrow=True)
    assert words.dtype == np.uint32
    assert starts.tolist() == [0, 1, 3]
    assert words.tolist() == [2 * (0xFFFFFFFF - 0xC0000000), 2 * 0x3F800000 + 1, 1]
    words, _ = form.cut_by_key(labels, scores, *every)
    assert words.dtype == np.uint64
    assert words.tolist()[1:] == [2 * 0x3FF0000000000000 + 1, 1]


def test_pairs_by_hand(form):
    """Two pieces of two parts. In the first part 1- 2- 2+ 3+, in the second 1-, 1+."""
    pieces = [
        (np.array([2 * 2 + 1, 2 * 1, 2 * 1], np.uint64), np.array([0, 2, 3])),
        (np.array([2 * 3 + 1, 2 * 2, 2 * 1 + 1], np.uint64), np.array([0, 2, 3])),
    ]
    # 3+ wins twice, 2+ once and a half; the positive of the second part twice and a half
    assert tuple(map(int, form.compare_pieces(pieces))) == (2 * 6, 3, 3)
    assert tuple(map(int, form.compare_pieces([(np.zeros(0, np.uint64), np.zeros(3, int))]))) == (0, 0, 0)


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


def parts_of(lows, highs, ends):
    """Intervals as they are cut: those across the middle in two, and a part ends there."""
    across = np.flatnonzero((lows < SIGN) & (highs >= SIGN))
    lows, highs = np.insert(lows, across + 1, SIGN), np.insert(highs, across, SIGN - 1)
    ends = ends + (ends > across) if len(across) else ends
    middle = np.searchsorted(lows, np.uint64(SIGN))
    return lows, highs, np.unique(np.append(ends, [middle] if middle else []).astype(np.int64))


@given(rows(), st.integers(1, 30), st.sampled_from([0, 40, 46, 60]), st.booleans())
def test_kernel_cuts_as_the_reference(case, n_intervals, aligned, narrow):
    """Into intervals anywhere, and such as begin and end at multiples of a power of two, to the end of all keys."""
    labels, scores, rng = case
    keys = np.concatenate([score_keys(scores), rng.integers(0, 2**64 - 1, 2, np.uint64)])
    borders = np.unique(rng.choice(keys, 2 * n_intervals))
    lows, highs = borders[: len(borders) // 2 * 2].reshape(-1, 2).T.copy()
    if len(lows) == 0:
        lows, highs = borders[:1], borders[:1]
    if aligned:
        within = np.uint64(2**aligned - 1)
        lows = np.unique(np.append(borders & ~within, np.uint64(0) if rng.random() < 0.5 else borders[-1] & ~within))
        highs = np.append(lows[1:] - np.uint64(1), lows[-1] | within if rng.random() < 0.5 else np.uint64(2**64 - 1))
    ends = np.unique(np.append(rng.integers(1, len(lows) + 1, 4), len(lows)))
    cuts = parts_of(lows, highs, ends)
    found, expected = (form.cut_by_key(labels, scores, *cuts, narrow) for form in (ranking, partition))
    same(found, expected)


@given(rows(), st.integers(1, 5), st.booleans())
def test_compared_pieces_count_all_pairs(case, n_pieces, narrow):
    """As the reference does, and as roc_auc does if every key lies in a part."""
    labels, scores, rng = case
    borders = np.unique(np.append(rng.choice(np.append(score_keys(scores), np.uint64(9)), 5), np.uint64(0)))
    lows, highs = borders, np.append(borders[1:] - np.uint64(1), np.uint64(2**64 - 1))
    cuts = parts_of(lows, highs, np.arange(1, len(lows) + 1))
    piece = rng.integers(0, n_pieces, len(labels))
    pieces = [
        ranking.cut_by_key(labels[piece == i].copy(), scores[piece == i].copy(), *cuts, narrow) for i in range(n_pieces)
    ]
    found = tuple(map(int, ranking.compare_pieces(pieces)))
    assert found == tuple(map(int, partition.compare_pieces(pieces)))
    twice, negatives, positives = found
    assert (negatives, positives) == (np.sum(labels == 0), np.sum(labels == 1))
    if negatives and positives:
        assert twice / (2 * negatives * positives) == fastgeo.roc_auc(labels, scores)


def test_many_rows_and_parts():
    """More than one chunk of rows, more parts than 16 bits number, and words in large pages."""
    rng = np.random.default_rng(0)
    labels, scores = rng.random(600_000) < 0.3, rng.random(600_000)
    keys = np.unique(score_keys(scores))
    lows = keys[::4][:140_000]
    highs = lows + np.uint64(1000)
    ends = np.arange(2, len(lows) + 1, 2)
    found, expected = (form.cut_by_key(labels, scores, lows, highs, ends) for form in (ranking, partition))
    assert len(ends) == 70_000 and len(expected[0]) >= 140_000
    same(found, expected)
    same(ranking.count_by_key(labels, scores, highs), partition.count_by_key(labels, scores, highs))
    assert tuple(map(int, ranking.compare_pieces([found]))) == tuple(map(int, partition.compare_pieces([found])))


def test_bad_values_are_refused_as_everywhere(form):
    intervals = np.zeros(1, np.uint64), np.zeros(1, np.uint64), np.ones(1, np.int64)
    for labels, scores, message in (
        (np.array([0, 2]), np.zeros(2), r"^labels\[1\]: expected 0 or 1, got 2"),
        (np.array([0, 1]), np.array([0, np.nan]), r"^scores\[1\]: expected a number, got nan"),
    ):
        with pytest.raises(ValueError, match=message):
            form.count_by_key(labels, scores)
        with pytest.raises(ValueError, match=message):
            form.cut_by_key(labels, scores, *intervals)
