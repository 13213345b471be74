"""Distances and sums of the clustering reference: float64, in the order of the contract.

Distances are sums of squared differences, so that data far from the origin loses nothing. Where the order of additions
is promised it is written out: `cumsum`, `bincount` and loops add in index order.
"""

from __future__ import annotations

import math

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


def chunk_sums(values: Array) -> list[float]:
    """Sums of runs of 4096 values, each in index order."""
    return [float(np.cumsum(values[i : i + SUM_CHUNK])[-1]) for i in range(0, len(values), SUM_CHUNK)]


def ordered_total(values: list[float]) -> float:
    total = 0.0
    for value in values:
        total += value
    return total
