"""Greedy k-means++ in NumPy."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from fastgeo.clustering import arguments
from fastgeo.clustering.arguments import largest_value
from fastgeo.clustering.reference_distances import (
    SUM_CHUNK,
    Data,
    chunk_sums,
    distance_between,
    lift_exponent,
    ordered_total,
)
from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array


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
    others follow in index order, those of no weight last. Potentials are float64 squared differences, added in index
    order inside chunks of 4096 points, chunks in order: kernel and reference choose the same points. Time
    O(n·k·d·log k); memory O(n).

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
    largest = largest_value("X", points)
    k = checks.integer("k", k, 1, len(points))
    rng = checks.generator("seed", seed)
    weights = checks.weights_array("sample_weight", sample_weight, "X", points)
    checks.thread_count(n_threads)
    data = Data.of(points, "euclidean", weights, lift_exponent(points.dtype, largest))
    indices = plusplus(data, k, arguments.plusplus_draws(rng, k))
    return points[indices], indices


def plusplus(data: Data, k: int, draws: Array) -> Array:
    """Greedy k-means++: of some candidates drawn by potential, keep the one that leaves the least of it."""
    closest = np.ones(len(data.rows))  # the first centre is drawn by weight alone
    chosen: list[int] = []
    while len(chosen) < k and (data.weights * closest).any():
        candidates = [pick(data.weights * closest, draw) for draw in draws[len(chosen)][: None if chosen else 1]]
        left = [centre_distances(data, i) for i in candidates]
        if chosen:
            left = [np.minimum(distances, closest) for distances in left]
        best = int(np.argmin([ordered_total(chunk_sums(data.weights * distances)) for distances in left]))
        chosen.append(candidates[best])
        closest = left[best]
    rest = [i for i in [*np.flatnonzero(data.weights > 0), *np.flatnonzero(data.weights == 0)] if i not in set(chosen)]
    return np.array([*chosen, *rest[: k - len(chosen)]], np.int64)


def centre_distances(data: Data, i: int) -> Array:
    rows = data.rows.astype(np.float64)
    return distance_between(data, rows, rows[i])


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
