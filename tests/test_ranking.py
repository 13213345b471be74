"""Histogram AUC and exact AUC: literals worked by hand, kernels against the reference, properties, bad input."""

import math
import re
from fractions import Fraction

import numpy as np
import pytest
from cases import SCORE_MAPS, layouts
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fastgeo import reference
from fastgeo.testing import assert_same_answer

FLOATS = [np.float32, np.float64]
LABELS = [np.bool_, np.uint8, np.int8, np.int16, np.int32, np.uint32, np.int64, np.uint64, np.float32, np.float64]
SIZES = [2, 3, 8, 17, 33, 1000, 1025, 5000, 70000]


def samples(n, dtype=np.float64, label_dtype=np.int64, seed=0):
    """Scores in [0, 1], some of them equal, both ends among them; positives score higher."""
    rng = np.random.default_rng(seed)
    scores = rng.random(n)
    labels = rng.random(n) < scores
    scores[::3] = np.round(scores[::3], 2)
    scores[:2], labels[:2] = [0, 1], [True, False]
    return labels.astype(label_dtype), scores.astype(dtype)


def exact_auc(labels, scores):
    """Every pair compared, in rational arithmetic."""
    positives = [s for s, label in zip(scores, labels, strict=True) if label]
    negatives = [s for s, label in zip(scores, labels, strict=True) if not label]
    twice = sum(2 * (p > n) + (p == n) for p in positives for n in negatives)
    return Fraction(twice, 2 * len(positives) * len(negatives))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("label_dtype", LABELS)
def test_literals(impl, dtype, label_dtype):
    labels = np.array([0, 0, 1, 1], label_dtype)
    # pairs: .35 > .1, .35 < .4, .8 > .1, .8 > .4: three of four
    scores = np.array([0.1, 0.4, 0.35, 0.8], dtype)
    assert impl.roc_auc(labels, scores) == 0.75
    assert impl.histogram_auc(labels, scores) == 0.75
    # two bins: .1, .4 and .35 share the lower one, so that .35 has two halves: (1/2 + 1/2 + 1 + 1) / 4
    assert impl.histogram_auc(labels, scores, 2) == 0.75
    # one bin: every pair counts one half
    assert impl.histogram_auc(labels, scores, 1) == 0.5
    # equal scores: 1 against .5 and 0 is (1 + 1), .5 against .5 and 0 is (1/2 + 1)
    assert impl.roc_auc(labels, np.array([0.5, 0, 1, 0.5], dtype)) == 3.5 / 4


def test_ends_of_the_range(impl):
    # 1.0 belongs to the last bin, as .999 does: half a pair
    assert impl.histogram_auc([0, 1], [0.999, 1.0]) == 0.5
    assert impl.histogram_auc([0, 1], [-3.0, 5.0], 4, range=(-3, 5)) == 1.0
    # 0.29 / 0.01 is 28.999… in float64: bin 28, as 0.285 is. 0.3 / 0.01 is 30: the bin above that of 0.295.
    assert impl.histogram_auc([0, 1], [0.285, 0.29]) == 0.5
    assert impl.histogram_auc([0, 1], [0.295, 0.3]) == 1.0


def test_weights_literal(impl):
    # negatives weigh 1 and 3, positives 2 and 4: (2·1 + 4·1 + 4·3) / (4·6)
    labels, scores, weights = [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], [1, 3, 2, 4]
    assert impl.roc_auc(labels, scores, sample_weight=weights) == 18 / 24
    assert impl.histogram_auc(labels, scores, sample_weight=weights) == 18 / 24
    for scale in (1e-200, 1e200):
        assert impl.roc_auc(labels, scores, sample_weight=np.multiply(weights, scale)) == pytest.approx(0.75, rel=1e-15)


