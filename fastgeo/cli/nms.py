"""``fastgeo nms``: non-maximum suppression over a file of detections."""

from __future__ import annotations

import argparse
import json
import sys
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
    detections = read_json(args.file)
    boxes, scores, images, categories = _columns(args.file, detections)
    groups = images if args.class_agnostic else _ids([images, categories])
    chosen = np.flatnonzero(scores > args.score) if args.score is not None else np.arange(len(scores))
    try:
        keep = fastgeo.batched_nms(boxes[chosen], scores[chosen], groups[chosen], args.iou, fmt="xywh")
    except (ValueError, TypeError) as error:
        raise CommandError(f"{args.file}: {error}") from None
    best_first = chosen[keep]
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
    boxes = np.empty((len(detections), 4))
    scores = np.empty(len(detections))
    for i, detection in enumerate(detections):
        try:
            boxes[i], scores[i] = detection["bbox"], detection["score"]
            detection["image_id"], detection["category_id"]
        except (KeyError, TypeError, ValueError) as error:
            raise CommandError(
                f"{path}: detection {i}: expected image_id, category_id, bbox [x, y, w, h] and score ({error})"
            ) from None
    images, categories = (
        _ids([np.array([str(detection[key]) for detection in detections], object)])
        for key in ("image_id", "category_id")
    )
    return boxes, scores, images, categories


def _ids(keys: list[Array]) -> Array:
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
