"""``fastgeo evaluate``: the figures of COCO of a file of detections."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from typing import Any

import numpy as np

import fastgeo
from fastgeo.cli.common import CommandError, check_figure, format_table, optional, progress, reading, save_figure
from fastgeo.cli.figure_style import BLUE, GREEN, ORANGE, STYLE
from fastgeo.evaluation import DetectionScores, dict_columns

SUMMARY = "average precision and recall of a COCO results file"
EXAMPLES = """\
  fastgeo evaluate instances_val.json results.json
  fastgeo evaluate instances_val.json results.json --per-class
  fastgeo evaluate instances_val.json results.json --json --plot curves.png"""

FIGURES = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")
OF_A_CLASS = ("AP", "AP50", "AP75", "AR")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("truth", metavar="TRUTH", help="COCO annotations (JSON); - is standard input")
    parser.add_argument(
        "detections",
        metavar="DETECTIONS",
        help="COCO results: a JSON list of objects with image_id, category_id, bbox [x, y, w, h] and score",
    )
    parser.add_argument("--per-class", action="store_true", help="also the figures of each category")
    parser.add_argument("--class-agnostic", action="store_true", help="take all categories as one")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--plot", metavar="FILE", help="draw precision over recall")


def run(args: argparse.Namespace) -> int:
    if args.plot:
        check_figure(args.plot)
    if args.truth == args.detections == "-":
        raise CommandError("-: expected two files, got standard input twice")
    if args.per_class and args.class_agnostic:
        raise CommandError("--per-class: expected several categories, got --class-agnostic")
    truth, detections = (_read(path) for path in progress([args.truth, args.detections], "reading"))
    images, names, true = _truth(args.truth, truth)
    found = _detections(args.detections, detections)
    found = _known(args.detections, found, images, np.array(list(names), np.int64))
    try:
        scores = fastgeo.mean_average_precision(
            found, true, class_agnostic=args.class_agnostic, images=images, classes=sorted(names)
        )
    except (ValueError, TypeError) as error:
        raise CommandError(f"{args.detections}: {error}") from None
    if args.plot:
        _draw(args.plot, scores)
    print(_as_json(scores, names, args.per_class) if args.json else _as_text(scores, names, args.per_class))
    return 0


def _read(path: str) -> Any:
    """The content of a JSON file, by orjson where that is installed."""
    try:
        load = importlib.import_module("orjson").loads
    except ModuleNotFoundError:
        load = json.loads
    with reading(path, "rb") as stream:
        data = stream.read()
    try:
        return load(data.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{path}: not JSON ({error})") from None


def _truth(path: str, content: Any) -> tuple[list[int], dict[int, str], dict[str, Any]]:
    """Ids of the images, names of the categories by id, and the columns of the annotations."""
    try:
        images = sorted({_id(image["id"]) for image in content["images"]})
        names = {_id(c["id"]): str(c.get("name", c["id"])) for c in content["categories"]}
        rows = [{"iscrowd": 0, "area": a["bbox"][2] * a["bbox"][3], **a} for a in content["annotations"]]
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise CommandError(f"{path}: expected COCO's images, categories and annotations ({error})") from None
    table, boxes = _table(path, "annotation", rows, ("image_id", "category_id", "area", "iscrowd"))
    columns = {"image_id": table[:, 0], "class_id": table[:, 1], "areas": table[:, 2], "boxes": boxes}
    chosen = np.isin(columns["image_id"], images) & np.isin(columns["class_id"], list(names))
    columns["iscrowd"] = table[:, 3] != 0
    return images, names, {name: column[chosen] for name, column in columns.items()}


def _detections(path: str, content: Any) -> dict[str, Any]:
    if not isinstance(content, list):
        raise CommandError(f"{path}: expected a list of detections, got {type(content).__name__}")
    table, boxes = _table(path, "detection", content, ("image_id", "category_id", "score"))
    return {"image_id": table[:, 0], "class_id": table[:, 1], "scores": table[:, 2], "boxes": boxes}


def _table(path: str, what: str, rows: list[Any], names: tuple[str, ...]) -> tuple[Any, Any]:
    """Numbers and boxes; errors count in the file."""
    try:
        return dict_columns(rows, names, "bbox")
    except (KeyError, TypeError, ValueError, OverflowError):
        for i, row in enumerate(rows):
            try:
                dict_columns([row], names, "bbox")
            except (KeyError, TypeError, ValueError, OverflowError) as error:
                wanted = f"{', '.join(names)} and bbox [x, y, w, h]"
                raise CommandError(f"{path}: {what} {i}: expected {wanted}, numbers all ({error})") from None
        raise


def _known(path: str, found: dict[str, Any], images: list[int], categories: Any) -> dict[str, Any]:
    """Detections in images and of categories that the annotations have."""
    strange = ~np.isin(found["image_id"], images)
    if strange.any():
        i = int(strange.argmax())
        image = found["image_id"][i]
        raise CommandError(f"{path}: detection {i}: image {image:.0f} is not among those of the annotations")
    chosen = np.isin(found["class_id"], categories)
    if not chosen.all():
        print(
            f"fastgeo evaluate: {np.count_nonzero(~chosen)} of {len(chosen)} detections are of categories that the "
            "annotations lack, and are left out",
            file=sys.stderr,
        )
    return {name: column[chosen] for name, column in found.items()}


def _id(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(f"{value!r} is not an id")
    return value


def _as_text(scores: DetectionScores, names: dict[int, str], per_class: bool) -> str:
    if not per_class:
        return str(scores)
    columns = scores.per_class
    rows = [
        [names[class_id], *(f"{value:.3f}" if value >= 0 else "-" for value in values)]
        for class_id, *values in zip(*columns.values(), strict=True)
    ]
    return "\n".join([str(scores), "", format_table(["category", *OF_A_CLASS], rows, left=1)])


def _as_json(scores: DetectionScores, names: dict[int, str], per_class: bool) -> str:
    """The figures by name; null where there is nothing to measure."""
    figures: dict[str, Any] = dict(zip(FIGURES, map(_or_none, scores.stats.tolist()), strict=True))
    if per_class:
        figures["per_class"] = [
            {"id": class_id, "name": names[class_id], **dict(zip(OF_A_CLASS, map(_or_none, row), strict=True))}
            for class_id, *row in zip(*(column.tolist() for column in scores.per_class.values()), strict=True)
        ]
    return json.dumps(figures)


def _or_none(value: float) -> float | None:
    return value if value >= 0 else None


def _draw(path: str, scores: DetectionScores) -> None:
    matplotlib = optional("matplotlib")
    matplotlib.use("Agg")
    plt = optional("matplotlib.pyplot")
    known = scores.recall[0, :, 0, -1] >= 0
    if not known.any():
        raise CommandError("--plot: expected annotations that count, got none")
    precision = scores.precision[:, :, known, 0, -1].mean(axis=2)
    with matplotlib.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(7, 5), layout="constrained")
        for colour, threshold, curve in (
            (BLUE, "0.50", precision[0]),
            (GREEN, "0.75", precision[5]),
            (ORANGE, "0.50:0.95", precision.mean(axis=0)),
        ):
            label = f"IoU {threshold}: {curve.mean():.3f}"
            axes.plot(scores.recall_thresholds, curve, color=colour, lw=2, label=label)
        axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="recall", ylabel="precision, mean over categories")
        axes.set_title("Precision over recall")
        axes.legend(frameon=False, title="average precision")
        try:
            save_figure(figure, path)
        finally:
            plt.close(figure)
