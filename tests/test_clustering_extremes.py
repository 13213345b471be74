"""Clustering at the limits of its contract: every magnitude, NaN anywhere, rows without direction or weight."""

import sys
import textwrap

import numpy as np
import pytest
from fresh import in_fresh_process
from hypothesis import given
from hypothesis import strategies as st

from fastgeo import reference
from fastgeo.testing import assert_same_answer

FLOATS = [np.float32, np.float64]

# The largest legal magnitude and the smallest there is, as exponents of 2.
LIMIT = {np.float32: 50, np.float64: 240}
SMALLEST = {np.float32: -149, np.float64: -1074}


def scales(dtype):
    """Powers of two over the whole contract."""
    low, high = SMALLEST[dtype], LIMIT[dtype] - 7
    return sorted({low, low + 9, low + 24, low + 40, -low // -2, *range(low + 60, high, (high - low) // 12), high})


def whole_cloud(n, d, dtype, seed=0):
    """Whole numbers to ±127 without structure: a power of two scales them exactly, down to the smallest subnormal."""
    return np.random.default_rng(seed).integers(-127, 128, (n, d)).astype(dtype)


def brute_force(X, centroids, metric="euclidean"):
    """Distances of all points from all centroids by float64 alone: rows are brought to a magnitude of 1 first."""
    X, centroids = (rows.astype(np.float64) for rows in (X, centroids))
    if metric == "cosine":
        X, centroids = unit(X), unit(centroids)
        D = np.square(X[:, None] - centroids).sum(axis=-1) / 2
        return np.where(X.any(axis=1)[:, None] & centroids.any(axis=1), D, 1)
    exponent = -int(np.frexp(max(np.abs(X).max(initial=0), np.abs(centroids).max(initial=0)))[1])
    if metric == "iou":
        X, centroids = (ldexp(rows, exponent)[:, None] for rows in (X, centroids))
        centroids = centroids[:, 0][None]
        common = np.minimum(X, centroids).prod(axis=-1)
        total = X.prod(axis=-1) + centroids.prod(axis=-1) - common
        return 1 - np.divide(common, total, where=total > 0, out=np.zeros_like(total))
    D = np.square(ldexp(X, exponent)[:, None] - ldexp(centroids, exponent)).sum(axis=-1)
    return ldexp(np.sqrt(D), -exponent)


def ldexp(rows, exponent):
    """rows * 2**exponent in float64, in two steps that cannot overflow on their own."""
    return np.ldexp(np.ldexp(np.asarray(rows, np.float64), exponent // 2), exponent - exponent // 2)


def assert_scaled(actual, expected):
    """Equal, but that subnormal numbers may be rounded twice."""
    assert actual.dtype == expected.dtype
    np.testing.assert_allclose(actual, expected, rtol=0, atol=np.finfo(actual.dtype).smallest_subnormal)


def unit(rows):
    largest = np.abs(rows).max(axis=1, keepdims=True)
    rows = ldexp(rows, -np.frexp(largest)[1])
    lengths = np.sqrt(np.square(rows).sum(axis=1, keepdims=True))
    return rows / np.where(lengths > 0, lengths, 1)


# Every magnitude


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("n", "d", "k"), [(300, 7, 20), (500, 16, 30), (300, 70, 6)])
def test_kmeans_at_every_scale(impl, dtype, n, d, k):
    """Scaled by a power of two, points have the same labels, and centroids and inertia scale along."""
    X = whole_cloud(n, d, dtype)
    plain = impl.kmeans(X, k, init=X[:k], max_iter=20)
    for exponent in scales(dtype):
        Y = ldexp(X, exponent).astype(dtype)
        scaled = impl.kmeans(Y, k, init=Y[:k], max_iter=20)
        if exponent > SMALLEST[dtype] + 30:  # centroids keep all their bits
            assert_same_answer(scaled.labels, plain.labels)
            assert scaled.n_iter == plain.n_iter
            assert_same_answer(scaled.centroids, ldexp(plain.centroids, exponent).astype(dtype))
        assert scaled.inertia == pytest.approx(float(ldexp(np.float64(plain.inertia), 2 * exponent)), rel=0.02)
        np.testing.assert_array_equal(scaled.labels, brute_force(Y, scaled.centroids).argmin(axis=1))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("metric", ["euclidean", "cosine", "iou"])
def test_assign_at_every_scale(impl, dtype, metric):
    d = 2 if metric == "iou" else 9
    X, centroids = whole_cloud(200, d, dtype), whole_cloud(12, d, dtype, seed=1)
    if metric == "iou":
        X, centroids = np.abs(X), np.abs(centroids)
    labels, distances = impl.assign(X, centroids, metric=metric)
    for exponent in scales(dtype):
        Y, scaled = (ldexp(rows, exponent).astype(dtype) for rows in (X, centroids))
        actual = impl.assign(Y, scaled, metric=metric)
        np.testing.assert_array_equal(actual[0], labels)
        expected = ldexp(distances, exponent).astype(dtype) if metric == "euclidean" else distances
        assert_scaled(actual[1], expected)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("metric", ["euclidean", "cosine", "iou"])
def test_sums_and_inertia_are_the_references_at_every_scale(kernels, dtype, metric):
    d = 2 if metric == "iou" else 5
    X = whole_cloud(150, d, dtype)
    X = np.abs(X) if metric == "iou" else X
    for exponent in scales(dtype):
        Y = ldexp(X, exponent).astype(dtype)
        actual, expected = (f.kmeans(Y, 7, init=Y[:7], max_iter=3, metric=metric) for f in (kernels, reference))
        assert_same_answer(tuple(actual), tuple(expected))


@pytest.mark.parametrize("dtype", FLOATS)
def test_plusplus_at_every_scale(impl, dtype):
    X = whole_cloud(300, 3, dtype)
    _, indices = impl.kmeans_plusplus(X, 20, seed=3)
    for exponent in scales(dtype):
        Y = ldexp(X, exponent).astype(dtype)
        centroids, actual = impl.kmeans_plusplus(Y, 20, seed=3)
        assert_same_answer(actual, indices)
        assert_same_answer(centroids, Y[indices])


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("kind", ["euclidean", "sqeuclidean", "cosine"])
@pytest.mark.parametrize("d", [5, 40])
def test_pairwise_at_every_scale(impl, dtype, kind, d):
    X, Y = whole_cloud(20, d, dtype), whole_cloud(30, d, dtype, seed=1)
    plain = impl.pairwise_distance(X, Y, kind=kind)
    power = {"euclidean": 1, "sqeuclidean": 2, "cosine": 0}[kind]
    for exponent in scales(dtype):
        actual = impl.pairwise_distance(*(ldexp(rows, exponent).astype(dtype) for rows in (X, Y)), kind=kind)
        assert_scaled(actual, ldexp(plain, power * exponent).astype(dtype))


@pytest.mark.parametrize("dtype", FLOATS)
def test_cosine_of_rows_of_all_magnitudes(impl, dtype):
    """Beside each other, so that no common factor serves them."""
    directions = whole_cloud(120, 6, dtype)
    rng = np.random.default_rng(1)
    X = np.stack([ldexp(row, int(e)) for row, e in zip(directions, rng.choice(scales(dtype), 120), strict=True)])
    X = X.astype(dtype)
    expected = impl.assign(directions, directions[:9], metric="cosine")
    assert_same_answer(impl.assign(X, X[:9], metric="cosine"), expected)
    assert_same_answer(
        impl.pairwise_distance(X, X, kind="cosine"), impl.pairwise_distance(directions, directions, kind="cosine")
    )
    actual, plain = (impl.kmeans(rows, 9, init=rows[:9], metric="cosine") for rows in (X, directions))
    assert_same_answer(tuple(actual), tuple(plain))


def test_cosine_of_equal_tiny_rows(impl):
    """1 / length is beyond float32."""
    X = np.full((300, 129), 1e-40, np.float32)
    result = impl.kmeans(X, 8, metric="cosine", init="random", seed=0)
    assert not result.labels.any() and result.inertia < 1e-12
    np.testing.assert_allclose(result.centroids, 129**-0.5, rtol=1e-6)
    assert (impl.assign(X, X[:3], metric="cosine")[1] < 1e-6).all()
    assert (np.abs(impl.pairwise_distance(X[:3], X[:4], kind="cosine")) < 1e-6).all()
    double = np.full((5, 3), 1e-170)
    assert (impl.assign(double, double[:2], metric="cosine")[1] < 1e-15).all()


def test_lower_bounds_that_overflow_float32_are_no_bounds(impl):
    """Points far beyond float32 whose nearest centroid changes after their bounds were set."""
    X = np.random.default_rng(0).standard_normal((3000, 4))
    plain, scaled = (impl.kmeans(Y, 64, init=Y[:64]) for Y in (X, X * 2.0**128))
    np.testing.assert_array_equal(plain.labels, scaled.labels)


@pytest.mark.parametrize("ratio", [2.0**30, 2.0**100, 2.0**140, 2.0**300])
def test_two_magnitudes_at_once(kernels, ratio):
    """Groups near the origin and far away: bounds of both kinds, beside centroids that travel between them."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((1500, 16))
    X[::2] *= ratio
    X /= max(1.0, ratio * 2.0**-230)
    actual = kernels.kmeans(X, 30, init=X[:30])
    labels = brute_force(X, actual.centroids).argmin(axis=1)
    np.testing.assert_array_equal(actual.labels, labels)


# NaN and infinity, wherever they stand


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("init", ["k-means++", "random", "rows"])
def test_bad_value_anywhere_is_an_error(init, value):
    """In a process of its own: labels of such points once served as indices."""
    code = """
    import sys
    import numpy as np
    import fastgeo
    init, value = sys.argv[1], float(sys.argv[2])
    for isa in fastgeo.runtime.supported_isas():
        fastgeo.runtime.set_isa(isa)
        for dtype in (np.float32, np.float64):
            for n, d, k in [(3, 1, 2), (300, 16, 5), (2000, 64, 5), (2000, 20, 30), (700, 150, 3), (1200, 2, 40)]:
                for metric in ("euclidean", "cosine") if d != 2 else ("euclidean", "cosine", "iou"):
                    X = np.abs(np.random.default_rng(0).standard_normal((n, d))).astype(dtype)
                    start = X[:k].copy()
                    for place in ((0, 0), (n - 1, d - 1), (n // 2, d // 2)):
                        Y = X.copy()
                        Y[place] = value
                        try:
                            fastgeo.kmeans(Y, k, init=start if init == "rows" else init, seed=0, metric=metric)
                        except ValueError as error:
                            assert str(error).startswith(f"X[{place[0]}, {place[1]}]: expected"), error
                        else:
                            raise AssertionError((isa, dtype, n, d, k, metric, place))
    print("ok")
    """
    assert in_fresh_process(textwrap.dedent(code), init, value).strip() == "ok"


# Rows without direction


@pytest.mark.parametrize("dtype", FLOATS)
def test_zero_rows_and_zero_centroids_literal(impl, dtype):
    X = np.array([[0.26, 0.97], [0, 0], [-1, 0], [-1, -1]], dtype)
    labels, distances = impl.assign(X, np.array([[1, 0], [0, 0]], dtype), metric="cosine")
    # cos 74.5° is nearer than a centroid without direction, whose distance is 1; cos 180° and 135° are not.
    np.testing.assert_array_equal(labels, [0, 0, 1, 1])
    np.testing.assert_allclose(distances, [1 - 0.26 / np.hypot(0.26, 0.97), 1, 1, 1], rtol=1e-6)
    labels, distances = impl.assign(X, np.zeros((2, 2), dtype), metric="cosine")
    np.testing.assert_array_equal(labels, [0] * 4)
    np.testing.assert_array_equal(distances, [1] * 4)
    labels, _ = impl.assign(X, np.array([[0, 0], [0, 0], [1, 0]], dtype), metric="cosine")
    np.testing.assert_array_equal(labels, [2, 0, 0, 0])


def test_inertia_counts_a_zero_row_as_assign_does(impl):
    X = np.array([[1.0, 0], [0, 0], [0, 2], [0, 0]])
    result = impl.kmeans(X, 2, init=[[1.0, 0], [0, 1]], metric="cosine", sample_weight=[1, 1, 1, 3])
    np.testing.assert_array_equal(result.labels, [0, 0, 1, 0])
    assert result.inertia == 4


def test_refilling_hands_out_no_zero_rows(impl):
    # All are nearest to (1, 0), but for the zeros, which have no direction to offer; (1, 1) is farthest.
    X = np.array([[0.0, 0], [1, 0], [1, 0.2], [1, 1], [0, 0]])
    result = impl.kmeans(X, 2, init=[[1.0, 0], [-1, 0]], metric="cosine", max_iter=1)
    np.testing.assert_allclose(result.centroids[1], [0.5**0.5] * 2, rtol=1e-12)


@pytest.mark.parametrize("init", ["k-means++", "random"])
def test_starting_centroids_have_a_direction(impl, init):
    X = np.zeros((50, 3))
    X[20:23] = np.eye(3)
    result = impl.kmeans(X, 3, init=init, metric="cosine", seed=0)
    assert result.centroids.any(axis=1).all() and result.inertia == 47
    none = impl.kmeans(np.zeros((5, 3)), 2, init=init, metric="cosine", seed=0)
    assert none.inertia == 5 and not none.centroids.any()


@given(data=st.data())
def test_cosine_with_zero_rows_is_brute_force(kernels, data):
    dtype = data.draw(st.sampled_from(FLOATS))
    n, d, k = (
        data.draw(st.integers(1, 80)),
        data.draw(st.sampled_from([1, 2, 5, 16, 64])),
        data.draw(st.integers(1, 30)),
    )
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    X, centroids = (rng.integers(-2, 3, (rows, d)).astype(dtype) for rows in (n, k))
    X[rng.random(n) < 0.3] = 0
    centroids[rng.random(k) < data.draw(st.sampled_from([0.0, 0.2, 1.0]))] = 0
    labels, distances = kernels.assign(X, centroids, metric="cosine")
    D = brute_force(X, centroids, "cosine")
    bound = 8 * (d + 8) * np.finfo(dtype).eps
    np.testing.assert_allclose(distances, D.min(axis=1), rtol=bound, atol=bound)
    assert (D[np.arange(n), labels] <= D.min(axis=1) + bound).all()
    assert not labels[~X.any(axis=1)].any()


# Rows without weight, rows that coincide


def test_plusplus_takes_rows_without_weight_last(impl):
    _, indices = impl.kmeans_plusplus([[0.0], [1], [2]], 3, sample_weight=[0, 0, 1], seed=0)
    np.testing.assert_array_equal(indices, [2, 0, 1])
    _, indices = impl.kmeans_plusplus(np.ones((5, 1)), 5, sample_weight=[0, 1, 0, 1, 0], seed=0)
    assert set(indices[:2]) == {1, 3} and indices[2:].tolist() == [0, 2, 4]


@pytest.mark.parametrize("init", ["k-means++", "random"])
def test_kmeans_starts_from_different_rows_without_weight(impl, init):
    result = impl.kmeans([[0.0], [1], [2]], 3, init=init, sample_weight=[0, 0, 1], seed=0)
    assert sorted(result.centroids.ravel()) == [0, 1, 2]


@given(n=st.integers(1, 40), k=st.integers(1, 40), seed=st.integers(0, 999))
def test_plusplus_never_takes_a_row_twice(kernels, n, k, seed):
    rng = np.random.default_rng(seed)
    k = min(n, k)
    X, weights = rng.integers(0, 3, (n, 1)).astype(float), rng.integers(0, 2, n) + (np.arange(n) == n // 2)
    indices = kernels.kmeans_plusplus(X, k, seed=seed, sample_weight=weights)[1]
    assert len(set(indices.tolist())) == k
    assert_same_answer(indices, reference.kmeans_plusplus(X, k, seed=seed, sample_weight=weights)[1])


def test_plusplus_of_equal_points_is_linear(kernels):
    """As many centres as points, which all coincide: 40 000 million steps would not end in the time of a test."""
    indices = kernels.kmeans_plusplus(np.zeros((200_000, 1)), 200_000, seed=0)[1]
    np.testing.assert_array_equal(np.sort(indices), np.arange(200_000))


@given(
    n=st.integers(1, 60), k=st.integers(1, 20), seed=st.integers(0, 999), metric=st.sampled_from(["euclidean", "iou"])
)
def test_refilling_is_the_references(kernels, n, k, seed, metric):
    """Many empty clusters, many equal distances, weights of 0: points go out one after the other."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 4, (n, 2)).astype(np.float32)
    k = min(n, k)
    weights = rng.integers(0, 3, n) + (np.arange(n) == n // 2) if seed % 2 else None
    start = np.repeat(X[:1], k, axis=0)
    for max_iter in (1, 5):
        actual, expected = (
            f.kmeans(X, k, init=start, max_iter=max_iter, metric=metric, sample_weight=weights)
            for f in (kernels, reference)
        )
        assert_same_answer(tuple(actual), tuple(expected))


def test_refilling_over_many_chunks(kernels, n_threads):
    X = np.random.default_rng(0).integers(0, 300, (9000, 1)).astype(np.float64)
    start = np.zeros((700, 1))
    actual = kernels.kmeans(X, 700, init=start, max_iter=2, n_threads=n_threads)
    assert_same_answer(tuple(actual), tuple(reference.kmeans(X, 700, init=start, max_iter=2)))


# The environment of the caller


@pytest.mark.skipif(sys.platform != "linux", reason="sets the rounding mode through glibc")
@pytest.mark.parametrize("mode", [0x400, 0x800, 0xC00])
def test_rounding_mode_of_the_caller_changes_nothing(mode):
    code = f"""
    import ctypes
    import numpy as np
    import fastgeo
    libm = ctypes.CDLL("libm.so.6")
    rng = np.random.default_rng(0)
    clouds = [(rng.standard_normal((n, d)).astype(dtype), k)
              for dtype in (np.float32, np.float64) for n, d, k in [(700, 9, 6), (9000, 3, 5)]]
    def answers():
        found = []
        for X, k in clouds:
                n = len(X)
                weights = (np.arange(n) % 7).astype(float)
                found += [list(fastgeo.kmeans(X, k, seed=1, max_iter=4, metric=m, sample_weight=w))
                          for m in ("euclidean", "cosine") for w in (None, weights)]
                found += [fastgeo.assign(X, X[:k], metric=m) for m in ("euclidean", "cosine")]
                found += [fastgeo.pairwise_distance(X[:50], X[:60], kind=m) for m in ("euclidean", "cosine")]
                found += [fastgeo.kmeans_plusplus(X, k, seed=2)]
                a, b = (fastgeo.StreamingKMeans(k, seed=s, decay=0.7) for s in (0, 1))
                for model in (a, b):
                    model.partial_fit(X[:50]).partial_fit(X[50:])
                a.merge(b)
                found += [[a.centroids, a.weights, a.predict(X)]]
        return [np.asarray(part).tobytes() for answer in found for part in answer]
    expected = answers()
    libm.fesetround({mode})
    actual = answers()
    assert libm.fegetround() == {mode}
    libm.fesetround(0)
    print([i for i, pair in enumerate(zip(actual, expected)) if pair[0] != pair[1]])
    """
    assert in_fresh_process(textwrap.dedent(code)).strip() == "[]"


# Streaming: a call that fails leaves the model as it was


@pytest.mark.one_isa_at_a_time
def test_failed_merge_loses_nothing(impl):
    waiting = impl.StreamingKMeans(3, seed=0).partial_fit([[1.0, 2.0]])
    narrow = impl.StreamingKMeans(1, seed=0).partial_fit([[1.0]])
    with pytest.raises(ValueError, match=r"^other: expected shape \(n, 2\), got \(1, 1\)$"):
        waiting.merge(narrow)
    assert waiting.partial_fit([[3.0, 4.0], [5.0, 6.0]]).weights.sum() == 3
    few = impl.StreamingKMeans(2, seed=0).partial_fit([[1.0, 2.0], [5.0, 6.0]])
    waiting = impl.StreamingKMeans(3, seed=0).partial_fit([[1.0, 2.0]])
    with pytest.raises(ValueError, match=r"^other: expected at least 3 centroids, got 2$"):
        waiting.merge(few)
    assert waiting.partial_fit([[3.0, 4.0], [5.0, 6.0]]).weights.sum() == 3


@pytest.mark.parametrize("ready", [True, False])
@pytest.mark.one_isa_at_a_time
def test_merge_names_its_parameter(impl, ready):
    """Waiting points and centroids of the other model, that do not fit."""
    model = impl.StreamingKMeans(2, seed=0).partial_fit(np.float32([[1.0, 2.0], [3.0, 4.0]][: 1 + ready]))
    for other in ([[1.0]], [[1.0], [2.0]]):
        with pytest.raises(ValueError, match=r"^other: expected shape"):
            model.merge(impl.StreamingKMeans(2, seed=0).partial_fit(other))
    for other in ([[1e60, 0]], [[1e60, 0], [1.0, 0]]):
        with pytest.raises(ValueError, match=r"^other\[., 0\]: expected a finite number of magnitude at most 2\*\*50"):
            model.merge(impl.StreamingKMeans(2, seed=0).partial_fit(other))
    assert model.partial_fit([[3.0, 4.0]]).weights.sum() == 2 + ready


@pytest.mark.one_isa_at_a_time
def test_failed_batch_loses_nothing(impl, monkeypatch):
    model = impl.StreamingKMeans(2, seed=0).partial_fit([[1.0]])

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(type(model), "_kmeans", staticmethod(interrupted))
    with pytest.raises(KeyboardInterrupt):
        model.partial_fit([[2.0]])
    monkeypatch.undo()
    assert model.partial_fit([[2.0]]).weights.sum() == 2


# Bad input: of several bad arguments the first of the signature is named


X0 = np.arange(8.0).reshape(4, 2)
NAN = np.full((4, 2), np.nan)
SEVERAL_BAD = [
    (lambda f: f.kmeans(NAN, 99, init="best"), r"X\[0, 0\]"),
    (lambda f: f.kmeans(X0, 99, init="best"), "k: "),
    (lambda f: f.kmeans(X0, 2, init="best", n_init=0), "init: "),
    (lambda f: f.kmeans(X0, 2, init=NAN[:2], n_init=0), r"init\[0, 0\]"),
    (lambda f: f.kmeans(X0, 2, n_init=0, max_iter=0), "n_init: "),
    (lambda f: f.kmeans(X0, 2, max_iter=0, tol=-1), "max_iter: "),
    (lambda f: f.kmeans(X0, 2, tol=-1, metric="l1"), "tol: "),
    (lambda f: f.kmeans(X0, 2, metric="l1", sample_weight=[1]), "metric: "),
    (lambda f: f.kmeans(-X0, 2, metric="iou", sample_weight=[1]), r"X\[0, 1\]"),
    (lambda f: f.kmeans(X0, 2, sample_weight=[1], seed=-1), "sample_weight: "),
    (lambda f: f.kmeans(X0, 2, seed=-1, n_threads=0), "seed: "),
    (lambda f: f.kmeans(X0, 2, n_threads=0, progress=3), "n_threads: "),
    (lambda f: f.assign(NAN, NAN, metric="l1"), r"X\[0, 0\]"),
    (lambda f: f.assign(X0, NAN, metric="l1"), r"centroids\[0, 0\]"),
    (lambda f: f.assign(X0, X0, metric="l1", n_threads=0), "metric: "),
    (lambda f: f.assign(X0, -X0, metric="iou", n_threads=0), r"centroids\[0, 1\]"),
    (lambda f: f.kmeans_plusplus(NAN, 99), r"X\[0, 0\]"),
    (lambda f: f.kmeans_plusplus(X0, 99, seed=-1), "k: "),
    (lambda f: f.kmeans_plusplus(X0, 2, seed=-1, sample_weight=[1]), "seed: "),
    (lambda f: f.kmeans_plusplus(X0, 2, sample_weight=[1], n_threads=0), "sample_weight: "),
    (lambda f: f.pairwise_distance(NAN, NAN, kind="l1"), r"X\[0, 0\]"),
    (lambda f: f.pairwise_distance(X0, NAN, kind="l1"), r"Y\[0, 0\]"),
    (lambda f: f.pairwise_distance(X0, X0, kind="l1", out=3), "kind: "),
    (lambda f: f.pairwise_distance(X0, X0, out=3, n_threads=0), "out: "),
    (lambda f: f.StreamingKMeans(0, seed=-1, decay=2), "k: "),
    (lambda f: f.StreamingKMeans(1, seed=-1, decay=2), "seed: "),
]


@pytest.mark.parametrize(("call", "message"), SEVERAL_BAD)
def test_first_bad_argument_is_named(impl, call, message):
    with pytest.raises((ValueError, TypeError), match="^" + message) as caught:
        call(impl)
    with pytest.raises(type(caught.value)) as expected:
        call(reference)
    assert str(caught.value) == str(expected.value)
