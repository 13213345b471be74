"""The clustering family: literals worked by hand, properties, bad input, the same as scikit-learn."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
from cases import layouts
from points import FLOATS, METRICS, blobs, clearly_labelled, cloud

from fastgeo import reference
from fastgeo.testing import assert_same_answer

# Literals


@pytest.mark.parametrize("dtype", FLOATS)
def test_kmeans_literal(impl, dtype):
    # From 0 and 1 on a line: labels 0 | 1 1 1, means 0 and (1 + 9 + 10)/3 = 20/3; then 0 1 | 9 10, means 0.5 and 9.5;
    # then nothing changes. Inertia 4 · 0.5². The third assignment finds the labels settled.
    X = np.array([[0], [1], [9], [10]], dtype)
    result = impl.kmeans(X, 2, init=[[0], [1]])
    assert_same_answer(result.centroids, np.array([[0.5], [9.5]], dtype))
    assert_same_answer(result.labels, np.array([0, 0, 1, 1], np.int32))
    assert (result.inertia, result.n_iter, result.converged) == (1.0, 3, True)
    assert_same_answer(result.predict(np.array([[-5], [7]], dtype)), np.array([0, 1], np.int32))


def test_one_iteration_labels_belong_to_the_centroids(impl):
    # One iteration moves the centroids to 0 and 20/3; of those, 1 is nearer to 0.
    result = impl.kmeans([[0.0], [1], [9], [10]], 2, init=[[0], [1]], max_iter=1)
    np.testing.assert_array_equal(result.labels, [0, 0, 1, 1])
    assert result.n_iter == 1 and not result.converged


def test_tolerance_literal(impl):
    # The first shift is 0² + (20/3 - 1)² = 289/9 = 32.1.
    X, start = [[0.0], [1], [9], [10]], [[0], [1]]
    assert impl.kmeans(X, 2, init=start, tol=32.2).n_iter == 1
    assert impl.kmeans(X, 2, init=start, tol=32.2).converged
    assert impl.kmeans(X, 2, init=start, tol=32.0).n_iter > 1


def test_sample_weight_literal(impl):
    # 0 with weight 3 and 1 with weight 1: mean 1/4, inertia 3/16 + 9/16.
    result = impl.kmeans([[0.0], [1]], 1, sample_weight=[3, 1], seed=0)
    assert result.centroids[0, 0] == 0.25 and result.inertia == 0.75


def test_empty_cluster_literal(impl):
    # All points are nearest to 0; the empty cluster takes 10, the farthest. Means 11/4 and 10; 6 is nearer to 11/4.
    X = np.array([[0.0], [1], [4], [6], [10]])
    result = impl.kmeans(X, 2, init=[[0.0], [1000.0]])
    np.testing.assert_array_equal(result.labels, [0, 0, 0, 0, 1])
    np.testing.assert_array_equal(result.centroids, [[2.75], [10]])


def test_cluster_that_stays_empty_keeps_its_centroid_literal(impl):
    moved = []
    result = impl.kmeans([[2.0], [3.0]], 2, init=[[2.0], [30.0]], max_iter=1, progress=lambda *s: moved.append(s))
    # 3 lies off its centroid and fills cluster 1, whose centroid moves by 27.
    np.testing.assert_array_equal(result.centroids, [[2], [3]])
    assert moved[0][2] == 27.0**2
    # Here nothing can fill it, every point lies on a centroid: 30 stays.
    result = impl.kmeans([[2.0], [2.0]], 2, init=[[2.0], [30.0]], progress=lambda *s: moved.append(s))
    np.testing.assert_array_equal(result.centroids, [[2], [30]])
    assert moved[1][2] == 0


def test_empty_clusters_take_distinct_points(impl):
    X = np.array([[0.0], [0.0], [5.0], [7.0]])
    result = impl.kmeans(X, 3, init=[[0.0], [100.0], [200.0]], max_iter=1)
    # 7 is farthest and fills cluster 1, then 5 fills cluster 2.
    np.testing.assert_array_equal(result.centroids, [[0], [7], [5]])


def test_cosine_literal(impl):
    # Directions 0°, 90° whatever the length; (1, 1) is as near to both: the lower index.
    labels, distances = impl.assign([[5.0, 0], [0, 0.1], [1, 1], [0, 0]], [[2.0, 0], [0, 3]], metric="cosine")
    np.testing.assert_array_equal(labels, [0, 1, 0, 0])
    np.testing.assert_allclose(distances, [0, 0, 1 - np.sqrt(0.5), 1], atol=1e-15)
    result = impl.kmeans([[1.0, 0], [10, 0], [0, 1], [0, 7]], 2, metric="cosine", init=[[1.0, 0], [0, 1]])
    np.testing.assert_array_equal(result.centroids, [[1, 0], [0, 1]])
    assert result.inertia == 0


def test_iou_literal(impl):
    # 10×10 against 10×20: common 100, union 200; against 20×10 the same. 20×20 against 10×20: 200 / 400.
    labels, distances = impl.assign([[10.0, 10], [20, 20], [10, 20]], [[10.0, 20], [20, 10]], metric="iou")
    np.testing.assert_array_equal(labels, [0, 0, 0])
    np.testing.assert_array_equal(distances, [0.5, 0.5, 0])
    result = impl.kmeans([[10.0, 10], [12, 10], [50, 50]], 2, metric="iou", init=[[10.0, 10], [50, 50]])
    # Means 11×10 and 50×50; IoU 100/110, 110/120 and 1.
    np.testing.assert_array_equal(result.centroids, [[11, 10], [50, 50]])
    assert result.inertia == pytest.approx(3 - (100 / 110 + 110 / 120 + 1), abs=1e-15)


def test_mean_best_iou(impl):
    # The sizes of the literal above: 1 - inertia / n is the mean of each size's IoU with its own anchor.
    X = [[10.0, 10], [12, 10], [50, 50]]
    result = impl.kmeans(X, 2, metric="iou", init=[[10.0, 10], [50, 50]])
    ious = 1 - impl.assign(X, result.centroids, metric="iou")[1]
    assert 1 - result.inertia / len(X) == pytest.approx(ious.mean(), abs=1e-15)
    assert ious.mean() == pytest.approx((100 / 110 + 110 / 120 + 1) / 3, abs=1e-15)


def test_plusplus_literals(impl):
    # Two places, two centres: the second draw can only take the place not chosen yet.
    centroids, indices = impl.kmeans_plusplus([[0.0], [0.0], [5.0]], 2, seed=4)
    assert sorted(centroids.ravel()) == [0, 5] and indices.dtype == np.int64
    # All points coincide: after the first, the lowest unused rows.
    _, indices = impl.kmeans_plusplus(np.ones((4, 2)), 4, seed=0)
    assert sorted(indices) == [0, 1, 2, 3]
    # Weight 0 is never drawn.
    _, indices = impl.kmeans_plusplus([[0.0], [1], [2]], 2, seed=1, sample_weight=[1, 0, 1])
    assert sorted(indices) == [0, 2]


# Properties


@pytest.mark.parametrize(("dtype", "offset"), [(np.float32, 1e6), (np.float64, 1e12)])
@pytest.mark.parametrize("d", [2, 3, 24])
def test_far_from_the_origin(impl, dtype, offset, d):
    X, centroids = cloud(500, d, dtype, offset=offset), cloud(9, d, dtype, seed=1, offset=offset)
    exact = ((X[:, None].astype(np.longdouble) - centroids[None]) ** 2).sum(axis=-1)
    labels, distances = impl.assign(X, centroids)
    clear = clearly_labelled(X - X[0], centroids - X[0], "euclidean", (d + 8) * np.finfo(dtype).eps * 4)
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(labels[clear], exact.argmin(axis=1)[clear])
    np.testing.assert_allclose(distances, np.sqrt(exact.min(axis=1)).astype(dtype), rtol=(d + 8) * np.finfo(dtype).eps)


@pytest.mark.parametrize(("dtype", "offset"), [(np.float32, 1e6), (np.float64, 1e12)])
@pytest.mark.parametrize(("n", "d", "copies", "k"), [(400, 3, 1, 12), (900, 16, 1, 30), (600, 20, 2, 9)])
def test_whole_run_far_from_the_origin(kernels, dtype, offset, n, d, copies, k):
    """The reference's labels, centroids and inertia, where the last bits of a value are 1/16 of a group or more."""
    X, groups = blobs(n, d, k, dtype, offset=offset)
    X = np.tile(X, (1, copies))
    start = X[:k]  # one of each group
    actual, expected = (f.kmeans(X, k, init=start) for f in (kernels, reference))
    assert_same_answer(tuple(actual), tuple(expected))
    np.testing.assert_array_equal(actual.labels, groups)


