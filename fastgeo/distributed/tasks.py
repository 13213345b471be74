"""How work becomes Dask tasks: of a chunk or a few, one-thread kernels, errors that name the chunk, joins in trees.

Dask takes about as long to run a task as a kernel takes for ten thousand rows. So graphs are written out as tasks
(`dask.delayed` would take longer to build them), a chunk's own inputs are made inside its task, and a result that is
wanted at once goes to the scheduler directly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from operator import getitem
from typing import Any, NamedTuple
from uuid import uuid4

import numpy as np
from dask import config, local, multiprocessing, system, threaded
from dask.base import get_scheduler
from dask.blockwise import optimize_blockwise
from dask.core import flatten
from dask.delayed import Delayed
from dask.highlevelgraph import HighLevelGraph, Layer

import fastgeo
from fastgeo.distributed.task_spec import DataNode, GraphNode, List, Task, TaskRef, convert_legacy_task

# Partial results joined by one task of a reduction tree.
FAN_IN = 8

# Tasks that every worker should have at least, so that none waits long for the last.
SHARE = 4

Graph = dict[Any, Any]

Layers = Mapping[Any, Mapping[Any, Any]]

Join = Callable[[Sequence[Any]], Any]
Finish = Callable[[Any], Any] | None


def in_chunk(index: int, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a kernel on one thread; an error names the chunk."""
    with fastgeo.threads(1):
        return _named(index, function, *args, **kwargs)


