"""Benchmark rows of the suppression room."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from fastgeo.cli.bench_rows import Prepare, Row
from fastgeo.runtime.checks import Array

THRESHOLD = 0.5


def clusters(n: int, cluster: int, n_classes: int = 1) -> tuple[Array, Array, Array]:
    """float32 boxes in clusters of about `cluster`, their scores and classes."""
    rng = np.random.default_rng(0)
    n_clusters = max(1, n // cluster)
    centre = rng.uniform(0, 150 * n_clusters**0.5, (n_clusters, 2))
    size = rng.uniform(20, 100, (n_clusters, 2))
    which = rng.integers(0, n_clusters, n)
    centre = centre[which] + rng.normal(0, 0.08, (n, 2)) * size[which]
    size = size[which] * np.exp(rng.normal(0, 0.1, (n, 2)))
    boxes = np.concatenate([centre - size / 2, centre + size / 2], axis=1).astype(np.float32)
    return boxes, rng.random(n).astype(np.float32), rng.integers(0, n_classes, n)


def own(name: str, module: str = "fastgeo", grouped: bool = False, **keywords: Any) -> Prepare:
    """fastgeo's function or its reference, with or without the classes."""

    def prepare(boxes: Array, scores: Array, classes: Array) -> Callable[[], Any]:
        function = getattr(import_module(module), name)
        if grouped:
            return lambda: function(boxes, scores, classes, THRESHOLD, **keywords)
        return lambda: function(boxes, scores, THRESHOLD, **keywords)

    return prepare


def torchvision(name: str, grouped: bool = False) -> Prepare:
    def prepare(boxes: Array, scores: Array, classes: Array) -> Callable[[], Any]:
        from_numpy = import_module("torch").from_numpy
        function = getattr(import_module("torchvision.ops"), name)
        tensors = [from_numpy(array) for array in ((boxes, scores, classes) if grouped else (boxes, scores))]
        return lambda: function(*tensors, THRESHOLD)

    return prepare


def powerboxes(name: str) -> Prepare:
    def prepare(boxes: Array, scores: Array, classes: Array) -> Callable[[], Any]:
        function = getattr(import_module("powerboxes"), name)
        wide_scores = scores.astype(np.float64)  # it takes no other
        return lambda: function(boxes, wide_scores, THRESHOLD, 0.0)

    return prepare


def lsnms(boxes: Array, scores: Array, classes: Array) -> Callable[[], Any]:
    function = import_module("lsnms").nms
    return lambda: function(boxes, scores, THRESHOLD)


def cv2(boxes: Array, scores: Array, classes: Array) -> Callable[[], Any]:
    function = import_module("cv2").dnn.NMSBoxes
    sizes = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    return lambda: function(sizes, scores, 0.0, THRESHOLD)


def supervision(boxes: Array, scores: Array, classes: Array) -> Callable[[], Any]:
    function = import_module("supervision").box_non_max_suppression
    predictions = np.concatenate([boxes, scores[:, None]], axis=1)
    return lambda: function(predictions, THRESHOLD)


def nms_row(n: int, cluster: int) -> Row:
    """Contestants of quadratic time sit out where a call takes seconds."""
    contestants = {"fastgeo": own("nms"), "powerboxes rtree": powerboxes("rtree_nms"), "lsnms": lsnms}
    if n <= 10_000:
        contestants |= {"torchvision": torchvision("nms"), "powerboxes": powerboxes("nms")}
    if n <= 1000:
        contestants |= {"reference": own("nms", "fastgeo.reference"), "cv2": cv2, "supervision": supervision}
    work = f"{n} boxes in clusters of {cluster}, float32"
    return Row("nms", work, lambda: clusters(n, cluster), contestants, short=n == 1000)


def batched_row(n: int) -> Row:
    contestants = {
        "fastgeo": own("batched_nms", grouped=True),
        "fastgeo, one thread": own("batched_nms", grouped=True, n_threads=1),
    }
    if n <= 10_000:
        contestants["torchvision"] = torchvision("batched_nms", grouped=True)
    if n <= 1000:
        contestants["reference"] = own("batched_nms", "fastgeo.reference", grouped=True)
    work = f"{n} boxes, 80 classes, float32"
    return Row("batched_nms", work, lambda: clusters(n, 20, 80), contestants, short=n == 1000)


