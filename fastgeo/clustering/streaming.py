"""K-means over batches; the arithmetic comes from the subclass in reference_streaming.py or kernels.pyx."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import numpy as np

from fastgeo.clustering.arguments import Checker, largest_value
from fastgeo.clustering.lloyd import BatchSteps
from fastgeo.clustering.reference_distances import lift_exponent, scaled
from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array

Self = TypeVar("Self", bound="StreamingBase")


class StreamingBase:
    """A call works on a copy of the model, which takes its place at the end: one that fails changes nothing."""

    _kmeans: ClassVar[Callable[..., Any]]
    _assign: ClassVar[Callable[..., tuple[Array, Array]]]
    _steps: ClassVar[Callable[..., BatchSteps]]
    _checker: ClassVar[Checker] = staticmethod(largest_value)

    @staticmethod
    def _environment() -> contextlib.AbstractContextManager[Any]:
        """The floating-point environment of a call."""
        return contextlib.nullcontext()

    def __init__(self, k: int, *, seed: int | np.random.Generator | None = None, decay: float = 1.0) -> None:
        self.k = checks.integer("k", k, 1)
        self._rng = checks.generator("seed", seed)
        self.decay = checks.in_range("decay", decay, 0, 1)
        self._waiting: list[Array] = []  # fewer than k points in all
        self._centroids: Array | None = None
        self._sums = self._weights = np.zeros(0)

    @property
    def centroids(self) -> Array:
        """The present centroids, (k, d)."""
        if self._centroids is None:
            got = sum(map(len, self._waiting))
            raise ValueError(f"centroids: expected at least {self.k} points before, got {got}")
        return self._centroids

    @property
    def weights(self) -> Array:
        """How many points, after decay, each centroid stands for, (k,)."""
        return self._weights

    def partial_fit(self: Self, X: Any) -> Self:
        """Take in a batch, shape (n, d)."""
        with self._environment():
            changed = copy.copy(self)
            changed._add("X", X)
        vars(self).update(vars(changed))
        return self

    def predict(self, X: Any) -> Array:
        """Label of the nearest centroid for every row of `X`, int32."""
        return self._assign(X, self.centroids)[0]

    def merge(self: Self, other: StreamingBase) -> Self:
        """Take in what another model has seen; it stays as it is."""
        if not isinstance(other, StreamingBase):
            raise TypeError(f"other: expected a StreamingKMeans, got {type(other).__name__}")
        with self._environment():
            changed = copy.copy(self)
            changed._merge(other)
        vars(self).update(vars(changed))
        return self

    def _merge(self, other: StreamingBase) -> None:
        if other._centroids is not None:
            theirs = self._check("other", other._centroids)
            own, self._waiting = self._waiting, []
            if self._centroids is None:
                self._take_groups(theirs, other._sums, other._weights)
            else:
                self._take_groups(
                    np.concatenate([self._centroids, theirs]),
                    np.concatenate([self._sums, other._sums]),
                    np.concatenate([self._weights, other._weights]),
                )
            for batch in own:
                self._add("X", batch)
        for batch in other._waiting:
            self._add("other", batch)

    def _add(self, name: str, X: Any) -> None:
        batch = self._check(name, X)
        if self._centroids is None:
            waiting = [*self._waiting, batch.copy()] if len(batch) else self._waiting
            if sum(map(len, waiting)) < self.k:
                self._waiting = waiting
                return
            batch = np.concatenate(waiting)
            self._waiting = []
            self._centroids = self._kmeans(batch, self.k, seed=self._rng).centroids
            self._sums, self._weights = np.zeros(self._centroids.shape), np.zeros(self.k)
        if len(batch):
            self._fold(batch)

    def _check(self, name: str, X: Any) -> Array:
        """A batch as wide as what came before, and of its type."""
        if self._centroids is None and not self._waiting:
            batch = checks.points_array(name, X)
        else:
            seen = self._waiting[0] if self._centroids is None else self._centroids
            batch = checks.points_array(name, X, seen.shape[1])
            if seen.dtype != batch.dtype:
                with np.errstate(over="ignore"):  # what is too large is found below
                    batch = checks.plain(batch, seen.dtype)
        self._checker(name, batch)
        return batch

    def _fold(self, batch: Array) -> None:
        """Label a batch and move each centroid to the mean of all its points, the old ones decayed."""
        largest = max(self._checker("X", batch), self._checker("centroids", self.centroids))
        exponent = lift_exponent(batch.dtype, largest)
        steps = self._steps(batch, "euclidean", None, 0, exponent=exponent, largest=largest)
        steps.assign(self.centroids, adding=True)
        sums, counts = steps.sums(self.k)
        self._sums = self.decay * self._sums + scaled(sums, -exponent)
        self._weights = self.decay * self._weights + counts
        self._average()

    def _average(self) -> None:
        centroids = self.centroids
        filled = self._weights > 0
        means = np.divide(self._sums, self._weights[:, None], out=centroids.astype(np.float64), where=filled[:, None])
        self._centroids = means.astype(centroids.dtype)

    def _take_groups(self, centroids: Array, sums: Array, weights: Array) -> None:
        """Cluster weighted centroids into k; sums and weights of each group are added."""
        if len(centroids) < self.k:
            raise ValueError(f"other: expected at least {self.k} centroids, got {len(centroids)}")
        result = self._kmeans(centroids, self.k, sample_weight=weights, seed=self._rng)
        self._centroids = result.centroids
        self._sums, self._weights = np.zeros(result.centroids.shape), np.zeros(self.k)
        np.add.at(self._sums, result.labels, sums)
        np.add.at(self._weights, result.labels, weights)
        self._average()
