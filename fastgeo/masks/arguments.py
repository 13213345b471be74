"""Checks of the arguments of masks, shared by kernels and references so that both raise alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array

MOST_PIXELS = 2**31 - 1  # of a mask
POLYGON_LIMIT = 2.0**27  # of a coordinate


def whole_array(name: str, value: Any, shape: Sequence[int | str]) -> Array:
    """Coerce bools or integers, of any width, to an array of that shape; an empty array may be of any type."""
    array = checks.shaped(name, checks.numeric_array(name, value), shape)
    if array.dtype.kind == "f":
        if array.size:
            raise TypeError(f"{name}: expected an array of bool or integers, got dtype {array.dtype}")
        array = array.astype(np.int64)
    return array


def pixels_fit(name: str, height: int, width: int) -> None:
    if height < 1 or width < 1 or height * width > MOST_PIXELS:
        raise ValueError(f"{name}: expected masks of 1 to {MOST_PIXELS} pixels, got {height} x {width}")


def stack(name: str, value: Any) -> Array:
    """A stack (N, H, W) of one-byte pixels, with any strides."""
    array = checks.numeric_array(name, value)
    if array.ndim == 2 and array.size:
        array = array[None]
    array = whole_array(name, array, ("N", "H", "W"))
    if len(array):
        pixels_fit(name, *array.shape[1:])
    return array.view(np.uint8) if array.itemsize == 1 else (array != 0).view(np.uint8)


def label_image(value: Any) -> Array:
    image = whole_array("image", value, ("H", "W"))
    pixels_fit("image", *image.shape)
    return image


def label_ids(value: Any) -> Array:
    return whole_array("ids", value, ("N",))


def image_size(height: Any, width: Any) -> tuple[int, int]:
    size = checks.integer("height", height, 1, MOST_PIXELS), checks.integer("width", width, 1, MOST_PIXELS)
    if size[0] * size[1] > MOST_PIXELS:
        raise ValueError(f"width: expected at most {MOST_PIXELS} pixels in all, got {size[0]} x {size[1]}")
    return size


def columns(counts: Any, offsets: Any, sizes: Any) -> tuple[Array, Array, Array]:
    """The columns of masks: counts uint32 (R,), offsets int64 (N + 1,), sizes int64 (N, 2)."""
    counts, offsets = whole_array("counts", counts, ("R",)), whole_array("offsets", offsets, ("N",))
    sizes = whole_array("sizes", sizes, ("N", 2))
    checks.reject("counts", counts, (counts < 0) | (counts > MOST_PIXELS), f"a number from 0 to {MOST_PIXELS}")
    if len(offsets) == 0 and len(sizes) == 0:
        offsets = np.zeros(1, np.int64)
    if len(offsets) != len(sizes) + 1:
        raise ValueError(f"sizes: expected length {len(offsets) - 1}, one less than offsets, got {len(sizes)}")
    bad = (offsets < 0) | (offsets > len(counts))
    bad[0] |= offsets[0] != 0
    bad[-1] |= offsets[-1] != len(counts)
    bad[1:] |= offsets[1:] < offsets[:-1]
    checks.reject("offsets", offsets, bad, f"ascending numbers from 0 to {len(counts)}, the length of counts")
    checks.reject("sizes", sizes, (sizes < 1) | (sizes > MOST_PIXELS), f"a number from 1 to {MOST_PIXELS}")
    counts = checks.plain(counts, np.uint32)
    offsets, sizes = checks.plain(offsets, np.int64), checks.plain(sizes, np.int64)
    pixels = sizes[:, 0] * sizes[:, 1]
    checks.reject("sizes", pixels, pixels > MOST_PIXELS, f"at most {MOST_PIXELS} pixels")
    sums = np.diff(sums_before(counts, offsets))
    wrong = np.flatnonzero(sums != pixels)
    if len(wrong):
        i = int(wrong[0])
        raise ValueError(f"counts: expected a sum of {pixels[i]} for mask {i}, got {sums[i]}")
    return counts, offsets, sizes


def sums_before(counts: Array, places: Array) -> Array:
    """The sum of all counts before each of the places, which ascend; a million counts at a time."""
    found, total, step = np.zeros(len(places), np.int64), 0, 1 << 20
    for first in range(0, len(counts), step):
        sums = np.cumsum(counts[first : first + step], dtype=np.int64) + total
        here = slice(*np.searchsorted(places, (first + 1, first + len(sums) + 1)))
        found[here] = sums[places[here] - first - 1]
        total = int(sums[-1])
    return found


def one_size(name: str, masks: Any) -> tuple[int, int]:
    """The height and width that all the masks have; 0 and 0 of none."""
    if len(masks) == 0:
        return 0, 0
    different = (masks.sizes != masks.sizes[0]).any(axis=1)
    height, width = masks.sizes[0].tolist()
    if different.any():
        i = int(different.argmax())
        got = " x ".join(map(str, masks.sizes[i].tolist()))
        raise ValueError(f"{name}[{i}]: expected masks of one size, {height} x {width}, got {got}")
    return height, width


def same_size(name1: str, masks1: Any, name2: str, masks2: Any) -> None:
    size1, size2 = one_size(name1, masks1), one_size(name2, masks2)
    if len(masks1) and len(masks2) and size1 != size2:
        raise ValueError(f"{name2}: expected masks of {size1[0]} x {size1[1]}, as {name1}, got {size2[0]} x {size2[1]}")


def corner_values(name: str, values: Array, i: int | None = None) -> None:
    where = name if i is None else f"{name}[{i}]"
    expected = "a finite coordinate of magnitude at most 2**27"
    checks.reject(where, values, ~(np.abs(values) <= POLYGON_LIMIT), expected)


def polygon(value: Any, i: int) -> Array:
    """The corners of polygon i, (K, 2)."""
    name = f"polygons[{i}]"
    corners = checks.numeric_array(name, value).astype(np.float64)
    if corners.ndim == 1:
        if corners.size % 2:
            raise ValueError(f"{name}: expected an even number of values, x and y in turn, got {corners.size}")
        corners = corners.reshape(-1, 2)
    if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) == 0:
        raise ValueError(f"{name}: expected x0, y0, x1, y1, … or shape (K, 2), got shape {np.shape(value)}")
    corner_values("polygons", corners.ravel(), i)
    return corners


def polygon_corners(polygons: Any) -> tuple[Array, Array]:
    """The corners of all polygons, and where each begins."""
    if isinstance(polygons, (str, bytes)) or not hasattr(polygons, "__iter__"):
        raise TypeError(f"polygons: expected a sequence of polygons, got {polygons!r}")
    parts = [polygon(each, i) for i, each in enumerate(polygons)]
    offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
    return np.concatenate([np.zeros((0, 2)), *parts]), offsets


def box_corners(boxes: Any, fmt: Any) -> Array:
    """The four corners of each box, (4 N, 2), in COCO's order."""
    array = checks.plain(checks.float_array("boxes", boxes, ("N", 4)), np.float64)
    corner_values("boxes", array)
    if checks.choice("fmt", fmt, checks.FORMATS) == "cxcywh":
        array = np.hstack([array[:, :2] - array[:, 2:] / 2, array[:, 2:]])
    if fmt != "xyxy":
        array = np.hstack([array[:, :2], array[:, :2] + array[:, 2:]])
        corner_values("boxes", array)
    return array[:, [0, 1, 0, 3, 2, 3, 2, 1]].reshape(-1, 2)


