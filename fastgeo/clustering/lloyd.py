"""Lloyd's algorithm around an implementation's arithmetic: what the kernels and the reference share.

Random numbers are drawn here, so both see the same ones; restarts, stopping and empty clusters are decided here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

import numpy as np

from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array, row_parts

METRICS = ("euclidean", "cosine", "iou")
INITS = ("k-means++", "random")


class Steps(Protocol):
    """One implementation's arithmetic, bound to the points of a call."""

    labels: Array  # int32 (n,); -1 before the first assignment

    def __init__(
        self, points: Array, metric: str, weights: Array | None, n_threads: int, *, once: bool = False
    ) -> None:
        """Raise for points that are not finite, here or in the first step. With `once` there is a single assignment."""

    def assign(self, centroids: Array, *, adding: bool = False) -> int:
        """Update `labels` to the nearest centroids; return how many changed. With `adding`, `sums` comes next."""

    def relabelled(self) -> None:
        """Take notice that `labels` was changed from outside."""

    def sums(self, k: int) -> tuple[Array, Array]:
        """Weighted sum of the points of each label, (k, d), and their total weights, (k,); float64."""

    def averages(self, sums: Array, counts: Array, centroids: Array) -> tuple[Array, float]:
        """`sums` / `counts`, in the type of the centroids, and `squared_shift` of these; a count of 0 moves nothing."""

    def own_distances(self, centroids: Array) -> Array:
        """What each point adds to the inertia, unweighted: float64 (n,)."""

    def ordered_sum(self, distances: Array) -> float:
        """Sum of weighted distances in the order of the contract."""

    def plusplus(self, k: int, draws: Array) -> Array:
        """Indices of k starting points, int64."""


class _Fields(NamedTuple):
    centroids: Array
    labels: Array
    inertia: float
    n_iter: int
    converged: bool


class KMeansResult(_Fields):
    """What `kmeans` returns: centroids, labels, inertia, n_iter, converged."""

    _metric: str = "euclidean"
    _assign: Callable[..., tuple[Array, Array]]

    def predict(self, X: Any) -> Array:
        """Label of the nearest centroid for every row of `X`."""
        return self._assign(X, self.centroids, metric=self._metric)[0]


def check_points(X: Any, metric: str) -> Array:
    checks.choice("metric", metric, METRICS)
    return checks.points_array("X", X, 2 if metric == "iou" else "d")


def take_rows(rows: Array, indices: Array) -> Array:
    taken = np.empty((len(indices), rows.shape[1]), rows.dtype)
    for part in row_parts(taken):
        taken[part] = rows.take(indices[part], axis=0)
    return taken


def unit_rows(rows: Array) -> Array:
    """Rows divided by their lengths; a row of zeros stays."""
    scaled = np.empty_like(rows)
    for part in row_parts(rows):
        scaled[part] = rows[part].astype(np.float64) * row_scales(rows[part])[:, None]
    return scaled


def row_scales(rows: Array) -> Array:
    """1 / length of each row, 0 for a row of zeros; squares are added in index order."""
    if not rows.size:
        return np.zeros(0)
    squares = np.cumsum(np.square(rows, dtype=np.float64), axis=1)[:, -1]
    scales: Array = np.divide(1.0, np.sqrt(squares), out=np.zeros(len(rows)), where=squares > 0)
    return scales


