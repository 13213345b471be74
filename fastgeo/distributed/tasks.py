"""How work becomes Dask tasks: one task a chunk, one-thread kernels, errors that name their chunk, tree reduction.

Dask takes about as long to run a task as a kernel takes for ten thousand rows. So graphs are written out as tasks
(`dask.delayed` would take longer to build them), a chunk's own inputs are made inside its task, and a result that is
wanted at once goes to the scheduler directly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import getitem
from typing import Any, NamedTuple
from uuid import uuid4

import numpy as np
from dask import config
from dask._task_spec import DataNode, List, Task, TaskRef, convert_legacy_graph
from dask.base import get_scheduler
from dask.blockwise import optimize_blockwise
from dask.core import flatten
from dask.delayed import Delayed
from dask.highlevelgraph import HighLevelGraph, Layer

import fastgeo

# Partial results joined by one task of a reduction tree.
FAN_IN = 8

Join = Callable[[Sequence[Any]], Any]
Finish = Callable[[Any], Any] | None


def in_chunk(index: int, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a kernel on one thread; an error names the chunk."""
    try:
        with fastgeo.threads(1):
            return function(*args, **kwargs)
    except (ValueError, TypeError) as error:
        raise type(error)(f"chunk {index}: {error}") from error


def on_batch(index: int, function: Callable[..., Any], n_columns: int | None, *args: Any) -> Any:
    """Call on a batch: a list of the first arguments, or the first argument itself where the count is None."""
    if n_columns is None:
        return in_chunk(index, function, *args)
    return in_chunk(index, function, list(args[:n_columns]), *args[n_columns:])


def new_name(function: Callable[..., Any]) -> str:
    """A name for a layer of tasks, unlike any other."""
    return f"{getattr(function, '__name__', 'call')}-{uuid4().hex}"


def fused(graph: Any, keys: Any, **_: Any) -> dict[Any, Any]:
    """Optimise: what only one task of a chunk needs is made inside that task.

    What several need stays a task of its own, and so does what is put together from many, which others may make in
    parallel.
    """
    wanted = set(flatten(keys))
    if not all(map(_is_written_out, _layers_of(graph))):
        graph = optimize_blockwise(graph, keys=wanted).cull(wanted)
    return _fused_layers(_layers_of(graph), wanted)


def _layers_of(graph: Any) -> Iterable[Mapping[Any, Any]]:
    return graph.layers.values() if isinstance(graph, HighLevelGraph) else [graph]


def _is_written_out(layer: Any) -> bool:
    """Whether a layer is a plain dictionary of tasks, not yet a rule for making them."""
    return not isinstance(layer, Layer) or layer.is_materialized()


def _fused_layers(layers: Iterable[Mapping[Any, Any]], wanted: set[Any]) -> dict[Any, Any]:
    every: dict[Any, Any] = {}
    for layer in layers:
        every.update(layer)
    every = convert_legacy_graph(every)
    nodes: dict[Any, Any] = {}
    uses, todo = Counter(wanted), list(wanted)
    while todo:
        key = todo.pop()
        if key in every and key not in nodes:  # what is not in the graph lies on the cluster already
            nodes[key] = every[key]
            todo += nodes[key].dependencies
            uses.update(nodes[key].dependencies)
    if config.get("optimization.fuse.active", None) is not False:
        for key in [key for key, node in nodes.items() if type(node) is Task and node.func is on_batch]:
            nodes[key] = Task(key, on_batch, *[_with_own(part, nodes, uses) for part in nodes[key].args])
    return nodes


def _with_own(argument: Any, nodes: dict[Any, Any], uses: Counter[Any]) -> Any:
    """An argument; what it refers to itself, if nothing else needs that."""
    if type(argument) is not TaskRef:
        return argument
    node = _taken(argument.key, nodes, uses)
    if node is None:
        return argument
    return node.value if type(node) is DataNode else node


def _taken(key: Any, nodes: dict[Any, Any], uses: Counter[Any]) -> Any:
    """Take a node that one task needs out of the graph, with what it alone needs inside; None if it must stay."""
    node = nodes.get(key)
    if uses[key] > 1 or not isinstance(node, (Task, DataNode)) or len(node.dependencies) > 1:
        return None
    del nodes[key]
    for other in node.dependencies:
        inner = _taken(other, nodes, uses)
        if inner is not None:
            node = node.substitute({other: inner})
    return node


class ChunkResult(Delayed):  # type: ignore[misc]
    """A lazy value made from chunks. Dask fuses its tasks when it is computed, together with what is computed then."""

    __slots__ = ()
    __dask_optimize__ = staticmethod(fused)


