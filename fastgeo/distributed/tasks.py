"""How work becomes Dask tasks: batches of rows, one-thread kernels, errors that name their chunk, tree reduction.

Graphs of many rows are written out as dictionaries: `dask.delayed` would take longer to build a task than a kernel
takes for a chunk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple
from uuid import uuid4

import numpy as np
from dask.delayed import Delayed, delayed
from dask.highlevelgraph import HighLevelGraph

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


class Batches(NamedTuple):
    """Rows cut into batches. Tasks get a batch as a list of its columns, or as what the caller's own task returned."""

    keys: list[Any]  # of each batch; a list of keys where columns lie in chunks of their own
    sources: list[Any]  # the Dask collections that have these keys

    def map(self, function: Callable[..., Any], *shared: Any) -> list[Delayed]:
        """`function(batch, *shared)` of every batch; what is shared is sent out once, not once a batch."""
        name, layer, keys = self._layer(function, shared)
        graph = HighLevelGraph.from_collections(name, layer, self.sources)
        return [Delayed(key, graph, layer=name) for key in keys]

    def reduce(self, function: Callable[..., Any], join: Callable[[Sequence[Any]], Any], *shared: Any) -> Delayed:
        """`join` of the results, FAN_IN at a time and in order: the answer does not depend on the workers."""
        name, layer, keys = self._layer(function, shared)
        if not keys:
            return delayed(function)([[]] * 2, *shared)
        level = 0
        while len(keys) > 1:
            level += 1
            groups = [keys[i : i + FAN_IN] for i in range(0, len(keys), FAN_IN)]
            keys = [(name, "join", level, i) for i in range(len(groups))]
            layer.update((key, (join, group)) for key, group in zip(keys, groups, strict=True))
        return Delayed(keys[0], HighLevelGraph.from_collections(name, layer, self.sources), layer=name)

    def _layer(self, function: Callable[..., Any], shared: Sequence[Any]) -> tuple[str, dict[Any, Any], list[Any]]:
        """A task for each batch: the name of their layer of the graph, the layer, and their keys."""
        name = f"{getattr(function, '__name__', 'call')}-{uuid4().hex}"
        layer: dict[Any, Any] = {(name, "shared", i): value for i, value in enumerate(shared)}
        arguments = list(layer)
        keys = [(name, i) for i in range(len(self.keys))]
        for i, (key, batch) in enumerate(zip(keys, self.keys, strict=True)):
            layer[key] = (in_chunk, i, function, batch, *arguments)
        return name, layer, keys


def row_batches(*columns: Any) -> Batches:
    """Cut parallel columns into batches, one a chunk.

    Columns are Dask arrays or series (None for an absent one), cut like the first; or a single iterable of delayed
    batches.
    """
    first = columns[0]
    if not hasattr(first, "to_delayed"):
        batches = list(_given_batches(first))
        return Batches([batch.key for batch in batches], batches)
    sources, parts = [], []
    for column in columns:
        if column is not None:
            collections, keys = _chunks(column, first)
            sources += collections
            parts.append(keys)
    if len({len(keys) for keys in parts}) > 1:
        raise ValueError(f"columns: expected equal partitions, got {[len(keys) for keys in parts]} of them")
    return Batches([list(keys) for keys in zip(*parts, strict=True)], sources)


def _given_batches(batches: Iterable[Any]) -> Iterable[Delayed]:
    for batch in batches:
        if not isinstance(batch, Delayed):
            raise TypeError(f"batches: expected dask.delayed values, got {type(batch).__name__}")
        yield batch


def _chunks(column: Any, like: Any) -> tuple[list[Any], list[Any]]:
    """The chunks of a Dask array along its first axis, or the partitions of a series: collections and keys."""
    if not hasattr(column, "chunks"):
        # Unoptimised graphs keep their keys, so that what two columns share is computed once.
        parts = list(np.ravel(column.to_delayed(optimize_graph=False)))
        return parts, [part.key for part in parts]
    if hasattr(like, "chunks") and not _same_cuts(column.chunks[0], like.chunks[0]):
        if column.shape[0] != like.shape[0]:
            raise ValueError(f"columns: expected length {like.shape[0]}, got {column.shape[0]}")
        column = column.rechunk({0: like.chunks[0]})
    if column.ndim > 1:
        column = column.rechunk({axis: -1 for axis in range(1, column.ndim)})
    keys = np.empty(column.numblocks, object)
    for index in np.ndindex(keys.shape):
        keys[index] = (column.name, *index)
    return [column], keys.ravel().tolist()


def _same_cuts(cuts: tuple[float, ...], others: tuple[float, ...]) -> bool:
    """Whether chunks are alike; lengths not known yet (NaN) are taken to be."""
    return len(cuts) == len(others) and all(a == b or a != a or b != b for a, b in zip(cuts, others, strict=True))
