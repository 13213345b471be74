"""``fastgeo nms``: non-maximum suppression over a file of detections."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

import fastgeo
from fastgeo.cli.common import CommandError, read_json, write_text
from fastgeo.runtime.checks import Array

SUMMARY = "drop overlapping detections from a COCO results file"
EXAMPLES = """\
  fastgeo nms raw.json -o kept.json      within each image and category, IoU above 0.5
  fastgeo nms raw.json --iou 0.6 --score 0.05 --max 100 -o kept.json
  detector | fastgeo nms - --class-agnostic > kept.json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file",
        metavar="FILE",
        help="COCO results: a JSON list of objects with image_id, category_id, "
        "bbox [x, y, w, h] and score; - is standard input",
    )
    parser.add_argument("-o", "--output", metavar="FILE", default="-", help="default: standard output")
    parser.add_argument("--iou", type=float, default=0.5, metavar="T", help="drop boxes of IoU above T; default: 0.5")
    parser.add_argument("--score", type=float, metavar="S", help="first drop scores of at most S")
    parser.add_argument("--max", type=int, metavar="N", help="keep at most the N best of an image")
    parser.add_argument("--class-agnostic", action="store_true", help="boxes suppress other categories' as well")


def run(args: argparse.Namespace) -> int:
    if args.max is not None and args.max < 0:
        raise CommandError(f"--max: expected at least 0, got {args.max}")
    if args.score is not None and np.isnan(args.score):
        raise CommandError("--score: expected a number, got nan")
    if not 0 <= args.iou <= 1:
        raise CommandError(f"--iou: expected a number from 0 to 1, got {args.iou:g}")
    detections = read_json(args.file)
    boxes, scores, images, categories = _columns(args.file, detections)
    groups = images if args.class_agnostic else _ids([images, categories])
    try:
        best_first = fastgeo.batched_nms(boxes, scores, groups, args.iou, score_threshold=args.score, fmt="xywh")
    except (ValueError, TypeError) as error:
        raise CommandError(f"{args.file}: {error}") from None
    if args.max is not None:
        best_first = best_first[_rank_in_group(images[best_first]) < args.max]
    kept = [detections[i] for i in np.sort(best_first)]  # in the order of the file
    write_text(args.output, json.dumps(kept) + "\n")
    print(f"fastgeo nms: {len(kept)} of {len(detections)} detections kept", file=sys.stderr)
    return 0


def _columns(path: str, detections: Any) -> tuple[Array, Array, Array, Array]:
    """Boxes, scores, and numbers that stand for image and category."""
    if not isinstance(detections, list):
        raise CommandError(f"{path}: expected a list of detections, got {type(detections).__name__}")
    rows, images, categories = [], [], []
    for i, detection in enumerate(detections):
        try:
            x, y, w, h = detection["bbox"]
            rows.append([_number(value) for value in (x, y, w, h, detection["score"])])
            images.append(_id(detection["image_id"]))
            categories.append(_id(detection["category_id"]))
        except (KeyError, TypeError, ValueError) as error:
            raise CommandError(
                f"{path}: detection {i}: expected image_id, category_id, bbox [x, y, w, h] and score ({error})"
            ) from None
    table = np.array(rows, np.float64).reshape(-1, 5)
    return table[:, :4].copy(), table[:, 4].copy(), _ids([images]), _ids([categories])


def _number(value: Any) -> float:
    if type(value) not in (int, float):
        raise TypeError(f"{value!r} is not a number")
    return float(value)


def _id(value: Any) -> int | float | str:
    """Numbers are compared as numbers and text as text: 1 and 1.0 are one id, "1" is another."""
    if type(value) not in (int, float, str) or value != value:
        raise TypeError(f"{value!r} is not an id")
    return value  # type: ignore[no-any-return]


def _ids(keys: Sequence[Iterable[Any]]) -> Array:
    """One integer for each distinct combination of keys."""
    seen: dict[tuple[Any, ...], int] = {}
    return np.array([seen.setdefault(key, len(seen)) for key in zip(*keys, strict=True)], np.int64)


def _rank_in_group(groups: Array) -> Array:
    """Place of each entry among those of its group, from 0, in the order given."""
    order = np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[order], groups[order])
    rank = np.empty(len(groups), np.int64)
    rank[order] = np.arange(len(groups)) - starts
    return rank