class Batches(NamedTuple):
    """Rows cut into batches. Tasks get a batch as a list of its columns, or as what the caller's own task returned."""

    keys: list[Any]  # of each batch; where columns lie in chunks of their own a list of keys, and of plain integers
    sources: list[Any]  # the Dask collections that have these keys

    def map(self, function: Callable[..., Any], *shared: Any) -> list[ChunkResult]:
        """`function(batch, *shared)` of every batch; what is shared is sent out once, not once a batch."""
        name, layer, keys = self._layer(function, shared)
        graph = HighLevelGraph.from_collections(name, layer, self.sources)
        return [ChunkResult(key, graph, layer=name) for key in keys]

    def reduce(self, function: Callable[..., Any], join: Join, *shared: Any, finish: Finish = None) -> ChunkResult:
        """`finish` of the `join` of the results, FAN_IN at a time and in order: it does not depend on the workers.

        Without a batch there is the result of one without rows.
        """
        name, layer, key = self._tree(function, join, shared, finish)
        return ChunkResult(key, HighLevelGraph.from_collections(name, layer, self.sources), layer=name)

    def reduced(self, function: Callable[..., Any], join: Join, *shared: Any, finish: Finish = None) -> Any:
        """What :meth:`reduce` computes to, without the expressions that Dask would build first.

        They cost as much as counting a million rows.
        """
        return self._computed(*self._tree(function, join, shared, finish))

    def exchanged(self, cut: Callable[..., Any], n_parts: int, own: Join, join: Join, *shared: Any) -> Any:
        """Cut every batch into parts, `own` of the first parts of all, of the second ..., and `join` of these."""
        name, layer, keys = self._layer(cut, shared)
        parts = [(name, "own", i) for i in range(n_parts)]
        for i, part in enumerate(parts):
            pieces = [(name, "piece", i, j) for j in range(len(keys))]
            for piece, key in zip(pieces, keys, strict=True):
                layer[piece] = Task(piece, getitem, TaskRef(key), i)
            layer[part] = Task(part, own, List(*map(TaskRef, pieces)))
        return self._computed(name, layer, _joined(name, layer, parts, join))

    def _computed(self, name: str, layer: dict[Any, Any], key: Any) -> Any:
        layers = [part for source in self.sources for part in _layers_of(source.__dask_graph__())]
        if all(map(_is_written_out, layers)):
            graph = _fused_layers([*layers, layer], {key})
        else:
            graph = fused(HighLevelGraph.from_collections(name, layer, self.sources), [key])
        return get_scheduler(cls=Delayed)(graph, key)

    def _tree(
        self, function: Callable[..., Any], join: Join, shared: Sequence[Any], finish: Finish
    ) -> tuple[str, dict[Any, Any], Any]:
        name, layer, keys = self._layer(function, shared)
        if not keys:
            keys = [(name, 0)]
            layer[keys[0]] = Task(keys[0], function, [[], []], *map(TaskRef, layer))
        key = _joined(name, layer, keys, join)
        if finish is not None:
            layer[key] = Task(key, finish, layer[key])
        return name, layer, key

    def _layer(self, function: Callable[..., Any], shared: Sequence[Any]) -> tuple[str, dict[Any, Any], list[Any]]:
        """A task for each batch: the name of their layer of the graph, the layer, and their keys."""
        name = new_name(function)
        layer: dict[Any, Any] = {}
        for i, value in enumerate(shared):
            layer[name, "shared", i] = DataNode((name, "shared", i), value)
        arguments = [TaskRef(key) for key in layer]
        keys = [(name, i) for i in range(len(self.keys))]
        for i, (key, batch) in enumerate(zip(keys, self.keys, strict=True)):
            columns = batch if isinstance(batch, list) else [batch]
            parts = [part if isinstance(part, int) else TaskRef(part) for part in columns]
            layer[key] = Task(key, on_batch, i, function, len(parts) if columns is batch else None, *parts, *arguments)
        return name, layer, keys


def _joined(name: str, layer: dict[Any, Any], keys: list[Any], join: Join) -> Any:
    """Add a tree of joins to the layer: the key of its top."""
    level = 0
    while level == 0 or len(keys) > 1:
        level += 1
        groups = [keys[i : i + FAN_IN] for i in range(0, len(keys), FAN_IN)]
        keys = [(name, "join", level, i) for i in range(len(groups))]
        for key, group in zip(keys, groups, strict=True):
            layer[key] = Task(key, join, List(*map(TaskRef, group)))
    return keys[0]


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
    return [column], list(flatten(column.__dask_keys__()))


def _same_cuts(cuts: tuple[float, ...], others: tuple[float, ...]) -> bool:
    """Whether chunks are alike; lengths not known yet (NaN) are taken to be."""
    return len(cuts) == len(others) and all(a == b or a != a or b != b for a, b in zip(cuts, others, strict=True))
