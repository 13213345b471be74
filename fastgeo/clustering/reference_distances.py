"""Distances and sums of the clustering reference: float64, in the order of the contract.

Distances are sums of squared differences, so that data far from the origin loses nothing. Where the order of additions
is promised it is written out: `cumsum`, `bincount` and loops add in index order.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from fastgeo.runtime.checks import Array

SUM_CHUNK = 4096  # points per partial sum of distances

# Where every value of a call is below this, squares would leave the range of the type: the call is computed on products
# with a power of two.
TINY = {np.dtype(np.float32): 2.0**-20, np.dtype(np.float64): 2.0**-300}


def lift_exponent(dtype: np.dtype[np.floating], largest: float) -> int:
    """Of the power of two that brings values of at most this magnitude to 1 if they are tiny; 0 if they are not."""
    return min(-math.frexp(largest)[1], 1000) if 0 < largest < TINY[dtype] else 0


def scaled(values: Array, exponent: int) -> Array:
    """Values times 2**exponent, of their type; the exponent may be out of its range."""
    half = exponent // 2
    wide = np.ldexp(np.ldexp(values.astype(np.float64), half), exponent - half)
    return wide.astype(values.dtype)


def unit(rows: Array) -> Array:
    """Rows in float64 divided by their lengths; a row of zeros stays."""
    rows = rows.astype(np.float64)
    squares = row_squares(rows)
    short = squares < 2.0**-900  # inexact
    rows = np.where(short[:, None], rows * 2.0**600, rows)
    squares = np.where(short, row_squares(rows), squares)
    scales = np.divide(1.0, np.sqrt(squares), out=np.zeros(len(rows)), where=squares > 0)
    directions: Array = rows * scales[:, None]
    return directions


def row_squares(rows: Array) -> Array:
    squares: Array = np.cumsum(np.square(rows), axis=1)[:, -1] if rows.size else np.zeros(len(rows))
    return squares


def squared_distance(a: Array, b: Array) -> Array:
    """Sum of squared differences along the last axis, in index order."""
    squares: Array = np.cumsum(np.square(a - b), axis=-1)[..., -1]
    return squares


def size_distance(a: Array, b: Array) -> Array:
    """1 - IoU of (width, height) sizes; 0/0 counts as no overlap."""
    common = np.where(a[..., 0] < b[..., 0], a[..., 0], b[..., 0]) * np.where(
        a[..., 1] < b[..., 1], a[..., 1], b[..., 1]
    )
    total = a[..., 0] * a[..., 1] + b[..., 0] * b[..., 1] - common
    distance: Array = 1 - np.divide(common, total, out=np.zeros_like(total), where=total > 0)
    return distance


class Data(NamedTuple):
    """The points as they are computed with: times 2**exponent where they are tiny, of length 1 for "cosine"."""

    rows: Array  # float64, but for "iou" of the input's type
    metric: str
    exponent: int  # 0 for "cosine", whose centroids have length 1
    counted: Array  # the weight of each point in the inertia,
    weights: Array  # and elsewhere: 0 where it has no direction
    dtype: np.dtype[np.floating]

    @classmethod
    def of(cls, points: Array, metric: str, weights: Array | None, exponent: int) -> Data:
        rows = scaled(points, exponent)
        if metric != "iou":
            rows = unit(rows) if metric == "cosine" else rows.astype(np.float64)
        counted = np.ones(len(points)) if weights is None else weights
        effective = np.where(rows.any(axis=1), counted, 0) if metric == "cosine" else counted
        return cls(rows, metric, 0 if metric == "cosine" else exponent, counted, effective, points.dtype)

    def centroids(self, centroids: Array) -> Array:
        """Centroids beside `rows`."""
        if self.metric == "cosine":
            return unit(centroids).astype(self.dtype)
        return scaled(centroids, self.exponent)

    def plain(self, inertia: float) -> float:
        """The inertia as the user knows it; IoU does not depend on the factor."""
        return inertia if self.metric == "iou" else float(scaled(np.array([inertia]), -2 * self.exponent)[0])


def distance_between(data: Data, a: Array, b: Array) -> Array:
    """Of rows that `Data` holds, along the last axis."""
    if data.metric == "iou":
        return size_distance(a, b).astype(np.float64)
    squares = squared_distance(a, b.astype(np.float64))
    if data.metric == "cosine":
        squares = np.where(a.any(axis=-1) & b.any(axis=-1), squares, 2)
    return squares


def chunk_sums(values: Array) -> list[float]:
    """Sums of runs of 4096 values, each in index order."""
    return [float(np.cumsum(values[i : i + SUM_CHUNK])[-1]) for i in range(0, len(values), SUM_CHUNK)]


def ordered_total(values: list[float]) -> float:
    total = 0.0
    for value in values:
        total += value
    return total
