"""Benchmark rows of the assignment family."""

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

GATE = 0.7  # of 1 - IoU: pairs above IoU 0.3


def costs(n: int) -> tuple[Array]:
    return (np.random.default_rng(0).random((n, n)),)


def tracks_and_detections(n: int) -> tuple[Array, Array]:
    """Boxes of one frame and of the next, over an area that grows with their number."""
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 60 * n**0.5, (n, 2))
    tracks = np.hstack([corner, corner + rng.uniform(20, 80, (n, 2))])
    return tracks.astype(np.float32), (tracks + rng.normal(0, 2, (n, 4)))[rng.permutation(n)].astype(np.float32)


def ours(cost: Array) -> Callable[[], Any]:
    return lambda: fastgeo.linear_assignment(cost)


def specified(cost: Array) -> Callable[[], Any]:
    return lambda: reference.linear_assignment(cost)


def scipy(cost: Array) -> Callable[[], Any]:
    function = import_module("scipy.optimize").linear_sum_assignment
    return lambda: function(cost)


def lapx(cost: Array) -> Callable[[], Any]:
    function = import_module("lap").lapjv
    return lambda: function(cost)


def matched(tracks: Array, detections: Array) -> Callable[[], Any]:
    return lambda: fastgeo.match_boxes(tracks, detections, n_threads=1)


def matched_by_reference(tracks: Array, detections: Array) -> Callable[[], Any]:
    return lambda: reference.match_boxes(tracks, detections)


def table_and_lapx(tracks: Array, detections: Array) -> Callable[[], Any]:
    """What trackers do: the whole table of overlaps, and an assignment with a gate."""
    function = import_module("lap").lapjv
    return lambda: function(
        1 - fastgeo.box_iou(tracks, detections, n_threads=1).astype(np.float64), extend_cost=True, cost_limit=GATE
    )


ROWS = [
    Row(
        "linear_assignment",
        f"{n}×{n} float64",
        partial(costs, n),
        {"fastgeo": ours, **({"reference": specified} if n <= 50 else {}), "scipy": scipy, "lapx": lapx},
        short=n == 50,
    )
    for n in (10, 50, 300, 1000)
]
ROWS += [
    Row(
        "match_boxes",
        f"{n} tracks, {n} detections",
        partial(tracks_and_detections, n),
        {"fastgeo": matched, "reference": matched_by_reference, "box_iou and lapx": table_and_lapx},
        short=n == 100,
    )
    for n in (100, 1000)
]
