"""AUCHistogram: state independent of batching, bounds that hold, bytes that are checked."""

import math
import pickle
import struct
import zlib
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import fastgeo
from fastgeo import reference
from fastgeo.ranking.auc_histogram import MAGIC

pytestmark = pytest.mark.one_isa_at_a_time


def samples(n, seed=0):
    rng = np.random.default_rng(seed)
    scores = rng.random(n)
    labels = rng.random(n) < scores
    scores[:2], labels[:2] = [0, 1], [True, False]
    return labels, scores


@st.composite
def labelled(draw, min_size=2):
    """Labels, of both classes, and scores from a small pool, so that there are ties within bins and across."""
    n = draw(st.integers(min_size, 60))
    pool = draw(hnp.arrays(np.float64, st.integers(1, n), elements=st.floats(0, 1)))
    scores = pool[draw(hnp.arrays(np.int64, n, elements=st.integers(0, len(pool) - 1)))]
    labels = draw(hnp.arrays(np.bool_, n))
    labels[:2] = [False, True]
    return labels, scores


def exact_auc(labels, scores, weights):
    """Every pair compared, in rational arithmetic."""
    triples = [(bool(a), float(s), Fraction(float(w))) for a, s, w in zip(labels, scores, weights, strict=True)]
    positives = [(s, w) for a, s, w in triples if a]
    negatives = [(s, w) for a, s, w in triples if not a]
    twice = sum((2 * (p > n) + (p == n)) * v * w for p, v in positives for n, w in negatives)
    return Fraction(twice, 2 * sum(w for _, w in positives) * sum(w for _, w in negatives))


def test_literal(impl):
    histogram = impl.AUCHistogram(4)
    assert histogram.update([0, 1, 1], [0.1, 0.2, 1.0]) is histogram
    histogram.update([0, 1], [0.3, 0.9])
    assert (histogram.n_negative, histogram.n_positive) == (2, 3)
    # bins: negatives 0, 1; positives 0, 3, 3. Of six pairs four are won, one is lost and one lies within bin 0
    assert histogram.auc() == 4.5 / 6
    low, high = histogram.bounds()
    assert Fraction(low) <= Fraction(4, 6) and Fraction(high) >= Fraction(5, 6)
    assert high - low == pytest.approx(1 / 6, abs=1e-15)
    fpr, tpr, thresholds = histogram.roc_curve()
    np.testing.assert_array_equal(fpr, [0, 0, 0.5, 1])
    np.testing.assert_array_equal(tpr, [0, 2 / 3, 2 / 3, 1])
    np.testing.assert_array_equal(thresholds, [np.inf, 0.75, 0.25, 0])
    precision, recall, thresholds = histogram.precision_recall_curve()
    np.testing.assert_array_equal(precision, [3 / 5, 2 / 3, 1, 1])
    np.testing.assert_array_equal(recall, [1, 2 / 3, 2 / 3, 0])
    np.testing.assert_array_equal(thresholds, [0, 0.25, 0.75])


@given(data=labelled(), cuts=st.lists(st.integers(0, 60), max_size=5), seed=st.integers(0, 99))
def test_any_order_and_batching_gives_the_same_bytes(kernels, data, cuts, seed):
    labels, scores = data
    whole = kernels.AUCHistogram(50).update(labels, scores).to_bytes()
    order = np.random.default_rng(seed).permutation(len(labels))
    in_batches = kernels.AUCHistogram(50)
    parts = [kernels.AUCHistogram(50)]
    for batch in np.split(order, sorted(cuts)):
        in_batches.update(labels[batch], scores[batch])
        parts.append(kernels.AUCHistogram(50).update(labels[batch], scores[batch]))
    assert in_batches.to_bytes() == whole
    assert sum(parts[1:], parts[0]).to_bytes() == whole
    assert reference.AUCHistogram(50).update(labels, scores).to_bytes() == whole


def test_large_batches(kernels):
    """Every way of counting: straight into the state, by private counters, and many bins."""
    labels, scores = samples(600_000)
    for n_bins in (100, 1000, 100_000):
        expected = reference.AUCHistogram(n_bins).update(labels, scores)
        batches = kernels.AUCHistogram(n_bins)
        for i in range(0, len(labels), 7000):
            batches.update(labels[i : i + 7000], scores[i : i + 7000])
        for histogram in (kernels.AUCHistogram(n_bins).update(labels, scores), batches):
            assert histogram.to_bytes() == expected.to_bytes()
            assert histogram.auc() == expected.auc() == kernels.histogram_auc(labels, scores, n_bins)
            assert histogram.bounds() == expected.bounds()


