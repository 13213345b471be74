"""Draws for the clustering family."""

from __future__ import annotations

import numpy as np

import fastgeo
from fastgeo.testing import assert_same_answer
from fuzzing.draws import Call, float_type, log_uniform, maybe, pick, point_scene

METRICS = ("euclidean", "euclidean", "euclidean", "cosine", "iou")
EXPONENT = {np.float32: 50, np.float64: 240}
STEP_COST = 6e-9  # seconds of the reference for one point, centroid and column


def points(rng, n, d, dtype, metric="euclidean"):
    """A scene, at times scaled by a power of two to anywhere in the contract's range."""
    X = point_scene(rng, n, d, np.float64)
    if rng.random() < 0.25:
        X = X * 2.0 ** rng.integers(-140 if dtype == np.float32 else -1000, EXPONENT[dtype])
    X = np.abs(X) if metric == "iou" else X
    return X.clip(-(2.0 ** EXPONENT[dtype]), 2.0 ** EXPONENT[dtype]).astype(dtype)


def sizes(rng, large, metric):
    """Points, columns and clusters of a call whose n·d·k stays within a second."""
    n = log_uniform(rng, 1, 300_000 if large else 2500)
    d = 2 if metric == "iou" else log_uniform(rng, 1, max(1, min(300, (20_000_000 if large else 100_000) // n)))
    k = log_uniform(rng, 1, max(1, min(n, 1000, (50_000_000 if large else 3_000_000) // (n * d))))
    return n, d, k


def unit_rows(X):
    """Directions, of rows of any magnitude; a row of zeros stays."""
    X = X.astype(np.longdouble)
    X = X / np.where(np.abs(X).max(axis=1, keepdims=True, initial=0) > 0, np.abs(X).max(axis=1, keepdims=True), 1)
    length = np.sqrt((X * X).sum(axis=1, keepdims=True))
    return X / np.where(length > 0, length, 1)


def exact_squares(X, centroids, metric):
    """Squared distances in extended precision: of rows, or half of them of directions, 1 where one has none."""
    if metric == "euclidean":
        X, centroids = X.astype(np.longdouble), centroids.astype(np.longdouble)
        return ((X[:, None] - centroids) ** 2).sum(axis=-1)
    X, centroids = unit_rows(X), unit_rows(centroids)
    squares = ((X[:, None] - centroids) ** 2).sum(axis=-1) / 2
    squares[~X.any(axis=1)] = 1
    squares[:, ~centroids.any(axis=1)] = 1
    return squares


def nearest_on_a_sample(X, centroids, labels, metric):
    """Brute force: no centroid is nearer than the chosen one by more than the bound; of equal ones, the lowest."""
    if metric == "iou" or len(X) == 0:
        return
    rng = np.random.default_rng(len(X))
    rows = np.unique(rng.integers(len(X), size=max(1, min(30, 3_000_000 // centroids.size))))
    squares = exact_squares(X[rows], centroids, metric)
    chosen, best = squares[np.arange(len(rows)), labels[rows]], squares.min(axis=1)
    eps, d = np.finfo(X.dtype).eps, X.shape[1]
    bound = 4 * (d + 8) * eps * best + d * float(np.finfo(X.dtype).smallest_subnormal)
    bound = bound + 16 * eps * (metric == "cosine")
    assert (chosen <= best + bound).all(), f"rows {rows[chosen > best + bound]} have a nearer centroid"


def assign_is_nearest(kwargs, answer):
    nearest_on_a_sample(kwargs["X"], kwargs["centroids"], answer[0], kwargs["metric"])


def close_assignment(kwargs, answer, expected):
    if kwargs["metric"] == "iou":
        return assert_same_answer(answer, expected)
    assert_same_answer(np.isfinite(answer[1]), np.isfinite(expected[1]))
    X = kwargs["X"]
    bound = (X.shape[1] + 8) * np.finfo(X.dtype).eps
    tiny = X.shape[1] ** 0.5 * float(np.finfo(X.dtype).smallest_subnormal) ** 0.5
    np.testing.assert_allclose(
        answer[1], expected[1], rtol=bound, atol=4 * bound if kwargs["metric"] == "cosine" else tiny
    )


def assign(rng, large):
    metric, dtype = pick(rng, METRICS), float_type(rng)
    n, d, k = sizes(rng, large, metric)
    state = rng.integers(2**32)
    X = points(np.random.default_rng(state), n, d, dtype, metric)
    if rng.random() < 0.5:
        centroids = points(rng, k, d, dtype, metric)
    else:
        centroids = X[rng.integers(n, size=k)]
    kwargs = {"X": X, "centroids": centroids, "metric": metric}
    return Call("assign", kwargs, n * d * k * STEP_COST, close_assignment, (assign_is_nearest,))


def magnitudes(kwargs):
    """The least and the greatest magnitude of what is not zero in points and initial centroids."""
    arrays = [kwargs["X"].ravel(), [] if isinstance(kwargs["init"], str) else kwargs["init"].ravel()]
    magnitude = np.abs(np.concatenate(arrays))
    magnitude = magnitude[magnitude > 0]
    return (magnitude.min(), magnitude.max()) if magnitude.size else (1.0, 1.0)


def a_step_at_a_time(kwargs, answer):
    """What skips work from step to step finds what each step finds alone; unless squares vanish, and all points tie."""
    if kwargs["metric"] == "cosine" or isinstance(kwargs["init"], str) or kwargs["n_init"] > 1:
        return
    if magnitudes(kwargs)[0] < (2.0**-45 if kwargs["X"].dtype == np.float32 else 2.0**-450):
        return
    one, centroids = {**kwargs, "max_iter": 1}, kwargs["init"]
    for _ in range(answer.n_iter):
        centroids = fastgeo.kmeans(**{**one, "init": centroids}).centroids
    assert_same_answer(answer.centroids, centroids)


def scaled_by_a_power_of_two(kwargs, answer):
    """Every distance scales exactly, so labels stay and centroids scale."""
    X, init = kwargs["X"], kwargs["init"]
    least, greatest = magnitudes(kwargs)
    low, high = (-40, 40) if X.dtype == np.float32 else (-200, 230)
    if kwargs["metric"] != "euclidean" or least < 2.0**low or greatest > 2.0**high:
        return
    for exponent in (low // 2, high // 2):
        if least * 2.0**exponent < 2.0**low or greatest * 2.0**exponent > 2.0**high:
            continue
        scale = X.dtype.type(2.0**exponent)
        scaled = {**kwargs, "X": X * scale, "init": init if isinstance(init, str) else init * scale}
        other = fastgeo.kmeans(**scaled)
        np.testing.assert_array_equal(other.labels, answer.labels, err_msg=f"X * 2**{exponent}")
        np.testing.assert_array_equal(other.centroids, answer.centroids * scale)


def labels_are_nearest(kwargs, answer):
    nearest_on_a_sample(kwargs["X"], answer.centroids, answer.labels, kwargs["metric"])


def close_run(kwargs, answer, expected):
    """Sums and inertia are the reference's bits where the labels are; ties may be broken otherwise."""
    assert np.isfinite(answer.centroids).all() and np.isfinite(answer.inertia)
    if kwargs["max_iter"] == 1 and not isinstance(kwargs["init"], str) and kwargs["metric"] != "cosine":
        np.testing.assert_array_equal(np.isfinite(expected.centroids), np.isfinite(answer.centroids))
    same_centroids = np.array_equal(answer.centroids, expected.centroids)
    if same_centroids and np.array_equal(answer.labels, expected.labels):
        assert_same_answer(answer.inertia, expected.inertia)


def kmeans(rng, large):
    metric, dtype = pick(rng, METRICS), float_type(rng)
    n, d, k = sizes(rng, large, metric)
    X = points(rng, n, d, dtype, metric)
    init = pick(rng, ("k-means++", "random", None, None))
    if init is None:
        init = X[rng.permutation(n)[:k]] if rng.random() < 0.7 else points(rng, k, d, dtype, metric)
    kwargs = {
        "X": X,
        "k": k,
        "init": init,
        "max_iter": int(pick(rng, (1, 2, 5, 20))),
        "n_init": int(pick(rng, (1, 1, 1, 3))),
        "metric": metric,
        "seed": int(rng.integers(2**31)),
        "sample_weight": maybe(rng, 0.3, rng.integers(0, 3, n) + 0.5 * rng.random(n) + (np.arange(n) == 0)),
    }
    cost = n * d * k * kwargs["max_iter"] * kwargs["n_init"] * STEP_COST
    return Call("kmeans", kwargs, cost, close_run, (labels_are_nearest, a_step_at_a_time, scaled_by_a_power_of_two))


def chosen_rows(kwargs, answer):
    """Distinct rows, which are the centroids."""
    centroids, indices = answer
    assert len(set(indices.tolist())) == len(indices), "a row was chosen twice"
    assert_same_answer(centroids, kwargs["X"][indices])


def seeding(rng, large):
    dtype = float_type(rng)
    n, d, k = sizes(rng, large, "euclidean")
    weights = maybe(rng, 0.4, rng.integers(0, 2, n) * rng.random(n) + (np.arange(n) == n // 2))
    kwargs = {"X": points(rng, n, d, dtype), "k": k, "seed": int(rng.integers(2**31)), "sample_weight": weights}
    return Call("kmeans_plusplus", kwargs, 6 * n * d * k * STEP_COST + k * 1e-4, checks=(chosen_rows,))


def close_distances(kwargs, answer, expected):
    X = kwargs["X"]
    assert (answer.dtype, answer.shape) == (expected.dtype, expected.shape)
    assert_same_answer(np.isfinite(answer), np.isfinite(expected))
    bound = 12 * (X.shape[1] + 9) * np.finfo(X.dtype).eps
    tiny = float(np.finfo(X.dtype).smallest_subnormal) * X.shape[1]
    atol = {"cosine": bound, "sqeuclidean": tiny, "euclidean": tiny**0.5}[kwargs["kind"]]
    np.testing.assert_allclose(answer, expected, rtol=bound, atol=atol)


def distances(rng, large):
    dtype, kind = float_type(rng), pick(rng, ("euclidean", "sqeuclidean", "cosine"))
    n, d, m = sizes(rng, large, "euclidean")
    m = max(1, min(m, 4_000_000 // n))
    kwargs = {"X": points(rng, n, d, dtype), "Y": points(rng, m, d, dtype), "kind": kind}
    if rng.random() < 0.3:
        kwargs["Y"] = kwargs["X"][rng.integers(n, size=m)]
    return Call("pairwise_distance", kwargs, n * d * m * STEP_COST, close_distances)


def stream(rng, large):
    dtype = float_type(rng)
    n, d, k = sizes(rng, large, "euclidean")
    kwargs = {"X": points(rng, n, d, dtype), "k": k, "seed": 0, "decay": float(pick(rng, (1, 0.5, 0)))}
    return Call("StreamingKMeans", kwargs, n * d * k * 20 * STEP_COST, compare=lambda kwargs, answer, expected: None)


DRAWERS = (assign, kmeans, kmeans, kmeans, seeding, distances, stream)
