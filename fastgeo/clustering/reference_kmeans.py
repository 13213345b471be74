"""K-means in NumPy: Lloyd's algorithm as a textbook writes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from fastgeo.clustering import arguments
from fastgeo.clustering.arguments import KMeansArguments, KMeansResult, largest_value
from fastgeo.clustering.reference_distances import (
    Data,
    chunk_sums,
    distance_between,
    lift_exponent,
    ordered_total,
    scaled,
    unit,
)
from fastgeo.clustering.reference_seeding import plusplus
from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array


def kmeans(
    X: ArrayLike,
    k: int,
    *,
    init: str | ArrayLike = "k-means++",
    n_init: int = 1,
    max_iter: int = 300,
    tol: float = 0.0,
    metric: str = "euclidean",
    sample_weight: ArrayLike | None = None,
    seed: int | np.random.Generator | None = None,
    n_threads: int | None = None,
    progress: Callable[[int, float, float], object] | None = None,
) -> KMeansResult:
    """Cluster points into k groups by Lloyd's algorithm.

    Parameters
    ----------
    X : array_like, shape (n, d)
        Points, finite. float32 and float64 keep their type; float16 becomes float32 and integers become float64.
    k : int
        Number of clusters, from 1 to n.
    init : {"k-means++", "random"} or array_like of shape (k, d), default "k-means++"
        Where to start: greedy k-means++, k different points at random, or these centroids.
    n_init : int, default 1
        Number of random starts; the one of least inertia is returned.
    max_iter : int, default 300
        At most this many iterations a start.
    tol : float, default 0.0
        Stop when the centroids move by ``sum(|c - c_before|**2) <= tol``. With 0.0 the labels have to settle.
    metric : {"euclidean", "cosine", "iou"}, default "euclidean"
        "cosine" clusters directions (spherical k-means): rows and centroids have length 1. "iou" clusters the
        (width, height) sizes of boxes by ``1 - IoU`` of boxes with a common corner: anchor boxes for a detector.
    sample_weight : array_like, shape (n,), optional
        How much each point counts; not negative.
    seed : int or numpy.random.Generator, optional
        Source of the random numbers. The same seed gives the same result everywhere.
    n_threads : int, optional
        At most this many threads; by default as many as :func:`fastgeo.get_num_threads` says.
    progress : callable, optional
        Called as ``progress(iteration, inertia, shift)`` after each iteration.

    Returns
    -------
    KMeansResult
        A named tuple: `centroids` (k, d); `labels` int32 (n,), always the nearest of these centroids; `inertia`, the
        weighted sum of squared distances (of ``1 - cosine``; of ``1 - IoU``, so that the mean best IoU is
        ``1 - inertia / n``); `n_iter`; `converged`. ``result.predict(X)`` labels other points.

    Raises
    ------
    ValueError
        For NaN, infinity or a value beyond 2**50 (float32) or 2**240 (float64) in magnitude, a negative size with
        "iou", k outside 1…n, weights that are negative or all zero, or an argument out of range.
    TypeError
        For an array that is not of real numbers.

    Notes
    -----
    The same bits on every instruction set and with any number of threads. The kernel finds the nearest centroid by
    squared differences in the type of `X`, each distance one chain of fused multiply-adds, within a relative
    ``(d + 2) * eps`` of the exact value: its labels are the reference's unless two centroids tie within that bound.
    Of equal centroids the lowest index wins. Sums and inertia are float64 in a fixed order, the same bits in kernel
    and reference. Points that are all below 2**-20 (float32) or 2**-300 (float64) are multiplied by a power of two
    first, so that no square vanishes: scaled points have the same labels.

    A cluster left empty takes the point farthest from its centroid; where all points lie on their centroids, and where
    the members of a direction cancel, the centroid stays. With "cosine" a row of zeros has no direction: its label is
    0 and its distance 1 from everything; it counts in the inertia alone. A centroid of zeros has distance 1 from
    everything. Starts take rows of no weight or no direction last, in index order.

    Time O(n·k·d) an iteration at most; memory beyond `X` O(n + k·d), and a copy of `X` where it is multiplied.

    References
    ----------
    .. [1] S. Lloyd, "Least squares quantization in PCM", IEEE Transactions on Information Theory 28 (1982).
    .. [2] D. Arthur, S. Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007.
    .. [3] G. Hamerly, "Making k-means even faster", SDM 2010.
    .. [4] J. Redmon, A. Farhadi, "YOLO9000: better, faster, stronger", CVPR 2017 (anchors by IoU).

    Examples
    --------
    >>> import fastgeo
    >>> result = fastgeo.kmeans([[0.0, 0], [0, 1], [9, 9], [9, 8]], 2, seed=0)
    >>> sorted(result.centroids.tolist())
    [[0.0, 0.5], [9.0, 8.5]]
    >>> result.inertia
    1.0
    """
    call = arguments.kmeans_arguments(
        largest_value, X, k, init, n_init, max_iter, tol, metric, sample_weight, seed, n_threads, progress
    )
    data = Data.of(call.points, metric, call.weights, lift_exponent(call.points.dtype, call.largest))
    best = min((lloyd(data, start, call) for start in starts(data, call)), key=lambda result: result.inertia)
    best = best._replace(inertia=data.plain(best.inertia))
    best._metric, best._assign = metric, assign
    return best


def assign(
    X: ArrayLike, centroids: ArrayLike, *, metric: str = "euclidean", n_threads: int | None = None
) -> tuple[Array, Array]:
    """Label every point with its nearest centroid.

    Parameters
    ----------
    X : array_like, shape (n, d)
        Points; as in :func:`fastgeo.kmeans`.
    centroids : array_like, shape (k, d)
        At least one centroid. Of two float types the wider is used.
    metric : {"euclidean", "cosine", "iou"}, default "euclidean"
        As in :func:`fastgeo.kmeans`.
    n_threads : int, optional
        At most this many threads; by default as many as :func:`fastgeo.get_num_threads` says.

    Returns
    -------
    labels : ndarray of int32, shape (n,)
        Index of the nearest centroid, the lowest of equals.
    distances : ndarray, shape (n,)
        Euclidean distance from it; ``1 - cosine``; ``1 - IoU``.

    Raises
    ------
    ValueError, TypeError
        As :func:`fastgeo.kmeans`.

    Notes
    -----
    The same bits on every instruction set and with any number of threads. Squared distances are within a relative
    ``(d + 2) * eps`` of the exact value (plus ``d`` times the smallest subnormal); labels equal the reference's unless
    two centroids tie within that bound. With "iou" kernel and reference agree to the last bit. Values that are all
    tiny, and rows and centroids of zeros, are treated as by :func:`fastgeo.kmeans`. Time O(n·k·d); memory beyond the
    result O(d) a thread.

    References
    ----------
    .. [1] S. Lloyd, "Least squares quantization in PCM", IEEE Transactions on Information Theory 28 (1982).

    Examples
    --------
    >>> import fastgeo
    >>> labels, distances = fastgeo.assign([[0.0, 0], [3, 4]], [[0.0, 0], [3, 0]])
    >>> labels
    array([0, 1], dtype=int32)
    >>> distances
    array([0., 4.])
    """
    points, centroids = arguments.assign_arrays(X, centroids)
    largest = max(largest_value("X", points), largest_value("centroids", centroids))
    arguments.check_metric(largest_value, metric, points, centroids)
    checks.thread_count(n_threads)
    data = Data.of(points, metric, None, lift_exponent(points.dtype, largest))
    labels, distances = nearest(data, centroids)
    if metric == "euclidean":
        distances = scaled(np.sqrt(distances), -data.exponent)
    elif metric == "cosine":
        distances = distances / 2
    return labels, distances.astype(points.dtype)


def starts(data: Data, call: KMeansArguments) -> Iterator[Array]:
    if call.start is not None:
        yield call.start
        return
    rng = np.random.default_rng(call.seed)
    for _ in range(call.n_init):
        if call.init == "random":
            weights = None if data.weights.all() else data.weights
            yield call.points[arguments.random_rows(rng, len(call.points), weights, call.k)]
        else:
            yield call.points[plusplus(data, call.k, arguments.plusplus_draws(rng, call.k))]


def lloyd(data: Data, centroids: Array, call: KMeansArguments) -> KMeansResult:
    """Assign and average in turn until no label changes, or the centroids move by no more than `tol`."""
    if data.metric == "cosine":
        centroids = data.centroids(centroids)
    labels = np.full(len(data.rows), -1, np.int32)
    settled = close = False
    for n_iter in range(1, call.max_iter + 1):
        before, (labels, _) = labels, nearest(data, centroids)
        settled = bool((labels == before).all())
        if settled:
            break
        labels = refilled(data, labels, centroids)
        moved = means(data, labels, centroids)
        steps = scaled(np.subtract(moved, centroids, dtype=np.float64), data.exponent)
        shift = float(np.cumsum(np.square(steps))[-1])
        if call.progress is not None:
            now = data.plain(inertia(data, labels, centroids))
            call.progress(n_iter, now, float(scaled(np.array([shift]), -2 * data.exponent)[0]))
        centroids = moved
        close = shift <= call.tol * 2.0**data.exponent * 2.0**data.exponent
        if close:
            break
    if not settled:
        labels, _ = nearest(data, centroids)
    return KMeansResult(centroids, labels, inertia(data, labels, centroids), n_iter, settled or close)


def nearest(data: Data, centroids: Array) -> tuple[Array, Array]:
    """Labels, and squared distances (1 - IoU for sizes). Without a direction: 2 from everything, label 0."""
    best = np.full(len(data.rows), np.inf)
    labels = np.zeros(len(data.rows), np.int32)
    for j, centroid in enumerate(data.centroids(centroids)):
        distance = distance_between(data, data.rows, centroid)
        closer = distance < best
        labels[closer] = j
        best[closer] = distance[closer]
    if data.metric == "cosine":
        undirected = ~data.rows.any(axis=1)
        labels[undirected], best[undirected] = 0, 2
    return labels, best


def own_distances(data: Data, labels: Array, centroids: Array) -> Array:
    """What each point adds to the inertia, unweighted, in float64."""
    own = data.centroids(centroids)[labels].astype(np.float64)
    return distance_between(data, data.rows.astype(np.float64), own)


def inertia(data: Data, labels: Array, centroids: Array) -> float:
    total = ordered_total(chunk_sums(data.counted * own_distances(data, labels, centroids)))
    return total / 2 if data.metric == "cosine" else total  # |x - c|² of unit vectors is 2 (1 - cosine)


def label_sums(data: Data, labels: Array, k: int) -> tuple[Array, Array]:
    """Weighted sum of the points of each label, and their weights: in blocks, each in index order."""
    n, d = data.rows.shape
    blocks = arguments.sum_blocks(n, k)
    borders = [n // blocks * b + n % blocks * b // blocks for b in range(blocks + 1)]
    sums, counts = np.zeros((k, d)), np.zeros(k)
    for first, end in pairwise(borders):
        some, weights = labels[first:end], data.weights[first:end]
        for column in range(d):
            sums[:, column] += np.bincount(some, data.rows[first:end, column].astype(np.float64) * weights, k)
        counts += np.bincount(some, weights, k)
    return sums, counts


def means(data: Data, labels: Array, centroids: Array) -> Array:
    """The mean of each cluster, its direction for "cosine". An empty one, or one that cancels, keeps its centroid."""
    sums, counts = label_sums(data, labels, len(centroids))
    filled = counts > 0
    moved = np.divide(sums, counts[:, None], out=np.zeros_like(sums), where=filled[:, None])
    if data.metric == "cosine":
        moved = unit(moved)
        filled = np.asarray(moved.any(axis=1))
    moved = scaled(moved, -data.exponent)
    return np.where(filled[:, None], moved.astype(centroids.dtype), centroids)


def refilled(data: Data, labels: Array, centroids: Array) -> Array:
    """Labels with which each empty cluster has the point farthest from its centroid, the lowest index of equals.

    A point is taken only from a cluster that keeps another one, and only if it lies off its centroid.
    """
    labels, counted = labels.copy(), data.weights > 0
    distances = np.where(counted, own_distances(data, labels, centroids), 0)
    members = np.bincount(labels[counted], minlength=len(centroids))
    for empty in np.flatnonzero(members == 0):
        candidates = np.where(members[labels] > 1, distances, 0)
        farthest = int(np.argmax(candidates))
        if candidates[farthest] == 0:
            break
        members[labels[farthest]] -= 1
        members[empty] += 1
        labels[farthest], distances[farthest] = empty, 0
    return labels


class ReferenceSteps:
    """The arithmetic of one step, for callers that hold a part of the points: batches and chunks."""

    def __init__(
        self,
        points: Array,
        metric: str,
        weights: Array | None,
        n_threads: int,
        *,
        exponent: int = 0,
        largest: float | None = None,
    ) -> None:
        if largest is None:
            largest_value("X", points)
        self.data = Data.of(points, metric, weights, exponent)
        self.exponent, self.weights = self.data.exponent, weights
        self.labels = np.full(len(points), -1, np.int32)

    def assign(self, centroids: Array, *, adding: bool = False) -> int:
        before = self.labels.copy()
        self.labels[...] = nearest(self.data, centroids)[0]
        return int(np.count_nonzero(self.labels != before))

    def sums(self, k: int) -> tuple[Array, Array]:
        return label_sums(self.data, self.labels, k)

    def own_distances(self, centroids: Array) -> Array:
        return own_distances(self.data, self.labels, centroids)

    def inertia(self, centroids: Array) -> float:
        return inertia(self.data, self.labels, centroids)
