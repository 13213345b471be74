"""The kernels of clustering against the reference, and their bits on every instruction set."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from points import FLOATS, METRICS, blobs, clearly_labelled, cloud, under_every_algorithm

import fastgeo
from fastgeo import reference
from fastgeo.testing import assert_same_answer

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
