"""Lloyd's algorithm around the kernels' arithmetic: stopping, restarts, reports. The reference has its own loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np

from fastgeo.clustering import arguments
from fastgeo.clustering.arguments import KMeansArguments, KMeansResult
from fastgeo.runtime.checks import Array, row_parts


class BatchSteps(Protocol):
    """The arithmetic of one step over points of a call, or of a part of them.

    Where these are tiny it works on their products with 2**exponent, or squares would vanish; sums, shifts and the
    distances that are not ratios come out with that factor, centroids without it.
    """

    exponent: int  # 0 for "cosine", whose centroids have length 1
    labels: Array  # int32 (n,); -1 before the first assignment
    weights: Array | None  # those of the points; 0 where a point has no direction

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
        """`largest`: of the magnitudes, where the values are checked already."""

    def assign(self, centroids: Array, *, adding: bool = False) -> int:
        """Update `labels` to the nearest centroids; return how many changed. With `adding`, `sums` comes next."""

    def sums(self, k: int) -> tuple[Array, Array]:
        """Weighted sum of the points of each label, (k, d), and their total weights, (k,); float64."""

    def own_distances(self, centroids: Array) -> Array:
        """What each point adds to the inertia, unweighted: float64 (n,)."""

    def inertia(self, centroids: Array) -> float:
        """Their weighted sum in the order of the contract; half of it for "cosine"."""


class Steps(BatchSteps, Protocol):
    """What a whole run needs besides."""

    def restart(self, centroids: Array) -> Array:
        """Forget all labels; return these centroids, of length 1 for "cosine"."""

    def refill(self, centroids: Array, counts: Array) -> None:
        """Give each cluster whose count is 0 the point farthest from its centroid, if there is one to give."""

    def means(self, sums: Array, counts: Array, centroids: Array) -> tuple[Array, float]:
        """The centroids of these sums, in the type of the centroids, and how far they moved, squared."""

    def plusplus(self, k: int, draws: Array) -> Array:
        """Indices of k starting points, int64."""


def take_rows(rows: Array, indices: Array) -> Array:
    taken = np.empty((len(indices), rows.shape[1]), rows.dtype)
    for part in row_parts(taken):
        taken[part] = rows.take(indices[part], axis=0)
    return taken


def kmeans(call: KMeansArguments, steps: Steps, assign: Callable[..., tuple[Array, Array]]) -> KMeansResult:
    """The best of some runs."""
    best: KMeansResult | None = None
    for centroids in starts(call, steps):
        result = run(call, steps, centroids)
        if call.n_init > 1:  # the next start writes to them
            result = result._replace(labels=result.labels.copy())
        if best is None or result.inertia < best.inertia:
            best = result
    assert best is not None
    best = best._replace(inertia=plain_inertia(call, steps, best.inertia))
    best._metric, best._assign = call.metric, assign
    return best


def plain_inertia(call: KMeansArguments, steps: Steps, inertia: float) -> float:
    """Without the factor of `steps`, which IoU does not depend on."""
    return inertia if call.metric == "iou" else math.ldexp(inertia, -2 * steps.exponent)


def starts(call: KMeansArguments, steps: Steps) -> Iterator[Array]:
    if call.start is not None:  # without a generator: fresh entropy takes as long as clustering a hundred points
        yield call.start
        return
    rng = np.random.default_rng(call.seed)
    for _ in range(call.n_init):
        if call.init == "random":
            indices = arguments.random_rows(rng, len(call.points), steps.weights, call.k)
        else:
            indices = steps.plusplus(call.k, arguments.plusplus_draws(rng, call.k))
        yield take_rows(call.points, indices)


def run(call: KMeansArguments, steps: Steps, centroids: Array) -> KMeansResult:
    """Assign and average in turn until no label changes, or the centroids move by no more than `tol`."""
    centroids = steps.restart(centroids)
    tol = call.tol * 2.0**steps.exponent * 2.0**steps.exponent  # where the shift as the user knows it would be 0
    converged = settled = False
    for n_iter in range(1, call.max_iter + 1):
        settled = steps.assign(centroids, adding=True) == 0
        if settled:
            break
        sums, counts = steps.sums(call.k)
        if np.count_nonzero(counts) < call.k:
            steps.refill(centroids, counts)
            sums, counts = steps.sums(call.k)
        moved, shift = steps.means(sums, counts, centroids)
        if call.progress is not None:
            inertia = plain_inertia(call, steps, steps.inertia(centroids))
            call.progress(n_iter, inertia, math.ldexp(shift, -2 * steps.exponent))
        centroids = moved
        converged = shift <= tol
        if converged:
            break
    if not settled:
        steps.assign(centroids)
    return KMeansResult(centroids, steps.labels, steps.inertia(centroids), n_iter, converged or settled)
