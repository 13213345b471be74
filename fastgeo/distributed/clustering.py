"""k-means over chunked rows: a k-means|| start, then one tree reduction an iteration; only centroids are sent out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from dask.delayed import Delayed

import fastgeo
from fastgeo.clustering import steps_of
from fastgeo.clustering.lloyd import BatchSteps
from fastgeo.distributed.columns import row_batches
from fastgeo.distributed.tasks import Batches
from fastgeo.runtime import checks

Array = np.ndarray[Any, Any]

# Rounds, and expected candidates a round in units of k: B. Bahmani et al., "Scalable k-means++", VLDB 5 (2012).
ROUNDS = 5
OVERSAMPLING = 2

# Rows that a task labels and sums at a time.
BLOCK_BYTES = 1 << 19


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
    X : dask array, shape (N, d); or an iterable of delayed batches
        Made anew in every pass: persist what is costly to make (``X = X.persist()``). "k-means||" takes 6 passes, an
        iteration one, the inertia one, and one finds the shapes where they are not known. A delayed batch computes to
        (X,) or (X, weights). Of a dataframe take ``frame[columns].to_dask_array(lengths=True)``.
    k : int
        Number of clusters, from 1 to N.
    init : "k-means||" or array_like, shape (k, d), default "k-means||"
        The centroids to start from. "k-means||" draws about 2 * k rows in each of 5 rounds, every row with a chance in
        proportion to its squared distance from those before, and clusters what it has drawn.
    max_iter, tol, progress
        As in :func:`fastgeo.kmeans`.
    sample_weight : dask array, shape (N,), optional
        As in :func:`fastgeo.kmeans`, chunked like `X` or in memory. None for delayed batches, which hold their own.
    seed : int, optional
        Random draws belong to rows by their index, so that they do not depend on the chunking.

    Returns
    -------
    KMeansResult
        A named tuple of centroids, labels (a list of lazy arrays, one a chunk), inertia, n_iter and converged.
        Centroids and inertia are the same bits for the same chunking on any number of workers, and the same to
        rounding for any chunking.

    Raises
    ------
    ValueError, TypeError
        As :func:`fastgeo.kmeans`; from the values of a chunk with ``chunk i: `` in front and the index in the chunk.

    See Also
    --------
    fastgeo.kmeans : the same of an array in memory.

    Notes
    -----
    An iteration sends k * d numbers to each worker, and each chunk adds k * (d + 1) + 1 float64 to a sum by a tree of
    8. A cluster left empty is refilled as on one machine, in one pass more. Time of an iteration O(N * k * d) divided
    by the workers; memory of the caller O(k * d + chunks).

    References
    ----------
    .. [1] B. Bahmani, B. Moseley, A. Vattani, R. Kumar, S. Vassilvitskii, "Scalable k-means++", PVLDB 5 (2012).

    Examples
    --------
    >>> import dask
    >>> import dask.array as da
    >>> import numpy as np
    >>> from fastgeo import distributed
    >>> X = da.from_array(np.array([[0.0, 0.0], [0.0, 1.0], [9.0, 9.0], [9.0, 8.0]]), chunks=(2, 2))
    >>> result = distributed.kmeans(X, 2, init=[[0, 0], [9, 9]])
    >>> result.centroids
    array([[0. , 0.5],
           [9. , 8.5]])
    >>> dask.compute(*result.labels)
    (array([0, 0], dtype=int32), array([1, 1], dtype=int32))
    """
    k = checks.integer("k", k, 1)
    max_iter = checks.integer("max_iter", max_iter, 1)
    tol = checks.in_range("tol", tol, 0, math.inf)
    rows = _Rows(X, sample_weight)
    checks.integer("k", k, 1, rows.n)
    if isinstance(init, str):
        checks.choice("init", init, ("k-means||",))
        centroids = _scalable_start(rows, k, np.random.SeedSequence(seed))
    else:
        centroids = checks.plain(checks.float_array("init", init, (k, rows.d)), rows.dtype)
        checks.point_values("init", centroids)
    converged, n_iter = False, 0
    while n_iter < max_iter and not converged:
        n_iter += 1
        updated, inertia = _means(rows, centroids, progress is not None)
        shift = float(np.sum((updated.astype(np.float64) - centroids) ** 2))
        converged = shift <= tol
        if progress is not None:
            progress(n_iter, inertia, shift)
        centroids = updated
    inertia = rows.reduce(partial(_sums_of_chunk, parts=INERTIA), _join_sums, centroids).inertia
    return KMeansResult(centroids, rows.map(_labels_of_chunk, centroids), inertia, n_iter, converged)