def coco_parts(rles: Any) -> tuple[Array, list[bytes], dict[int, Array]]:
    """Sizes; strings of counts, empty where counts are listed; and the listed ones by their index."""
    if isinstance(rles, (str, bytes, Mapping)) or not isinstance(rles, Iterable):
        raise TypeError(f"rles: expected a list of run-length encodings, got {type(rles).__name__}")
    sizes: list[Any] = []
    strings: list[bytes] = []
    lists: dict[int, Array] = {}
    for i, rle in enumerate(rles):
        try:
            (height, width), counts = rle["size"], rle["counts"]
        except (TypeError, KeyError, ValueError, IndexError):
            raise TypeError(
                f"rles[{i}]: expected a mapping with 'size' (height, width) and 'counts', got {rle!r:.100}"
            ) from None
        sizes.append((height, width))
        if isinstance(counts, (str, bytes)):
            if not counts:
                raise ValueError(f"rles[{i}]['counts']: expected run lengths, got {counts!r}")
            strings.append(counts if isinstance(counts, bytes) else counts.encode())
        else:
            lists[i] = counts
            strings.append(b"")
    return checked_sizes(sizes), strings, checked_lists(lists, sizes)


def checked_sizes(sizes: list[Any]) -> Array:
    array = np.array(sizes, dtype=object).reshape(-1, 2)
    if all(type(side) is int and 0 < side <= MOST_PIXELS for side in array.flat):
        array = array.astype(np.int64)
    if array.dtype == object or (array[:, 0] * array[:, 1] > MOST_PIXELS).any():
        for i, (height, width) in enumerate(sizes):
            name = f"rles[{i}]['size']"
            pixels_fit(name, checks.integer(name, height, 1), checks.integer(name, width, 1))
    return array.astype(np.int64)


