"""The masks family against pycocotools, supervision and torchvision."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

import fastgeo
from fastgeo import reference
from fastgeo.cli.bench_rows import Row
from fastgeo.runtime.checks import Array

SIZES = [(30, 480, 640), (5, 768, 768)]


def blobs(n: int, height: int, width: int, seed: int = 0) -> Array:
    """Masks that are unions of three ellipses each."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    masks = np.zeros((n, height, width), bool)
    for mask in masks:
        for _ in range(3):
            (top, left), (high, wide) = rng.uniform(0, (height, width)), rng.uniform(10, (height / 4, width / 4))
            mask |= ((y - top) / high) ** 2 + ((x - left) / wide) ** 2 < 1
    return masks


def by_column(masks: Array) -> Array:
    """(H, W, N) of uint8 in Fortran order, as pycocotools takes them."""
    return np.asfortranarray(masks.transpose(1, 2, 0).astype(np.uint8))


def rows_of(masks: Array) -> Callable[[], Any]:
    return lambda: fastgeo.Masks.encode(masks, n_threads=1)


def columns_of(masks: Array) -> Callable[[], Any]:
    stack = by_column(masks).transpose(2, 0, 1)
    return lambda: fastgeo.Masks.encode(stack, n_threads=1)


def specified(masks: Array) -> Callable[[], Any]:
    return lambda: reference.Masks.encode(masks)


def coco_encode(masks: Array, *, copied: bool = False) -> Callable[[], Any]:
    """Of columns side by side; with `copied`, out of rows."""
    encode, stack = import_module("pycocotools.mask").encode, by_column(masks)
    return (lambda: encode(by_column(masks))) if copied else (lambda: encode(stack))


def decoded(masks: Array) -> Callable[[], Any]:
    encoded = fastgeo.Masks.encode(masks)
    return lambda: encoded.decode(n_threads=1)


def specified_decode(masks: Array) -> Callable[[], Any]:
    return reference.Masks.encode(masks).decode


def coco_decode(masks: Array) -> Callable[[], Any]:
    decode, rles = import_module("pycocotools.mask").decode, fastgeo.Masks.encode(masks).to_coco()
    return lambda: decode(rles)


