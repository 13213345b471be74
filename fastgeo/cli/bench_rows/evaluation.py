"""Benchmark rows of the evaluation family."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

import fastgeo
from fastgeo import reference
from fastgeo.cli.bench_rows import Prepare, Row
from fastgeo.runtime.checks import Array

Columns = dict[str, Array]


def columns(n_images: int, n_truths: int, n_detections: int, n_classes: int) -> tuple[Columns, Columns]:
    """Detections and truths as a detector leaves them: most of the former are moved truths, some of a wrong class."""
    rng = np.random.default_rng(0)
    share = 1 / np.arange(1, n_classes + 1)
    sizes = np.exp(rng.normal(4, 1, (n_truths, 2)))
    truth = {
        "image_id": np.sort(rng.integers(0, n_images, n_truths)),
        "class_id": rng.choice(n_classes, n_truths, p=share / share.sum()) + 1,
        "boxes": np.round(np.hstack([rng.uniform(0, 500, (n_truths, 2)), sizes]), 2),
        "areas": np.round(0.6 * sizes.prod(axis=1), 2),
        "iscrowd": (rng.random(n_truths) < 0.01).astype(np.int64),
    }
    of = np.sort(rng.integers(0, n_truths, n_detections))
    error = rng.normal(0, 1, (n_detections, 4)) * np.exp(rng.normal(-2, 1, (n_detections, 1)))
    boxes = truth["boxes"][of]
    boxes[:, :2] += error[:, :2] * boxes[:, 2:]
    boxes[:, 2:] *= np.exp(error[:, 2:] / 2)
    is_wrong = rng.random(n_detections) < 0.3
    detections = {
        "image_id": truth["image_id"][of],
        "class_id": np.where(is_wrong, rng.integers(1, n_classes + 1, n_detections), truth["class_id"][of]),
        "boxes": np.round(boxes, 2),
        "scores": np.round(np.minimum(rng.beta(1, 3, n_detections) + 0.3 * (abs(error).max(axis=1) < 0.1), 1), 4),
    }
    return detections, truth


def ours(detections: Columns, truth: Columns) -> Callable[[], Any]:
    return lambda: fastgeo.mean_average_precision(detections, truth, n_threads=1)


def specified(detections: Columns, truth: Columns) -> Callable[[], Any]:
    return lambda: reference.mean_average_precision(detections, truth)


def streamed(images: int) -> Prepare:
    """The images as they come, so many at a time."""

    def prepare(detections: Columns, truth: Columns) -> Callable[[], Any]:
        last = int(max(detections["image_id"].max(), truth["image_id"].max()))
        firsts = np.arange(0, last + 1, images)
        batches = list(zip(*(parts(table, firsts) for table in (detections, truth)), strict=True))

        def run() -> Any:
            evaluator = fastgeo.DetectionEvaluator()
            with fastgeo.threads(1):
                for batch in batches:
                    evaluator.update(*batch)
                return evaluator.compute()

        return run

    return prepare


def parts(table: Columns, firsts: Array) -> list[Columns]:
    """A table from each of the images `firsts` to the next."""
    ends = np.searchsorted(table["image_id"], firsts)[1:]
    columns = {name: np.split(column, ends) for name, column in table.items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def streamed_by_reference(detections: Columns, truth: Columns) -> Callable[[], Any]:
    return lambda: reference.DetectionEvaluator().update(detections, truth).compute()


def coco_api(modules: tuple[str, str]) -> Prepare:
    """``evaluate`` and ``accumulate`` of a package with the classes of pycocotools, loading left out."""

    def prepare(detections: Columns, truth: Columns) -> Callable[[], Any]:
        coco, evaluator = (import_module(name) for name in modules)
        with contextlib.redirect_stdout(io.StringIO()):
            ground_truth = coco.COCO()
            ground_truth.dataset = data_set(truth)
            ground_truth.createIndex()
            results = ground_truth.loadRes(as_annotations(detections))

        def run() -> Any:
            with contextlib.redirect_stdout(io.StringIO()):
                evaluation = evaluator.COCOeval(ground_truth, results, "bbox")
                evaluation.evaluate()
                evaluation.accumulate()
            return evaluation

        return run

    return prepare


def hotcoco(detections: Columns, truth: Columns) -> Callable[[], Any]:
    """The same; its ground truth is read from a dictionary."""
    package = import_module("hotcoco")
    with contextlib.redirect_stdout(io.StringIO()):
        ground_truth = package.COCO(data_set(truth))
        results = ground_truth.loadRes(as_annotations(detections))

    def run() -> Any:
        with contextlib.redirect_stdout(io.StringIO()):
            evaluation = package.COCOeval(ground_truth, results, "bbox")
            evaluation.evaluate()
            evaluation.accumulate()
        return evaluation

    return run


NAMES = {"boxes": "bbox", "scores": "score", "class_id": "category_id", "areas": "area"}


def as_annotations(columns: Columns) -> list[dict[str, Any]]:
    names = [NAMES.get(name, name) for name in columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*(c.tolist() for c in columns.values()), strict=True)]


def data_set(truth: Columns) -> dict[str, Any]:
    return {
        "images": [{"id": i, "width": 640, "height": 480} for i in np.unique(truth["image_id"]).tolist()],
        "categories": [{"id": i, "name": str(i)} for i in np.unique(truth["class_id"]).tolist()],
        "annotations": [{"id": i + 1, **annotation} for i, annotation in enumerate(as_annotations(truth))],
    }


ROWS = [
    Row(
        "mean_average_precision",
        "COCO's size: 5000 images, 293 000 detections",
        partial(columns, 5000, 36_700, 293_000, 80),
        {
            "fastgeo": ours,
            "hotcoco": hotcoco,
            "ultrafast-pycocotools": coco_api(("ultrafast_pycocotools.coco", "ultrafast_pycocotools.cocoeval")),
            "faster-coco-eval": coco_api(("faster_coco_eval.core.coco", "faster_coco_eval.core.cocoeval")),
            "pycocotools": coco_api(("pycocotools.coco", "pycocotools.cocoeval")),
        },
    ),
    Row(
        "mean_average_precision",
        "50 images, 3000 detections",
        partial(columns, 50, 370, 3000, 20),
        {
            "fastgeo": ours,
            "reference": specified,
            "hotcoco": hotcoco,
            "ultrafast-pycocotools": coco_api(("ultrafast_pycocotools.coco", "ultrafast_pycocotools.cocoeval")),
            "pycocotools": coco_api(("pycocotools.coco", "pycocotools.cocoeval")),
        },
        short=True,
    ),
    Row(
        "DetectionEvaluator",
        "COCO's size in batches of 8 images",
        partial(columns, 5000, 36_700, 293_000, 80),
        {"fastgeo": streamed(8), "one call": ours},
        yardsticks=("one call",),
    ),
    Row(
        "DetectionEvaluator",
        "50 images in batches of 8",
        partial(columns, 50, 370, 3000, 20),
        {"fastgeo": streamed(8), "reference": streamed_by_reference, "one call": ours},
        short=True,
        yardsticks=("one call",),
    ),
]
