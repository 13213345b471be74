"""Draws for the heads family."""

from __future__ import annotations

import numpy as np

from fuzzing.draws import FORMATS, Call, log_uniform, maybe, pick
from fuzzing.suppression import THRESHOLDS

STORED = (np.float32, np.float32, np.float16, np.uint8, np.int8)


def scores_of(rng, shape, logits):
    """Class scores of one kind: few above any threshold, many equal, all above."""
    kind = rng.integers(4)
    if logits:
        return rng.normal(-4, 4, shape) if kind else np.round(rng.normal(-2, 3, shape))
    if kind == 0:
        return rng.random(shape) ** 8
    return rng.integers(0, 5, shape) / 4 if kind == 1 else rng.random(shape) if kind == 2 else np.full(shape, 0.5)


def stored_as(rng, head, dtype):
    """The head in its stored type, and what it takes to read it."""
    if np.dtype(dtype).kind == "f":
        with np.errstate(all="ignore"):
            return head.astype(dtype), {}
    info = np.iinfo(dtype)
    scale, zero_point = float(pick(rng, (1 / 256, 0.1, 2.0))), int(rng.integers(info.min, info.max + 1))
    whole = np.rint(head / scale + zero_point).clip(info.min, info.max)
    return whole.astype(dtype), {"scale": scale, "zero_point": zero_point}


def head(rng, large):
    images, classes = int(rng.integers(0, 4)), log_uniform(rng, 1, 300 if large else 90)
    anchors, objectness, logits = (
        log_uniform(rng, 0, 30_000 if large else 600),
        bool(rng.random() < 0.3),
        bool(rng.random() < 0.3),
    )
    corner, size = rng.uniform(0, 640, (images, 2, anchors)), rng.uniform(1, 300, (images, 2, anchors))
    scores = scores_of(rng, (images, classes + objectness, anchors), logits)
    stored, more = stored_as(rng, np.concatenate([corner, size, scores], axis=1), pick(rng, STORED))
    layout = pick(rng, ("channels_first", "channels_last"))
    candidates = images * anchors * classes
    kwargs = {
        "predictions": stored if layout == "channels_first" else np.ascontiguousarray(stored.transpose(0, 2, 1)),
        "layout": layout,
        "score_threshold": float(pick(rng, (0.0, 0.001, 0.25, 0.5, 0.9, 1.0))),
        "iou_threshold": pick(rng, THRESHOLDS),
        "objectness": objectness,
        "logits": logits,
        "multi_label": bool(rng.integers(2)),
        "class_agnostic": bool(rng.integers(2)),
        "n_classes": maybe(rng, 0.2, log_uniform(rng, 1, classes)),
        "classes": maybe(rng, 0.2, sorted(set(rng.integers(0, classes, 3).tolist()))),
        "max_candidates": log_uniform(rng, 1, 30_000),
        "max_output": log_uniform(rng, 0, 300),
        "fmt": pick(rng, FORMATS),
        **more,
    }
    return Call("decode_predictions", kwargs, candidates * 1e-6 + min(candidates, 30_000) ** 2 * 1e-7)


DRAWERS = (head,)