def polygons(n: int, height: int, width: int) -> tuple[list[list[float]], int, int]:
    """Stars of 40 corners."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(n):
        angle, radius = np.sort(rng.uniform(0, 2 * np.pi, 40)), rng.uniform(20, height / 3) * rng.uniform(0.8, 1.2, 40)
        corners = rng.uniform(0, (width, height)) + np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius[:, None]
        found.append(corners.ravel().round(2).tolist())
    return found, height, width


def drawn(shapes: list[list[float]], height: int, width: int) -> Callable[[], Any]:
    return lambda: fastgeo.Masks.from_polygons(shapes, height, width, n_threads=1)


def specified_polygons(shapes: list[list[float]], height: int, width: int) -> Callable[[], Any]:
    return lambda: reference.Masks.from_polygons(shapes, height, width)


def coco_polygons(shapes: list[list[float]], height: int, width: int) -> Callable[[], Any]:
    function = import_module("pycocotools.mask").frPyObjects
    return lambda: function(shapes, height, width)


def overlaps(masks: Array) -> Callable[[], Any]:
    encoded = fastgeo.Masks.encode(masks)
    return lambda: fastgeo.mask_iou(encoded, encoded, n_threads=1)


def specified_overlaps(masks: Array) -> Callable[[], Any]:
    encoded = reference.Masks.encode(masks)
    return lambda: reference.mask_iou(encoded, encoded)


def coco_overlaps(masks: Array) -> Callable[[], Any]:
    function, rles = import_module("pycocotools.mask").iou, fastgeo.Masks.encode(masks).to_coco()
    return lambda: function(rles, rles, [0] * len(rles))


def one_stack(n: int, height: int, width: int) -> tuple[Array]:
    return (blobs(n, height, width),)


def two_stacks(n: int) -> tuple[Array, Array]:
    return blobs(n, 480, 640), blobs(n, 480, 640, 1)


def dense_overlaps(masks1: Array, masks2: Array) -> Callable[[], Any]:
    return lambda: fastgeo.mask_iou(masks1, masks2, n_threads=1)


def supervision_overlaps(masks1: Array, masks2: Array) -> Callable[[], Any]:
    function = import_module("supervision.detection.utils.iou_and_nms").mask_iou_batch
    return lambda: function(masks1, masks2)


def scored(n: int) -> tuple[Array, Array]:
    return blobs(n, 480, 640), np.random.default_rng(0).random(n)


def kept(masks: Array, scores: Array) -> Callable[[], Any]:
    encoded = fastgeo.Masks.encode(masks)
    return lambda: fastgeo.mask_nms(encoded, scores, 0.5)


def specified_kept(masks: Array, scores: Array) -> Callable[[], Any]:
    encoded = reference.Masks.encode(masks)
    return lambda: reference.mask_nms(encoded, scores, 0.5)


def boxed(masks: Array) -> Callable[[], Any]:
    return lambda: fastgeo.mask_to_boxes(masks, n_threads=1)


def specified_boxes(masks: Array) -> Callable[[], Any]:
    return lambda: reference.mask_to_boxes(masks)


def torchvision_boxes(masks: Array) -> Callable[[], Any]:
    function, tensor = import_module("torchvision.ops").masks_to_boxes, import_module("torch").from_numpy(masks)
    return lambda: function(tensor)


def boundaries(masks: Array) -> Callable[[], Any]:
    encoded = fastgeo.Masks.encode(masks)
    return lambda: fastgeo.boundary_iou(encoded, encoded, n_threads=1)


def cv2_boundaries(masks: Array) -> Callable[[], Any]:
    """The published code: erosion of dense masks by OpenCV; overlaps by `mask_iou`."""
    cv2 = import_module("cv2")
    pixels, square = masks.astype(np.uint8), np.ones((3, 3), np.uint8)
    steps = round(0.02 * float(np.hypot(*masks.shape[1:])))

    def boundary(mask: Array) -> Any:
        padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
        return mask - cv2.erode(padded, square, iterations=steps)[1:-1, 1:-1]

    def call() -> Any:
        found = np.stack([boundary(mask) for mask in pixels])
        return fastgeo.mask_iou(found, found, n_threads=1)

    return call


def pasted(n: int) -> tuple[Array, Array, int, int]:
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, (600, 440), (n, 2))
    return rng.random((n, 28, 28), np.float32), np.hstack([corner, corner + rng.uniform(20, 200, (n, 2))]), 480, 640


def paste(cells: Array, boxes: Array, height: int, width: int) -> Callable[[], Any]:
    return lambda: fastgeo.paste_masks(cells, boxes, height, width, n_threads=1)


def specified_paste(cells: Array, boxes: Array, height: int, width: int) -> Callable[[], Any]:
    return lambda: reference.paste_masks(cells, boxes, height, width)


def torchvision_paste(cells: Array, boxes: Array, height: int, width: int) -> Callable[[], Any]:
    """Which resizes to whole pixels, and leaves dense masks."""
    torch, heads = import_module("torch"), import_module("torchvision.models.detection.roi_heads")
    small, corners = torch.from_numpy(cells[:, None]), torch.from_numpy(boxes)
    return lambda: heads.paste_masks_in_image(small, corners, (height, width)) >= 0.5


ROWS = []
for n, height, width in SIZES:
    stack, name, short = partial(one_stack, n, height, width), f"{n}×{height}×{width}", n == 5
    ROWS += [
        Row(
            "Masks",
            f"encode {name}, columns side by side",
            stack,
            {"fastgeo": columns_of, "reference": specified, "pycocotools": coco_encode},
            short=short,
        ),
        Row(
            "Masks",
            f"encode {name}, rows side by side",
            stack,
            {"fastgeo": rows_of, "reference": specified, "pycocotools": partial(coco_encode, copied=True)},
        ),
        Row(
            "Masks",
            f"decode {name}",
            stack,
            {"fastgeo": decoded, "reference": specified_decode, "pycocotools": coco_decode},
        ),
        Row(
            "Masks",
            f"polygons of 40 corners, {n} of {height}×{width}",
            partial(polygons, n, height, width),
            {"fastgeo": drawn, "reference": specified_polygons, "pycocotools": coco_polygons},
        ),
        Row(
            "mask_iou",
            f"{n}×{n} of {height}×{width}",
            stack,
            {"fastgeo": overlaps, "reference": specified_overlaps, "pycocotools": coco_overlaps},
            short=short,
        ),
    ]
ROWS += [
    Row(
        "mask_iou",
        "100×100 dense, 480×640",
        partial(two_stacks, 100),
        {"fastgeo": dense_overlaps, "supervision": supervision_overlaps},
    ),
    Row("mask_nms", "100 of 480×640", partial(scored, 100), {"fastgeo": kept, "reference": specified_kept}),
    Row(
        "mask_to_boxes",
        "30×480×640",
        partial(one_stack, 30, 480, 640),
        {"fastgeo": boxed, "reference": specified_boxes, "torchvision": torchvision_boxes},
    ),
    Row(
        "boundary_iou",
        "30×30 of 480×640",
        partial(one_stack, 30, 480, 640),
        {"fastgeo": boundaries, "OpenCV and mask_iou": cv2_boundaries},
        yardsticks=("OpenCV and mask_iou",),
    ),
    Row(
        "paste_masks",
        "100 of 28×28, 480×640",
        partial(pasted, 100),
        {"fastgeo": paste, "reference": specified_paste, "torchvision": torchvision_paste},
    ),
]
