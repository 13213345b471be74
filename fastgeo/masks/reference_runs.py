"""The arithmetic of run lengths in dense NumPy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from fastgeo.masks.arguments import polygon_corners as polygon_corners
from fastgeo.masks.run_lengths import RunLengths, joined
from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array


def counts_of(mask: Array) -> Array:
    """The run lengths of one mask (H, W), column by column, the first of background."""
    pixels = mask.T.ravel() != 0
    changes = np.flatnonzero(np.diff(pixels, prepend=False))
    return np.diff(changes, prepend=0, append=pixels.size).astype(np.uint32)


def dense(masks: RunLengths) -> Iterator[Array]:
    """Each mask as an array (H, W) of bools."""
    for i, (height, width) in enumerate(masks.sizes.tolist()):
        counts = masks.counts[masks.offsets[i] : masks.offsets[i + 1]]
        yield np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(width, height).T


def take(masks: RunLengths, chosen: Array) -> tuple[Array, Array]:
    return joined([masks.counts[masks.offsets[i] : masks.offsets[i + 1]] for i in chosen])


def encode_stack(stack: Array, n_threads: int | None) -> tuple[Array, Array]:
    checks.thread_count(n_threads)
    return joined([counts_of(mask) for mask in stack])


def decode_stack(masks: RunLengths, out: Array, by_column: bool, n_threads: int | None) -> None:
    checks.thread_count(n_threads)
    for i, mask in enumerate(dense(masks)):
        out[i] = mask.T if by_column else mask


def areas_and_boxes(masks: RunLengths) -> tuple[Array, Array]:
    """int64 (N,), and left, top, right, bottom with exclusive ends."""
    areas, boxes = np.zeros(len(masks), np.int64), np.zeros((len(masks), 4), np.int64)
    for i, mask in enumerate(dense(masks)):
        areas[i] = np.count_nonzero(mask)
        if areas[i]:
            rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            boxes[i] = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    return areas, boxes


def merge_groups(masks: RunLengths, members: Array, offsets: Array, intersect: bool) -> tuple[Array, Array]:
    parts = list(dense(masks))
    operation = np.logical_and if intersect else np.logical_or
    groups = [members[begin:end] for begin, end in pairwise(offsets)]
    return joined([counts_of(operation.reduce([parts[i] for i in group])) for group in groups])


def iou_table(masks1: RunLengths, masks2: RunLengths, iscrowd: Array | None, out: Array) -> None:
    others = list(dense(masks2))
    for i, one in enumerate(dense(masks1)):
        for j, other in enumerate(others):
            shared = np.count_nonzero(one & other)
            whole = np.count_nonzero(one if iscrowd is not None and iscrowd[j] else one | other)
            out[i, j] = shared / whole if shared else 0.0


def write_strings(masks: RunLengths) -> list[bytes]:
    return [write_string(masks.counts[begin:end].tolist()) for begin, end in pairwise(masks.offsets.tolist())]


def write_string(counts: list[int]) -> bytes:
    """From the third on, the difference from the count two before; five bits a character, 32 says that more come."""
    text = bytearray()
    for i, count in enumerate(counts):
        value, more = count - counts[i - 2] if i > 2 else count, True
        while more:
            bits, value = value & 31, value >> 5
            more = value != -1 if bits & 16 else value != 0
            text.append(48 + bits + 32 * more)
    return bytes(text)


def read_strings(strings: Iterable[bytes], sizes: Array) -> tuple[Array, Array]:
    """Of an empty string no counts: such masks get theirs from elsewhere."""
    parts = []
    for i, (text, (height, width)) in enumerate(zip(strings, sizes.tolist(), strict=True)):
        parts.append(read_string(text, i, height, width) if text else np.zeros(0, np.uint32))
    return joined(parts)


def read_string(text: bytes, i: int, height: int, width: int) -> Array:
    name, pixels = f"rles[{i}]['counts']", height * width
    counts: list[int] = []
    value = shift = 0
    for place, character in enumerate(text):
        bits = character - 48
        if not 0 <= bits < 64 or shift == 35:
            raise ValueError(f"{name}[{place}]: expected a character of run lengths, got {text[place : place + 1]!r}")
        value, shift = value | (bits & 31) << shift, shift + 5
        if bits & 32:
            continue
        value = value - (1 << shift if bits & 16 else 0) + (counts[-2] if len(counts) > 2 else 0)
        if not 0 <= value <= pixels:
            raise ValueError(f"{name}: expected counts from 0 to {pixels}, got {value} as number {len(counts)}")
        counts.append(value)
        value = shift = 0
    if shift:
        raise ValueError(f"{name}: expected whole run lengths, got a string that ends inside one")
    if sum(counts) != pixels:
        raise ValueError(f"{name}: expected a sum of {pixels}, height times width, got {sum(counts)}")
    return np.array(counts, np.uint32)


def draw_polygons(
    corners: Array, offsets: Array, height: int, width: int, n_threads: int | None
) -> tuple[Array, Array]:
    checks.thread_count(n_threads)
    return joined([draw(corners[b:e], height, width) for b, e in pairwise(offsets)])


def draw(corners: Array, height: int, width: int) -> Array:
    """Follow the outline on a grid five times as fine; note where it passes the middle of a column of pixels."""
    fine = (5 * corners + 0.5).astype(np.int64)
    u, v = (np.concatenate(side) for side in zip(*map(edge, fine, np.roll(fine, -1, axis=0)), strict=True))
    step = np.flatnonzero(u[1:] != u[:-1])
    x = (np.minimum(u[step], u[step + 1]) + 0.5) / 5 - 0.5
    y = np.ceil(np.clip((np.minimum(v[step], v[step + 1]) + 0.5) / 5 - 0.5, 0, height))
    inside = (x == np.floor(x)) & (x >= 0) & (x <= width - 1)
    positions, times = np.unique((x * height + y)[inside].astype(np.int64), return_counts=True)
    changes = positions[(times % 2 == 1) & (positions < height * width)]
    counts: Array = np.diff(changes, prepend=0, append=height * width).astype(np.uint32)
    return counts


def edge(start: Array, stop: Array) -> tuple[Array, Array]:
    """Points from one corner to the other, one for each step along the longer side."""
    size = np.abs(stop - start)
    long = 0 if size[0] >= size[1] else 1
    low, high = (start, stop) if start[long] <= stop[long] else (stop, start)
    t = np.arange(size[long] + 1)
    slope = (high[1 - long] - low[1 - long]) / max(size[long], 1)
    points: list[Any] = [None, None]
    points[long] = low[long] + t
    points[1 - long] = np.trunc(low[1 - long] + slope * t + 0.5).astype(np.int64)
    if low is not start:
        points = [side[::-1] for side in points]
    return points[0], points[1]