@pytest.mark.parametrize("metric", METRICS)
def test_labels_belong_to_the_centroids(impl, metric):
    X = cloud(400, 2, np.float32, metric=metric)
    for max_iter in (1, 2, 5, 300):
        result = impl.kmeans(X, 8, seed=1, max_iter=max_iter, metric=metric)
        np.testing.assert_array_equal(result.labels, impl.assign(X, result.centroids, metric=metric)[0])
        np.testing.assert_array_equal(result.labels, result.predict(X))


def test_inertia_never_rises(impl):
    seen = []
    result = impl.kmeans(
        cloud(600, 3), 12, seed=2, progress=lambda iteration, inertia, shift: seen.append((iteration, inertia, shift))
    )
    assert [iteration for iteration, _, _ in seen] == list(range(1, len(seen) + 1))
    inertias = [inertia for _, inertia, _ in seen] + [result.inertia]
    assert all(a >= b for a, b in pairwise(inertias))
    assert all(shift > 0 for _, _, shift in seen[:-1])


def test_weight_two_is_the_point_twice(impl):
    X = cloud(120, 3)
    weights = 1 + np.arange(120) % 2
    weighted = impl.kmeans(X, 6, init=X[:6], sample_weight=weights)
    repeated = impl.kmeans(np.repeat(X, weights, axis=0), 6, init=X[:6])
    np.testing.assert_array_equal(np.repeat(weighted.labels, weights), repeated.labels)
    np.testing.assert_allclose(weighted.centroids, repeated.centroids, rtol=1e-12, atol=1e-12)
    assert weighted.inertia == pytest.approx(repeated.inertia, rel=1e-12)


