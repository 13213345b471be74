"""How work becomes Dask tasks: batches of rows, one-thread kernels, errors that name their chunk, tree reduction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from dask.delayed import Delayed, delayed

import fastgeo

# Partial results joined by one task of a reduction tree.
FAN_IN = 8


def in_chunk(index: int, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a kernel on one thread; an error names the chunk."""
    try:
        with fastgeo.threads(1):
            return function(*args, **kwargs)
    except (ValueError, TypeError) as error:
        raise type(error)(f"chunk {index}: {error}") from error


def row_batches(*columns: Any) -> list[Delayed]:
    """Cut parallel columns into delayed tuples of arrays, one a chunk.

    Columns are Dask arrays or series (None for an absent one), cut like the first; or a single iterable of delayed
    batches, each a tuple already.
    """
    first = columns[0]
    if not hasattr(first, "to_delayed"):
        return list(_given_batches(first))
    parts = [[None] * _n_chunks(first) if c is None else _chunks(c, first) for c in columns]
    if len({len(p) for p in parts}) > 1:
        raise ValueError(f"columns: expected equal partitions, got {[len(p) for p in parts]} of them")
    return [delayed(_as_arrays)(*pieces) for pieces in zip(*parts, strict=True)]


def _given_batches(batches: Iterable[Any]) -> Iterable[Delayed]:
    for batch in batches:
        if not isinstance(batch, Delayed):
            raise TypeError(f"batches: expected dask.delayed values, got {type(batch).__name__}")
        yield batch


def _chunks(column: Any, like: Any) -> list[Delayed]:
    """The chunks of a Dask array along its first axis, or the partitions of a series."""
    if hasattr(column, "chunks") and hasattr(like, "chunks") and column.chunks[0] != like.chunks[0]:
        if column.shape[0] != like.shape[0]:
            raise ValueError(f"columns: expected length {like.shape[0]}, got {column.shape[0]}")
        column = column.rechunk({0: like.chunks[0]})
    if hasattr(column, "chunks") and column.ndim > 1:
        column = column.rechunk({axis: -1 for axis in range(1, column.ndim)})
    # Unoptimised graphs keep their keys, so that what two columns or two windows share is computed once.
    return list(np.ravel(column.to_delayed(optimize_graph=False)))


def _n_chunks(column: Any) -> int:
    return int(column.npartitions if not hasattr(column, "chunks") else len(column.chunks[0]))


def _as_arrays(*pieces: Any) -> tuple[Any, ...]:
    return tuple(None if piece is None else np.asarray(piece) for piece in pieces)


def tree_reduce(join: Callable[[Sequence[Any]], Any], parts: Sequence[Delayed]) -> Delayed:
    """Join partial results FAN_IN at a time, in chunk order: the answer does not depend on the workers."""
    parts = list(parts)
    while len(parts) > 1:
        parts = [delayed(join)(parts[i : i + FAN_IN]) for i in range(0, len(parts), FAN_IN)]
    return parts[0]
