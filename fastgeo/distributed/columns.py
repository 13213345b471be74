"""What the caller gives, cut into batches: parallel columns in chunks, or delayed batches that hold all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dask.array as da
import numpy as np
from dask.bag import Bag
from dask.base import is_dask_collection
from dask.delayed import Delayed

from fastgeo.distributed.tasks import Batches


def row_batches(**columns: Any) -> Batches:
    """Cut parallel columns into batches, one a chunk.

    Columns are Dask arrays, series or dataframes (None for an absent one), cut like the first of them; what lies in
    memory is cut like it too. Or the first is an iterable of delayed batches, which then hold all columns. Errors call
    the columns by their names here.
    """
    (first_name, first), *others = columns.items()
    batches = _delayed_batches(first_name, first)
    like_name = next((name for name, column in columns.items() if is_chunked(column)), None)
    if batches or like_name is None:
        if batches is None:
            raise TypeError(
                f"{first_name}: expected a Dask array or series, or an iterable of dask.delayed batches, "
                f"got {type(first).__name__}; for data in memory use the function of the same name in fastgeo"
            )
        for name, column in others:
            if column is not None:
                raise TypeError(
                    f"{name}: expected None beside delayed batches, which hold ({', '.join(columns)}) each, "
                    f"got {type(column).__name__}"
                )
        return Batches([batch.key for batch in batches], batches)
    like = columns[like_name]
    sources, parts = [], []
    for name, column in columns.items():
        if column is not None:
            check_numbers(name, column)
            collections, keys = _chunks(name, _cut_like(name, column, like_name, like), like_name, like)
            sources += collections
            parts.append(keys)
    return Batches([list(keys) for keys in zip(*parts, strict=True)], sources)


def is_chunked(value: Any) -> bool:
    """Whether this is a Dask array, series or dataframe."""
    return is_dask_collection(value) and not isinstance(value, (Delayed, Bag))


def check_numbers(name: str, column: Any) -> None:
    """Refuse text at once, not when the first chunk is made."""
    dtypes = getattr(column, "dtypes", None) if getattr(column, "ndim", 1) == 2 else None
    for dtype in [getattr(column, "dtype", None)] if dtypes is None else dtypes:
        if getattr(dtype, "kind", "f") not in "buif":
            example = f"({name} == 'yes')" if name == "labels" else f"{name}.astype(float)"
            raise TypeError(f"{name}: expected numbers, got dtype {dtype}; convert them first, as by {example}")


def _delayed_batches(name: str, value: Any) -> list[Delayed] | None:
    """The delayed batches of an iterable of them; None for anything else."""
    if isinstance(value, Delayed):
        raise TypeError(f"{name}: expected an iterable of dask.delayed batches, got a single one; put it in a list")
    if not isinstance(value, (list, tuple, Iterator)):
        return None
    batches = list(value)
    wrong = [batch for batch in batches if not isinstance(batch, Delayed)]
    if wrong and (len(wrong) < len(batches) or isinstance(value, Iterator)):
        raise TypeError(f"{name}: expected dask.delayed batches, got one of {type(wrong[0]).__name__}")
    return None if wrong else batches


def _cut_like(name: str, column: Any, like_name: str, like: Any) -> Any:
    """A column that lies in memory as a Dask array in the chunks of another."""
    if is_chunked(column):
        return column
    if is_dask_collection(column):
        raise TypeError(f"{name}: expected a Dask array or series, as {like_name}, got {type(column).__name__}")
    array = np.asarray(column)
    if array.ndim == 0:
        raise TypeError(f"{name}: expected an array as long as {like_name}, got {type(column).__name__}")
    if not hasattr(like, "chunks") or np.isnan(like.chunks[0]).any():
        raise TypeError(
            f"{name}: expected a Dask array or series cut like {like_name}, whose lengths are not known, "
            f"got {type(column).__name__}; take {like_name}.to_dask_array(lengths=True) or compute_chunk_sizes()"
        )
    check_numbers(name, array)
    if len(array) != like.shape[0]:
        raise ValueError(f"{name}: expected length {like.shape[0]}, as {like_name}, got {len(array)}")
    return da.from_array(array, chunks=(like.chunks[0], *[-1] * (array.ndim - 1)), name=False)


def _chunks(name: str, column: Any, like_name: str, like: Any) -> tuple[list[Any], list[Any]]:
    """The chunks of a Dask array along its first axis, or the partitions of a series: collections and keys."""
    if not hasattr(column, "chunks"):
        # Unoptimised graphs keep their keys, so that what two columns share is computed once.
        parts = list(np.ravel(column.to_delayed(optimize_graph=False)))
        found = parts, [part.key for part in parts]
    else:
        if hasattr(like, "chunks") and not _same_cuts(column.chunks[0], like.chunks[0]):
            if column.shape[0] != like.shape[0]:
                raise ValueError(f"{name}: expected length {like.shape[0]}, as {like_name}, got {column.shape[0]}")
            column = column.rechunk({0: like.chunks[0]})
        if column.ndim > 1:
            column = column.rechunk({axis: -1 for axis in range(1, column.ndim)})
        found = [column], [(column.name, i, *[0] * (column.ndim - 1)) for i in range(len(column.chunks[0]))]
    expected = len(like.chunks[0]) if hasattr(like, "chunks") else like.npartitions
    if len(found[1]) != expected:
        raise ValueError(f"{name}: expected {expected} partitions, as {like_name}, got {len(found[1])}; repartition it")
    return found


def _same_cuts(cuts: tuple[float, ...], others: tuple[float, ...]) -> bool:
    """Whether chunks are alike; lengths not known yet (NaN) are taken to be."""
    return cuts == others or (
        len(cuts) == len(others) and all(a == b or a != a or b != b for a, b in zip(cuts, others, strict=True))
    )
