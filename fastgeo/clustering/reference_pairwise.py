"""Pairwise distances in NumPy."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from fastgeo.clustering import arguments
from fastgeo.clustering.reference_distances import lift_exponent, scaled, squared_distance, unit
from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array


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
    x, y = arguments.row_pair("X", X, "Y", Y)
    largest = max(arguments.largest_value("X", x), arguments.largest_value("Y", y))
    checks.choice("kind", kind, arguments.KINDS)
    out = checks.output_array(out, (len(x), len(y)), x.dtype, x, y)
    checks.thread_count(n_threads)
    exponent = lift_exponent(x.dtype, largest)
    a, b = (scaled(rows, exponent).astype(np.float64) for rows in (x, y))
    if kind == "cosine":
        a, b = unit(a), unit(b)
    for j, row in enumerate(b):
        squares = squared_distance(a, row)
        if kind == "cosine":
            directed = a.any(axis=1) & row.any()
            out[:, j] = np.where(directed, squares / 2, 1)
        elif kind == "sqeuclidean":
            out[:, j] = scaled(squares, -2 * exponent)
        else:
            out[:, j] = scaled(np.sqrt(squares), -exponent)
    return out