def test_best_of_several_starts(impl):
    X = cloud(200, 2)
    several = impl.kmeans(X, 10, n_init=5, init="random", seed=0)
    rng = np.random.default_rng(0)
    each = [impl.kmeans(X, 10, init="random", seed=rng).inertia for _ in range(5)]
    assert several.inertia == min(each) < max(each)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_duplicates(impl, k):
    result = impl.kmeans(np.full((5, 2), 3.0), k, seed=0)
    assert result.inertia == 0 and result.converged
    np.testing.assert_array_equal(result.centroids, np.full((k, 2), 3.0))


def test_as_many_clusters_as_points(impl):
    X = cloud(9, 2)
    result = impl.kmeans(X, 9, seed=0)
    assert result.inertia == 0 and sorted(result.labels) == list(range(9))


def test_zero_weights_leave_no_nan(impl):
    result = impl.kmeans(cloud(6, 2), 4, seed=0, sample_weight=[1, 0, 0, 0, 0, 0])
    assert np.isfinite(result.centroids).all()


def test_near_zero_distances_are_accurate(impl):
    X = np.array([[1.0, 1.0], [1e8, -1e8]])
    Y = np.nextafter(X, np.inf)
    actual = impl.pairwise_distance(X, Y)
    np.testing.assert_array_equal(np.diag(actual), np.sqrt(np.square(Y - X).sum(axis=1)))


def test_result_can_be_pickled(impl):
    result = impl.kmeans(cloud(50, 2, metric="iou"), 3, seed=0, metric="iou")
    back = pickle.loads(pickle.dumps(result))
    np.testing.assert_array_equal(
        back.predict(cloud(20, 2, seed=2, metric="iou")), result.predict(cloud(20, 2, seed=2, metric="iou"))
    )


def test_memory_layouts(impl):
    X, centroids = cloud(20, 3), cloud(4, 3, seed=1)
    expected = impl.assign(X, centroids)
    for label, other in layouts(X):
        assert_same_answer(impl.assign(other, centroids), expected), label
        assert_same_answer(impl.pairwise_distance(other, centroids), impl.pairwise_distance(X, centroids))
        assert_same_answer(impl.kmeans_plusplus(other, 3, seed=0), impl.kmeans_plusplus(X, 3, seed=0))
        assert_same_answer(tuple(impl.kmeans(other, 3, seed=0)), tuple(impl.kmeans(X, 3, seed=0)))
    for label, other in layouts(centroids):
        assert_same_answer(impl.assign(X, other), expected), label


def test_types(impl):
    for given_type, result_type in [(np.float16, np.float32), (np.int32, np.float64), (bool, np.float64)]:
        X = np.array([[0, 0], [1, 1], [0, 1]], given_type)
        assert impl.kmeans(X, 2, seed=0).centroids.dtype == result_type
        assert impl.assign(X, X)[1].dtype == result_type
        assert impl.pairwise_distance(X, X).dtype == result_type
    mixed = impl.assign(np.zeros((2, 1), np.float32), np.zeros((1, 1)))
    assert mixed[1].dtype == np.float64


