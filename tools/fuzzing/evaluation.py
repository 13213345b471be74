"""Draws for the evaluation family."""

from __future__ import annotations

import numpy as np

from fuzzing.draws import FORMATS, Call, float_type, legal_boxes, log_uniform, maybe, pick, score_scene

THRESHOLDS = (None, None, np.array([0.5]), np.array([0.0, 1.0, 0.3]), np.linspace(0.01, 0.99, 40))
RECALLS = (None, None, np.array([0.5, 0.1, 0.0, 1.0, 0.9]), np.array([2.0, -1.0]), np.linspace(0, 1, 7))
RANGES = (None, None, {"all": (0, 1e10)}, {"low": (-np.inf, 50), "high": (30, np.inf), "none": (5, 4)})


def ids(rng, n, count):
    """So many different ones at most: near each other, far apart, or text."""
    choices = (np.arange(count), rng.integers(-(2**62), 2**62, count), np.array([f"{i:b}" for i in range(count)]))
    return pick(rng, choices)[rng.integers(0, count, n)] if count else np.zeros(0, np.int64)


def table(rng, n, images, classes, boxes):
    return {"image_id": images[:n], "class_id": classes[:n], "boxes": boxes[:n]}


def detections(rng, large):
    n, m = log_uniform(rng, 0, 30_000 if large else 80), log_uniform(rng, 0, 10_000 if large else 40)
    n_images, n_classes = log_uniform(rng, 1, 300 if large else 6), log_uniform(rng, 1, 90 if large else 4)
    dtype, fmt, voc = float_type(rng), pick(rng, FORMATS), rng.random() < 0.25
    images, classes = ids(rng, n + m, n_images), ids(rng, n + m, n_classes)
    boxes = legal_boxes(rng, max(n, m), dtype, fmt)  # truths are among the detections' boxes
    kwargs = {
        **{f"detections['{name}']": column for name, column in table(rng, n, images, classes, boxes).items()},
        **{f"truth['{name}']": column for name, column in table(rng, m, images, classes, boxes).items()},
        "detections['scores']": score_scene(rng, n, dtype),
        "truth['iscrowd']": maybe(rng, 0.4, rng.integers(0, 2, m)),
        "truth['ignore']": maybe(rng, 0.4, rng.random(m) < 0.3),
        "truth['areas']": maybe(rng, 0.3, rng.uniform(0, 1e4, m)),
        "detections['areas']": maybe(rng, 0.2, rng.uniform(0, 1e4, n)),
        "convention": pick(rng, ("voc2007", "voc2012")) if voc else "coco",
        "fmt": fmt,
        "iou_thresholds": pick(rng, THRESHOLDS),
        "recall_thresholds": pick(rng, RECALLS),
        "area_ranges": None if voc else pick(rng, RANGES),
        "max_detections": pick(rng, (None, None, [1], [2, 5, 3], [1000])),
        "class_agnostic": bool(rng.random() < 0.2),
    }
    cost = 2e-6 * (n + 1) * (m + n_images * n_classes + 10) * 40
    return Call(pick(rng, ("mean_average_precision", "DetectionEvaluator")), kwargs, cost)


DRAWERS = (detections,)