class _Shape(NamedTuple):
    """What is known of a chunk without its values."""

    length: int
    d: int
    dtype: Any


class _Rows:
    """The chunks of X with their weights, and where each begins."""

    def __init__(self, X: Any, sample_weight: Any) -> None:
        self.batches = row_batches(X=X, sample_weight=sample_weight)
        self.begins = [0] * (len(self.batches.keys) + 1)
        chunks = getattr(X, "chunks", None)
        if chunks is not None and len(chunks) == 2 and not np.isnan(X.shape).any():
            shapes = [_Shape(length, X.shape[1], checks.float_type(X.dtype)) for length in chunks[0]]
        else:  # one pass to find out
            shapes = self.located().reduced(_shape_of_chunk, _join_lists) if self.batches.keys else []
        widths = {shape.d for shape in shapes if shape.length}
        if len(widths) > 1:
            raise ValueError(f"X: expected equally many columns in every chunk, got {sorted(widths)}")
        self.d: Any = widths.pop() if widths else "d"
        self.dtype = np.result_type(np.float32, *[shape.dtype for shape in shapes if shape.length])
        self.begins = np.concatenate([[0], np.cumsum([shape.length for shape in shapes])]).astype(int).tolist()
        self.n = self.begins[-1]

    def map(self, function: Callable[..., Any], *args: Any) -> list[Delayed]:
        return self.located().map(partial(_call, function, self.d, self.dtype), *args)

    def reduce(self, function: Callable[..., Any], join: Callable[..., Any], *args: Any) -> Any:
        return self.located().reduced(partial(_call, function, self.d, self.dtype), join, *args)

    def located(self) -> Batches:
        """Each batch with the index of its first row."""
        columns = [key if isinstance(key, list) else [key] for key in self.batches.keys]
        keys = [[begin, *keys] for begin, keys in zip(self.begins[:-1], columns, strict=True)]
        return Batches(keys, self.batches.sources)

    def take(self, indices: Array) -> Array:
        """Rows by their index in the whole."""
        indices = np.sort(indices)
        wanted = np.unique(np.searchsorted(self.begins, indices, side="right") - 1)  # other chunks are not even made
        call = partial(_call, _rows_of_chunk, self.d, self.dtype)
        rows: Array = self.located().only(wanted.tolist()).reduced(call, np.concatenate, indices)
        return rows


class _Batch(NamedTuple):
    X: Array
    weights: Array | None
    begin: int  # index of the first row in the whole


def _columns(located: Any) -> tuple[int, Any, Any]:
    """Index of the first row, X and weights as they came: each from a chunk, or a tuple of the caller's."""
    begin, *batch = located
    batch = batch[0] if isinstance(batch[0], tuple) else batch
    X, weights = (*batch, None)[:2]
    return begin, X, weights


def _call(function: Callable[..., Any], d: int, dtype: Any, located: Any, *args: Any) -> Any:
    """Call with the batch as plain arrays; kernels look at the values themselves."""
    begin, X, weights = _columns(located)
    X = checks.plain(checks.points_array("X", X), dtype)
    X = X if len(X) else X.reshape(0, d)  # a chunk without rows may have lost its columns
    if weights is not None:
        weights = checks.part_weights_array("sample_weight", weights, "X", X)
    return function(_Batch(X, weights, begin), *args)


def _shape_of_chunk(located: Any) -> list[_Shape]:
    X = checks.points_array("X", _columns(located)[1])
    return [_Shape(X.shape[0], X.shape[1], X.dtype)]


def _join_lists(parts: Sequence[list[Any]]) -> list[Any]:
    return [item for part in parts for item in part]