def test_exact_on_awkward_scores(impl):
    tiny = float(np.finfo(np.float64).smallest_subnormal)
    assert impl.roc_auc([0, 1], [-0.0, 0.0]) == 0.5
    assert impl.roc_auc([0, 1], [0.0, tiny]) == 1.0
    assert impl.roc_auc([1, 0], [-tiny, -0.0]) == 0.0
    assert impl.roc_auc([0, 1, 0], [-math.inf, math.inf, 1e308]) == 1.0
    assert impl.roc_auc([0, 1], np.array([2**53, 2**53 + 1])) == 1.0
    assert impl.roc_auc([0, 1], np.array([2**63, 2**63 + 1], np.uint64)) == 1.0
    assert impl.roc_auc([1, 0], np.array([5, 2**63 + 5], np.uint64)) == 0.0
    assert impl.roc_auc([0, 1], np.array([-(2**63), 2**63 - 1])) == 1.0
    assert impl.roc_auc([0, 1], [False, True]) == 1.0


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n", SIZES)
def test_kernel_is_reference(kernels, n_threads, dtype, n):
    for label_dtype in (np.bool_, np.int32, np.int64, np.float32, np.float64):
        labels, scores = samples(n, dtype, label_dtype)
        for n_bins in (1, 7, 100, 5000):
            actual = kernels.histogram_auc(labels, scores, n_bins, n_threads=n_threads)
            assert_same_answer(actual, reference.histogram_auc(labels, scores, n_bins))
        assert_same_answer(kernels.roc_auc(labels, scores, n_threads=n_threads), reference.roc_auc(labels, scores))


def test_kernel_is_reference_over_many_chunks(kernels, n_threads):
    labels, scores = samples(1_300_000, np.float32, np.uint8)
    weights = np.random.default_rng(1).random(len(labels))
    for keywords in ({}, {"sample_weight": weights}):
        actual = kernels.histogram_auc(labels, scores, n_threads=n_threads, **keywords)
        assert_same_answer(actual, reference.histogram_auc(labels, scores, **keywords))
    assert_same_answer(kernels.roc_auc(labels, scores, n_threads=n_threads), reference.roc_auc(labels, scores))


INCREASING = {
    "ranks": lambda x: np.unique(x, return_inverse=True)[1],
    "wide ranks": lambda x: 2**60 + np.unique(x, return_inverse=True)[1],
    "exponential": lambda x: np.exp(x / 8),
    "subnormal": lambda x: np.multiply(x, 2.0**-1070, dtype=np.float64),
    "cubed": lambda x: x**3,
    "float64": lambda x: x.astype(np.float64),
}


@given(data=st.data(), n=st.integers(2, 80))
def test_exact_auc_knows_only_the_order(impl, data, n):
    scores = data.draw(hnp.arrays(np.float32, n, elements=st.integers(-300, 300).map(float)))
    labels = data.draw(hnp.arrays(np.bool_, n))
    labels[:2] = [False, True]
    for increasing in INCREASING.values():
        assert impl.roc_auc(labels, increasing(scores)) == impl.roc_auc(labels, scores)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.one_isa_at_a_time
def test_scores_are_left_as_they_are(impl, dtype):
    """Neither changed in place nor rounded on the way: numbers side by side are told apart."""
    labels, scores = samples(3000, dtype)
    before = labels.copy(), scores.copy()
    impl.histogram_auc(labels, scores)
    impl.roc_auc(labels, scores)
    impl.AUCHistogram().update(labels, scores)
    np.testing.assert_array_equal(labels, before[0])
    np.testing.assert_array_equal(scores, before[1])
    for number in (0.1, 1.0, 1e30, -3e-39):
        pair = np.array([number, np.nextafter(dtype(number), dtype(np.inf))], dtype)
        assert impl.roc_auc([0, 1], pair) == 1.0
        assert impl.roc_auc([1, 0], pair) == 0.0


@pytest.mark.parametrize("shape", SCORE_MAPS)
@pytest.mark.parametrize("n", SIZES)
def test_exact_over_distributions(kernels, shape, n):
    labels, scores = samples(n)
    scores = SCORE_MAPS[shape](scores)
    assert_same_answer(kernels.roc_auc(labels, scores), reference.roc_auc(labels, scores))
    order = np.argsort(scores, kind="stable")
    for same in (order, order[::-1]):
        assert kernels.roc_auc(labels[same], scores[same]) == kernels.roc_auc(labels, scores)


# What large calls cut by: both signs, infinite ends, few values, equal ones, integers that no float holds.
LARGE_SCORES = {
    "uniform": lambda x: x,
    "both signs": lambda x: 1e3 * (x - 0.3) ** 3,
    "infinite ends": lambda x: np.where(x < 0.01, -np.inf, np.where(x > 0.99, np.inf, x)),
    "zeros of both signs": lambda x: np.where(x < 0.5, -0.0, np.where(x < 0.7, 0.0, x - 0.7)),
    "one value": lambda x: np.full_like(x, 0.25),
    "subnormal": lambda x: np.float64(2.0**-1070) * np.floor(1000 * x),
    "int64": lambda x: (x * 2.0**60).astype(np.int64) - 2**59,
    "uint64": lambda x: (x * 2.0**63).astype(np.uint64) + np.uint64(2**62),
    "float32": lambda x: (x - 0.3).astype(np.float32),
}