def keywords_only(name: str, module: str = "fastgeo") -> Prepare:
    """A function that takes no threshold by position."""

    def prepare(*arrays: Any) -> Callable[[], Any]:
        function = getattr(import_module(module), name)
        return lambda: function(*arrays)

    return prepare


def soft_boxes() -> tuple[Array, Array]:
    boxes, scores, _ = clusters(300, 10)
    return boxes, scores


def soft_cv2(boxes: Array, scores: Array) -> Callable[[], Any]:
    function = import_module("cv2").dnn.softNMSBoxes
    sizes = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1).astype(int).tolist()
    score_list = scores.tolist()  # it takes lists and whole numbers
    return lambda: function(sizes, score_list, 0.001, 0.3)


def soft_ensemble_boxes(boxes: Array, scores: Array) -> Callable[[], Any]:
    function = import_module("ensemble_boxes").soft_nms
    unit = np.clip(boxes / boxes.max(), 0, 1)
    labels = np.zeros(len(boxes))
    return lambda: function([unit], [scores], [labels], method=2, sigma=0.5, thresh=0.001)


def detections() -> tuple[list[Array], list[Array], list[Array]]:
    """What three models say about one picture, in [0, 1]."""
    rng = np.random.default_rng(0)
    corner, size = rng.uniform(0, 0.8, (300, 2)), rng.uniform(0.02, 0.2, (300, 2))
    truth, labels = np.concatenate([corner, corner + size], axis=1), rng.integers(0, 5, 300)
    boxes = [np.clip(truth + rng.normal(0, 0.005, (300, 4)), 0, 1) for _ in range(3)]
    return boxes, [rng.random(300) for _ in range(3)], [labels] * 3


def yolo_head() -> tuple[Array, Array, float]:
    """8400 boxes and 80 classes, of which a few score high."""
    boxes, _, _ = clusters(8400, 20)
    scores = np.random.default_rng(0).random((1, 8400, 80), np.float32) ** 200
    return boxes[None], scores, THRESHOLD


def rotated_boxes() -> tuple[Array, Array, float]:
    boxes, scores, _ = clusters(1000, 10)
    middle, size = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    angle = np.random.default_rng(0).uniform(-90, 90, (1000, 1)).astype(np.float32)
    return np.concatenate([middle, size, angle], axis=1), scores, THRESHOLD


SIZES = [(20, 2), (100, 5), (1000, 10)]
SIZES += [(n, cluster) for n in (10_000, 100_000, 1_000_000) for cluster in (2, 20, 200)]

ROWS = [
    *(nms_row(n, cluster) for n, cluster in SIZES),
    *(batched_row(n) for n in (100, 1000, 10_000, 100_000)),
    Row(
        "batched_nms",
        "100000 boxes, 80 classes, float32, two threads",
        lambda: clusters(100_000, 20, 80),
        {
            "fastgeo": own("batched_nms", grouped=True, n_threads=2),
            "one thread": own("batched_nms", grouped=True, n_threads=1),
        },
        yardsticks=("one thread",),
    ),
    Row(
        "nms_groups",
        "1000 boxes in clusters of 10, float32",
        lambda: clusters(1000, 10),
        {"fastgeo": own("nms_groups"), "reference": own("nms_groups", "fastgeo.reference")},
    ),
    Row(
        "soft_nms",
        "300 boxes in clusters of 10, float32, Gaussian",
        soft_boxes,
        {
            "fastgeo": keywords_only("soft_nms"),
            "reference": keywords_only("soft_nms", "fastgeo.reference"),
            "cv2": soft_cv2,
            "ensemble_boxes": soft_ensemble_boxes,
        },
        short=True,
    ),
    Row(
        "weighted_boxes_fusion",
        "3 models of 300 boxes, 5 labels, float64",
        detections,
        {
            "fastgeo": keywords_only("weighted_boxes_fusion"),
            "reference": keywords_only("weighted_boxes_fusion", "fastgeo.reference"),
            "ensemble_boxes": keywords_only("weighted_boxes_fusion", "ensemble_boxes"),
        },
        short=True,
    ),
    Row(
        "multiclass_nms",
        "8400 boxes, 80 classes, float32",
        yolo_head,
        {
            "fastgeo": keywords_only("multiclass_nms"),
            "reference": keywords_only("multiclass_nms", "fastgeo.reference"),
        },
    ),
    Row(
        "rotated_nms", "1000 boxes in clusters of 10, float32", rotated_boxes, {"fastgeo": keywords_only("rotated_nms")}
    ),
]