def sum_blocks(n: int, k: int) -> int:
    """In how many blocks of rows the sums are taken: their memory stays below an eighth of the data's."""
    return max(1, min(64, n // (16 * k)))


def plusplus_draws(rng: np.random.Generator, k: int) -> Array:
    """The random numbers of one greedy k-means++ start: 2 + ln k candidates a centre, as scikit-learn."""
    return rng.random((k, 2 + int(math.log(k))))


def kmeans(
    steps_of: type[Steps],
    assign: Callable[..., tuple[Array, Array]],
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
    progress: Callable[[int, float, float], object] | None,
) -> KMeansResult:
    """The body of the public function; `steps_of` and `assign` belong to one implementation."""
    points = check_points(X, metric)
    k = checks.integer("k", k, 1, len(points))
    n_init = checks.integer("n_init", n_init, 1)
    max_iter = checks.integer("max_iter", max_iter, 1)
    tol = checks.in_range("tol", tol, 0, math.inf)
    weights = checks.weights_array("sample_weight", sample_weight, "X", points)
    start = check_init(init, k, points, metric)
    if progress is not None and not callable(progress):
        raise TypeError(f"progress: expected a callable, got {type(progress).__name__}")
    seed = checks.seed("seed", seed)
    steps = steps_of(points, metric, weights, checks.thread_count(n_threads))
    starts: Iterable[Array]
    if start is None:
        rng = np.random.default_rng(seed)
        starts = (starting_centroids(steps, points, weights, init, k, rng) for _ in range(n_init))
    else:  # without a generator: fresh entropy takes as long as clustering a hundred points
        starts = [start]
    best: KMeansResult | None = None
    for centroids in starts:
        result = lloyd(steps, centroids, max_iter, tol, metric, weights, progress)
        if n_init > 1:  # the next start writes to them
            result = result._replace(labels=result.labels.copy())
        if best is None or result.inertia < best.inertia:
            best = result
    assert best is not None
    best._metric, best._assign = metric, assign
    return best


def check_init(init: Any, k: int, points: Array, metric: str) -> Array | None:
    """The starting centroids, if `init` is an array of them."""
    if isinstance(init, str):
        checks.choice("init", init, INITS)
        return None
    start = checks.plain(checks.shaped("init", checks.numeric_array("init", init), (k, points.shape[1])), points.dtype)
    checks.point_values("init", start, sizes=metric == "iou")
    return start


def starting_centroids(
    steps: Steps, points: Array, weights: Array | None, init: str, k: int, rng: np.random.Generator
) -> Array:
    if init == "k-means++":
        return take_rows(points, steps.plusplus(k, plusplus_draws(rng, k)))
    candidates = np.arange(len(points)) if weights is None else np.flatnonzero(weights)
    if len(candidates) < k:
        candidates = np.arange(len(points))
    return take_rows(points, rng.choice(candidates, k, replace=False))


def lloyd(
    steps: Steps,
    centroids: Array,
    max_iter: int,
    tol: float,
    metric: str,
    weights: Array | None,
    progress: Callable[[int, float, float], object] | None,
) -> KMeansResult:
    """Assign and average in turn until no label changes, or the centroids move by no more than `tol`."""
    steps.labels[...] = -1
    steps.relabelled()
    if metric == "cosine":
        centroids = unit_rows(centroids)
    converged = settled = False
    for n_iter in range(1, max_iter + 1):
        settled = steps.assign(centroids, adding=True) == 0
        if settled:
            break
        moved, shift = means(steps, centroids, metric, weights)
        if progress is not None:
            progress(n_iter, inertia(steps, centroids, metric), shift)
        centroids = moved
        converged = shift <= tol
        if converged:
            break
    if not settled:
        steps.assign(centroids)
    return KMeansResult(centroids, steps.labels, inertia(steps, centroids, metric), n_iter, converged or settled)


def inertia(steps: Steps, centroids: Array, metric: str) -> float:
    total = steps.ordered_sum(steps.own_distances(centroids))
    return total / 2 if metric == "cosine" else total  # |x - c|² of unit vectors is 2 (1 - cosine)


def squared_shift(moved: Array, centroids: Array) -> float:
    """Squared distances that all centroids moved, added in index order."""
    shift = 0.0
    for part in row_parts(moved):
        squares = np.square(np.subtract(moved[part], centroids[part], dtype=np.float64))
        shift = float(np.cumsum(np.append(shift, squares))[-1])
    return shift


def means(steps: Steps, centroids: Array, metric: str, weights: Array | None) -> tuple[Array, float]:
    """The centroids of the present labels, and how far they moved.

    A cluster that stays empty, or whose members cancel, keeps its centroid.
    """
    k = len(centroids)
    sums, counts = steps.sums(k)
    if np.count_nonzero(counts) < k:
        refill(steps, centroids, counts, weights)
        sums, counts = steps.sums(k)
    if metric != "cosine":
        return steps.averages(sums, counts, centroids)
    moved = np.empty_like(centroids)
    for part in row_parts(sums):
        directions = unit_rows(mean_rows(sums[part], counts[part], np.zeros_like(sums[part])))
        moved[part] = np.where(np.asarray(directions.any(axis=1))[:, None], directions, centroids[part])
    return moved, squared_shift(moved, centroids)


def mean_rows(sums: Array, counts: Array, otherwise: Array) -> Array:
    """`sums` / `counts`; rows of float64 `otherwise` where a count is 0."""
    means: Array = np.divide(sums, counts[:, None], out=otherwise, where=counts[:, None] > 0)
    return means


def refill(steps: Steps, centroids: Array, counts: Array, weights: Array | None) -> None:
    """Give each empty cluster the point farthest from its centroid, the lowest index of equals.

    A point is taken only from a cluster that keeps another one, and only if it lies off its centroid.
    """
    labels = steps.labels
    distances = steps.own_distances(centroids).copy()
    if weights is not None:
        distances[weights == 0] = 0
    members = np.bincount(labels if weights is None else labels[weights > 0], minlength=len(counts))
    for empty in np.flatnonzero(counts == 0):
        farthest = int(np.argmax(np.where(members[labels] > 1, distances, 0)))
        if not (distances[farthest] > 0 and members[labels[farthest]] > 1):
            break
        members[labels[farthest]] -= 1
        members[empty] += 1
        labels[farthest] = empty
        distances[farthest] = 0
    steps.relabelled()