@pytest.mark.parametrize("shape", LARGE_SCORES)
def test_exact_auc_of_many(kernels, shape):
    """So many that they are cut before they are sorted, float32 scores too."""
    labels, scores = samples(1_100_000 if shape == "float32" else 550_000)
    scores = LARGE_SCORES[shape](scores)
    assert_same_answer(kernels.roc_auc(labels, scores), reference.roc_auc(labels, scores))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("place", [0, 3, 262_143, 262_144, 1_099_999])
def test_a_nan_among_many(kernels, dtype, place):
    labels, scores = samples(1_100_000, dtype)
    scores[place] = np.nan
    with pytest.raises(ValueError, match=rf"scores\[{place}\]: expected a number, got nan"):
        kernels.roc_auc(labels, scores)


@given(data=st.data(), dtype=st.sampled_from([np.float32, np.float64, np.int64, np.uint64]), n=st.integers(2, 60))
def test_exact_auc_of_any_scores(kernels, data, dtype, n):
    elements = {"allow_nan": False} if np.dtype(dtype).kind == "f" else {}
    pool = data.draw(hnp.arrays(dtype, st.integers(1, n), elements=elements))
    scores = pool[data.draw(hnp.arrays(np.int64, n, elements=st.integers(0, len(pool) - 1)))]
    labels = data.draw(hnp.arrays(np.bool_, n))
    labels[:2] = [False, True]
    exact = exact_auc(labels.tolist(), scores.tolist())
    assert kernels.roc_auc(labels, scores) == exact.numerator / exact.denominator
    assert_same_answer(kernels.roc_auc(labels, scores), reference.roc_auc(labels, scores))


@given(data=st.data(), n=st.integers(2, 200), n_bins=st.integers(1, 300))
def test_histogram_of_any_range(kernels, data, n, n_bins):
    low = data.draw(st.floats(-1e10, 1e10))
    high = low + data.draw(st.floats(1e-3, 1e10))
    scores = np.clip(data.draw(hnp.arrays(np.float64, n, elements=st.floats(low, high))), low, high)
    labels = data.draw(hnp.arrays(np.int32, n, elements=st.integers(0, 1)))
    labels[:2] = [0, 1]
    actual = kernels.histogram_auc(labels, scores, n_bins, range=(low, high))
    assert_same_answer(actual, reference.histogram_auc(labels, scores, n_bins, range=(low, high)))


def test_edges_fall_into_the_bins_of_the_contract(kernels):
    """Scores on and beside every edge, where a reciprocal or float32 arithmetic would fall into another bin."""
    for n_bins in (3, 10, 49, 100, 1000):
        edges = np.arange(n_bins + 1) / n_bins
        beside = np.concatenate([edges, np.nextafter(edges, 0), np.nextafter(edges, 1)])
        for dtype in FLOATS:
            scores = beside.astype(dtype)
            labels = np.arange(len(scores)) % 2
            actual = kernels.histogram_auc(labels, scores, n_bins)
            assert_same_answer(actual, reference.histogram_auc(labels, scores, n_bins))


def scores_at_edges(low, width, n_bins, low_end, high_end):
    """The numbers next to every edge between two bins, where a quotient is next to an integer."""
    edges = low + np.arange(n_bins + 1) * width
    around = [edges]
    for _ in range(3):
        around = [np.nextafter(around[0], -np.inf), *around, np.nextafter(around[-1], np.inf)]
    return np.clip(np.concatenate(around), low_end, high_end)


AWKWARD_RANGES = [
    (0.0, 1.0),
    (0.0, 1 + 2.0**-52),
    (0.0, 2 - 2.0**-52),
    (-1e10, 1.0),
    (1.0, 1 + 2.0**-30),
    (-0.3, 0.1),
    (0.0, 3e-300),
    (0.0, 5e-324 * 4096),
    (0.0, 1e-310),
    (-1e-310, 1e-310),
    (3e-308, 3e-308 + 2e-310),
    (-2e-305, 1e-306),
    (1e-280, 1e-280 + 1e-290),
    (-8e307, 8e307),
    (0.0, 2.0**-880),
]


