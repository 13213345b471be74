"""The columns of run-length masks and what can be done with them, whoever does the arithmetic."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from fastgeo.masks import arguments
from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array

Self = TypeVar("Self", bound="RunLengths")


class RunLengths:
    """The class of the public name, without its arithmetic: `_steps` has the functions of reference_runs.py."""

    _steps: Any
    __slots__ = ("counts", "offsets", "sizes")
    __hash__ = None  # type: ignore[assignment]  # masks are compared by what they hold

    def __init__(self, counts: ArrayLike, offsets: ArrayLike, sizes: ArrayLike) -> None:
        self.counts, self.offsets, self.sizes = arguments.columns(counts, offsets, sizes)

    @classmethod
    def _of(cls: type[Self], counts: Array, offsets: Array, sizes: Array) -> Self:
        """Columns that are known to be good."""
        masks = cls.__new__(cls)
        masks.counts, masks.offsets, masks.sizes = counts, offsets, sizes
        return masks

    @classmethod
    def _of_one_size(cls: type[Self], counts: Array, offsets: Array, height: int, width: int) -> Self:
        sizes = np.empty((len(offsets) - 1, 2), np.int64)
        sizes[:] = height, width
        return cls._of(counts, offsets, sizes)

    @classmethod
    def encode(cls: type[Self], dense: ArrayLike, *, n_threads: int | None = None) -> Self:
        """Masks of a stack (N, H, W), or of one mask (H, W), of bools or integers: foreground where they are not 0."""
        return cls._encoded("dense", dense, n_threads)

    @classmethod
    def _encoded(cls: type[Self], name: str, dense: Any, n_threads: Any) -> Self:
        stack = arguments.stack(name, dense)
        counts, offsets = cls._steps.encode_stack(stack, n_threads)
        return cls._of_one_size(counts, offsets, stack.shape[1], stack.shape[2])

    @classmethod
    def from_labels(cls: type[Self], image: ArrayLike, ids: ArrayLike | None = None) -> Self:
        """Masks of a label image (H, W) of integers: one for each of `ids`, or for each label but 0, ascending."""
        labels = arguments.label_image(image)
        flat = labels.T.ravel()
        starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
        values, stops = flat[starts], np.append(starts[1:], flat.size)
        chosen = np.unique(values[values != 0]) if ids is None else arguments.label_ids(ids)
        order = np.argsort(values, kind="stable")
        begin, end = (np.searchsorted(values[order], chosen, side) for side in ("left", "right"))
        owner, run = arguments.ranges(begin, end)
        counts, offsets = between(owner, starts[order[run]], stops[order[run]], len(chosen), flat.size)
        return cls._of_one_size(counts, offsets, *labels.shape)

    @classmethod
    def from_polygons(
        cls: type[Self], polygons: Sequence[Any], height: int, width: int, *, n_threads: int | None = None
    ) -> Self:
        """Masks of polygons, each x₀, y₀, x₁, y₁, … or (K, 2), drawn as COCO draws them; `merge` joins parts."""
        height, width = arguments.image_size(height, width)
        corners, offsets = cls._steps.polygon_corners(polygons)
        counts, places = cls._steps.draw_polygons(corners, offsets, height, width, n_threads)
        return cls._of_one_size(counts, places, height, width)

    @classmethod
    def from_boxes(cls: type[Self], boxes: ArrayLike, height: int, width: int, *, fmt: str = "xyxy") -> Self:
        """Masks of boxes (N, 4), drawn as polygons of four corners."""
        corners = arguments.box_corners(boxes, fmt)
        height, width = arguments.image_size(height, width)
        offsets = np.arange(0, 4 * len(boxes) + 1, 4) if len(corners) else np.zeros(1, np.int64)  # type: ignore[arg-type]
        counts, places = cls._steps.draw_polygons(corners, offsets, height, width, None)
        return cls._of_one_size(counts, places, height, width)

    @classmethod
    def from_coco(cls: type[Self], rles: Iterable[Mapping[str, Any]]) -> Self:
        """Masks of a list of ``{"size": [height, width], "counts": …}``, counts as bytes, str or a list of numbers."""
        sizes, strings, lists = arguments.coco_parts(rles)
        counts, offsets = cls._steps.read_strings(strings, sizes)
        if lists:
            parts = [counts[begin:end] for begin, end in pairwise(offsets)]
            for i, listed in lists.items():
                parts[i] = listed
            counts, offsets = joined(parts)
        return cls._of(counts, offsets, sizes)

    def to_coco(self) -> list[dict[str, Any]]:
        """A list of ``{"size": [height, width], "counts": bytes}``, the bytes those of pycocotools."""
        strings = self._steps.write_strings(self)
        return [{"size": size, "counts": text} for size, text in zip(self.sizes.tolist(), strings, strict=True)]

    def decode(self, out: Array | None = None, *, n_threads: int | None = None) -> Array:
        """Dense masks (N, H, W) of uint8, 0 or 1. All have to be of one size."""
        height, width = arguments.one_size("masks", self)
        out = checks.output_array(out, (len(self), height, width), np.dtype(np.uint8), self.counts)
        self._steps.decode_stack(self, out, False, n_threads)
        return out

    def _decode_by_column(self, *, n_threads: int | None = None) -> Array:
        """The same as (N, W, H), column by column as the runs are: what pycocotools returns is its transpose."""
        height, width = arguments.one_size("masks", self)
        out = np.empty((len(self), width, height), np.uint8)
        self._steps.decode_stack(self, out, True, n_threads)
        return out

    def area(self) -> Array:
        """Pixels of the foreground, int64 (N,)."""
        areas: Array = self._steps.areas_and_boxes(self)[0]
        return areas

    def boxes(self, fmt: str = "xywh") -> Array:
        """Boxes around the foreground, float64 (N, 4), right and lower edges exclusive; all 0 for an empty mask."""
        boxes: Array = self._steps.areas_and_boxes(self)[1].astype(np.float64)
        if checks.choice("fmt", fmt, checks.FORMATS) != "xyxy":
            boxes[:, 2:] -= boxes[:, :2]
        if fmt == "cxcywh":
            boxes[:, :2] += boxes[:, 2:] / 2
        return boxes

    def merge(self: Self, owner: ArrayLike | None = None, *, intersect: bool = False) -> Self:
        """The union, or intersection, of all masks; with `owner` (N,) one for each of its values, ascending."""
        members, offsets = arguments.groups(self, owner)
        counts, places = self._steps.merge_groups(self, members, offsets, bool(intersect))
        return self._of(counts, places, self.sizes[members[offsets[:-1]]])

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self: Self, index: Any) -> Self:
        chosen = arguments.chosen(index, len(self))
        counts, offsets = self._steps.take(self, chosen)
        return self._of(counts, offsets, self.sizes[chosen])

    def __iter__(self: Self) -> Iterator[Self]:
        return (self[i] for i in range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RunLengths):
            return NotImplemented
        return all(np.array_equal(one, two) for one, two in zip(self._columns(), other._columns(), strict=True))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._columns()

    def __repr__(self) -> str:
        sizes = {tuple(size) for size in self.sizes.tolist()}
        shown = f"{'×'.join(map(str, *sizes))}" if len(sizes) == 1 else f"{len(sizes)} sizes"
        return f"<Masks: {len(self)} of {shown}, {len(self.counts)} counts>"

    def _columns(self) -> tuple[Array, Array, Array]:
        return self.counts, self.offsets, self.sizes


def joined(parts: Sequence[Array]) -> tuple[Array, Array]:
    """The counts of several masks in one column, and where each begins."""
    offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
    counts = np.concatenate([np.zeros(0, np.uint32), *parts])
    return counts.astype(np.uint32), offsets


def between(owner: Array, starts: Array, stops: Array, n: int, size: int) -> tuple[Array, Array]:
    """Counts and offsets of n masks of `size` pixels from foreground runs, by mask and position, that do not touch."""
    runs = np.bincount(owner, minlength=n)
    reaches_end = np.zeros(n, bool)
    reaches_end[owner[stops == size]] = True
    lengths = 2 * runs + ~reaches_end
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    borders = np.full(offsets[-1], size, np.int64)
    place = offsets[owner] + 2 * (np.arange(len(owner)) - (np.cumsum(runs) - runs)[owner])
    borders[place], borders[place + 1] = starts, stops
    counts = np.diff(borders, prepend=0)
    counts[offsets[:-1]] = borders[offsets[:-1]]
    return counts.astype(np.uint32), offsets
