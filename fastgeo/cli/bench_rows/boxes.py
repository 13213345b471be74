"""The boxes family against torchvision, powerboxes, cython_bbox, pycocotools, supervision and shapely."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from fastgeo.cli.bench_rows import Prepare, Row

Array = np.ndarray[Any, Any]


def boxes(n: int, dtype: Any, seed: int, size: float = 1000.0) -> Array:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, size, (n, 2))
    return np.concatenate([corner, corner + rng.uniform(1, 100, (n, 2))], axis=1).astype(dtype)


def pair(n: int, dtype: Any, size: float = 1000.0) -> tuple[Array, Array]:
    return boxes(n, dtype, 1, size), boxes(n, dtype, 2, size)


def with_output(n: int, dtype: Any) -> tuple[Array, Array, Array]:
    return (*pair(n, dtype), np.zeros((n, n), dtype))


def rotated(n: int, dtype: Any) -> tuple[Array, Array]:
    rng = np.random.default_rng(3)

    def one() -> Array:
        columns = [rng.uniform(0, 1000, (n, 2)), rng.uniform(10, 100, (n, 2)), rng.uniform(-180, 180, (n, 1))]
        return np.concatenate(columns, axis=1).astype(dtype)

    return one(), one()


def calls(module: str, name: str, *args: Any, **kwargs: Any) -> Prepare:
    def prepare(*arrays: Array) -> Callable[[], Any]:
        return partial(getattr(import_module(module), name), *arrays, *args, **kwargs)

    return prepare


def ours(name: str, **kwargs: Any) -> Prepare:
    return calls("fastgeo", name, **kwargs)


def specified(name: str, **kwargs: Any) -> Prepare:
    return calls("fastgeo.reference", name, **kwargs)


def torchvision(name: str, *args: Any) -> Prepare:
    def prepare(*arrays: Array) -> Callable[[], Any]:
        torch, operators = import_module("torch"), import_module("torchvision.ops")
        return partial(getattr(operators, name), *(torch.from_numpy(array) for array in arrays), *args)

    return prepare


def powerboxes(name: str, *args: Any) -> Prepare:
    """Its distances are 1 - IoU. Its DIoU and CIoU are left out: docs/boxes.md shows where they are wrong."""
    return calls("powerboxes", name, *args)


def cython_bbox(boxes1: Array, boxes2: Array) -> Callable[[], Any]:
    """float64 only."""
    return calls("cython_bbox", "bbox_overlaps")(boxes1.astype(np.float64), boxes2.astype(np.float64))


def pycocotools(boxes1: Array, boxes2: Array) -> Callable[[], Any]:
    """float64 (x, y, w, h) only."""
    first, second = (np.concatenate([b[:, :2], b[:, 2:] - b[:, :2]], axis=1, dtype=float) for b in (boxes1, boxes2))
    return calls("pycocotools.mask", "iou")(first, second, np.zeros(len(second), np.uint8))


supervision = calls("supervision.detection.utils.iou_and_nms", "box_iou_batch")


def table_and_filter(boxes1: Array, boxes2: Array) -> Callable[[], Any]:
    """The plain method: every pair, then those above 0."""

    box_iou = ours("box_iou", n_threads=1)(boxes1, boxes2)

    def run() -> Any:
        table = box_iou()
        rows, cols = np.nonzero(table)
        return rows, cols, table[rows, cols]

    return run


def into(boxes1: Array, boxes2: Array, out: Array) -> Callable[[], Any]:
    return ours("box_iou", out=out, n_threads=1)(boxes1, boxes2)


def fill(boxes1: Array, boxes2: Array, out: Array) -> Callable[[], Any]:
    """The limit: the same memory filled with a constant."""
    return partial(out.fill, 0.5)


def work(n: int, dtype: Any) -> str:
    return f"{n}×{n} {np.dtype(dtype).name}"


def row(name: str, n: int, dtype: Any, peers: dict[str, Prepare], *, short: bool = False) -> Row:
    contestants: dict[str, Prepare] = {"fastgeo": ours(name, n_threads=1)}
    if n <= 1000:
        contestants["reference"] = specified(name)
    return Row(name, work(n, dtype), partial(pair, n, dtype), {**contestants, **peers}, short)


IOU_PEERS: dict[str, Prepare] = {
    "torchvision": torchvision("box_iou"),
    "powerboxes": powerboxes("iou_distance"),
    "cython_bbox": cython_bbox,
    "pycocotools": pycocotools,
    "supervision": supervision,
}
GIOU_PEERS = {"torchvision": torchvision("generalized_box_iou"), "powerboxes": powerboxes("giou_distance")}
DIOU_PEERS = {"torchvision": torchvision("distance_box_iou")}
CIOU_PEERS = {"torchvision": torchvision("complete_box_iou")}
FLOATS = (np.float32, np.float64)

ROWS: list[Row] = [
    *(row("box_iou", n, dtype, IOU_PEERS, short=n <= 100) for dtype in FLOATS for n in (10, 100, 1000, 5000)),
    *(row("generalized_box_iou", n, dtype, GIOU_PEERS, short=n == 100) for dtype in FLOATS for n in (100, 1000)),
    *(row("distance_box_iou", n, dtype, DIOU_PEERS, short=n == 100) for dtype in FLOATS for n in (100, 1000)),
    *(row("complete_box_iou", n, dtype, CIOU_PEERS, short=n == 100) for dtype in FLOATS for n in (100, 1000)),
    *(row("scylla_box_iou", n, np.float32, {}, short=n == 100) for n in (100, 1000)),
    row("box_ioa", 1000, np.float32, {}),
    Row(
        "box_iou",
        "5000×5000 float32, out=",
        partial(with_output, 5000, np.float32),
        {"fastgeo": into, "fill": fill},
        yardsticks=("fill",),
    ),
    Row(
        "box_iou",
        "5000×5000 float32, two threads",
        partial(pair, 5000, np.float32),
        {"fastgeo": ours("box_iou", n_threads=2), "one thread": ours("box_iou", n_threads=1)},
        yardsticks=("one thread",),
    ),
    Row(
        "paired_box_iou",
        "100000 float32",
        partial(pair, 100_000, np.float32),
        {"fastgeo": ours("paired_box_iou", n_threads=1), "reference": specified("paired_box_iou")},
    ),
    Row(
        "sparse_box_iou",
        "10000×10000 float32, spread",
        partial(pair, 10_000, np.float32, 20_000.0),
        {"fastgeo": ours("sparse_box_iou", n_threads=1), "table and filter": table_and_filter},
        yardsticks=("table and filter",),
    ),
    Row(
        "sparse_box_iou",
        "3000×3000 float32, crowded",
        partial(pair, 3000, np.float32, 100.0),
        {"fastgeo": ours("sparse_box_iou", n_threads=1), "table and filter": table_and_filter},
        yardsticks=("table and filter",),
    ),
    Row(
        "rotated_box_iou",
        "200×200 float64",
        partial(rotated, 200, np.float64),
        {"fastgeo": ours("rotated_box_iou", n_threads=1), "powerboxes": powerboxes("rotated_iou_distance")},
    ),
    Row(
        "box_area",
        "100000 float32",
        lambda: (boxes(100_000, np.float32, 1),),
        {
            "fastgeo": ours("box_area"),
            "reference": specified("box_area"),
            "torchvision": torchvision("box_area"),
            "powerboxes": powerboxes("boxes_areas"),
        },
    ),
    Row(
        "box_convert",
        "100000 float32, xyxy to cxcywh",
        lambda: (boxes(100_000, np.float32, 1),),
        {
            "fastgeo": ours("box_convert", in_fmt="xyxy", out_fmt="cxcywh"),
            "reference": specified("box_convert", in_fmt="xyxy", out_fmt="cxcywh"),
            "torchvision": torchvision("box_convert", "xyxy", "cxcywh"),
            "powerboxes": powerboxes("box_convert", "xyxy", "cxcywh"),
        },
    ),
    Row(
        "clip_boxes",
        "100000 float32",
        lambda: (boxes(100_000, np.float32, 1),),
        {
            "fastgeo": ours("clip_boxes", size=(500, 600)),
            "reference": specified("clip_boxes", size=(500, 600)),
            "torchvision": torchvision("clip_boxes_to_image", (500, 600)),
        },
    ),
]