@given(data=labelled(), n_bins=st.integers(1, 40))
def test_bounds_hold(kernels, data, n_bins):
    labels, scores = data
    histogram = kernels.AUCHistogram(n_bins).update(labels, scores)
    low, high = histogram.bounds()
    assert Fraction(low) <= exact_auc(labels, scores, np.ones(len(labels))) <= Fraction(high)
    assert low <= kernels.roc_auc(labels, scores) <= high
    assert low <= histogram.auc() <= high
    assert (low, high) == reference.AUCHistogram(n_bins).update(labels, scores).bounds()


@given(data=labelled(), n_bins=st.integers(1, 40), weights=st.data(), cut=st.integers(0, 60))
def test_bounds_hold_with_weights(kernels, data, n_bins, weights, cut):
    labels, scores = data
    values = weights.draw(hnp.arrays(np.float64, len(labels), elements=st.floats(1e-3, 1e3)))
    histogram = kernels.AUCHistogram(n_bins)
    for part in (slice(cut), slice(cut, None)):
        histogram.update(labels[part], scores[part], values[part])
    low, high = histogram.bounds()
    assert Fraction(low) <= exact_auc(labels, scores, values) <= Fraction(high)
    # The bounds hold the exact value; the sums behind this one are rounded, each of at most 60 additions.
    rounded, margin = kernels.roc_auc(labels, scores, sample_weight=values), 200 * 2.0**-53
    assert low - margin <= rounded <= min(high + margin, 1)


@given(weight=st.floats(1e-3, 1e3))
def test_perfect_order_has_an_area_of_one_at_most(kernels, weight):
    """Rounded sums of weights could exceed their rounded product."""
    labels, scores, weights = [0, 1, 1, 1], [0.0, 0.5, 1.0, 1.0], [weight] * 4
    area = kernels.roc_auc(labels, scores, sample_weight=weights)
    assert 1 - 2.0**-50 <= area <= 1
    assert area == reference.roc_auc(labels, scores, sample_weight=weights)
    assert kernels.histogram_auc(labels, scores, 4, sample_weight=weights) <= 1


@given(data=labelled(), n_bins=st.integers(1, 40))
def test_bounds_are_as_wide_as_the_pairs_within_bins(impl, data, n_bins):
    labels, scores = data
    low, high = impl.AUCHistogram(n_bins).update(labels, scores).bounds()
    bins = np.minimum((scores / (1 / n_bins)).astype(int), n_bins - 1)
    within = sum(int((bins[labels] == b).sum()) * int((bins[~labels] == b).sum()) for b in range(n_bins))
    half = within / (2 * int(labels.sum()) * int((~labels).sum()))
    assert (high - low) / 2 == pytest.approx(half, abs=1e-15)
    assert (low + high) / 2 == pytest.approx(impl.AUCHistogram(n_bins).update(labels, scores).auc(), abs=1e-15)


@given(data=labelled(), weights=st.data(), seed=st.integers(0, 99))
def test_weights_in_any_order_agree_to_rounding(impl, data, weights, seed):
    labels, scores = data
    values = weights.draw(hnp.arrays(np.float64, len(labels), elements=st.floats(1e-3, 1e3)))
    order = np.random.default_rng(seed).permutation(len(labels))
    whole, parts = impl.AUCHistogram(20).update(labels, scores, values), impl.AUCHistogram(20)
    for batch in np.array_split(order, 3):
        if len(batch):
            parts.update(labels[batch], scores[batch], values[batch])
    assert parts.auc() == pytest.approx(whole.auc(), rel=1e-13)
    assert parts.bounds() == pytest.approx(whole.bounds(), rel=1e-12)


def test_size_does_not_grow(impl):
    labels, scores = samples(5000)
    histogram = impl.AUCHistogram(100)
    size = len(histogram.to_bytes())
    for _ in range(20):
        histogram.update(labels, scores)
    assert len(histogram.to_bytes()) == size


def test_another_version_is_refused(impl):
    data = bytearray(impl.AUCHistogram(2).to_bytes())
    assert MAGIC[-1] == 1
    data[len(MAGIC) - 1] += 1
    data[-4:] = struct.pack("<I", zlib.crc32(data[:-4]))
    with pytest.raises(ValueError, match="version 1, got something else"):
        impl.AUCHistogram.from_bytes(data)