def _blocks(batch: _Batch, centroids: Array) -> Iterator[tuple[slice, BatchSteps]]:
    """The rows in blocks that stay in cache between labelling and summing, labelled by their nearest centroids."""
    rows = max(1024, BLOCK_BYTES // max(1, batch.X[:1].nbytes))
    for first in range(0, len(batch.X), rows):
        block = slice(first, first + rows)
        weights = None if batch.weights is None else batch.weights[block]
        try:
            steps = steps_of(batch.X[block], "euclidean", weights, 0)
        except ValueError:
            checks.point_values("X", batch.X)  # the same error, with the index in the chunk
            raise
        steps.assign(centroids)
        yield block, steps


class _Sums(NamedTuple):
    """What rows add to an iteration."""

    sums: Any  # (k, d)
    weights: Any  # (k,)
    inertia: float


# What is wanted of a pass.
SUMS, INERTIA = 1, 2


def _sums_of_chunk(batch: _Batch, centroids: Array, moved: Array | None = None, parts: int = SUMS) -> _Sums:
    """`moved`: rows, by their index in the whole, that take another label than that of the nearest centroid."""
    k, d = centroids.shape if parts & SUMS else (0, 0)  # what is not wanted does not travel
    sums, weights, inertia = np.zeros((k, d)), np.zeros(k), 0.0
    for block, steps in _blocks(batch, centroids):
        if parts & INERTIA:
            inertia += steps.inertia(centroids)
        if moved is not None:
            for index, label in moved.tolist():
                if block.start <= index - batch.begin < block.start + len(steps.labels):
                    steps.labels[index - batch.begin - block.start] = label
        if parts & SUMS:
            block_sums, block_weights = steps.sums(k)
            sums += block_sums
            weights += block_weights
    return _Sums(sums, weights, inertia)


def _join_sums(parts: Sequence[_Sums]) -> _Sums:
    return _Sums(*(sum(column[1:], column[0]) for column in zip(*parts, strict=True)))


def _means(rows: _Rows, before: Array, with_inertia: bool) -> tuple[Array, float]:
    """New centroids, and the inertia of those before; a cluster that stays empty keeps its centroid."""
    parts = SUMS | INERTIA if with_inertia else SUMS
    total = rows.reduce(partial(_sums_of_chunk, parts=parts), _join_sums, before)
    if not total.weights.any():
        raise ValueError(f"sample_weight: expected a positive sum, got {rows.n} zeros")
    inertia = total.inertia
    if not total.weights.all():
        moved = _refill(rows, total, before)
        total = rows.reduce(_sums_of_chunk, _join_sums, before, moved)
    filled = total.weights > 0
    means = np.divide(total.sums, total.weights[:, None], where=filled[:, None], out=before.astype(np.float64))
    return means.astype(before.dtype), inertia


class _Farthest(NamedTuple):
    """Rows far from their centroids, the farthest first, and how many rows of positive weight each cluster has."""

    rows: list[tuple[float, int, int]]  # -distance², index in the whole, label
    members: Any  # (k,)


def _refill(rows: _Rows, total: _Sums, centroids: Array) -> Array:
    """Rows to move into the empty clusters, as on one machine: (index, label) pairs.

    Each takes the row farthest from its centroid, the lowest index of equals, out of a cluster that keeps another one.
    """
    empty = np.flatnonzero(total.weights == 0)
    # At most one row of each cluster is passed over, its last.
    count = len(empty) + len(centroids)
    found = rows.reduce(partial(_farthest_of_chunk, count=count), partial(_join_farthest, count=count), centroids)
    moved: list[tuple[int, int]] = []
    for distance, index, label in found.rows:
        if len(moved) == len(empty) or distance == 0:
            break
        if found.members[label] > 1:
            found.members[label] -= 1
            moved.append((index, int(empty[len(moved)])))
    return np.array(moved, np.int64).reshape(-1, 2)


def _farthest_of_chunk(batch: _Batch, centroids: Array, count: int) -> _Farthest:
    rows: list[tuple[float, int, int]] = []
    members = np.zeros(len(centroids), np.int64)
    for block, steps in _blocks(batch, centroids):
        distances, labels = steps.own_distances(centroids), steps.labels
        if batch.weights is not None:
            counted = batch.weights[block] > 0
            distances[~counted] = 0
            labels = labels[counted]
        members += np.bincount(labels, minlength=len(members))
        begin = batch.begin + block.start
        order = np.argsort(-distances, kind="stable")[:count]
        rows += [(-float(distances[i]), begin + int(i), int(steps.labels[i])) for i in order]
        rows = sorted(rows)[:count]
    return _Farthest(rows, members)


def _join_farthest(parts: Sequence[_Farthest], count: int) -> _Farthest:
    rows = sorted(row for part in parts for row in part.rows)[:count]
    return _Farthest(rows, sum(part.members for part in parts))


def _labels_of_chunk(batch: _Batch, centroids: Array) -> Array:
    blocks = [steps.labels for _, steps in _blocks(batch, centroids)]
    return np.concatenate([np.zeros(0, np.int32), *blocks])


def _rows_of_chunk(batch: _Batch, indices: Array) -> Array:
    inside = indices[(indices >= batch.begin) & (indices < batch.begin + len(batch.X))]
    rows: Array = batch.X[inside - batch.begin]
    return rows


def _scalable_start(rows: _Rows, k: int, seeds: np.random.SeedSequence) -> Array:
    """k-means||: a few rounds of drawing many candidates far from those before, then k-means of the candidates."""
    first, last, *rounds = seeds.spawn(2 + ROUNDS)
    rng = np.random.default_rng(first)
    candidates = rows.take(rng.choice(rows.n, 1))
    for round_seed in rounds:
        key = int(round_seed.generate_state(1, np.uint64)[0])
        draw, join = (partial(function, expected=OVERSAMPLING * k) for function in (_draw_from_chunk, _join_draws))
        drawn = rows.reduce(partial(draw, key=key), join, candidates)
        candidates = np.concatenate([candidates, drawn.rows])
    if len(candidates) < k:  # fewer distinct rows than clusters, or a small draw
        candidates = np.concatenate([candidates, rows.take(rng.choice(rows.n, k, replace=False))])
    weights = rows.reduce(_sums_of_chunk, _join_sums, candidates).weights
    seed = int(last.generate_state(1)[0])
    return fastgeo.kmeans(candidates, k, sample_weight=np.maximum(weights, 1e-300), seed=seed).centroids


class _Draw(NamedTuple):
    """Rows that may be candidates, given the cost of those rows that have been seen."""

    cost: float  # the sum of weight · distance²
    rows: Array
    shares: Array  # weight · distance² of each
    uniforms: Array  # and its random number


def _drawn(draw: _Draw, expected: int) -> _Draw:
    """Keep each row with probability expected · weight · distance² / cost.

    The cost only grows as parts are joined. So what a part leaves out the whole would leave out too, and one pass is
    enough: of a chunk about as many rows travel as are drawn of the whole.
    """
    factor = expected / draw.cost if draw.cost else 0.0
    kept = draw.uniforms < factor * draw.shares
    return _Draw(draw.cost, draw.rows[kept], draw.shares[kept], draw.uniforms[kept])


def _draw_from_chunk(batch: _Batch, candidates: Array, key: int, expected: int) -> _Draw:
    """The random number of a row depends on its index alone."""
    none = np.zeros(0)
    drawn = _Draw(0.0, batch.X[:0], none, none)
    for block, steps in _blocks(batch, candidates):
        distances = steps.own_distances(candidates)
        shares = distances if batch.weights is None else distances * batch.weights[block]
        uniforms = _row_uniforms(key, batch.begin + block.start, len(steps.labels))
        found = _Draw(steps.inertia(candidates), batch.X[block], shares, uniforms)
        drawn = _join_draws([drawn, found], expected)
    return drawn


def _join_draws(parts: Sequence[_Draw], expected: int) -> _Draw:
    cost = sum((part.cost for part in parts[1:]), parts[0].cost)
    columns = [np.concatenate(column) for column in list(zip(*parts, strict=True))[1:]]
    return _drawn(_Draw(cost, *columns), expected)


def _row_uniforms(key: int, begin: int, count: int) -> Array:
    """Uniform numbers of the rows begin … begin + count - 1 from a counter-based generator, four to a step."""
    skip = begin % 4
    generator = np.random.Generator(np.random.Philox(key=key).advance(begin // 4))
    return generator.random(skip + count)[skip:]