@pytest.mark.parametrize("bounds", AWKWARD_RANGES)
@pytest.mark.parametrize("n_bins", [1, 3, 49, 100, 512, 513, 4096])
def test_large_calls_use_the_bins_of_the_contract(kernels, n_threads, bounds, n_bins):
    """Above some size bins are found another way than by division."""
    low, high = bounds
    scores = scores_at_edges(low, (high - low) / n_bins, n_bins, low, high)
    scores = np.resize(scores, max(20 * n_bins, 3000) + 5)
    labels = np.random.default_rng(0).random(len(scores)) < 0.4
    for label_dtype in (np.bool_, np.int64):
        args = labels.astype(label_dtype), scores, n_bins
        actual = kernels.histogram_auc(*args, range=bounds, n_threads=n_threads)
        assert_same_answer(actual, reference.histogram_auc(*args, range=bounds))


@given(data=st.data())
def test_quotient_of_any_width(kernels, data):
    n_bins = data.draw(st.integers(1, 300))
    low = data.draw(st.sampled_from([0.0, -1.0, 0.1, 1e6]))
    width = data.draw(st.one_of(st.floats(2.0**-20, 2.0**20), st.integers(-9, 9).map(lambda e: 2.0**e)))
    high = low + width * n_bins
    scores = np.resize(scores_at_edges(low, (high - low) / n_bins, n_bins, low, high), 20 * n_bins + 100)
    labels = np.arange(len(scores)) % 3 == 0
    actual = kernels.histogram_auc(labels, scores, n_bins, range=(low, high))
    assert_same_answer(actual, reference.histogram_auc(labels, scores, n_bins, range=(low, high)))


@pytest.mark.parametrize(("n_bins", "units"), [(4, 5), (7, 3), (1000, 1400), (1000, 700), (100, 1 << 40)])
def test_bins_a_few_subnormal_numbers_wide(kernels, n_bins, units):
    """The width is rounded to a whole number of units, so that quotients may be well above the number of bins."""
    rng = np.random.default_rng(0)
    tiny = np.finfo(np.float64).smallest_subnormal
    high = units * tiny
    scores = rng.integers(0, units, 100 * n_bins, endpoint=True) * tiny
    labels = rng.random(len(scores)) < 0.5
    for n in (5, len(scores)):
        try:
            expected = reference.histogram_auc(labels[:n], scores[:n], n_bins, range=(0.0, high))
        except ValueError as error:  # a width that is rounded to 0
            with pytest.raises(ValueError, match=re.escape(str(error))):
                kernels.histogram_auc(labels[:n], scores[:n], n_bins, range=(0.0, high))
        else:
            assert_same_answer(kernels.histogram_auc(labels[:n], scores[:n], n_bins, range=(0.0, high)), expected)


@given(data=st.data(), n=st.integers(2, 200), n_bins=st.integers(1, 300))
def test_tiny_scores_in_a_tiny_range(kernels, data, n, n_bins):
    """Distances from the lower edge are subnormal, or just not."""
    low, high = sorted(data.draw(st.tuples(*[st.floats(-1e-300, 1e-300)] * 2)))
    assume((high - low) / n_bins > 0)
    scores = data.draw(hnp.arrays(np.float64, n, elements=st.floats(low, high)))
    labels = np.arange(n) % 2
    actual = kernels.histogram_auc(labels, scores, n_bins, range=(low, high))
    assert_same_answer(actual, reference.histogram_auc(labels, scores, n_bins, range=(low, high)))


@pytest.mark.parametrize("high", [1e-290, 1e-200, 1.0, 1e200, 1e300])
@pytest.mark.parametrize("n_bins", [3, 1000])
def test_tiny_scores_in_a_range_from_zero(kernels, high, n_bins):
    """Quotients that would underflow, beside others."""
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.random(4000) * scale for scale in (5e-324, 1e-310, 2e-308, 1e-300, high)])
    rng.shuffle(scores)
    labels = rng.random(len(scores)) < 0.4
    for n in (300, len(scores)):
        actual = kernels.histogram_auc(labels[:n], scores[:n], n_bins, range=(0.0, high))
        assert_same_answer(actual, reference.histogram_auc(labels[:n], scores[:n], n_bins, range=(0.0, high)))


