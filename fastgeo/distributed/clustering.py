"""k-means over chunked rows: a k-means|| start, then one tree reduction an iteration; only centroids are sent out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from dask.delayed import Delayed, delayed

import fastgeo
from fastgeo.distributed.tasks import in_chunk, row_batches, tree_reduce
from fastgeo.runtime import checks

Array = np.ndarray[Any, Any]

# Rounds, and expected candidates a round in units of k: B. Bahmani et al., "Scalable k-means++", VLDB 5 (2012).
ROUNDS = 5
OVERSAMPLING = 2


class KMeansResult(NamedTuple):
    """What :func:`kmeans` returns."""

    centroids: Array
    labels: list[Delayed]  # one array a chunk, not computed yet
    inertia: float
    n_iter: int
    converged: bool


def kmeans(
    X: Any,
    k: int,
    *,
    init: Any = "k-means||",
    max_iter: int = 300,
    tol: float = 0.0,
    sample_weight: Any = None,
    seed: int | None = None,
    progress: Callable[[int, float, float], Any] | None = None,
) -> KMeansResult:
    """:func:`fastgeo.kmeans` (Euclidean) of rows that lie in chunks.

    Parameters
    ----------
    X : dask array, shape (n, d); or an iterable of delayed batches
        Read once an iteration: persist what is costly to make. A delayed batch is (X,) or (X, weights).
    k, max_iter, tol, sample_weight, progress
        As in :func:`fastgeo.kmeans`.
    init : "k-means||" or array_like, shape (k, d)
        The centroids to start from.
    seed : int, optional
        Random draws belong to rows, so that they do not depend on the chunking.

    Returns
    -------
    KMeansResult
        Centroids and inertia are the same bits for the same chunking on any number of workers, and the same to
        rounding for any chunking.

    Notes
    -----
    An iteration sends k·d numbers to each chunk and as many back, joined by a tree.
    """
    k = checks.integer("k", k, 1)
    batches = row_batches(X) if not hasattr(X, "to_delayed") else row_batches(X, sample_weight)
    rows = _Rows(batches)
    if isinstance(init, str):
        checks.choice("init", init, ("k-means||",))
        centroids = _scalable_start(rows, k, np.random.SeedSequence(seed))
    else:
        centroids = checks.float_array("init", init, (k, "d"))
    converged, n_iter = False, 0
    while n_iter < max_iter and not converged:
        n_iter += 1
        total = rows.reduce(_sums_of_chunk, _join_sums, centroids)
        updated = _means(rows, total, centroids)
        shift = float(np.sum((updated.astype(np.float64) - centroids) ** 2))
        converged = shift <= tol
        if progress is not None:
            progress(n_iter, total.inertia, shift)
        centroids = updated
    inertia = rows.reduce(_sums_of_chunk, _join_sums, centroids).inertia
    return KMeansResult(centroids, rows.map(_labels_of_chunk, centroids), inertia, n_iter, converged)


class _Rows:
    """The chunks of X with their weights, and where each begins."""

    def __init__(self, batches: Sequence[Delayed]) -> None:
        self.batches = [delayed(in_chunk)(i, _checked_chunk, batch) for i, batch in enumerate(batches)]
        lengths = delayed(list)([delayed(_length)(batch) for batch in self.batches]).compute()
        self.begins = np.concatenate([[0], np.cumsum(lengths)]).astype(int).tolist()
        self.n = self.begins[-1]

    def map(self, function: Callable[..., Any], *args: Any) -> list[Delayed]:
        shared = [delayed(arg) for arg in args]  # sent out once, not once a chunk
        parts = zip(self.batches, self.begins[:-1], strict=True)
        return [delayed(in_chunk)(i, function, batch, begin, *shared) for i, (batch, begin) in enumerate(parts)]

    def reduce(self, function: Callable[..., Any], join: Callable[..., Any], *args: Any) -> Any:
        return tree_reduce(join, self.map(function, *args)).compute()

    def take(self, indices: Array) -> Array:
        """Rows by their index in the whole."""
        rows: Array = self.reduce(_rows_of_chunk, np.concatenate, np.sort(indices))
        return rows


class _Batch(NamedTuple):
    X: Array
    weights: Array


def _checked_chunk(batch: Any) -> _Batch:
    X, weights = (*(batch if isinstance(batch, tuple) else (batch,)), None)[:2]
    X = checks.float_array("X", X, ("n", "d"))
    checks.reject("X", X, ~np.isfinite(X), "a finite number")
    if weights is None:
        return _Batch(X, np.ones(len(X)))
    weights = checks.float_array("sample_weight", weights, (len(X),)).astype(np.float64)
    checks.reject("sample_weight", weights, ~((weights >= 0) & (weights < np.inf)), "a finite number of at least 0")
    return _Batch(X, weights)


def _length(batch: _Batch) -> int:
    return len(batch.X)


def _nearest(batch: _Batch, centroids: Array) -> tuple[Array, Array]:
    """Labels and squared distances, the latter from differences in float64."""
    labels, _ = fastgeo.assign(batch.X, centroids.astype(batch.X.dtype))
    difference = batch.X.astype(np.float64) - centroids[labels]
    return labels, np.einsum("ij,ij->i", difference, difference)


class _Sums(NamedTuple):
    """What rows add to an iteration."""

    sums: Array  # (k, d)
    weights: Array  # (k,)
    inertia: float


def _sums_of_chunk(batch: _Batch, begin: int, centroids: Array) -> _Sums:
    k = len(centroids)
    labels, squared = _nearest(batch, centroids)
    columns = [np.bincount(labels, batch.weights * column, k) for column in batch.X.T.astype(np.float64)]
    weights = np.bincount(labels, batch.weights, k)
    return _Sums(np.stack(columns, axis=1), weights, float((batch.weights * squared).sum()))


def _join_sums(parts: Sequence[_Sums]) -> _Sums:
    return _Sums(*(sum(column[1:], column[0]) for column in zip(*parts, strict=True)))


def _means(rows: _Rows, total: _Sums, before: Array) -> Array:
    """New centroids; clusters left empty take the rows farthest from their centroids, lowest index first."""
    filled = total.weights > 0
    means = np.divide(total.sums, total.weights[:, None], where=filled[:, None], out=before.astype(np.float64))
    empty = np.flatnonzero(~filled)
    if len(empty):
        farthest = rows.reduce(_farthest_of_chunk, _join_farthest, before, len(empty))
        means[empty[: len(farthest)]] = [row for _, _, row in farthest]
    return means.astype(before.dtype)


def _farthest_of_chunk(batch: _Batch, begin: int, centroids: Array, count: int) -> list[tuple[float, int, Array]]:
    """(-distance², index, row) of so many rows."""
    _, squared = _nearest(batch, centroids)
    order = np.argsort(-squared, kind="stable")[:count]
    return [(-float(squared[i]), begin + int(i), batch.X[i]) for i in order]


def _join_farthest(parts: Sequence[list[tuple[float, int, Array]]]) -> list[tuple[float, int, Array]]:
    count = max(map(len, parts))
    return sorted((row for part in parts for row in part), key=lambda row: row[:2])[:count]


def _labels_of_chunk(batch: _Batch, begin: int, centroids: Array) -> Array:
    labels: Array = fastgeo.assign(batch.X, centroids.astype(batch.X.dtype))[0]
    return labels


def _rows_of_chunk(batch: _Batch, begin: int, indices: Array) -> Array:
    inside = indices[(indices >= begin) & (indices < begin + len(batch.X))]
    rows: Array = batch.X[inside - begin]
    return rows


def _scalable_start(rows: _Rows, k: int, seeds: np.random.SeedSequence) -> Array:
    """k-means||: a few rounds of drawing many candidates far from those before, then k-means of the candidates."""
    if k > rows.n:
        raise ValueError(f"k: expected at most the number of rows {rows.n}, got {k}")
    first, last, *rounds = seeds.spawn(2 + ROUNDS)
    rng = np.random.default_rng(first)
    candidates = rows.take(rng.choice(rows.n, 1))
    for round_seed in rounds:
        cost = rows.reduce(_cost_of_chunk, sum, candidates)
        key = int(round_seed.generate_state(1, np.uint64)[0])
        drawn = rows.reduce(_draw_from_chunk, np.concatenate, candidates, OVERSAMPLING * k / cost if cost else 0.0, key)
        candidates = np.concatenate([candidates, drawn])
    if len(candidates) < k:  # fewer distinct rows than clusters, or a small draw
        candidates = np.concatenate([candidates, rows.take(rng.choice(rows.n, k, replace=False))])
    weights = rows.reduce(_sums_of_chunk, _join_sums, candidates).weights
    seed = int(last.generate_state(1)[0])
    return fastgeo.kmeans(candidates, k, sample_weight=np.maximum(weights, 1e-300), seed=seed).centroids


def _cost_of_chunk(batch: _Batch, begin: int, candidates: Array) -> float:
    return float((batch.weights * _nearest(batch, candidates)[1]).sum())


def _draw_from_chunk(batch: _Batch, begin: int, candidates: Array, factor: float, key: int) -> Array:
    """Each row with probability factor · weight · distance²; the draw of a row depends on its index alone."""
    uniform = _row_uniforms(key, begin, len(batch.X))
    return batch.X[uniform < factor * batch.weights * _nearest(batch, candidates)[1]]


def _row_uniforms(key: int, begin: int, count: int) -> Array:
    """Uniform numbers of the rows begin … begin + count - 1 from a counter-based generator, four to a step."""
    skip = begin % 4
    generator = np.random.Generator(np.random.Philox(key=key).advance(begin // 4))
    return generator.random(skip + count)[skip:]
