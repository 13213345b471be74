"""Histogram AUC and exact AUC: literals worked by hand, kernels against the reference, properties, bad input."""

import math
from fractions import Fraction

import numpy as np
import pytest
from cases import layouts
from hypothesis import given
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
    """Every pair, looked at, in rational arithmetic."""
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
    # 0.3 / 0.01 is 29.999… in float64 and so in bin 29; the width is that of the contract
    assert impl.histogram_auc([0, 1], [0.295, 0.3]) == (0.5 if int(0.3 / 0.01) == 29 else 1.0)


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


SHAPES = {
    "uniform": lambda x: x,
    "logits": lambda x: np.log(x + 1e-9) - np.log1p(1e-9 - x),
    "two values": lambda x: np.round(x),
    "rounded": lambda x: np.round(x, 2),
    "narrow": lambda x: 1 + x * 2.0**-40,
    "wide": lambda x: np.exp(1200 * x - 600),
    "signs": lambda x: np.where(x > 0.5, np.inf, -x),
    "subnormal": lambda x: x * 1e-310,
    "one outlier": lambda x: np.where(np.arange(len(x)) == 5, -1e300, x * 1e-12),
    "integers": lambda x: (x * 2.0**40).astype(np.int64) - 2**39,
    "wide integers": lambda x: (x * 2.0**62).astype(np.int64) * 2 - 2**62,
    "unsigned": lambda x: (x * 2.0**62).astype(np.uint64) * np.uint64(4),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n", SIZES)
def test_exact_over_distributions(kernels, shape, n):
    labels, scores = samples(n)
    scores = SHAPES[shape](scores)
    assert_same_answer(kernels.roc_auc(labels, scores), reference.roc_auc(labels, scores))
    order = np.argsort(scores, kind="stable")
    for same in (order, order[::-1]):
        assert kernels.roc_auc(labels[same], scores[same]) == kernels.roc_auc(labels, scores)


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
