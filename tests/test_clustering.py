"""The clustering family: literals worked by hand, kernels against the reference, properties, bad input."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
from cases import layouts
from hypothesis import given
from hypothesis import strategies as st

import fastgeo
from fastgeo import reference
from fastgeo.testing import algorithms, assert_same_answer, force_algorithm

FLOATS = [np.float32, np.float64]
METRICS = ["euclidean", "cosine", "iou"]
KINDS = ["euclidean", "sqeuclidean", "cosine"]


def cloud(n, d, dtype=np.float64, seed=0, offset=0.0, metric="euclidean"):
    """Points without structure; sizes for "iou"."""
    X = np.random.default_rng(seed).standard_normal((n, d)) + offset
    return (np.abs(X) if metric == "iou" else X).astype(dtype)


def blobs(n, d, k, dtype=np.float64, seed=0, offset=0.0):
    """k groups so far apart that no point is near a border; returns points and their groups."""
    rng = np.random.default_rng(seed)
    groups = rng.integers(k, size=n)
    groups[:k] = np.arange(k)
    centres = 100 * np.stack(np.unravel_index(np.arange(k), [4] * d), axis=1)
    return (centres[groups] + rng.uniform(-1, 1, (n, d)) + offset).astype(dtype), groups


def unit(rows):
    """Rows divided by their lengths, in float64; a row of zeros stays."""
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1)


def clearly_labelled(X, centroids, metric, bound):
    """Points whose nearest centroid is nearer than all others by more than the relative bound."""
    if metric == "cosine":
        X, centroids = (a / np.linalg.norm(a.astype(np.float64), axis=1, keepdims=True) for a in (X, centroids))
    D = ((X[:, None].astype(np.float64) - centroids[None].astype(np.float64)) ** 2).sum(axis=-1)
    D.sort(axis=1)
    return D[:, 0] * (1 + bound) + bound * (metric == "cosine") < D[:, 1] if D.shape[1] > 1 else np.ones(len(X), bool)


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


def test_pairwise_literal(impl):
    X, Y = np.array([[0.0, 0], [1, 1]]), np.array([[3.0, 4], [0, 0], [1, 0]])
    np.testing.assert_array_equal(impl.pairwise_distance(X, Y, kind="sqeuclidean"), [[25, 0, 1], [13, 2, 1]])
    np.testing.assert_array_equal(impl.pairwise_distance(X, Y)[0], [5, 0, 1])
    cosine = impl.pairwise_distance(X, Y, kind="cosine")
    np.testing.assert_array_equal(cosine[0], [1, 1, 1])
    np.testing.assert_allclose(cosine[1], [1 - 7 / np.sqrt(50), 1, 1 - np.sqrt(0.5)], atol=1e-15)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("d", [32, 33, 34, 67])
def test_pairwise_literal_in_many_columns(impl, dtype, d):
    # Whole numbers, exact however they are added. Rows of 2, of (3, 4, 0, …), of (…, 0, 8); two of them with 1 more
    # here and there.
    X = np.zeros((3, d), dtype)
    X[0], X[1, :2], X[2, -1] = 2, (3, 4), 8
    Y = X.copy()
    Y[0, [0, 1, 2, -1]] += 1
    Y[1, 1] += 1
    expected = [
        [4, 1 + 9 + 4 * (d - 2), 4 * (d - 1) + 36],
        [0 + 1 + 9 + 9 + 4 * (d - 4), 1, 9 + 16 + 64],
        [3 * 9 + 25 + 4 * (d - 4), 9 + 25 + 64, 0],
    ]
    np.testing.assert_array_equal(impl.pairwise_distance(X, Y, kind="sqeuclidean"), expected)
    np.testing.assert_array_equal(impl.pairwise_distance(X, Y), np.sqrt(np.array(expected, dtype)))
    # Directions: one column against another, itself ten times as long, the opposite, none.
    axes = np.zeros((5, d), dtype)
    axes[0, 1], axes[1, 2], axes[2, 1], axes[3, 1] = 1, 1, 10, -3
    np.testing.assert_array_equal(impl.pairwise_distance(axes[:1], axes, kind="cosine")[0], [0, 1, 0, 2, 1])
    np.testing.assert_array_equal(impl.pairwise_distance(axes[4:], axes, kind="cosine")[0], [1] * 5)


@pytest.mark.one_isa_at_a_time
def test_streaming_literal(impl):
    model = impl.StreamingKMeans(2, seed=0)
    model.partial_fit([[0.0]])
    with pytest.raises(ValueError, match="centroids: expected at least 2 points before, got 1"):
        model.predict([[0.0]])
    model.partial_fit([[10.0]]).partial_fit([[1.0], [1.0], [14.0]])
    # Sums 0 + 1 + 1 over 3 and 10 + 14 over 2.
    order = np.argsort(model.centroids.ravel())
    np.testing.assert_array_equal(model.centroids.ravel()[order], [2 / 3, 12])
    np.testing.assert_array_equal(model.weights[order], [3, 2])
    np.testing.assert_array_equal(model.predict([[0.0], [11.0]]), order)


@pytest.mark.one_isa_at_a_time
def test_streaming_decay_literal(impl):
    # Half of the old weight is left: (0.5 · 0 + 3) / (0.5 + 1) = 2.
    model = impl.StreamingKMeans(1, decay=0.5, seed=0).partial_fit([[0.0]]).partial_fit([[3.0]])
    assert model.centroids[0, 0] == 2 and model.weights[0] == 1.5


@pytest.mark.one_isa_at_a_time
def test_streaming_merge_literal(impl):
    one = impl.StreamingKMeans(2, seed=0).partial_fit([[0.0], [10.0], [0.0]])
    two = impl.StreamingKMeans(2, seed=1).partial_fit([[3.0], [12.0], [12.0], [12.0]])
    one.merge(two)
    # Groups {0 ×2, 3} and {10, 12 ×3}: means 3/3 and 46/4.
    order = np.argsort(one.centroids.ravel())
    np.testing.assert_array_equal(one.centroids.ravel()[order], [1, 11.5])
    np.testing.assert_array_equal(one.weights[order], [3, 4])
    waiting = impl.StreamingKMeans(2, seed=0).merge(impl.StreamingKMeans(2).partial_fit([[1.0]]))
    assert waiting.partial_fit([[2.0]]).centroids.shape == (2, 1)
    taken = impl.StreamingKMeans(2, seed=0).partial_fit([[1.0]]).merge(one)
    assert taken.weights.sum() == 8


# Kernels against the reference

SHAPES = [
    (1, 1, 1),
    (2, 1, 2),
    (7, 2, 3),
    (33, 3, 7),
    (65, 5, 12),
    (130, 17, 13),
    (300, 64, 20),
    (50, 130, 50),
    (70, 300, 13),
]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("n", "d", "k"), SHAPES)
def test_assign_is_reference(kernels, n_threads, dtype, metric, n, d, k):
    d = 2 if metric == "iou" else d
    X, centroids = cloud(n, d, dtype, metric=metric), cloud(k, d, dtype, seed=1, metric=metric)
    labels, distances = kernels.assign(X, centroids, metric=metric, n_threads=n_threads)
    expected_labels, expected = reference.assign(X, centroids, metric=metric)
    if metric == "iou":
        assert_same_answer((labels, distances), (expected_labels, expected))
        return
    bound = (d + 8) * np.finfo(dtype).eps
    clear = clearly_labelled(X, centroids, metric, 4 * bound)
    assert labels.dtype == np.int32 and distances.dtype == dtype
    np.testing.assert_array_equal(labels[clear], expected_labels[clear])
    np.testing.assert_allclose(distances, expected, rtol=bound, atol=bound if metric == "cosine" else 0)


@pytest.mark.parametrize(("d", "k"), [(60, 40_000), (128, 20_000), (300, 20_000)])
def test_centroids_in_groups(kernels, n_threads, d, k):
    """So many that a block of points meets them in several groups: as if each thousand were asked alone."""
    X, centroids = cloud(41, d, np.float32), cloud(k, d, np.float32, seed=1)
    centroids[k - 5] = centroids[7]
    X[3] = centroids[7]
    labels, distances = kernels.assign(X, centroids, n_threads=n_threads)
    parts = [kernels.assign(X, centroids[first : first + 1000]) for first in range(0, k, 1000)]
    each = np.array([part[1] for part in parts])
    best = each.argmin(axis=0)
    assert_same_answer(distances, each.min(axis=0))
    assert_same_answer(labels, np.array([1000 * p + parts[p][0][i] for i, p in enumerate(best)], np.int32))


@pytest.mark.parametrize(("dtype", "d"), [(np.float32, 1024), (np.float32, 2047), (np.float64, 512)])
@pytest.mark.parametrize("k", [5, 20])
def test_rows_of_4096_bytes(kernels, n_threads, dtype, d, k):
    """Their centroids are copied farther apart, for as many points as make it pay: the same answers as without."""
    X, centroids = cloud(300, d, dtype), cloud(k, d, dtype, seed=1)
    labels, distances = kernels.assign(X, centroids, n_threads=n_threads)
    parts = [kernels.assign(X[first : first + 100], centroids) for first in (0, 100, 200)]
    assert_same_answer(labels, np.concatenate([part[0] for part in parts]))
    assert_same_answer(distances, np.concatenate([part[1] for part in parts]))
    first, *others = under_every_algorithm(
        lambda: kernels.kmeans(X, k, init=centroids, max_iter=3, n_threads=n_threads)
    )
    for other in others:
        assert_same_answer(other, first)


@pytest.mark.parametrize(("n", "d", "k"), [(9000, 5, 4500), (9000, 1100, 3)])
def test_sums_over_many_clusters_rows_and_columns(kernels, n_threads, n, d, k):
    """Parts of a chunk of sums: clusters, and rows."""
    from fastgeo.clustering.kernels import KernelSteps
    from fastgeo.clustering.reference_kmeans import ReferenceSteps

    X, weights = cloud(n, d), np.random.default_rng(2).uniform(0, 2, n)
    labels = np.random.default_rng(3).integers(k, size=n)
    answers = []
    for steps_of in (KernelSteps, ReferenceSteps):
        steps = steps_of(X, "euclidean", weights, n_threads)
        steps.labels[...] = labels
        answers.append([steps.sums(k) for _ in range(2)])  # the second in the same memory
    assert_same_answer(answers[0], answers[1])


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("n", "d", "k"),
    [(40, 3, 4), (500, 2, 6), (700, 9, 14), (5000, 4, 5), (1700, 150, 3), (7000, 18, 24), (900, 33, 40)],
)
def test_sums_and_inertia_are_the_references_bits(kernels, n_threads, dtype, metric, n, d, k):
    d = 2 if metric == "iou" else d
    X = cloud(n, d, dtype, metric=metric)
    weights = np.random.default_rng(2).uniform(0, 2, n)
    for sample_weight in (None, weights):
        # One iteration: the same labels give the same means, and those the same inertia.
        actual, expected = (
            module.kmeans(X, k, init=X[:k], max_iter=1, metric=metric, sample_weight=sample_weight, n_threads=threads)
            for module, threads in ((kernels, n_threads), (reference, None))
        )
        assert_same_answer(actual.centroids, expected.centroids)
        if (actual.labels == expected.labels).all():
            assert_same_answer(actual.inertia, expected.inertia)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("n", "d", "k"), [(60, 2, 3), (400, 3, 12), (9000, 4, 20)])
def test_whole_runs_on_separated_data(kernels, n_threads, dtype, n, d, k):
    X, groups = blobs(n, d, k, dtype)
    actual = kernels.kmeans(X, k, seed=5, n_threads=n_threads)
    expected = reference.kmeans(X, k, seed=5)
    assert_same_answer(tuple(actual), tuple(expected))
    pairs = set(zip(groups.tolist(), actual.labels.tolist(), strict=True))
    assert len(pairs) == k


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    ("n", "d", "k"), [(3000, 2, 9), (20000, 7, 30), (1500, 40, 33), (3000, 200, 5), (9000, 20, 24)]
)
def test_same_bits_on_every_isa_and_thread_count(metric, dtype, n, d, k):
    d = 2 if metric == "iou" else d
    X = cloud(n, d, dtype, metric=metric)
    answers = []
    before = fastgeo.runtime.active_isa()
    try:
        for isa in fastgeo.runtime.supported_isas():
            fastgeo.runtime.set_isa(isa)
            for n_threads in (1, 2, 3, 8) if isa != "scalar" else (2,):
                answers.append(fastgeo.kmeans(X, k, seed=3, max_iter=6, metric=metric, n_threads=n_threads))
    finally:
        fastgeo.runtime.set_isa(before)
    for answer in answers[1:]:
        assert_same_answer(answer, answers[0])


@given(
    n=st.integers(1, 60), d=st.integers(1, 6), k=st.integers(1, 12), seed=st.integers(0, 2**32 - 1), grid=st.booleans()
)
def test_plusplus_chooses_the_references_points(kernels, n, d, k, seed, grid):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 3, (n, d)).astype(np.float32) if grid else rng.standard_normal((n, d))
    k = min(k, n)
    weights = [None, rng.integers(0, 3, n) + (np.arange(n) == 0)][seed % 2]
    assert_same_answer(
        kernels.kmeans_plusplus(X, k, seed=seed, sample_weight=weights),
        reference.kmeans_plusplus(X, k, seed=seed, sample_weight=weights),
    )


@pytest.mark.parametrize("dtype", FLOATS)
def test_plusplus_over_many_chunks(kernels, n_threads, dtype):
    X = cloud(13000, 3, dtype)
    weights = np.random.default_rng(0).uniform(0, 1, len(X))
    for sample_weight in (None, weights):
        actual = kernels.kmeans_plusplus(X, 12, seed=9, sample_weight=sample_weight, n_threads=n_threads)
        assert_same_answer(actual, reference.kmeans_plusplus(X, 12, seed=9, sample_weight=sample_weight))


def test_plusplus_over_pieces_of_long_rows(kernels):
    """Chunks of the contract's sums that are taken a piece at a time, so that Ctrl-C need not wait for one."""
    X = cloud(4200, 4096, np.float32)
    weights = np.random.default_rng(0).uniform(0, 1, len(X))
    actual = kernels.kmeans_plusplus(X, 3, seed=1, sample_weight=weights, n_threads=2)
    assert_same_answer(actual, reference.kmeans_plusplus(X, 3, seed=1, sample_weight=weights))