OUTSIDE = [math.nan, math.inf, -math.inf, 1e30, -1e30, 1.0000001, -1e-9, -5e-324, np.nextafter(1, 2)]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n", [40, 1700, 5003])
@pytest.mark.parametrize("place", [0, 1, 511, 512, -9, -8, -1])
def test_one_bad_sample_anywhere(kernels, dtype, n, place):
    """No cell is counted for it, whichever step, group or tail it stands in."""
    place = place % n
    labels, scores = samples(n, dtype)
    for outside in OUTSIDE:
        one = scores.copy()
        one[place] = outside
        if 0 <= one[place] <= 1:  # rounded to float32
            continue
        for label_dtype in (np.bool_, np.int64):
            with pytest.raises(ValueError, match=rf"scores\[{place}\]: expected a number from 0 to 1, got "):
                kernels.histogram_auc(labels.astype(label_dtype), one)
    for label_dtype, value in (
        (np.uint8, 2), (np.uint8, 255), (np.int8, -1), (np.int32, 2**31 - 1), (np.uint32, 2**32 - 2), (np.int64, -1),
        (np.int64, 2), (np.int64, 2**32), (np.int64, -(2**63)), (np.uint64, 2**63 + 1), (np.float32, 0.5),
        (np.float64, math.nan),
    ):  # fmt: skip
        wrong = labels.astype(label_dtype)
        wrong[place] = value
        with pytest.raises(ValueError, match=rf"labels\[{place}\]: expected 0 or 1, got "):
            kernels.histogram_auc(wrong, scores)


@pytest.mark.parametrize("dtype", FLOATS)
def test_arrays_that_begin_anywhere_in_a_cache_line(kernels, dtype):
    labels, scores = samples(4020, dtype)
    for label_dtype in (np.bool_, np.int64):
        typed = labels.astype(label_dtype)
        for i in range(9):
            part = slice(i, 4000 + i)
            actual = kernels.histogram_auc(typed[part], scores[part])
            assert_same_answer(actual, reference.histogram_auc(typed[part], scores[part]))
            with pytest.raises(ValueError, match=r"scores\[0\]: expected a number from 0 to 1, got 2"):
                kernels.histogram_auc(
                    typed[part], np.concatenate([scores[:i], [2], scores[i + 1 :]]).astype(dtype)[part]
                )


@pytest.mark.parametrize("label_dtype", [np.bool_, np.int64])
@pytest.mark.parametrize("shape", ["one bin", "sorted", "two values", "upper edge"])
def test_histogram_over_distributions(kernels, n_threads, shape, label_dtype):
    labels, scores = samples(600_001, label_dtype=label_dtype)
    scores = {
        "one bin": np.full_like(scores, 0.5),
        "sorted": np.sort(scores),
        "two values": np.where(np.arange(len(scores)) % 2, 0.3, 0.7),
        "upper edge": np.ones_like(scores),
    }[shape]
    for dtype in FLOATS:
        actual = kernels.histogram_auc(labels, scores.astype(dtype), n_threads=n_threads)
        assert_same_answer(actual, reference.histogram_auc(labels, scores.astype(dtype)))