# Bad input: the same exception from reference and kernel


def test_empty_input(impl):
    labels, distances = impl.assign([], [[1.0, 2.0]])
    assert_same_answer(labels, np.zeros(0, np.int32))
    assert distances.shape == (0,)
    assert impl.pairwise_distance(np.zeros((0, 2)), np.zeros((3, 2))).shape == (0, 3)
    assert impl.pairwise_distance([], [[1.0, 2.0]]).shape == (0, 1)


NAN = np.array([[0.0, 0], [1, 1], [2, np.nan]])

GOOD = np.arange(8.0).reshape(4, 2)

BAD_CALLS = [
    (
        lambda f: f.kmeans(NAN, 2),
        ValueError,
        r"X\[2, 1\]: expected a finite number of magnitude at most 2\*\*240, got nan",
    ),
    (lambda f: f.kmeans(np.float32([[np.inf]]), 1), ValueError, r"X\[0, 0\]: expected a finite .* 2\*\*50, got inf"),
    (lambda f: f.kmeans([[1e80]], 1), ValueError, r"X\[0, 0\]: expected a finite number"),
    (lambda f: f.assign(NAN, GOOD), ValueError, r"X\[2, 1\]"),
    (lambda f: f.assign(GOOD, NAN), ValueError, r"centroids\[2, 1\]"),
    (lambda f: f.kmeans_plusplus(NAN, 2), ValueError, r"X\[2, 1\]"),
    (lambda f: f.pairwise_distance(GOOD, NAN), ValueError, r"Y\[2, 1\]"),
    (lambda f: f.StreamingKMeans(2).partial_fit(NAN), ValueError, r"X\[2, 1\]"),
    (
        lambda f: f.kmeans([[1.0, -1.0]], 1, metric="iou"),
        ValueError,
        r"X\[0, 1\]: expected a size from 0 to 2\*\*240, got -1.0",
    ),
    (lambda f: f.assign(GOOD, [[-1.0, 1]], metric="iou"), ValueError, r"centroids\[0, 0\]: expected a size"),
    (lambda f: f.kmeans(np.ones((3, 3)), 1, metric="iou"), ValueError, r"X: expected shape \(n, 2\), got \(3, 3\)"),
    (lambda f: f.kmeans(GOOD, 5), ValueError, "k: expected an integer from 1 to 4, got 5"),
    (lambda f: f.kmeans(GOOD, 0), ValueError, "k: expected an integer from 1 to 4, got 0"),
    (lambda f: f.kmeans([], 1), ValueError, "k: expected an integer from 1 to 0, got 1"),
    (lambda f: f.kmeans(GOOD, 1.5), TypeError, "k: expected an integer, got 1.5"),
    (lambda f: f.kmeans_plusplus(GOOD, 5), ValueError, "k: expected an integer from 1 to 4, got 5"),
    (lambda f: f.StreamingKMeans(0), ValueError, "k: expected an integer at least 1, got 0"),
    (lambda f: f.StreamingKMeans(1, decay=2), ValueError, "decay: expected a number from 0 to 1, got 2"),
    (lambda f: f.StreamingKMeans(1).merge(3), TypeError, "other: expected a StreamingKMeans, got int"),
    (lambda f: f.StreamingKMeans(1).partial_fit(GOOD).partial_fit([[1.0]]), ValueError, r"X: expected shape \(n, 2\)"),
    (lambda f: f.kmeans(GOOD, 2, n_init=0), ValueError, "n_init: expected an integer at least 1, got 0"),
    (lambda f: f.kmeans(GOOD, 2, max_iter=0), ValueError, "max_iter: expected an integer at least 1, got 0"),
    (lambda f: f.kmeans(GOOD, 2, tol=-1), ValueError, "tol: expected a number from 0 to inf, got -1"),
    (lambda f: f.kmeans(GOOD, 2, tol=np.nan), ValueError, "tol: expected a number from 0 to inf, got nan"),
    (
        lambda f: f.kmeans(GOOD, 2, metric="l1"),
        ValueError,
        "metric: expected one of 'euclidean', 'cosine', 'iou', got 'l1'",
    ),
    (lambda f: f.assign(GOOD, GOOD, metric="l1"), ValueError, "metric: expected one of"),
    (lambda f: f.pairwise_distance(GOOD, GOOD, kind="l1"), ValueError, "kind: expected one of"),
    (lambda f: f.kmeans(GOOD, 2, init="best"), ValueError, "init: expected one of"),
    (lambda f: f.kmeans(GOOD, 2, init=GOOD), ValueError, r"init: expected shape \(2, 2\), got \(4, 2\)"),
    (lambda f: f.kmeans(GOOD, 2, init=NAN[1:]), ValueError, r"init\[1, 1\]"),
    (lambda f: f.kmeans(GOOD, 2, seed=-1), ValueError, "seed: expected an integer at least 0, got -1"),
    (lambda f: f.kmeans(GOOD, 2, seed="x"), TypeError, "seed: expected an integer, got 'x'"),
    (lambda f: f.kmeans(GOOD, 2, progress=3), TypeError, "progress: expected a callable, got int"),
    (lambda f: f.kmeans(GOOD, 2, n_threads=0), ValueError, "n_threads: expected an integer at least 1, got 0"),
    (lambda f: f.assign(GOOD, GOOD, n_threads=0), ValueError, "n_threads: expected an integer at least 1, got 0"),
    (lambda f: f.kmeans(GOOD, 2, sample_weight=[1, 2]), ValueError, "sample_weight: expected length 4, as X, got 2"),
    (lambda f: f.kmeans(GOOD, 2, sample_weight=[1, 2, -1, 0]), ValueError, r"sample_weight\[2\]: expected a weight"),
    (
        lambda f: f.kmeans(GOOD, 2, sample_weight=[1, np.nan, 1, 0]),
        ValueError,
        r"sample_weight\[1\]: expected a weight",
    ),
    (
        lambda f: f.kmeans_plusplus(GOOD, 2, sample_weight=[0] * 4),
        ValueError,
        "sample_weight: expected a positive sum, got 4 zeros",
    ),
    (lambda f: f.kmeans(GOOD.ravel(), 2), ValueError, r"X: expected shape \(n, d\), got \(8,\)"),
    (lambda f: f.kmeans(np.zeros((3, 0)), 2), ValueError, "X: expected at least one column"),
    (lambda f: f.kmeans(GOOD + 1j, 2), TypeError, "X: expected an array of numbers, got dtype complex128"),
    (lambda f: f.assign(GOOD, np.ones((2, 3))), ValueError, r"X: expected shape \(n, 3\), got \(4, 2\)"),
    (lambda f: f.assign(GOOD, np.ones((0, 2))), ValueError, r"centroids: expected at least one row"),
    (lambda f: f.pairwise_distance(GOOD, np.ones((2, 3))), ValueError, r"X: expected shape \(n, 3\), got \(4, 2\)"),
    (
        lambda f: f.pairwise_distance(GOOD, GOOD, out=np.empty((4, 3))),
        ValueError,
        r"out: expected shape \(4, 4\), got \(4, 3\)",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD_CALLS)
def test_bad_input(impl, call, error, message):
    with pytest.raises(error, match="^" + message) as caught:
        call(impl)
    with pytest.raises(error) as expected:
        call(reference)
    assert str(caught.value) == str(expected.value)


# Against scikit-learn


@pytest.mark.parametrize(("n", "d", "k"), [(2000, 2, 9), (2000, 16, 64), (500, 200, 10)])
def test_inertia_is_not_above_scikit_learns(impl, n, d, k):
    cluster = pytest.importorskip("sklearn.cluster", reason="scikit-learn is not installed")
    X = cloud(n, d, np.float32)
    peer = cluster.KMeans(k, init=X[:k], n_init=1, tol=0, max_iter=10).fit(X)
    result = impl.kmeans(X, k, init=X[:k], max_iter=10)
    assert result.inertia <= 1.001 * peer.inertia_


def test_same_as_scikit_learn(impl):
    cluster = pytest.importorskip("sklearn.cluster", reason="scikit-learn is not installed")
    X = cloud(800, 4)
    peer = cluster.KMeans(8, init=X[:8], n_init=1, tol=0, max_iter=300).fit(X)
    result = impl.kmeans(X, 8, init=X[:8])
    np.testing.assert_array_equal(result.labels, peer.labels_)
    np.testing.assert_allclose(result.centroids, peer.cluster_centers_, rtol=1e-10, atol=1e-12)
    assert result.inertia == pytest.approx(peer.inertia_, rel=1e-12)
    assert result.n_iter == peer.n_iter_
