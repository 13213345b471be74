"""Arguments of the clustering calls, checked in the order of the signatures, and the random numbers of a start.

Reference and kernels begin here, so that they raise the same errors and see the same random numbers. What checks the
values of an array is passed in: `largest_value`, or a kernel that does the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array, row_parts

METRICS = ("euclidean", "cosine", "iou")
KINDS = ("euclidean", "sqeuclidean", "cosine")
INITS = ("k-means++", "random")

Progress = Callable[[int, float, float], object]


class Checker(Protocol):
    """Raises where a value is not finite or too large, or a size negative; returns the largest magnitude."""

    def __call__(self, name: str, array: Array, *, sizes: bool = False) -> float: ...


def largest_value(name: str, array: Array, *, sizes: bool = False) -> float:
    checks.point_values(name, array, sizes=sizes)
    return max((float(np.abs(array[part]).max(initial=0)) for part in row_parts(array)), default=0.0)


class KMeansArguments(NamedTuple):
    points: Array
    k: int
    init: str  # how to start, unless
    start: Array | None  # these are the centroids to start from
    n_init: int
    max_iter: int
    tol: float
    metric: str
    weights: Array | None
    seed: Any
    n_threads: int
    progress: Progress | None
    largest: float  # the largest magnitude in `points` and `start`


def kmeans_arguments(
    checker: Checker,
    X: Any,
    k: Any,
    init: Any,
    n_init: Any,
    max_iter: Any,
    tol: Any,
    metric: Any,
    sample_weight: Any,
    seed: Any,
    n_threads: Any,
    progress: Any,
) -> KMeansArguments:
    points = checks.points_array("X", X)
    largest = checker("X", points)
    k = checks.integer("k", k, 1, len(points))
    start = check_init(init, k, points)
    if start is not None:
        largest = max(largest, checker("init", start))
    n_init = checks.integer("n_init", n_init, 1)
    max_iter = checks.integer("max_iter", max_iter, 1)
    tol = checks.in_range("tol", tol, 0, math.inf)
    checks.choice("metric", metric, METRICS)
    if metric == "iou":
        checker("X", checks.shaped("X", points, ("n", 2)), sizes=True)
        if start is not None:
            checker("init", start, sizes=True)
    weights = checks.weights_array("sample_weight", sample_weight, "X", points)
    seed = checks.seed("seed", seed)
    threads = checks.thread_count(n_threads)
    if progress is not None and not callable(progress):
        raise TypeError(f"progress: expected a callable, got {type(progress).__name__}")
    return KMeansArguments(
        points, k, init, start, n_init, max_iter, tol, metric, weights, seed, threads, progress, largest
    )


def check_init(init: Any, k: int, points: Array) -> Array | None:
    """The centroids to start from, if `init` is an array of them; their values are still to be checked."""
    if isinstance(init, str):
        checks.choice("init", init, INITS)
        return None
    start = checks.shaped("init", checks.numeric_array("init", init), (k, points.shape[1]))
    return checks.plain(start, points.dtype)


def row_pair(name1: str, value1: Any, name2: str, value2: Any) -> tuple[Array, Array]:
    """Two matrices of one float type and equally many columns; their values are still to be checked."""
    first = checks.points_array(name1, value1)
    second = checks.points_array(name2, value2)
    if first.shape == (0, 0):  # an empty list
        first = first.reshape(0, second.shape[1])
    if second.shape == (0, 0):
        second = second.reshape(0, first.shape[1])
    checks.shaped(name1, first, ("n", second.shape[1]))
    first, second = checks.same_float_type(first, second)
    return first, second


def assign_arrays(X: Any, centroids: Any) -> tuple[Array, Array]:
    """Points and at least one centroid."""
    points, rows = row_pair("X", X, "centroids", centroids)
    if len(rows) == 0:
        raise ValueError(f"centroids: expected at least one row, got shape {rows.shape}")
    return points, rows


def check_metric(checker: Checker, metric: Any, X: Array, centroids: Array) -> None:
    """The metric of `assign`, and whether the arrays suit it."""
    checks.choice("metric", metric, METRICS)
    if metric == "iou":
        checker("X", checks.shaped("X", X, ("n", 2)), sizes=True)
        checker("centroids", centroids, sizes=True)


def sum_blocks(n: int, k: int) -> int:
    """In how many blocks of rows the sums are taken: their memory stays below an eighth of the data's."""
    return max(1, min(64, n // (16 * k)))


def plusplus_draws(rng: np.random.Generator, k: int) -> Array:
    """The random numbers of one greedy k-means++ start: 2 + ln k candidates a centre, as scikit-learn."""
    return rng.random((k, 2 + int(math.log(k))))


def random_rows(rng: np.random.Generator, n: int, weights: Array | None, k: int) -> Array:
    """k different rows of positive weight at random; then, if there are too few, the others in index order."""
    candidates = np.arange(n) if weights is None else np.flatnonzero(weights)
    drawn = rng.choice(candidates, min(k, len(candidates)), replace=False)
    others = np.zeros(0, np.int64) if weights is None else np.flatnonzero(weights == 0)
    return np.concatenate([drawn, others[: k - len(drawn)]]).astype(np.int64)


class KMeansFields(NamedTuple):
    centroids: Array
    labels: Array
    inertia: float
    n_iter: int
    converged: bool


class KMeansResult(KMeansFields):
    """What `kmeans` returns: centroids, labels, inertia, n_iter, converged."""

    _metric: str = "euclidean"
    _assign: Callable[..., tuple[Array, Array]]

    def predict(self, X: Any) -> Array:
        """Label of the nearest centroid for every row of `X`."""
        return self._assign(X, self.centroids, metric=self._metric)[0]