def test_long_rows_in_small_chunks(kernels):
    """Every row has the answer that it has alone, where few rows make a chunk, a tile, or a chunk of centroids."""
    X = cloud(42, 150_000, np.float32)
    assign = kernels.assign(X, X[:5], n_threads=2)
    assert_same_answer(
        assign, tuple(map(np.concatenate, zip(*(kernels.assign(x[None], X[:5]) for x in X), strict=True)))
    )
    distances = kernels.pairwise_distance(X[:14], X[:5], n_threads=2)
    assert_same_answer(distances, np.concatenate([kernels.pairwise_distance(x[None], X[:5]) for x in X[:14]]))
    shifts = []
    result = kernels.kmeans(X, 40, init=X[:40], max_iter=1, progress=lambda *now: shifts.append(now[2]))
    steps = result.centroids.astype(np.float64) - X[:40]
    assert shifts == [np.cumsum(np.square(steps))[-1]] != [0.0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    ("n", "m", "d"),
    [
        (0, 3, 2),
        (3, 0, 2),
        (1, 1, 1),
        (7, 33, 3),
        (64, 65, 5),
        (13, 1100, 20),
        # Tiles that are narrower, the wider the rows: of 64 and 32 columns, and of the fewest.
        (25, 200, 700),
        (14, 71, 3000),
        # Rows of 4096 bytes, in float32 or float64, which are copied farther apart.
        (61, 40, 512),
        (61, 40, 1024),
    ],
)
def test_pairwise_is_reference(kernels, n_threads, kind, dtype, n, m, d):
    X, Y = cloud(n, d, dtype), cloud(m, d, dtype, seed=1)
    out = np.empty((n, m), dtype)
    assert kernels.pairwise_distance(X, Y, kind=kind, out=out, n_threads=n_threads) is out
    bound = (d + 8) * np.finfo(dtype).eps
    atol = bound if kind == "cosine" else 0
    np.testing.assert_allclose(out, reference.pairwise_distance(X, Y, kind=kind), rtol=bound, atol=atol)


