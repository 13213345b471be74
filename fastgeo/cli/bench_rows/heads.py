"""Benchmark rows of the heads family."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

import fastgeo
from fastgeo import reference
from fastgeo.cli.bench_rows import Prepare, Row
from fastgeo.runtime.checks import Array

SCALE = 1 / 200  # of the quantised head: scores to 1, boxes in units of the image's side


def head(n_candidates: int = 150) -> Array:
    """A YOLO head of 80 classes and 8400 anchors, in which some anchors hold an object."""
    rng = np.random.default_rng(0)
    values = np.empty((1, 84, 8400), np.float32)
    values[0, :2], values[0, 2:4] = rng.uniform(0, 1, (2, 8400)), rng.uniform(0.01, 0.1, (2, 8400))
    values[0, 4:] = rng.uniform(0, 0.2, (80, 8400))
    chosen = rng.choice(8400, n_candidates, replace=False)
    values[0, 4 + rng.integers(0, 80, n_candidates), chosen] = rng.uniform(0.3, 1, n_candidates)
    return values


def floats(dtype: Any = np.float32, last: bool = False) -> tuple[Array]:
    values = head().astype(dtype)
    return (np.ascontiguousarray(values.transpose(0, 2, 1)) if last else values,)


def quantised() -> tuple[Array]:
    return (np.rint(head() / SCALE).astype(np.uint8),)


def ours(**keywords: Any) -> Prepare:
    return lambda values: lambda: fastgeo.decode_predictions(values, n_threads=1, **keywords)


def specified(**keywords: Any) -> Prepare:
    return lambda values: lambda: reference.decode_predictions(values, **keywords)


def selection(values: Array) -> Callable[[], Any]:
    """What programs write in NumPy, with a fast NMS."""

    def decode() -> Any:
        scores = values[0, 4:].max(axis=0)
        chosen = np.flatnonzero(scores > 0.25)
        classes, boxes = values[0, 4:, chosen].argmax(axis=1), np.ascontiguousarray(values[0, :4, chosen])
        return fastgeo.batched_nms(boxes, scores[chosen], classes, 0.45, fmt="cxcywh", n_threads=1)

    return decode


def ultralytics(values: Array) -> Callable[[], Any]:
    function = import_module("ultralytics.utils.nms").non_max_suppression
    tensor = import_module("torch").from_numpy(values)
    return lambda: function(tensor.clone(), 0.25, 0.45)


def maximum(values: Array) -> Callable[[], Any]:
    """The floor: reading the head once."""
    return values.max


ROWS = [
    Row(
        "decode_predictions",
        "1×84×8400 float32",
        floats,
        {
            "fastgeo": ours(),
            "reference": specified(),
            "NumPy and batched_nms": selection,
            "ultralytics": ultralytics,
            "max()": maximum,
        },
        short=True,
        yardsticks=("max()", "NumPy and batched_nms"),
    ),
    Row(
        "decode_predictions",
        "1×8400×84 float32, channels last",
        partial(floats, last=True),
        {
            "fastgeo": ours(layout="channels_last"),
            "reference": specified(layout="channels_last"),
            "max()": maximum,
        },
        yardsticks=("max()",),
    ),
    Row(
        "decode_predictions",
        "1×84×8400 float16",
        partial(floats, np.float16),
        {"fastgeo": ours(), "reference": specified()},
    ),
    Row(
        "decode_predictions",
        "1×84×8400 uint8",
        quantised,
        {"fastgeo": ours(scale=SCALE), "reference": specified(scale=SCALE)},
    ),
]
