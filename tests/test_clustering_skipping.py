"""Bounds and screening skip work, never a result."""

import numpy as np
import pytest
from points import FLOATS, blobs, cloud, under_every_algorithm, unit

from fastgeo.testing import assert_same_answer


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
