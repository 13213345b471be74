"""Curves, average precision, intervals, partial, grouped and one-vs-rest AUC."""

import math
from fractions import Fraction
from statistics import NormalDist

import numpy as np
import pytest
from cases import SCORE_MAPS, layouts
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fastgeo import reference
from fastgeo.testing import assert_same_answer

CURVES = ["roc_curve", "precision_recall_curve"]
TYPES = [np.float32, np.float64, np.int16, np.int64, np.uint64]
LABELS, SCORES = [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]


def samples(n, dtype=np.float64, seed=0):
    """Many equal scores; some weights are 0; ids with one class or both."""
    rng = np.random.default_rng(seed)
    scores = (rng.random(n) * 40).round(1).astype(dtype)
    labels = rng.random(n) < 0.4
    labels[:4] = [True, False, True, False]
    weights = np.where(rng.random(n) < 0.1, 0, rng.random(n))
    weights[:2] = 1
    return labels, scores, weights, rng.integers(-3, n // 10 + 2, n)


def test_curves_literal(impl):
    # thresholds .8, .4, .35, .1 call 1, 2, 3, 4 samples positive, of which 1, 1, 2, 2 are
    fpr, tpr, thresholds = impl.roc_curve(LABELS, SCORES)
    np.testing.assert_array_equal(fpr, [0, 0, 0.5, 0.5, 1])
    np.testing.assert_array_equal(tpr, [0, 0.5, 0.5, 1, 1])
    np.testing.assert_array_equal(thresholds, [np.inf, 0.8, 0.4, 0.35, 0.1])
    precision, recall, thresholds = impl.precision_recall_curve(LABELS, SCORES)
    np.testing.assert_array_equal(precision, [2 / 4, 2 / 3, 1 / 2, 1, 1])
    np.testing.assert_array_equal(recall, [1, 1, 0.5, 0.5, 0])
    np.testing.assert_array_equal(thresholds, [0.1, 0.35, 0.4, 0.8])
    # recall rises by a half at precision 1 and by a half at precision 2/3
    assert impl.average_precision(LABELS, SCORES) == (1 + 2 / 3) / 2


def test_intermediate_points_literal(impl):
    # three positives above three negatives: the curve goes straight up, then straight right
    labels, scores = [0, 0, 0, 1, 1, 1], [1, 2, 3, 4, 5, 6]
    fpr, tpr, thresholds = impl.roc_curve(labels, scores)
    np.testing.assert_array_equal(fpr, [0, 0, 0, 1])
    np.testing.assert_array_equal(tpr, [0, 1 / 3, 1, 1])
    np.testing.assert_array_equal(thresholds, [np.inf, 6, 4, 1])
    assert len(impl.roc_curve(labels, scores, drop_intermediate=False)[0]) == 7
    assert len(impl.precision_recall_curve(labels, scores, drop_intermediate=True)[2]) == 4


def test_weights_literal(impl):
    # weights 1 and 3 of the negatives, 2 and 4 of the positives
    fpr, tpr, _ = impl.roc_curve(LABELS, SCORES, sample_weight=[1, 3, 2, 4])
    np.testing.assert_array_equal(fpr, [0, 0, 3 / 4, 3 / 4, 1])
    np.testing.assert_array_equal(tpr, [0, 4 / 6, 4 / 6, 1, 1])
    # a sample of weight 0 is as if absent
    fpr, _, thresholds = impl.roc_curve(LABELS, SCORES, sample_weight=[1, 0, 2, 4])
    np.testing.assert_array_equal(fpr, [0, 0, 0, 1])
    np.testing.assert_array_equal(thresholds, [np.inf, 0.8, 0.35, 0.1])


def test_interval_literal(impl):
    # positives .35, .8, .7 have 2/3, 1, 1 of the negatives .1, .4, .3 below them; negatives have 1, 2/3, 1 of the
    # positives above them. AUC 8/9; both variances are (1/81 + 1/81 + 4/81) / 2 = 1/27; DeLong's is 2 · (1/27) / 3
    auc, low, high = impl.roc_auc_interval([0, 0, 0, 1, 1, 1], [0.1, 0.4, 0.3, 0.35, 0.8, 0.7])
    assert auc == 8 / 9 and high == 1.0
    assert low == pytest.approx(8 / 9 - 1.959963984540054 * math.sqrt(2 / 81), rel=1e-14)
    auc, low, high = impl.roc_auc_interval([0, 0, 0, 1, 1, 1], [0.1, 0.4, 0.3, 0.35, 0.8, 0.7], level=0.5)
    assert (low + high) / 2 == pytest.approx(8 / 9, rel=1e-14)
    assert high - low == pytest.approx(2 * 0.6744897501960817 * math.sqrt(2 / 81), rel=1e-14)


def delong_by_pairs(labels, scores, level):
    """The definition of 1988: placements by looking at every pair, in rational arithmetic up to the square root."""
    positives, negatives = scores[labels].tolist(), scores[~labels].tolist()
    kernel = [[Fraction(2 * (p > n) + (p == n), 2) for n in negatives] for p in positives]
    auc = Fraction(sum(map(sum, kernel)), len(positives) * len(negatives))
    v10 = [sum(row) / len(negatives) for row in kernel]
    v01 = [sum(column) / len(positives) for column in zip(*kernel, strict=True)]
    s10 = sum((v - auc) ** 2 for v in v10) / (len(positives) - 1)
    s01 = sum((v - auc) ** 2 for v in v01) / (len(negatives) - 1)
    reach = NormalDist().inv_cdf((1 + level) / 2) * math.sqrt(s10 / len(positives) + s01 / len(negatives))
    return float(auc), max(0.0, float(auc) - reach), min(1.0, float(auc) + reach)


def test_interval_of_published_data(impl):
    """Outcome after aneurysmal subarachnoid haemorrhage by WFNS grade: the aSAH data of the R package pROC (Robin et
    al., BMC Bioinformatics 12, 2011), whose own tests give the area and DeLong's variance to 15 digits."""
    good, poor = [37, 20, 3, 8, 4], [2, 12, 1, 8, 18]  # patients of the grades 1 to 5
    outcome = np.repeat([0] * 5 + [1] * 5, good + poor)
    grade = np.repeat([1, 2, 3, 4, 5] * 2, good + poor)
    auc, low, high = impl.roc_auc_interval(outcome, grade)
    assert auc == pytest.approx(0.823678861788618, abs=1e-15)
    variance = ((high - low) / (2 * 1.959963984540054)) ** 2
    assert variance == pytest.approx(0.00146991470882363, rel=1e-13)
    assert (low, high) == pytest.approx((0.748534887819453, 0.898822835757783), abs=1e-14)


@pytest.mark.parametrize("n", [4, 10, 37, 120])
def test_interval_is_that_of_the_definition(impl, n):
    labels, scores, _, _ = samples(n, seed=n)
    for level in (0.5, 0.95, 0.999):
        expected = delong_by_pairs(labels, scores, level)
        np.testing.assert_allclose(impl.roc_auc_interval(labels, scores, level=level), expected, rtol=1e-13)


def test_partial_auc_literal(impl):
    # up to 1/2 the curve is (0, 0), (0, 1/2), (1/2, 1/2): area 1/4 of at most 1/2, by chance 1/8
    assert impl.roc_auc(LABELS, SCORES, max_fpr=0.5) == 0.5 * (1 + (1 / 4 - 1 / 8) / (1 / 2 - 1 / 8))
    assert impl.roc_auc(LABELS, SCORES, max_fpr=1) == 0.75
    assert impl.roc_auc([0, 0, 1, 1], [1, 2, 3, 4], max_fpr=0.1) == 1.0


def test_groups_literal(impl):
    # id 7: one pair, won; id -2: one pair, lost; id 9: no negative
    labels, scores, groups = [0, 1, 0, 1, 1], [1, 2, 3, 0, 5], [7, 7, -2, -2, 9]
    mean, ids, values = impl.roc_auc(labels, scores, groups=groups, on_undefined="nan")
    assert mean == 0.5
    np.testing.assert_array_equal(ids, [-2, 7, 9])
    np.testing.assert_array_equal(values, [0, 1, math.nan])
    with pytest.raises(ValueError, match="group 9: expected both classes, got 1 positive and 0 negative"):
        impl.roc_auc(labels, scores, groups=groups)
    assert math.isnan(impl.roc_auc([], [], groups=[], on_undefined="nan").mean)
    assert math.isnan(impl.roc_auc([1], [0], groups=[3], on_undefined="nan").mean)


def test_one_vs_rest_literal(impl):
    scores = [[0.9, 0.1, 0.3], [0.2, 0.8, 0.1], [0.5, 0.6, 0.2]]
    # class 0 has sample 0, scored highest; class 1 samples 1 and 2, both above; class 2 has none
    values = impl.roc_auc([0, 1, 1], scores, on_undefined="nan")
    np.testing.assert_array_equal(values, [1, 1, math.nan])
    indicators = [[1, 0, 0], [0, 1, 0], [0, 1, 0]]
    np.testing.assert_array_equal(impl.roc_auc(indicators, scores, on_undefined="nan"), [1, 1, math.nan])
    with pytest.raises(ValueError, match="labels of class 2: expected both classes, got 0 positive and 3 negative"):
        impl.roc_auc([0, 1, 1], scores)
    assert impl.roc_auc([], np.zeros((0, 2)), on_undefined="nan").shape == (2,)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("n", [4, 90, 3000])
def test_kernel_is_reference(kernels, dtype, n):
    labels, scores, weights, groups = samples(n, dtype)
    for name in CURVES:
        for keywords in ({}, {"sample_weight": weights}):
            for drop in (False, True):
                actual = getattr(kernels, name)(labels, scores, drop_intermediate=drop, **keywords)
                expected = getattr(reference, name)(labels, scores, drop_intermediate=drop, **keywords)
                assert_same_answer(actual, expected)
    for keywords in ({}, {"sample_weight": weights}):
        actual = kernels.average_precision(labels, scores, **keywords)
        assert_same_answer(actual, reference.average_precision(labels, scores, **keywords))
    assert_same_answer(kernels.roc_auc_interval(labels, scores), reference.roc_auc_interval(labels, scores))
    table = np.stack([scores, scores[::-1], np.roll(scores, 1)], axis=1)
    for keywords in ({}, {"sample_weight": weights}, {"max_fpr": 0.3}, {"sample_weight": weights, "max_fpr": 1e-3}):
        for more in ({}, {"groups": groups}, {"groups": groups.astype(np.uint64)}):
            actual = kernels.roc_auc(labels, scores, on_undefined="nan", **keywords, **more)
            assert_same_answer(actual, reference.roc_auc(labels, scores, on_undefined="nan", **keywords, **more))
        for ids in (groups % 3, np.stack([labels, labels[::-1], labels], axis=1)):
            actual = kernels.roc_auc(ids, table, on_undefined="nan", **keywords)
            assert_same_answer(actual, reference.roc_auc(ids, table, on_undefined="nan", **keywords))


def assert_kernel_is_reference(kernels, labels, scores, weights):
    for keywords in ({}, {"sample_weight": weights}):
        for name in [*CURVES, "average_precision"]:
            actual = getattr(kernels, name)(labels, scores, **keywords)
            assert_same_answer(actual, getattr(reference, name)(labels, scores, **keywords))
        actual = kernels.roc_auc(labels, scores, max_fpr=0.2, **keywords)
        assert_same_answer(actual, reference.roc_auc(labels, scores, max_fpr=0.2, **keywords))
    assert_same_answer(kernels.roc_auc_interval(labels, scores), reference.roc_auc_interval(labels, scores))


@pytest.mark.parametrize("shape", SCORE_MAPS)
@pytest.mark.parametrize("n", [33, 2500, 70_000])
def test_scores_of_every_kind(kernels, shape, n):
    rng = np.random.default_rng(n)
    scores = rng.random(n)
    scores[::3] = scores[::3].round(2)
    labels = rng.random(n) < 0.3 + 0.4 * scores
    labels[:4] = [True, False, True, False]
    assert_kernel_is_reference(kernels, labels, SCORE_MAPS[shape](scores), rng.random(n))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_many_chunks(kernels, dtype):
    """Rows, points and ties that cross from one piece of work into the next."""
    rng = np.random.default_rng(0)
    scores = rng.random(600_001).astype(dtype) - dtype(0.4)
    scores[::2] = scores[::2].round(1)
    labels = (rng.random(len(scores)) < 0.3 + 0.4 * scores).astype(np.int64)
    assert_kernel_is_reference(kernels, labels, scores, rng.random(len(scores)))


def test_scores_that_differ_in_the_top_bit_alone(impl):
    scores = np.array([5, 2**63 + 5, 2**63 + 5, 5], np.uint64)
    precision, recall, thresholds = impl.precision_recall_curve([0, 1, 1, 0], scores)
    np.testing.assert_array_equal(thresholds, [5, 2**63 + 5])
    np.testing.assert_array_equal(precision, [0.5, 1, 1])
    np.testing.assert_array_equal(recall, [1, 1, 0])


def test_the_zero_of_thresholds_is_positive(impl):
    for weights in (None, [1, 1, 1]):
        thresholds = impl.precision_recall_curve([0, 1, 1], [-0.0, -1, 1], sample_weight=weights)[2]
        assert not np.signbit(thresholds[1])


@given(data=st.data(), n=st.integers(2, 50), weighted=st.booleans())
def test_against_scikit_learn(kernels, data, n, weighted):
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    scores = data.draw(hnp.arrays(np.float64, n, elements=st.integers(-20, 20).map(lambda i: i / 4)))
    labels = data.draw(hnp.arrays(np.bool_, n))
    labels[:2] = [False, True]
    weights = data.draw(hnp.arrays(np.float64, n, elements=st.sampled_from([0.25, 1, 2, 3]))) if weighted else None
    for name in CURVES:
        for drop in (False, True):
            keywords = {"sample_weight": weights, "drop_intermediate": drop}
            actual = getattr(kernels, name)(labels, scores, **keywords)
            for one, other in zip(actual, getattr(metrics, name)(labels, scores, **keywords), strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-14)
    expected = metrics.average_precision_score(labels, scores, sample_weight=weights)
    assert kernels.average_precision(labels, scores, sample_weight=weights) == pytest.approx(expected, rel=1e-13)
    for max_fpr in (0.05, 0.5, 0.99):
        expected = metrics.roc_auc_score(labels, scores, sample_weight=weights, max_fpr=max_fpr)
        actual = kernels.roc_auc(labels, scores, sample_weight=weights, max_fpr=max_fpr)
        assert actual == pytest.approx(expected, rel=1e-12, abs=1e-13)


def test_one_vs_rest_against_scikit_learn(kernels):
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    rng = np.random.default_rng(0)
    scores = rng.dirichlet(np.ones(5), 400)
    ids = rng.integers(0, 5, 400)
    expected = metrics.roc_auc_score(ids, scores, multi_class="ovr", average=None)
    np.testing.assert_allclose(kernels.roc_auc(ids, scores), expected, rtol=1e-14)
    expected = metrics.roc_auc_score(np.eye(5)[ids], scores, average=None)
    np.testing.assert_allclose(kernels.roc_auc(np.eye(5)[ids], scores), expected, rtol=1e-14)


@pytest.mark.parametrize("name", [*CURVES, "average_precision", "roc_auc_interval"])
def test_memory_layouts(impl, name):
    labels, scores, _, _ = samples(40)
    function = getattr(impl, name)
    expected = function(labels, scores)
    for _, other in layouts(scores):
        assert_same_answer(function(labels, other), expected)
    for _, other in layouts(labels):
        assert_same_answer(function(other, scores), expected)


BAD = [
    *[(name, "labels", (labels, [0.5] * len(labels)), {}) for name in CURVES for labels in ([], [0, 0], [0, 2])],
    *[(name, "scores", ([0, 1], [0, math.nan]), {}) for name in CURVES],
    *[(name, "sample_weight", ([0, 1], [0, 1]), {"sample_weight": [0, 0]}) for name in CURVES],
    *[(name, "n_threads", ([0, 1], [0, 1]), {"n_threads": -1}) for name in [*CURVES, "average_precision"]],
    ("roc_curve", "labels", ([1, 1], [0, 1]), {}),
    ("average_precision", "labels", ([0, 0], [0, 1]), {}),
    ("average_precision", "sample_weight", ([0, 1], [0, 1]), {"sample_weight": [1, math.inf]}),
    ("average_precision", "sample_weight", ([0, 1], [0, 1]), {"sample_weight": [1.7e308, 1.7e308]}),
    ("roc_auc_interval", "labels", ([0, 1, 1], [0, 1, 2]), {}),
    ("roc_auc_interval", "labels", ([1, 1], [0, 1]), {}),
    *[("roc_auc_interval", "level", (LABELS, SCORES), {"level": level}) for level in (0, 1, math.nan, "a")],
    *[("roc_auc", "max_fpr", (LABELS, SCORES), {"max_fpr": limit}) for limit in (0, 1.01, -1, math.nan, "a")],
    ("roc_auc", "groups", (LABELS, SCORES), {"groups": [1, 1, 1]}),
    ("roc_auc", "groups", (LABELS, SCORES), {"groups": [1.0, 1, 2, 2]}),
    ("roc_auc", "groups", (LABELS, np.eye(4)), {"groups": LABELS}),
    ("roc_auc", "group 2", (LABELS, SCORES), {"groups": [2, 2, 3, 3]}),
    ("roc_auc", "labels", ([0, 1, 4, 1], np.eye(4)), {}),
    ("roc_auc", "labels", ([0, 1, 1.5, 1], np.eye(4)), {}),
    ("roc_auc", "labels", ([0, 1, math.nan, 1], np.eye(4)), {}),
    ("roc_auc", "labels", (np.eye(3), np.eye(4)), {}),
    ("roc_auc", "labels", (2 * np.eye(4), np.eye(4)), {}),
    ("roc_auc", "scores", ([0, 1], np.eye(4)), {}),
    ("roc_auc", "scores", ([0, 1], [[0, 1], [math.nan, 1]]), {}),
    ("roc_auc", "labels of class 0", ([1, 1], np.eye(2)), {}),
    ("roc_auc", "sample_weight", ([0, 1], np.eye(2)), {"sample_weight": [1]}),
]


@pytest.mark.parametrize(("name", "parameter", "args", "keywords"), BAD)
def test_bad_input(kernels, name, parameter, args, keywords):
    with pytest.raises((ValueError, TypeError), match=rf"^{parameter}(\[[\d, ]+\])?: expected ") as expected:
        getattr(reference, name)(*args, **keywords)
    with pytest.raises(type(expected.value)) as actual:
        getattr(kernels, name)(*args, **keywords)
    assert str(actual.value) == str(expected.value)
