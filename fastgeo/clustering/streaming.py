"""K-means over batches; the arithmetic comes from the subclass in reference.py or kernels.pyx."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import numpy as np

from fastgeo.clustering.lloyd import Steps
from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array

Self = TypeVar("Self", bound="StreamingBase")


class StreamingBase:
    _kmeans: ClassVar[Callable[..., Any]]
    _assign: ClassVar[Callable[..., tuple[Array, Array]]]
    _steps: ClassVar[Callable[..., Steps]]

    def __init__(self, k: int, *, seed: int | np.random.Generator | None = None, decay: float = 1.0) -> None:
        self.k = checks.integer("k", k, 1)
        self.decay = checks.in_range("decay", decay, 0, 1)
        self._rng = checks.generator("seed", seed)
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
        batch = self._check(X)
        checks.point_values("X", batch)
        if self._centroids is None:
            if len(batch):
                self._waiting.append(batch.copy())
            if sum(map(len, self._waiting)) < self.k:
                return self
            batch = np.concatenate(self._waiting)
            self._waiting = []
            self._centroids = self._kmeans(batch, self.k, seed=self._rng).centroids
            self._sums, self._weights = np.zeros(self._centroids.shape), np.zeros(self.k)
        if len(batch):
            self._fold(batch)
        return self

    def predict(self, X: Any) -> Array:
        """Label of the nearest centroid for every row of `X`, int32."""
        return self._assign(X, self.centroids)[0]

    def merge(self: Self, other: StreamingBase) -> Self:
        """Take in what another model has seen; it stays as it is."""
        if not isinstance(other, StreamingBase):
            raise TypeError(f"other: expected a StreamingKMeans, got {type(other).__name__}")
        if other._centroids is not None and self._centroids is None:
            own, self._waiting = self._waiting, []
            self._check(other._centroids)
            for batch in own:
                if batch.shape[1] != other._centroids.shape[1]:
                    raise ValueError(f"other: expected {batch.shape[1]} columns, got {other._centroids.shape[1]}")
            self._take_groups(other._centroids, other._sums, other._weights)
            for batch in own:
                self.partial_fit(batch)
        elif other._centroids is not None:
            self._check(other._centroids)
            self._take_groups(
                np.concatenate([self.centroids, other._centroids.astype(self.centroids.dtype)]),
                np.concatenate([self._sums, other._sums]),
                np.concatenate([self._weights, other._weights]),
            )
        for batch in list(other._waiting):
            self.partial_fit(batch)
        return self

    def _check(self, X: Any) -> Array:
        """A batch as wide as what came before, and of its type."""
        if self._centroids is None and not self._waiting:
            return checks.points_array("X", X)
        seen = self._waiting[0] if self._centroids is None else self._centroids
        return checks.plain(checks.points_array("X", X, seen.shape[1]), seen.dtype)

    def _fold(self, batch: Array) -> None:
        """Label a batch and move each centroid to the mean of all its points, the old ones decayed."""
        steps = self._steps(batch, "euclidean", None, 0, once=True)
        steps.assign(self.centroids, adding=True)
        sums, counts = steps.sums(self.k)
        self._sums = self.decay * self._sums + sums
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