def checked_lists(lists: Mapping[int, Any], sizes: list[Any]) -> dict[int, Array]:
    found = {}
    for i, value in lists.items():
        name, pixels = f"rles[{i}]['counts']", int(sizes[i][0]) * int(sizes[i][1])
        counts = whole_array(name, value, ("R",))
        checks.reject(name, counts, (counts < 0) | (counts > pixels), f"a number from 0 to {pixels}")
        if int(counts.sum(dtype=np.int64)) != pixels:
            raise ValueError(
                f"{name}: expected a sum of {pixels}, height times width, got {counts.sum(dtype=np.int64)}"
            )
        found[i] = checks.plain(counts, np.uint32)
    return found


def groups(masks: Any, owner: Any) -> tuple[Array, Array]:
    """Indices of the masks group by group, each group's of one size, and where each group begins."""
    n = len(masks)
    ids = np.zeros(n, np.int64) if owner is None else whole_array("owner", owner, ("N",))
    if len(ids) != n:
        raise ValueError(f"owner: expected length {n}, one for each mask, got {len(ids)}")
    members = np.argsort(ids, kind="stable")
    ordered = ids[members]
    first = np.flatnonzero(np.concatenate([np.ones(min(n, 1), bool), ordered[1:] != ordered[:-1]]))
    offsets = np.append(first, n).astype(np.int64)
    of_group = np.repeat(members[first], np.diff(offsets))
    different = (masks.sizes[members] != masks.sizes[of_group]).any(axis=1)
    if different.any():
        i = int(different.argmax())
        size = " x ".join(map(str, masks.sizes[of_group[i]].tolist()))
        got = " x ".join(map(str, masks.sizes[members[i]].tolist()))
        raise ValueError(f"masks[{members[i]}]: expected {size}, as the others it is merged with, got {got}")
    return members, offsets


def chosen(index: Any, n: int) -> Array:
    """The masks that an index stands for: a number, a slice, or an array of numbers or bools."""
    if isinstance(index, slice):
        return np.arange(*index.indices(n), dtype=np.int64)
    array = np.asarray(index)
    if array.dtype.kind == "f" and array.size == 0:
        array = array.astype(np.int64)
    if array.dtype.kind not in "bui" or array.ndim > 1:
        raise TypeError(f"index: expected a number, a slice, or an array of numbers or bools, got {index!r:.100}")
    return checks.plain(np.atleast_1d(np.arange(n)[array]), np.int64)


def ranges(begin: Array, end: Array) -> tuple[Array, Array]:
    """All numbers from begin[i] to end[i] - 1, range by range; and the i of each."""
    lengths = end - begin
    owner = np.repeat(np.arange(len(begin)), lengths)
    return owner, np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + begin[owner]


class Suppression(NamedTuple):
    """The arguments of mask_nms, checked."""

    order: Array  # of the masks that take part, the best first
    iou_threshold: float
    ids: Array | None
    max_output: int


def suppression(
    masks: Any, scores: Any, iou_threshold: Any, idxs: Any, score_threshold: Any, max_output: Any
) -> Suppression:
    one_size("masks", masks)
    scores = checks.scores_array("scores", scores)
    checks.same_length("masks", masks, "scores", scores)
    threshold = checks.in_range("iou_threshold", iou_threshold, 0, 1)
    ids = None
    if idxs is not None:
        ids = checks.plain(whole_array("idxs", idxs, ("N",)).astype(np.int64), np.int64)
        checks.same_length("masks", masks, "idxs", ids)
    taking_part = np.arange(len(scores))
    if score_threshold is not None:
        least = checks.real_number("score_threshold", score_threshold)
        if least != least:
            raise ValueError(f"score_threshold: expected a number, got {least:g}")
        taking_part = np.flatnonzero(scores.astype(np.float64) > least)
    most = len(scores) if max_output is None else checks.integer("max_output", max_output, 0)
    order = taking_part[np.argsort(-scores[taking_part], kind="stable")]
    return Suppression(checks.plain(order, np.int64), threshold, ids, min(most, len(scores)))