def _named(index: int, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    try:
        return function(*args, **kwargs)
    except (ValueError, TypeError) as error:
        raise _of_chunk(index, error) from error


def _of_chunk(index: int, error: Exception) -> Exception:
    remedy = "; drop or fill missing values first" if str(error).endswith("got nan") else ""
    return type(error)(f"chunk {index}: {error}{remedy}")


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


def _fused_layers(layers: Iterable[Mapping[Any, Any]], wanted: set[Any]) -> Graph:
    every: Graph = {}
    for layer in layers:
        every.update(layer)
    nodes: Graph = {}
    uses, todo = Counter(wanted), list(wanted)
    while todo:
        key = todo.pop()
        if key in every and key not in nodes:  # what is not in the graph lies on the cluster already
            nodes[key] = node = _as_node(key, every)
            todo += node.dependencies
            uses.update(_references(node))
    if config.get("optimization.fuse.active", None) is not False:
        for key in [key for key, node in nodes.items() if type(node) is Task and node.func is on_batch]:
            if nodes[key].dependencies:
                nodes[key] = Task(key, on_batch, *[_with_own(part, nodes, uses) for part in nodes[key].args])
    return nodes


def _as_node(key: Any, graph: Graph) -> Any:
    node = convert_legacy_task(key, graph[key], graph)
    return node if isinstance(node, GraphNode) else DataNode(key, node)


def _references(node: Any) -> Iterator[Any]:
    """The keys that a node refers to, each as often as it does: what it takes twice must be made once."""
    if not isinstance(node, Task):
        yield from node.dependencies
        return
    for part in (*node.args, *node.kwargs.values()):
        if isinstance(part, TaskRef):
            yield part.key
        elif isinstance(part, GraphNode):
            yield from _references(part)


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


def _local_workers(get: Any) -> int | None:
    """How many workers one of Dask's schedulers within this machine has; None for others, and for a given pool."""
    if get is local.get_sync:
        return 1
    if get not in (threaded.get, multiprocessing.get) or config.get("pool", None) is not None:
        return None
    workers: int = config.get("num_workers", None) or system.CPU_COUNT
    return workers


def _can_spare_tasks(get: Any, n_chunks: int) -> bool:
    """Whether one task may as well work through FAN_IN chunks, so that fewer are handed over.

    On a cluster chunks have a place; within a machine as many tasks must remain as share out well.
    """
    workers = _local_workers(get)
    return workers is not None and (workers == 1 or n_chunks >= FAN_IN * SHARE * workers)


def _are_made_alone(graph: Graph, keys: Sequence[Any]) -> bool:
    """Whether no task of these takes what others have made, of which one of several chunks would hold too much."""
    needed = {part for key in keys for part in graph[key].dependencies}
    return all(type(graph.get(part)) is DataNode for part in needed)


def _through_chunks(
    function: Callable[..., Any], numbers: Sequence[int], batches: list[Any], shared: Sequence[Any]
) -> Any:
    """Work through chunks by a function that takes them one by one; an error names the last it took."""
    index = numbers[0]

    def taken() -> Iterator[Any]:
        nonlocal index
        for index, batch in zip(numbers, batches, strict=True):  # noqa: B007
            yield batch

    with fastgeo.threads(1):
        try:
            return function(taken(), *shared)
        except (ValueError, TypeError) as error:
            raise _of_chunk(index, error) from error


def _joined(batches: Iterable[Any], *shared: Any, function: Callable[..., Any], join: Join) -> Any:
    return join([function(batch, *shared) for batch in batches])


class ChunkResult(Delayed):  # type: ignore[misc]
    """A lazy value made from chunks. Dask fuses its tasks when it is computed, together with what is computed then."""

    __slots__ = ()
    __dask_optimize__ = staticmethod(fused)


class Batches(NamedTuple):
    """Rows cut into batches. Tasks get a batch as a list of its columns, or as what the caller's own task returned."""

    keys: list[Any]  # of each batch; where columns lie in chunks of their own a list of keys, and of plain integers
    sources: list[Any]  # the Dask collections that have these keys
    numbers: Sequence[int] | None = None  # by which errors call the batches; None: as they stand

    def only(self, indices: Iterable[int]) -> Batches:
        """Some of the batches, which keep their numbers."""
        numbers = list(indices)
        return Batches([self.keys[i] for i in numbers], self.sources, numbers)

    def map(self, function: Callable[..., Any], *shared: Any) -> list[ChunkResult]:
        """`function(batch, *shared)` of every batch; what is shared is sent out once, not once a batch."""
        name, layer, keys = self._layer(function, shared)
        graph = HighLevelGraph.from_collections(name, layer, self.sources)
        return [ChunkResult(key, graph, layer=name) for key in keys]

    def reduce(self, function: Callable[..., Any], join: Join, *shared: Any, finish: Finish = None) -> ChunkResult:
        """`finish` of the `join` of the results, FAN_IN at a time and in order: it does not depend on the workers.

        Without a batch there is the result of one without rows.
        """
        name, layer, keys = self._layer_or_empty(function, shared)
        key = _join_all(name, layer, keys, join, finish)
        return ChunkResult(key, HighLevelGraph.from_collections(name, layer, self.sources), layer=name)

    def reduced(
        self,
        function: Callable[..., Any],
        join: Join,
        *shared: Any,
        finish: Finish = None,
        of_several: Callable[..., Any] | None = None,
    ) -> Any:
        """What :meth:`reduce` computes to, without the expressions that Dask would build first.

        They cost as much as counting a million rows. A machine's own schedulers get a task for FAN_IN chunks where
        that is no loss: handing one over, and coming back to Dask's code when a chunk has driven it out of the caches,
        costs as much as counting a hundred thousand rows. `of_several` takes an iterable of batches, where that is less
        work than `function` of each and their `join`; it must come to the same bits.
        """
        get, held = get_scheduler(cls=Delayed), self._held()
        can_spare = _can_spare_tasks(get, len(self.keys))
        if can_spare and self.keys and all(isinstance(batch, list) for batch in self.keys):
            batches = [[_value(key, held) for key in batch] for batch in self.keys]
            if not any(column is None for batch in batches for column in batch):
                several = of_several or partial(_joined, function=function, join=join)
                return get(*_grouped(self._numbers(), batches, several, join, shared, finish))
        name, layer, keys = self._layer_or_empty(function, shared, held)
        graph = self._with_sources(name, layer, keys)
        inside = can_spare and _are_made_alone(graph, keys)
        return get(graph, _join_all(name, graph, keys, join, finish, inside=inside))

    def exchanged(self, cut: Callable[..., Any], n_parts: int, own: Join, join: Join, *shared: Any) -> Any:
        """Cut every batch into parts, `own` of the first parts of all, of the second ..., and `join` of these."""
        name, layer, keys = self._layer(cut, shared, self._held())
        graph, get = self._with_sources(name, layer, keys), get_scheduler(cls=Delayed)
        shares_memory = get in (local.get_sync, threaded.get)
        parts = [(name, "own", i) for i in range(n_parts)]
        for i, part in enumerate(parts):
            if shares_memory:  # a part takes its pieces itself
                graph[part] = Task(part, _own_of_part, own, i, List(*map(TaskRef, keys)))
                continue
            # Only the pieces move.
            pieces = [Task((name, "piece", i, j), getitem, TaskRef(key), i) for j, key in enumerate(keys)]
            graph.update({piece.key: piece for piece in pieces})
            graph[part] = Task(part, own, List(*(TaskRef(piece.key) for piece in pieces)))
        return get(graph, _join_all(name, graph, parts, join))

    def _numbers(self) -> Sequence[int]:
        return range(len(self.keys)) if self.numbers is None else self.numbers

    def _held(self) -> Layers:
        """The layers in which a value may lie already, such as the chunks of an array in memory."""
        graphs = [source.__dask_graph__() for source in self.sources]
        layers = [item for graph in graphs if isinstance(graph, HighLevelGraph) for item in graph.layers.items()]
        return {name: layer for name, layer in layers if _is_written_out(layer)}

    def _with_sources(self, name: str, layer: Graph, keys: list[Any]) -> Graph:
        """The fused tasks of a layer, and those of the sources that they need."""
        if not any(task.dependencies for task in layer.values()):
            return layer
        layers = [part for source in self.sources for part in _layers_of(source.__dask_graph__())]
        if all(map(_is_written_out, layers)):
            return _fused_layers([*layers, layer], set(keys))
        return fused(HighLevelGraph.from_collections(name, layer, self.sources), keys)

    def _layer_or_empty(
        self, function: Callable[..., Any], shared: Sequence[Any], held: Layers | None = None
    ) -> tuple[str, Graph, list[Any]]:
        name, layer, keys = self._layer(function, shared, held)
        if not keys:
            keys = [(name, 0)]
            layer[keys[0]] = Task(keys[0], function, [[], []], *map(TaskRef, layer))
        return name, layer, keys

    def _layer(
        self, function: Callable[..., Any], shared: Sequence[Any], held: Layers | None = None
    ) -> tuple[str, Graph, list[Any]]:
        """A task for each batch, with what is `held` inside: the name of their layer, the layer, and their keys."""
        name = new_name(function)
        layer: Graph = {}
        for i, value in enumerate(shared):
            layer[name, "shared", i] = DataNode((name, "shared", i), value)
        arguments = [TaskRef(key) for key in layer]
        keys = [(name, i) for i in range(len(self.keys))]
        for i, key, batch in zip(self._numbers(), keys, self.keys, strict=True):
            columns = batch if isinstance(batch, list) else [batch]
            parts = [_part(part, held or {}) for part in columns]
            layer[key] = Task(key, on_batch, i, function, len(parts) if columns is batch else None, *parts, *arguments)
        return name, layer, keys


def _own_of_part(own: Join, part: int, cuts: Sequence[Any]) -> Any:
    return own([pieces[part] for pieces in cuts])


def _value(key: Any, held: Layers) -> Any:
    """A column of a batch, if it lies in memory or is a plain integer; otherwise None."""
    if isinstance(key, int):
        return key
    value = held.get(key[0] if isinstance(key, tuple) else key, {}).get(key)
    return value if isinstance(value, np.ndarray) else None


def _part(key: Any, held: Layers) -> Any:
    """A column of a batch as an argument."""
    value = _value(key, held)
    return TaskRef(key) if value is None else value


def _grouped(
    numbers: Sequence[int],
    batches: list[list[Any]],
    function: Callable[..., Any],
    join: Join,
    shared: Sequence[Any],
    finish: Finish,
) -> tuple[Graph, Any]:
    """A graph of batches that lie in memory, FAN_IN to a task, and the key of its top."""
    name, graph = "chunks", {}
    for first in range(0, len(batches), FAN_IN):
        key = (name, first // FAN_IN)
        # Within one argument, so that Dask does not look through the batches for tasks.
        group = slice(first, first + FAN_IN)
        some = partial(_through_chunks, function, numbers[group], batches[group], shared)
        graph[key] = Task(key, some)
    return graph, _join_all(name, graph, list(graph), join, finish, level=1)


def _join_all(
    name: str, graph: Graph, keys: list[Any], join: Join, finish: Finish = None, *, inside: bool = False, level: int = 0
) -> Any:
    """Add a tree of joins to the graph, with the first nodes `inside` their joins or not: the key of its top.

    From level 1 on the nodes are joins already, of which one remains as it is.
    """
    while level == 0 or len(keys) > 1:
        groups = [keys[i : i + FAN_IN] for i in range(0, len(keys), FAN_IN)]
        keys = [(name, "join", level, i) for i in range(len(groups))]
        for key, group in zip(keys, groups, strict=True):
            parts = map(graph.pop if inside and level == 0 else TaskRef, group)
            graph[key] = Task(key, join, List(*parts))
        level += 1
    if finish is not None:
        graph[keys[0]] = Task(keys[0], finish, graph[keys[0]])
    return keys[0]