@pytest.mark.parametrize("shape", ["one bin", "runs", "sorted", "upper edge"])
@pytest.mark.parametrize("n", [7, 8, 17, 1023, 1024, 5000])
def test_weights_of_one_bin_are_added_in_their_order(kernels, shape, n):
    """Sums that stay in registers have the bits of sums in memory."""
    labels, scores = samples(n)
    scores = {
        "one bin": np.full_like(scores, 0.5),
        "runs": np.repeat(scores, 1 + np.arange(n) % 30)[:n],
        "sorted": np.sort(scores),
        "upper edge": np.ones_like(scores),
    }[shape]
    weights = np.exp(np.random.default_rng(1).normal(0, 20, n))
    weights[n // 2] = -0.0
    actual, expected = (i.AUCHistogram(10).update(labels, scores, weights).to_bytes() for i in (kernels, reference))
    assert actual == expected


@pytest.mark.parametrize("name", ["histogram_auc", "roc_auc"])
def test_memory_layouts(impl, name):
    labels, scores = samples(40)
    function = getattr(impl, name)
    expected = function(labels, scores)
    for label, other in layouts(scores):
        assert function(labels, other) == expected, label
    for label, other in layouts(labels):
        assert function(other, scores) == expected, label


@pytest.mark.parametrize("name", ["histogram_auc", "roc_auc"])
def test_one_class_or_none(impl, name):
    function = getattr(impl, name)
    for labels in ([], [0, 0], [1]):
        scores = [0.5] * len(labels)
        with pytest.raises(ValueError, match="labels: expected both classes, got"):
            function(labels, scores)
        assert math.isnan(function(labels, scores, on_undefined="nan"))
    assert math.isnan(function([0, 1], [0, 1], sample_weight=[1, 0], on_undefined="nan"))


BAD = [
    ("labels", ([0, 2], [0, 1]), {}),
    ("labels", ([0, 1, 0.5], [0, 1, 1]), {}),
    ("labels", ([0, -1], [0, 1]), {}),
    ("labels", ([0, math.nan], [0, 1]), {}),
    ("labels", (np.array([0, 1, 3], np.uint8).view(np.bool_), [0, 1, 1]), {}),
    ("labels", ([[0, 1]], [0, 1]), {}),
    ("labels", (["a", "b"], [0, 1]), {}),
    ("scores", ([0, 1], [0, math.nan]), {}),
    ("scores", ([0, 1], [0, 1, 1]), {}),
    ("scores", ([0, 1], [0j, 1j]), {}),
    ("sample_weight", ([0, 1], [0, 1]), {"sample_weight": [1]}),
    ("sample_weight", ([0, 1], [0, 1]), {"sample_weight": [1, -1]}),
    ("sample_weight", ([0, 1], [0, 1]), {"sample_weight": [1, math.nan]}),
    ("sample_weight", ([0, 1], [0, 1]), {"sample_weight": [1, math.inf]}),
    ("sample_weight", ([0, 1], [0, 1]), {"sample_weight": [0, 0]}),
    ("sample_weight", ([0, 1], [0, 1]), {"sample_weight": [1e308, 1e308]}),
    ("on_undefined", ([0, 1], [0, 1]), {"on_undefined": "zero"}),
    ("n_threads", ([0, 1], [0, 1]), {"n_threads": 0}),
]
BAD_HISTOGRAM = [
    ("scores", ([0, 1], [0, 1.0000001]), {}),
    ("scores", ([0, 1], [0, -1e-9]), {}),
    ("scores", ([0, 1], np.array([0.1, 0.2], np.float32)), {"range": (0.1, np.float64(np.float32(0.2)) - 1e-12)}),
    ("n_bins", ([0, 1], [0, 1]), {"n_bins": 0}),
    ("n_bins", ([0, 1], [0, 1]), {"n_bins": 2**26 + 1}),
    ("n_bins", ([0, 1], [0, 1]), {"n_bins": 1.5}),
    ("range", ([0, 1], [0, 1]), {"range": (1, 1)}),
    ("range", ([0, 1], [0, 1]), {"range": (0, math.inf)}),
    ("range", ([0, 1], [0, 1]), {"range": (-1.7e308, 1.7e308)}),
    ("range", ([0, 1], [0, 1]), {"range": (0, math.nan)}),
    ("range", ([0, 1], [0, 1]), {"range": 1}),
]


@pytest.mark.parametrize(
    ("name", "case"), [("histogram_auc", c) for c in BAD + BAD_HISTOGRAM] + [("roc_auc", c) for c in BAD]
)
def test_bad_input(kernels, name, case):
    parameter, args, keywords = case
    with pytest.raises((ValueError, TypeError), match=rf"^{parameter}(\[\d\])?: expected ") as expected:
        getattr(reference, name)(*args, **keywords)
    with pytest.raises(type(expected.value)) as actual:
        getattr(kernels, name)(*args, **keywords)
    assert str(actual.value) == str(expected.value)


def test_first_offence_is_named(kernels):
    labels, scores = samples(300_000)
    scores[250_001] = scores[299_999] = 1.5
    with pytest.raises(ValueError, match=r"scores\[250001\]: expected a number from 0 to 1, got 1.5"):
        kernels.histogram_auc(labels, scores)
    labels[123_456] = 7
    with pytest.raises(ValueError, match=r"labels\[123456\]: expected 0 or 1, got 7"):
        kernels.roc_auc(labels, scores)
    labels, scores = samples(550_000)
    labels[543_210] = 2
    with pytest.raises(ValueError, match=r"labels\[543210\]: expected 0 or 1, got 2"):
        kernels.roc_auc(labels, scores)


@given(data=st.data(), n=st.integers(2, 50))
def test_against_scikit_learn(kernels, data, n):
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    scores = data.draw(hnp.arrays(np.float64, n, elements=st.floats(-10, 10, width=16)))
    weights = data.draw(hnp.arrays(np.float64, n, elements=st.floats(0.1, 2)))
    labels = data.draw(hnp.arrays(np.bool_, n))
    labels[:2] = [False, True]
    for sample_weight in (None, weights):
        expected = metrics.roc_auc_score(labels, scores, sample_weight=sample_weight)
        assert kernels.roc_auc(labels, scores, sample_weight=sample_weight) == pytest.approx(expected, abs=1e-12)