def test_weights_and_counts_add_up(impl):
    # the samples without weights count as 1: negatives 1 and 3, positives 1 and 2
    histogram = impl.AUCHistogram(10).update([0, 1], [0.15, 0.55]).update([0, 1], [0.35, 0.25], [3, 2])
    assert (histogram.n_negative, histogram.n_positive) == (4.0, 3.0)
    assert histogram.auc() == (1 * 4 + 2 * 1) / (3 * 4)
    again = impl.AUCHistogram.from_bytes(histogram.to_bytes())
    assert again == histogram
    assert (histogram + again).n_positive == 6.0
    other = impl.AUCHistogram(10).update([0, 1], [0.35, 0.25], [3, 2]).update([0, 1], [0.15, 0.55])
    assert other.auc() == histogram.auc()


def test_counts_beyond_32_bits(impl):
    # doubled 40 times: 2^40 of either class; 2^80 pairs, of which three of four are won
    histogram = impl.AUCHistogram(100).update([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    for _ in range(40):
        histogram = histogram + histogram
    assert histogram.n_positive == histogram.n_negative == 2**41
    assert histogram.auc() == 0.75
    assert histogram.bounds() == (0.75, 0.75)
    for _ in range(20):
        histogram.merge(histogram)
    with pytest.raises(OverflowError, match=r"other: expected at most 2\*\*62 samples"):
        histogram.merge(histogram)


def test_products_beyond_64_bits_are_rounded_once(kernels):
    """Counts near 2^60 of no special form, against Python's integers."""
    rng = np.random.default_rng(3)
    for _ in range(200):
        counts = rng.integers(0, 2 ** int(rng.integers(1, 58)), (8, 2))
        data = bytearray(reference.AUCHistogram(8).to_bytes())
        data[-4 - counts.nbytes : -4] = counts.astype("<i8").tobytes()
        data[-4:] = struct.pack("<I", zlib.crc32(data[:-4]))
        actual, expected = kernels.AUCHistogram.from_bytes(data), reference.AUCHistogram.from_bytes(data)
        np.testing.assert_equal(actual.auc("nan"), expected.auc("nan"))
        if counts.any(axis=0).all():
            assert actual.bounds() == expected.bounds()


def test_pickles_and_compares(impl):
    labels, scores = samples(100)
    histogram = impl.AUCHistogram(20, range=(-1, 1)).update(labels, scores)
    again = pickle.loads(pickle.dumps(histogram))
    assert type(again) is type(histogram)
    assert again == histogram and again.range == (-1.0, 1.0)
    assert again != impl.AUCHistogram(20, range=(-1, 1))
    assert repr(again) == repr(histogram)


def test_foreign_bytes_are_refused(impl):
    labels, scores = samples(100)
    good = impl.AUCHistogram(20).update(labels, scores).to_bytes()
    assert impl.AUCHistogram.from_bytes(memoryview(good)).to_bytes() == good
    for i in range(len(good)):
        altered = bytearray(good)
        altered[i] ^= 0x10
        with pytest.raises(ValueError, match="data: expected the bytes of an AUCHistogram"):
            impl.AUCHistogram.from_bytes(altered)
        with pytest.raises(ValueError, match="data: expected the bytes of an AUCHistogram"):
            impl.AUCHistogram.from_bytes(good[:i])
    with pytest.raises(ValueError, match="data: expected the bytes of an AUCHistogram"):
        impl.AUCHistogram.from_bytes(good + b"\0")


def test_negative_counts_are_refused(impl):
    data = bytearray(impl.AUCHistogram(2).to_bytes())
    data[-36:-4] = np.full(4, -1, "<i8").tobytes()
    with pytest.raises(ValueError, match="impossible counts"):
        impl.AUCHistogram.from_bytes(with_checksum(data))


def with_checksum(data):
    return bytes(data[:-4]) + struct.pack("<I", zlib.crc32(data[:-4]))


@pytest.mark.parametrize(
    ("additions", "sums"),
    [
        (9, [1e308, 1e308, 1e308, 0]),  # each finite, their sum is not
        (9, [1, np.inf, 0, 0]),
        (9, [1, np.nan, 0, 0]),
        (9, [1, -1, 0, 0]),
        (0, [1, 0, 0, 0]),  # no batch had weights
        (3, [1, 1, 1, 0]),  # two samples at most, in three places
    ],
)
def test_impossible_weights_are_refused(impl, additions, sums):
    data = bytearray(impl.AUCHistogram(2).update([0, 1], [0.1, 0.9], [1, 2]).to_bytes())
    data[40:48] = struct.pack("<q", additions)
    data[-36:-4] = np.array(sums, "<f8").tobytes()
    with pytest.raises(ValueError, match="impossible counts"):
        impl.AUCHistogram.from_bytes(with_checksum(data))


def test_additions_without_weights_are_refused(impl):
    data = bytearray(impl.AUCHistogram(2).update([0, 1], [0.1, 0.9]).to_bytes())
    data[40:48] = struct.pack("<q", 3)
    with pytest.raises(ValueError, match="impossible counts"):
        impl.AUCHistogram.from_bytes(with_checksum(data))


RANGES = [
    *[(n, (0.0, 1.0)) for n in (1, 3, 10, 100, 1000)],
    (2, (-1.0, 1.0)),  # of 0 and the numbers just below it, the difference to -1 is the same
    (50, (-0.5, 1.5)),
    (7, (-3.0, 5.0)),
    (9, (1e16, 1e16 + 40)),
    (13, (0.0, 1e308)),
    (5, (0.0, 1e-320)),
    (20, (1e-320, 3e-320)),
]


@pytest.mark.parametrize(("n_bins", "ends"), RANGES)
def test_thresholds_are_the_edges_of_the_bins(impl, n_bins, ends):
    """At each threshold the rates are the shares of the scores that reach it, beside and between the edges too."""
    rng = np.random.default_rng(0)
    edges = ends[0] + np.arange(n_bins + 1) / n_bins * (ends[1] - ends[0])
    scores = np.concatenate([edges, np.nextafter(edges, -np.inf), np.nextafter(edges, np.inf), rng.uniform(*ends, 200)])
    scores = np.concatenate([scores, np.linspace(-1, 1, 9) * 2.0**-54]).clip(*ends)
    labels = rng.random(len(scores)) < 0.5
    histogram = impl.AUCHistogram(n_bins, range=ends).update(labels, scores)
    fpr, tpr, thresholds = histogram.roc_curve()
    np.testing.assert_array_equal(tpr, [(scores[labels] >= t).mean() for t in thresholds])
    np.testing.assert_array_equal(fpr, [(scores[~labels] >= t).mean() for t in thresholds])
    precision, recall, thresholds = histogram.precision_recall_curve()
    np.testing.assert_array_equal(recall[:-1], [(scores[labels] >= t).mean() for t in thresholds])
    np.testing.assert_array_equal(precision[:-1], [labels[scores >= t].mean() for t in thresholds])


def test_a_score_beside_an_edge():
    # .29 / .01 is 28.999…: .29 lies in bin 28, whose scores all have the threshold .28
    fpr, tpr, thresholds = fastgeo.AUCHistogram(100).update([0, 1], [0.29, 0.295]).roc_curve()
    np.testing.assert_array_equal(fpr, [0, 0, 1])
    np.testing.assert_array_equal(tpr, [0, 1, 1])
    assert 0.29 < thresholds[1] < 0.295 and thresholds[2] == 0.28


@pytest.mark.parametrize("n", [10, 5000, 300_000])
@pytest.mark.parametrize("n_bins", [10, 1000, 10_000])
def test_a_refused_batch_leaves_no_trace(impl, n, n_bins):
    labels, scores = samples(n)
    histogram = impl.AUCHistogram(n_bins).update(labels, scores).update(labels, scores, np.ones(n))
    before = histogram.to_bytes()
    scores[-1] = 1.5
    for weights in (None, np.ones(n)):
        with pytest.raises(ValueError, match=rf"scores\[{n - 1}\]: expected a number from 0 to 1, got 1.5"):
            histogram.update(labels, scores, weights)
    weights = np.ones(n)
    weights[-1] = -1
    with pytest.raises(ValueError, match=rf"sample_weight\[{n - 1}\]: expected a finite number of at least 0"):
        histogram.update(labels, np.minimum(scores, 1), weights)
    with pytest.raises(ValueError, match=r"sample_weight: expected a finite sum, got inf"):
        histogram.update(labels, np.minimum(scores, 1), np.full(n, 1.7e308))
    assert histogram.to_bytes() == before


def hard_scores(n):
    """What is hard on a histogram: one bin wanted again and again, by all, by some or in turn."""
    rng = np.random.default_rng(n)
    alike = np.full(n, 0.505)
    mixed = rng.random(n)
    in_blocks = np.where(np.arange(n) // 8 % 2, alike, mixed)
    one_apart = alike.copy()
    one_apart[::19] = mixed[::19]
    return alike, np.sort(mixed), in_blocks, one_apart, np.where(np.arange(n) % 2, 0.305, 0.705)


@pytest.mark.parametrize("label_dtype", [np.bool_, np.int32, np.int64, np.float64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [7, 8, 63, 64, 65, 136, 1000, 2600])
def test_small_batches_of_scores_alike(kernels, n, dtype, label_dtype):
    """Groups of samples that fall into one bin are counted in one step."""
    labels = (np.random.default_rng(0).random(n) < 0.3).astype(label_dtype)
    for scores in hard_scores(n):
        scores = scores.astype(dtype)
        expected = reference.AUCHistogram().update(labels, scores).to_bytes()
        assert kernels.AUCHistogram().update(labels, scores).to_bytes() == expected
        assert kernels.AUCHistogram(range=(0.0, 1e300)).update(labels, scores * 0).n_negative == (labels == 0).sum()


@pytest.mark.parametrize("label_dtype", [np.uint8, np.int32, np.int64, np.float64])
@pytest.mark.parametrize("place", [0, 64, 1023, 1024, 2050, 2599])
def test_a_bad_sample_among_scores_alike_leaves_no_trace(kernels, place, label_dtype):
    labels = (np.random.default_rng(0).random(2600) < 0.3).astype(label_dtype)
    for scores in hard_scores(len(labels)):
        histogram = kernels.AUCHistogram().update(labels, scores)
        before = histogram.to_bytes()
        wrong, wrong_labels = scores.copy(), labels.copy()
        wrong[place], wrong_labels[place] = 1.25, 3
        with pytest.raises(ValueError, match=rf"scores\[{place}\]: expected a number from 0 to 1, got 1.25"):
            histogram.update(labels, wrong)
        with pytest.raises(ValueError, match=rf"labels\[{place}\]: expected 0 or 1, got 3"):
            histogram.update(wrong_labels, scores)
        assert histogram.to_bytes() == before


def test_an_update_before_the_constructor_is_an_error(impl):
    with pytest.raises(AttributeError):
        impl.AUCHistogram.__new__(impl.AUCHistogram).update([0, 1], [0.1, 0.2])
    with pytest.raises((AttributeError, TypeError)):
        impl.AUCHistogram.update(3, np.array([False, True]), np.array([0.1, 0.2]))


@pytest.mark.parametrize("label_dtype", [np.bool_, np.uint8, np.int64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("place", [0, 7, 126, 127, 128, 255, 256, 700, 991, 992, 999])
def test_a_bad_sample_in_a_small_batch_leaves_no_trace(kernels, place, dtype, label_dtype):
    """Small batches are counted straight into the state, step by step, and taken back."""
    labels, scores = samples(1000)
    labels, scores = labels.astype(label_dtype), scores.astype(dtype)
    histogram = kernels.AUCHistogram().update(labels, scores)
    assert histogram.to_bytes() == reference.AUCHistogram().update(labels, scores).to_bytes()
    before = histogram.to_bytes()
    wrong = scores.copy()
    wrong[place] = np.nan
    with pytest.raises(ValueError, match=rf"scores\[{place}\]: expected a number from 0 to 1, got nan"):
        histogram.update(labels, wrong)
    assert histogram.to_bytes() == before
    if label_dtype is not np.bool_:
        labels[place] = 2
        with pytest.raises(ValueError, match=rf"labels\[{place}\]: expected 0 or 1, got 2"):
            histogram.update(labels, scores)
        assert histogram.to_bytes() == before


def test_bad_input(impl):
    for keywords in ({"n_bins": 0}, {"n_bins": 2**26 + 1}, {"range": (1, 0)}, {"range": (0, math.nan)}):
        name = next(iter(keywords))
        with pytest.raises(ValueError, match=f"{name}: expected "):
            impl.AUCHistogram(**keywords)
    histogram = impl.AUCHistogram(10)
    for function in (histogram.auc, histogram.bounds, histogram.roc_curve):
        with pytest.raises(ValueError, match="labels: expected both classes, got 0 positive and 0 negative"):
            function()
    assert math.isnan(histogram.auc("nan"))
    with pytest.raises(ValueError, match="other: expected 10 bins"):
        histogram.merge(impl.AUCHistogram(11))
    with pytest.raises(ValueError, match="other: expected 10 bins"):
        histogram + impl.AUCHistogram(10, range=(0, 2))
    with pytest.raises(TypeError, match="other: expected an AUCHistogram, got int"):
        histogram.merge(3)
    with pytest.raises(TypeError, match="unsupported operand"):
        histogram + 3
