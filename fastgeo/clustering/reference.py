"""The clustering room in NumPy: the specification of every kernel in it.

Distances are sums of squared differences, so that data far from the origin loses nothing. Where the order of additions
is promised it is written out: `cumsum`, `bincount` and loops add in index order.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from fastgeo.clustering import lloyd
from fastgeo.clustering.lloyd import KMeansResult, row_scales, unit_rows
from fastgeo.clustering.streaming import StreamingBase
from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array

__all__ = ["StreamingKMeans", "assign", "kmeans", "kmeans_plusplus", "pairwise_distance"]

KINDS = ("euclidean", "sqeuclidean", "cosine")
SUM_CHUNK = 4096  # points per partial sum of distances
PRODUCT_COLUMNS = 32  # from so many columns on, pairwise distances are taken by products,
NEAR = 0.125  # but for pairs whose square is below this part of what it is the difference of


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
    and reference. A cluster left empty takes the point farthest from its centroid; where all points lie on their
    centroids, and where the members of a direction cancel, the centroid stays. With "cosine" a row of zeros has
    distance 1 from everything and label 0. Hamerly's bounds and a
    first look in int16, both with certified errors, spare the kernel work and change no bit. Time O(n·k·d) an iteration
    at most; memory beyond `X` O(n + k·d).

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
    return lloyd.kmeans(
        ReferenceSteps,
        assign,
        X,
        k,
        init,
        n_init,
        max_iter,
        tol,
        metric,
        sample_weight,
        seed,
        n_threads,
        progress,
    )


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
    two centroids tie within that bound. With "iou" kernel and reference agree to the last bit. Time O(n·k·d); memory
    beyond the result O(d) a thread.

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
    points, centroids = check_both(X, centroids, metric)
    checks.thread_count(n_threads)
    steps = ReferenceSteps(points, metric, None, 0)
    checks.point_values("centroids", centroids, sizes=metric == "iou")
    distances = steps.nearest(centroids)
    if metric == "euclidean":
        distances = np.sqrt(distances)
    elif metric == "cosine":
        distances = distances / 2
    return steps.labels, distances.astype(points.dtype)


def kmeans_plusplus(
    X: ArrayLike,
    k: int,
    *,
    seed: int | np.random.Generator | None = None,
    sample_weight: ArrayLike | None = None,
    n_threads: int | None = None,
) -> tuple[Array, Array]:
    """Choose k points that lie far apart, to start k-means from.

    Parameters
    ----------
    X : array_like, shape (n, d)
        Points; as in :func:`fastgeo.kmeans`.
    k : int
        How many, from 1 to n.
    seed : int or numpy.random.Generator, optional
        Source of the random numbers.
    sample_weight : array_like, shape (n,), optional
        How much each point counts; not negative.
    n_threads : int, optional
        At most this many threads; by default as many as :func:`fastgeo.get_num_threads` says.

    Returns
    -------
    centroids : ndarray, shape (k, d)
        The chosen points.
    indices : ndarray of int64, shape (k,)
        Their rows in `X`.

    Raises
    ------
    ValueError, TypeError
        As :func:`fastgeo.kmeans`.

    Notes
    -----
    Each next point is the best of ``2 + int(log(k))`` candidates, drawn with probability proportional to the weighted
    squared distance from the points chosen so far, as in scikit-learn. Where all points coincide with chosen ones the
    lowest unused row is taken. Potentials are float64 squared differences, added in index order inside chunks of 4096
    points, chunks in order: kernel and reference choose the same points. Time O(n·k·d·log k); memory O(n).

    References
    ----------
    .. [1] D. Arthur, S. Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007.

    Examples
    --------
    >>> import fastgeo
    >>> centroids, indices = fastgeo.kmeans_plusplus([[0.0], [0.0], [5.0]], 2, seed=0)
    >>> sorted(centroids.ravel().tolist())
    [0.0, 5.0]
    """
    points = checks.points_array("X", X)
    k = checks.integer("k", k, 1, len(points))
    weights = checks.weights_array("sample_weight", sample_weight, "X", points)
    rng = checks.generator("seed", seed)
    steps = ReferenceSteps(points, "euclidean", weights, checks.thread_count(n_threads))
    indices = steps.plusplus(k, lloyd.plusplus_draws(rng, k))
    return points[indices], indices


def pairwise_distance(
    X: ArrayLike, Y: ArrayLike, *, kind: str = "euclidean", out: Array | None = None, n_threads: int | None = None
) -> Array:
    """Distance of every row of one matrix from every row of another.

    Parameters
    ----------
    X : array_like, shape (n, d)
        Points; as in :func:`fastgeo.kmeans`.
    Y : array_like, shape (m, d)
        As `X`. Of two float types the wider is used.
    kind : {"euclidean", "sqeuclidean", "cosine"}, default "euclidean"
        ``|x - y|``, its square, or ``1 - x·y / (|x| |y|)``; a row of zeros has cosine distance 1 from everything.
    out : ndarray, shape (n, m), optional
        Where to put the result; C-contiguous, of the result's type.
    n_threads : int, optional
        At most this many threads; by default as many as :func:`fastgeo.get_num_threads` says.

    Returns
    -------
    ndarray, shape (n, m)
        The distances.

    Raises
    ------
    ValueError, TypeError
        As :func:`fastgeo.kmeans`.

    Notes
    -----
    The same bits on every instruction set and with any number of threads, and each distance by its two rows alone. A
    square is a chain of fused multiply-adds over differences, within a relative ``(d + 2) * eps`` of the exact value
    however close the points lie; the cosine is half the square of two unit vectors, with a further absolute error of
    ``4 * eps`` times its root. In 32 columns and more a square is ``2 * ((|x|**2 + |y|**2) / 2 - x·y)``, and the cosine
    distance ``1 - x·y``, unless that is less than an eighth of what it is the difference of: such pairs are near, and
    go by differences. The others are within a relative ``11 * (d + 9) * eps`` in the worst case; about the root of that
    is usual. The kernel takes two columns of three as ``(x1 + y2) * (x2 + y1)``, which needs fewer multiplications.
    Time O(n·m·d); memory beyond the result O(n + m + d).

    References
    ----------
    .. [1] N. Higham, "Accuracy and stability of numerical algorithms", SIAM 2002, chapter 3.
    .. [2] S. Winograd, "A new algorithm for inner product", IEEE Transactions on Computers C-17 (1968).

    Examples
    --------
    >>> import fastgeo
    >>> fastgeo.pairwise_distance([[0.0, 0]], [[3.0, 4], [0, 0]])
    array([[5., 0.]])
    """
    checks.choice("kind", kind, KINDS)
    x, y = check_pair("X", X, "Y", Y)
    checks.thread_count(n_threads)
    out = checks.output_array(out, (len(x), len(y)), x.dtype, x, y)
    checks.point_values("X", x)
    checks.point_values("Y", y)
    a, b = x.astype(np.float64), y.astype(np.float64)
    if kind == "cosine":
        a, b = a * row_scales(x)[:, None], b * row_scales(y)[:, None]
    by_products = a.shape[1] >= PRODUCT_COLUMNS
    if by_products:
        halves_a, halves_b = half_squares(a, kind), half_squares(b, kind)
    for j in range(len(y)):
        squares = squared_distance(a, b[j])
        if by_products:
            halves = halves_a + halves_b[j]
            half = halves - np.cumsum(a * b[j], axis=1)[:, -1]
            squares = np.where(half < NEAR * halves, squares, 2 * half)
        if kind == "cosine":
            no_direction = ~(a.any(axis=1) & b[j].any())
            squares = np.where(no_direction, 1.0, squares / 2)
        out[:, j] = np.sqrt(squares) if kind == "euclidean" else squares
    return out


class ReferenceSteps:
    """The arithmetic of k-means, in NumPy."""

    def __init__(
        self, points: Array, metric: str, weights: Array | None, n_threads: int, *, once: bool = False
    ) -> None:
        checks.point_values("X", points, sizes=metric == "iou")
        self.points, self.metric = points, metric
        self.weights = np.ones(len(points)) if weights is None else weights
        self.wide = points.astype(np.float64)
        if metric == "cosine":
            self.wide = self.wide * row_scales(points)[:, None]
        self.labels = np.full(len(points), -1, np.int32)

    def assign(self, centroids: Array, *, adding: bool = False) -> int:
        before = self.labels.copy()
        self.nearest(centroids)
        return int(np.count_nonzero(self.labels != before))

    def nearest(self, centroids: Array) -> Array:
        """Set the labels; return the squared distances (1 - IoU for sizes)."""
        if self.metric == "cosine":
            centroids = unit_rows(centroids)
        best = np.full(len(self.points), np.inf)
        self.labels[...] = 0
        for j, centroid in enumerate(centroids):
            if self.metric == "iou":
                distance = size_distance(self.points, centroid).astype(np.float64)
            else:
                distance = squared_distance(self.wide, centroid.astype(np.float64))
            closer = distance < best
            self.labels[closer] = j
            best[closer] = distance[closer]
        if self.metric == "cosine":
            no_direction = ~self.wide.any(axis=1)
            self.labels[no_direction] = 0
            best[no_direction] = 2
        return best

    def relabelled(self) -> None:
        pass

    def sums(self, k: int) -> tuple[Array, Array]:
        n, d = self.points.shape
        blocks = lloyd.sum_blocks(n, k)
        borders = [n // blocks * b + n % blocks * b // blocks for b in range(blocks + 1)]
        sums, counts = np.zeros((k, d)), np.zeros(k)
        for first, end in pairwise(borders):
            labels, weights = self.labels[first:end], self.weights[first:end]
            for column in range(d):
                sums[:, column] += np.bincount(labels, self.wide[first:end, column] * weights, k)
            counts += np.bincount(labels, weights, k)
        return sums, counts

    def own_distances(self, centroids: Array) -> Array:
        if self.metric == "cosine":
            centroids = unit_rows(centroids)
        own = centroids[self.labels].astype(np.float64)
        return size_distance(self.wide, own) if self.metric == "iou" else squared_distance(self.wide, own)

    def averages(self, sums: Array, counts: Array, centroids: Array) -> tuple[Array, float]:
        moved = lloyd.mean_rows(sums, counts, centroids.astype(np.float64)).astype(centroids.dtype)
        return moved, lloyd.squared_shift(moved, centroids)

    def ordered_sum(self, distances: Array) -> float:
        return ordered_total(chunk_sums(self.weights * distances))

    def plusplus(self, k: int, draws: Array) -> Array:
        """Greedy k-means++: of some candidates drawn by potential, keep the one that leaves the least of it."""
        closest = np.ones(len(self.points))  # the first centre is drawn by weight alone
        chosen = [pick(self.weights * closest, draws[0, 0])]
        closest = self.distance_to(chosen[0])
        for j in range(1, k):
            potential = self.weights * closest
            if not potential.any():
                chosen.append(lowest_unused(self.weights, chosen))
                continue
            candidates = [pick(potential, draw) for draw in draws[j]]
            left = [np.minimum(self.distance_to(i), closest) for i in candidates]
            best = int(np.argmin([ordered_total(chunk_sums(self.weights * distance)) for distance in left]))
            chosen.append(candidates[best])
            closest = left[best]
        return np.array(chosen, np.int64)

    def distance_to(self, i: int) -> Array:
        if self.metric == "iou":
            return size_distance(self.wide, self.wide[i])
        return squared_distance(self.wide, self.wide[i])


class StreamingKMeans(StreamingBase):
    """K-means over batches: data that arrives piece by piece, or does not fit into memory.

    Parameters
    ----------
    k : int
        Number of clusters.
    seed : int or numpy.random.Generator, optional
        Source of the random numbers.
    decay : float, default 1.0
        How much of a batch's weight is left when the next one comes, from 0 to 1. With 1.0 all batches count alike;
        smaller values follow data that drifts.

    Attributes
    ----------
    centroids : ndarray, shape (k, d)
        The present centroids, of the type of the first batch.
    weights : ndarray, shape (k,)
        How many points, after decay, each of them stands for.

    Raises
    ------
    ValueError
        For k < 1, a decay outside [0, 1], or `centroids` asked for before k points have come; and as
        :func:`fastgeo.kmeans`.
    TypeError
        For an array that is not of real numbers.

    Notes
    -----
    The first k points or more are clustered with :func:`fastgeo.kmeans`. Every batch is then labelled with the present
    centroids, and each centroid becomes the mean of all points labelled with it so far. ``partial_fit(X)`` takes a
    batch, ``predict(X)`` labels points, and ``a.merge(b)`` takes another model in: the centroids of both, weighted, are
    clustered again. Kernel and reference do the same steps. Memory O(k·d), besides fewer than k points before the
    start; time O(n·k·d) a batch of n.

    References
    ----------
    .. [1] D. Sculley, "Web-scale k-means clustering", WWW 2010.
    .. [2] J. MacQueen, "Some methods for classification and analysis of multivariate observations", 1967.

    Examples
    --------
    >>> import fastgeo
    >>> model = fastgeo.StreamingKMeans(2, seed=0)
    >>> for batch in ([[0.0], [10.0]], [[1.0], [11.0]]):
    ...     model = model.partial_fit(batch)
    >>> sorted(model.centroids.ravel().tolist())
    [0.5, 10.5]
    """

    _kmeans = staticmethod(kmeans)
    _assign = staticmethod(assign)
    _steps = ReferenceSteps


def check_pair(name1: str, value1: ArrayLike, name2: str, value2: ArrayLike) -> tuple[Array, Array]:
    """Two matrices of one float type and equally many columns."""
    second = checks.points_array(name2, value2)
    first = checks.points_array(name1, value1, second.shape[1] if len(second) else "d")
    if len(second) == 0:
        second = checks.points_array(name2, value2, first.shape[1])
    first, second = checks.same_float_type(first, second)
    return first, second


def check_both(X: ArrayLike, centroids: ArrayLike, metric: str) -> tuple[Array, Array]:
    """Points and at least one centroid."""
    checks.choice("metric", metric, lloyd.METRICS)
    rows = checks.points_array("centroids", centroids, 2 if metric == "iou" else "d")
    if len(rows) == 0:
        raise ValueError(f"centroids: expected at least one row, got shape {rows.shape}")
    points = checks.points_array("X", X, rows.shape[1])
    points, rows = checks.same_float_type(points, rows)
    return points, rows


def squared_distance(a: Array, b: Array) -> Array:
    """Sum of squared differences along the last axis, in index order."""
    squares: Array = np.cumsum(np.square(a - b), axis=-1)[..., -1]
    return squares


def half_squares(rows: Array, kind: str) -> Array:
    """Half the squared length of each row; of unit vectors one half."""
    if kind == "cosine":
        return np.full(len(rows), 0.5)
    return np.square(rows).cumsum(axis=1)[:, -1] / 2


def size_distance(a: Array, b: Array) -> Array:
    """1 - IoU of (width, height) sizes; 0/0 counts as no overlap."""
    common = np.where(a[..., 0] < b[..., 0], a[..., 0], b[..., 0]) * np.where(
        a[..., 1] < b[..., 1], a[..., 1], b[..., 1]
    )
    total = a[..., 0] * a[..., 1] + b[..., 0] * b[..., 1] - common
    distance: Array = 1 - np.divide(common, total, out=np.zeros_like(total), where=total > 0)
    return distance


def chunk_sums(values: Array) -> list[float]:
    """Sums of runs of 4096 values, each in index order."""
    return [float(np.cumsum(values[i : i + SUM_CHUNK])[-1]) for i in range(0, len(values), SUM_CHUNK)]


def ordered_total(values: list[float]) -> float:
    total = 0.0
    for value in values:
        total += value
    return total


def lowest_unused(weights: Array, chosen: list[int]) -> int:
    """The lowest point of positive weight not chosen yet; the first centre again if there is none."""
    return next((int(i) for i in np.flatnonzero(weights) if i not in chosen), chosen[0])


def pick(potential: Array, draw: float) -> int:
    """The first point at which the running potential exceeds `draw` of the total."""
    sums = chunk_sums(potential)
    goal = draw * ordered_total(sums)
    before = running = 0.0
    chunk = 0
    for c, chunk_sum in enumerate(sums):
        if chunk_sum > 0:
            chunk, before = c, running
        running += chunk_sum
        if running > goal:
            break
    last = -1
    for i in range(chunk * SUM_CHUNK, min(len(potential), (chunk + 1) * SUM_CHUNK)):
        before += float(potential[i])
        if potential[i] > 0:
            last = i
            if before > goal:
                break
    return last
