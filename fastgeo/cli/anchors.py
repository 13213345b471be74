"""``fastgeo anchors``: anchor boxes for a detector from the sizes of annotated boxes."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import fastgeo
from fastgeo.cli.common import CommandError, read_json, reading
from fastgeo.runtime.checks import Array

# Files that labelling tools write among the labels.
NOT_LABELS = ("classes.txt",)

SUMMARY = "anchor boxes for a detector, from annotated boxes by k-means with distance 1 - IoU"
EXAMPLES = """\
  fastgeo anchors instances_train.json -k 9    COCO annotations
  fastgeo anchors labels/ -k 9 --size 640 640  YOLO labels in a folder, scaled
  fastgeo anchors instances_train.json -k 6 --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file",
        metavar="FILE",
        help="COCO annotations (JSON; - is standard input), a YOLO label file (.txt) of boxes or polygons, "
        "or a folder of them, where classes.txt is passed over",
    )
    parser.add_argument("-k", type=int, default=9, help="number of anchors; default: 9")
    parser.add_argument("--size", nargs=2, type=float, metavar=("W", "H"), help="scale YOLO's relative sizes to pixels")
    parser.add_argument("--seed", type=int, default=0, help="of the random start; default: 0")
    parser.add_argument("--json", action="store_true", help="print anchors and their mean best IoU as JSON")


def run(args: argparse.Namespace) -> int:
    sizes = _sizes(args.file)
    if args.size:
        sizes = sizes * np.array(args.size)
    empty = (sizes <= 0).any(axis=1)
    if empty.any():
        print(f"fastgeo anchors: {empty.sum()} of {len(sizes)} boxes have no area and are left out", file=sys.stderr)
        sizes = sizes[~empty]
    if not 1 <= args.k <= len(sizes):
        raise CommandError(f"-k: expected a number from 1 to {len(sizes)}, that of the boxes, got {args.k}")
    try:
        result = fastgeo.kmeans(sizes, args.k, metric="iou", seed=args.seed)
    except (ValueError, TypeError) as error:
        raise CommandError(f"{args.file}: {error}") from None
    anchors = result.centroids[np.argsort(result.centroids.prod(axis=1), kind="stable")]
    fit = float(_at_origin(sizes, anchors).max(axis=1).mean())
    if args.json:
        print(json.dumps({"anchors": anchors.tolist(), "mean_iou": fit, "boxes": len(sizes)}))
    else:
        print("\n".join(f"{width:.6g},{height:.6g}" for width, height in anchors))
        print(f"mean IoU of {len(sizes)} boxes with their best anchor: {fit:.4f}")
    return 0


def _at_origin(sizes: Array, anchors: Array) -> Array:
    """IoU of boxes that share a corner: of their sizes alone."""
    boxes, others = (np.concatenate([np.zeros_like(wh), wh], axis=1) for wh in (sizes, anchors))
    return fastgeo.box_iou(boxes, others)


def _sizes(path: str) -> Array:
    """(n, 2) widths and heights."""
    if path != "-" and (Path(path).is_dir() or path.endswith(".txt")):
        rows = [size for file in _label_files(Path(path)) for size in _yolo_sizes(str(file))]
    else:
        rows = _coco_sizes(path, read_json(path))
    if not rows:
        raise CommandError(f"{path}: expected annotated boxes, found none")
    return np.array(rows, np.float64)


def _label_files(path: Path) -> list[Path]:
    """The file itself, or the label files below a folder; labelling tools put the names of the classes beside them."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.rglob("*.txt") if file.name not in NOT_LABELS)


def _coco_sizes(path: str, content: Any) -> list[tuple[float, float]]:
    try:
        annotations = content["annotations"] if isinstance(content, dict) else content
        return [(float(w), float(h)) for _, _, w, h in (annotation["bbox"] for annotation in annotations)]
    except (KeyError, TypeError, ValueError, OverflowError):
        raise CommandError(f"{path}: expected COCO annotations with bbox [x, y, w, h]") from None


def _yolo_sizes(path: str) -> list[tuple[float, float]]:
    sizes = []
    with reading(path) as stream:
        for number, line in enumerate(stream, 1):
            if not line.split():
                continue
            try:
                sizes.append(_yolo_size(list(map(float, line.split()))))
            except ValueError:
                raise CommandError(
                    f"{path}, line {number}: expected class, cx, cy, w, h or class, x1, y1, x2, y2, x3, y3, ..."
                ) from None
    return sizes


def _yolo_size(numbers: list[float]) -> tuple[float, float]:
    """Width and height of a box (class, cx, cy, w, h and perhaps a confidence) or of a polygon's bounding box."""
    if len(numbers) in (5, 6):
        return numbers[3], numbers[4]
    xs, ys = numbers[1::2], numbers[2::2]
    if len(xs) != len(ys) or len(xs) < 3:
        raise ValueError(f"neither a box nor a polygon: {len(numbers)} numbers")
    return max(xs) - min(xs), max(ys) - min(ys)