def mixed_rows(n, d, dtype, seed=0):
    """Rows near each other, far from each other and in between, in several groups with offsets."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) * 10.0 ** rng.integers(-6, 2, (n, 1)) + rng.choice([0, 0.5, 1.5, 40], (n, 1))
    X[1::3] = X[::3][: len(X[1::3])] + rng.standard_normal((len(X[1::3]), d)) * 10.0 ** rng.integers(-7, 0)
    return X.astype(dtype)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("d", [31, 32, 33, 100, 500])
def test_pairwise_is_accurate_at_any_distance(impl, dtype, kind, d):
    X, Y = mixed_rows(40, d, dtype), mixed_rows(90, d, dtype, seed=1)
    Y[::4] = X[:23]
    Y[1::4] = X[:23] * dtype(1.001)
    a, b = X.astype(np.longdouble), Y.astype(np.longdouble)
    if kind == "cosine":
        a, b = (rows / np.sqrt(np.square(rows).sum(axis=1, keepdims=True)) for rows in (a, b))
    exact = np.array([np.square(row - b).sum(axis=1) for row in a])
    exact = {"euclidean": np.sqrt(exact), "sqeuclidean": exact, "cosine": exact / 2}[kind]
    actual = impl.pairwise_distance(X, Y, kind=kind)
    eps = np.finfo(dtype).eps
    error = np.abs(actual - exact)
    # The least that both float types and longdouble can tell of directions.
    slack = 4 * eps * np.sqrt(exact) + (d + 4) * eps**2 if kind == "cosine" else 0
    assert (error <= 11 * (d + 9) * eps * exact + slack).all()
    assert (error <= 30 * np.sqrt(d) * eps * exact + slack).all()
    near = exact < 1e-3 * (1 if kind == "cosine" else exact.max())
    assert near.any() and (error[near] <= (d + 4) * eps * exact[near] + np.broadcast_to(slack, error.shape)[near]).all()


@given(data=st.data())
def test_pairwise_depends_on_two_rows_alone(kernels, data):
    """However a pair is taken, by products or differences, in whichever tile: the same bits."""
    dtype = data.draw(st.sampled_from(FLOATS))
    d, seed = data.draw(st.sampled_from([32, 35, 64])), data.draw(st.integers(0, 2**32 - 1))
    X = mixed_rows(data.draw(st.integers(1, 40)), d, dtype, seed)
    Y = mixed_rows(data.draw(st.integers(1, 80)), d, dtype, seed + 1)
    if data.draw(st.booleans()):
        # As all pairs lie at the border, some on either side.
        offset = data.draw(st.sampled_from([2.4, 2.65, 2.9]))
        X, Y = (
            np.random.default_rng(seed).standard_normal((len(rows), d)).astype(dtype) + dtype(offset) for rows in (X, Y)
        )
    kind = data.draw(st.sampled_from(KINDS))
    table = kernels.pairwise_distance(X, Y, kind=kind)
    assert_same_answer(kernels.pairwise_distance(Y, X, kind=kind).T, table)
    i, j = data.draw(st.integers(0, len(X) - 1)), data.draw(st.integers(0, len(Y) - 1))
    assert_same_answer(kernels.pairwise_distance(X[i : i + 1], Y, kind=kind), table[i : i + 1])
    assert_same_answer(kernels.pairwise_distance(X, Y[j : j + 1], kind=kind), table[:, j : j + 1].copy())


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("offset", [0.0, 2.65, 30.0])
def test_pairwise_same_bits_on_every_isa_and_thread_count(dtype, offset):
    X, Y = cloud(150, 48, dtype, offset=offset), cloud(700, 48, dtype, seed=1, offset=offset)
    Y[::9] = X[:78]
    before = fastgeo.runtime.active_isa()
    try:
        for kind in KINDS:
            answers = []
            for isa in fastgeo.runtime.supported_isas():
                fastgeo.runtime.set_isa(isa)
                answers += [fastgeo.pairwise_distance(X, Y, kind=kind, n_threads=t) for t in (1, 2, 3, 8)]
            for answer in answers[1:]:
                assert_same_answer(answer, answers[0])
    finally:
        fastgeo.runtime.set_isa(before)


@given(data=st.data())
def test_streaming_is_reference(kernels, data):
    seed = data.draw(st.integers(0, 1000))
    X, _ = blobs(200, 2, 5, np.float32, seed=seed)
    models = [module.StreamingKMeans(5, seed=seed, decay=0.9) for module in (kernels, reference)]
    for end in data.draw(st.lists(st.integers(1, 60), min_size=1, max_size=5)):
        batch, X = X[:end], X[end:]
        for model in models:
            model.partial_fit(batch)
    if models[1]._centroids is not None:
        assert_same_answer(models[0].centroids, models[1].centroids)
        assert_same_answer(models[0].predict(batch), models[1].predict(batch))


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


def test_pairwise_same_as_scipy(impl):
    distance = pytest.importorskip("scipy.spatial.distance", reason="scipy is not installed")
    X, Y = cloud(30, 6), cloud(40, 6, seed=1)
    for kind in KINDS:
        np.testing.assert_allclose(
            impl.pairwise_distance(X, Y, kind=kind), distance.cdist(X, Y, kind), rtol=1e-12, atol=1e-14
        )


# Bounds and screening skip work, never a result


def under_every_algorithm(call):
    """The answers of `call` with every algorithm of `kmeans` and of `assign` that can serve it."""
    answers = []
    for run in algorithms(fastgeo.kmeans):
        for search in algorithms(fastgeo.assign):
            with force_algorithm(fastgeo.kmeans, run), force_algorithm(fastgeo.assign, search):
                try:
                    answers.append(call())
                except ValueError as error:
                    if "cannot serve this call" not in str(error):
                        raise
    assert len(answers) >= 2
    return [call(), *answers]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("offset", [0.0, 1e5])
@pytest.mark.parametrize(
    ("n", "d", "k", "grid"),
    [
        (1200, 8, 40, 0),
        (700, 16, 100, 0),
        (600, 13, 25, 2),
        (600, 8, 30, 2),
        (300, 130, 24, 1),
        (200, 3, 50, 0),
        # Horizontally: one group of centroids and several, a tail of columns, ties.
        (400, 64, 2, 0),
        (300, 203, 9, 0),
        (301, 131, 23, 1),
    ],
)
def test_skipping_changes_nothing(kernels, dtype, metric, offset, n, d, k, grid):
    X = cloud(n, d, dtype, offset=offset)
    if grid:
        X = np.round(X * grid).astype(dtype)  # ties

    def call():
        return [kernels.kmeans(X, k, init=X[:k], max_iter=m, metric=metric) for m in (3, 12)]

    first, *others = under_every_algorithm(call)
    for other in others:
        assert_same_answer(other, first)


@pytest.mark.parametrize("scale", [1e-38, 1e-20, 1e-13, 1e-6, 1e9, 1e14])
@pytest.mark.parametrize(("d", "k"), [(14, 30), (90, 11)])
def test_skipping_changes_nothing_at_any_scale(kernels, d, k, scale):
    X = (cloud(500, d) * scale).astype(np.float32)
    X[::7] = X[0]
    first, *others = under_every_algorithm(lambda: kernels.kmeans(X, k, init=X[:k], max_iter=8))
    for other in others:
        assert_same_answer(other, first)


def test_bounds_over_many_iterations(kernels):
    """Far enough for bounds to settle most points, beside centroids that coincide."""
    X, _ = blobs(6000, 4, 40, np.float32)
    X += cloud(6000, 4, np.float32, seed=1) * 20
    start = X[:60].copy()
    start[7] = start[3]
    first, *others = under_every_algorithm(lambda: kernels.kmeans(X, 60, init=start))
    assert first.n_iter > 10 and first.converged
    for other in others:
        assert_same_answer(other, first)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("n", [165, 1001])
@pytest.mark.parametrize(
    ("d", "k"),
    [(8, 20), (150, 20), (40, 9), (16, 30)],
    ids=["exhaustive", "exhaustive in parts", "horizontal", "quantized"],
)
def test_bounds_hold_after_blocks_that_are_partly_filled(kernels, dtype, metric, n, d, k):
    from fastgeo.clustering.kernels import KernelSteps

    rng = np.random.default_rng(n + d)
    centres = 10 * rng.standard_normal((k, d))
    X = centres[np.arange(n) % k] + rng.standard_normal((n, d))
    between = rng.integers(k, size=(2, n // 9))
    X[: n // 9] = centres[between].mean(axis=0) + 0.01 * rng.standard_normal((n // 9, d))
    if metric == "cosine":
        X[n // 2] = 0
    X = X.astype(dtype)
    steps = KernelSteps(X, metric, None, 2)
    steps.plan(k)
    searched = []
    for step in range(6):
        centroids = (centres + 0.02 * step * rng.standard_normal((k, d))).astype(dtype)
        steps.assign(centroids)
        np.testing.assert_array_equal(steps.labels, kernels.assign(X, centroids, metric=metric)[0])
        if step < 2:  # all labels are new, so that bounds have to wait
            continue
        searched.append(steps.n_searched)
        a, b = (unit(rows) if metric == "cosine" else rows.astype(np.float64) for rows in (X, centroids))
        distances = np.sqrt(np.square(a[:, None] - b).sum(axis=-1))
        own = distances[np.arange(n), steps.labels].copy()
        distances[np.arange(n), steps.labels] = np.inf
        slack = 4 * np.finfo(dtype).eps * (metric == "cosine")
        upper, lower = steps.known_bounds()
        directed = X.any(axis=1)
        assert (own[directed] <= upper[directed] + slack).all()
        assert (lower <= distances.min(axis=1) + slack)[directed].all()
    assert searched[0] == n and n > min(searched[1:]) > 0
    assert any(count % 32 for count in searched[1:])


@pytest.mark.parametrize(("d", "k", "copies"), [(16, 120, 2), (16, 120, 40), (100, 12, 2), (100, 12, 6)])
def test_screening_with_many_centroids_in_reach(kernels, d, k, copies):
    """Equal and almost equal centroids: the exact distances decide, the lowest index wins."""
    X = cloud(800, d, np.float32)
    start = np.repeat(X[: k // copies], copies, axis=0)
    start[1::copies] = np.nextafter(start[1::copies], np.float32(np.inf))
    first, *others = under_every_algorithm(lambda: kernels.kmeans(X, len(start), init=start, max_iter=2))
    for other in others:
        assert_same_answer(other, first)


def test_skipping_survives_refilling(kernels):
    X = cloud(2000, 12, np.float32)
    start = np.concatenate([X[:20], np.full((12, 12), 500.0) + np.arange(12)[:, None]])
    first, *others = under_every_algorithm(lambda: kernels.kmeans(X, 32, init=start))
    assert len(np.unique(first.labels)) == 32
    for other in others:
        assert_same_answer(other, first)


# Long rows


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("place", [(0, 0), (699, 69), (333, 64), (640, 5)])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, "beyond"])
def test_bad_value_in_long_rows(kernels, n_threads, dtype, place, value):
    limit = 2.0 ** (50 if dtype == np.float32 else 240)
    X = cloud(700, 70, dtype)
    start = X[100:105].copy()
    X[place] = np.nextafter(dtype(limit), dtype(np.inf)) if value == "beyond" else value
    with pytest.raises(ValueError, match=rf"X\[{place[0]}, {place[1]}\]: expected"):
        kernels.kmeans(X, 5, init=start, n_threads=n_threads)


@pytest.mark.parametrize("dtype", FLOATS)
def test_largest_values_in_long_rows(kernels, n_threads, dtype):
    """The limit itself is legal, in points and in centroids, and a NaN beside such centroids is found."""
    limit = 2.0 ** (50 if dtype == np.float32 else 240)
    X = np.zeros((300, 64), dtype)
    X[::3], X[1::3, :7] = limit, -limit
    result = kernels.kmeans(X, 3, init=X[:3], n_threads=n_threads)
    np.testing.assert_array_equal(result.labels, np.arange(300) % 3)
    assert result.inertia == 0
    start = X[:3].copy()
    X[299, 63] = np.nan
    with pytest.raises(ValueError, match=r"X\[299, 63\]: expected"):
        kernels.kmeans(X, 3, init=start, n_threads=n_threads)
