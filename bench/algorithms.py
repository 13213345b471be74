"""Every algorithm of a function on the same data: where each one wins, and whether the plan picks it.

python bench/algorithms.py [--only PATTERN] [--seconds 0.1] [--short] [--all]

A row is one call, timed on one thread with each algorithm forced in turn and once as the plan chooses. The tuned
constants of `tuning.h` name their rows here. At the end stands, for each algorithm, the row where it beats the next
best by most: one that is below 1.15 there has no reason to exist. Exits 1 where the plan's choice takes more than 1.2
times the best.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import fastgeo
from fastgeo.testing import algorithms, force_algorithm

LIMIT = 1.2  # the plan's choice against the best
WORTH = 1.15  # an algorithm against the next best, somewhere

Call = Callable[[], Any]


@dataclass(frozen=True)
class Case:
    """A call whose algorithms are compared: the function that makes the choice, what it works on, and the call."""

    function: Callable[..., Any]
    work: str
    make: Callable[[], Call] = field(repr=False)
    short: bool = False

    @property
    def name(self) -> str:
        return f"{self.function.__name__}, {self.work}"


# --- boxes of several kinds, within some thousands of units -----------------------------------------------------------


def corners_and_sizes(kind: str, n: int, rng: np.random.Generator) -> tuple[Any, Any]:
    corner, size = rng.uniform(0, 2000, (n, 2)), rng.uniform(5, 40, (n, 2))
    if kind == "clustered":
        corner = corner[rng.integers(0, max(n // 20, 1), n)] + rng.normal(0, 5, (n, 2))
    elif kind == "crowd":
        corner, size = rng.uniform(0, 60, (n, 2)), rng.uniform(20, 60, (n, 2))
    elif kind == "loose crowd":
        corner = rng.uniform(0, 150, (n, 2))
    elif kind == "lines":
        size = np.where(rng.random((n, 1)) < 0.5, [2000.0, 1.0], [1.0, 50.0])
    elif kind == "all sizes":
        size = 10.0 ** rng.uniform(-3, 3.5, (n, 1)) * rng.uniform(0.5, 1, (n, 2))
    elif kind == "identical":
        corner, size = np.full((n, 2), 100.0), np.full((n, 2), 50.0)
    elif kind == "sparse":
        corner = corner * np.sqrt(n)
    elif kind == "far out":
        corner = corner + 1e7 * rng.integers(-1, 2, (n, 1))
    elif kind != "uniform":
        raise ValueError(kind)
    return corner, size


BOX_KINDS = ("uniform", "clustered", "crowd", "loose crowd", "lines", "all sizes", "identical", "sparse", "far out")


def boxes_of(kind: str, n: int, seed: int = 0) -> Any:
    corner, size = corners_and_sizes(kind, n, np.random.default_rng(seed))
    return np.hstack([corner, corner + size]).astype(np.float32)


def nms_call(kind: str, n: int, threshold: float, **keywords: Any) -> Call:
    boxes, scores = boxes_of(kind, n), np.random.default_rng(2).random(n, np.float32)
    return lambda: fastgeo.nms(boxes, scores, threshold, **keywords)


def batched_call(kind: str, n: int) -> Call:
    rng = np.random.default_rng(1)
    boxes, scores, ids = boxes_of(kind, n), rng.random(n, np.float32), rng.integers(0, 80, n)
    return lambda: fastgeo.batched_nms(boxes, scores, ids, 0.5)


def sparse_call(kind: str, n: int, m: int, threshold: float) -> Call:
    boxes1, boxes2 = boxes_of(kind, n, 1), boxes_of(kind, m)
    return lambda: fastgeo.sparse_box_iou(boxes1, boxes2, threshold)


def suppression_cases() -> Iterator[Case]:
    for kind in BOX_KINDS:
        for n in (20, 100, 300, 1000, 3000, 10_000, 100_000, 1_000_000):
            if n == 1_000_000 and kind not in ("uniform", "clustered", "sparse"):
                continue
            for threshold in (0.3, 0.5, 0.7, 0.9) if n <= 10_000 else (0.5,):
                yield Case(
                    fastgeo.nms,
                    f"{kind}, {n}, t={threshold}",
                    lambda a=(kind, n, threshold): nms_call(*a),
                    short=(n, threshold) in ((100, 0.5), (3000, 0.5)),
                )
    for n in (10_000, 100_000):
        yield Case(
            fastgeo.nms, f"crowd, {n}, t=0.5, max_output=100", lambda n=n: nms_call("crowd", n, 0.5, max_output=100)
        )
    for kind in ("uniform", "clustered"):
        for n in (300, 10_000, 100_000):
            yield Case(fastgeo.batched_nms, f"{kind}, {n}, t=0.5, 80 classes", lambda a=(kind, n): batched_call(*a))


def pairwise_call(kind: str, n: int, m: int) -> Call:
    boxes1, boxes2 = boxes_of(kind, n, 1), boxes_of(kind, m)
    return lambda: fastgeo.box_iou(boxes1, boxes2)


def pairwise_cases() -> Iterator[Case]:
    for kind in ("uniform", "clustered", "crowd", "sparse"):
        for n, m in ((50, 50), (128, 100_000), (500, 10_000), (1000, 1000), (3000, 3000), (5000, 5000)):
            work = f"{kind}, {n}x{m}"
            yield Case(fastgeo.box_iou, work, lambda a=(kind, n, m): pairwise_call(*a), short=n == 3000)


def sparse_cases() -> Iterator[Case]:
    shapes = [(10, 10), (50, 50), (256, 1028), (300, 3000), (1000, 1000), (3000, 250), (3000, 3000), (10_000, 1500)]
    for kind in BOX_KINDS:
        for n, m in shapes:
            for threshold in (0.0, 0.5, 0.9):
                yield Case(
                    fastgeo.sparse_box_iou,
                    f"{kind}, {n}x{m}, t={threshold}",
                    lambda a=(kind, n, m, threshold): sparse_call(*a),
                    short=(n, threshold) == (1000, 0.5),
                )


def mask_call(kind: str, n: int, m: int) -> Call:
    """Masks of 480 by 640: discs, as objects are; specks on them, so that columns have many runs; bars of few runs."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:480, :640]
    stacks = []
    for count in (n, m):
        centre, radius = rng.integers(0, 480, (count, 2, 1, 1)), rng.integers(20, 150, (count, 1, 1))
        dense = (y - centre[:, 0]) ** 2 + (x - centre[:, 1]) ** 2 < radius**2
        if kind == "specks":
            dense &= rng.random(dense.shape) < 0.95
        elif kind == "bars":
            dense = (y > 0) & (abs(x - centre[:, 1]) < radius)
        stacks.append(fastgeo.Masks.encode(dense))
    return lambda: fastgeo.mask_iou(*stacks)


def mask_cases() -> Iterator[Case]:
    for kind in ("discs", "specks", "bars"):
        for n, m in ((1, 1), (1, 100), (4, 4), (8, 8), (8, 100), (16, 16), (32, 32), (16, 1000), (100, 100)):
            yield Case(
                fastgeo.mask_iou,
                f"{kind}, {n}x{m}",
                lambda a=(kind, n, m): mask_call(*a),
                short=(n, kind) == (16, "discs"),
            )


# --- layers ---------------------------------------------------------------------------------------------------------


def layer(
    channels: int, out: int, size: int, kernel: int, stride: int, groups: int, layout: str, packed: bool = True
) -> Call:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, size, size, channels), np.float32)
    w = rng.standard_normal((kernel, kernel, channels // groups, out), np.float32)
    if layout == "NCHW":
        x, w = np.ascontiguousarray(x.transpose(0, 3, 1, 2)), np.ascontiguousarray(w.transpose(3, 2, 0, 1))
    more: Any = {"stride": stride, "padding": kernel // 2, "groups": groups, "layout": layout}
    if not packed:
        return lambda: fastgeo.conv2d(x, w, **more)
    conv = fastgeo.Conv2d(w, **more)
    return lambda: conv(x)


def window(channels: int, size: int, kernel: int, stride: int, layout: str) -> Call:
    x = np.random.default_rng(0).standard_normal((1, size, size, channels), np.float32)
    x = np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if layout == "NCHW" else x
    return lambda: fastgeo.max_pool2d(x, kernel, stride, layout=layout)


LAYERS = [
    # channels, out, size, kernel, stride, groups
    (64, 64, 56, 3, 1, 1),
    (128, 128, 28, 3, 1, 1),
    (64, 256, 56, 1, 1, 1),
    (256, 64, 14, 1, 1, 1),
    (512, 1000, 1, 1, 1, 1),
    (3, 64, 224, 7, 2, 1),
    (3, 32, 224, 3, 2, 1),
    (128, 128, 56, 3, 2, 1),
    (1, 1, 224, 3, 1, 1),
    (1, 1, 64, 3, 1, 1),
    (1, 8, 64, 5, 1, 1),
    (8, 32, 56, 3, 1, 1),
    (16, 32, 56, 3, 1, 1),
    (24, 144, 56, 1, 1, 1),
    (256, 64, 56, 1, 1, 1),
    (128, 512, 28, 1, 1, 1),
    (512, 1000, 13, 1, 1, 1),
    (20, 50, 33, 5, 1, 1),
    (32, 32, 112, 3, 1, 32),
    (96, 96, 112, 3, 2, 96),
    (256, 256, 28, 3, 1, 256),
    (240, 240, 28, 5, 2, 240),
    (64, 128, 56, 3, 1, 64),
    (64, 64, 56, 3, 1, 32),
    (64, 64, 56, 3, 1, 16),
    (128, 128, 56, 3, 1, 32),
]

# channels, size, kernel, stride
WINDOWS = [
    (64, 112, 2, 2),
    (128, 80, 2, 2),
    (64, 112, 3, 2),
    (512, 13, 5, 1),
    (512, 13, 13, 13),
    (3, 224, 3, 2),
    (1, 512, 3, 1),
]


def convolution_cases() -> Iterator[Case]:
    for shape in LAYERS:
        channels, out, size, kernel, stride, groups = shape
        for layout in ("NHWC", "NCHW"):
            work = f"{kernel}x{kernel}/{stride} {channels}→{out} @{size}, groups {groups}, {layout}"
            yield Case(
                fastgeo.conv2d,
                work,
                lambda a=(*shape, layout): layer(*a),
                short=shape[:3] in ((64, 64, 56), (32, 32, 112)),
            )
    for channels, out in ((4096, 4096), (512, 1000)):
        alone = (channels, out, 1, 1, 1, 1, "NHWC", False)
        yield Case(fastgeo.conv2d, f"1x1 {channels}→{out}, one pixel, not packed", lambda a=alone: layer(*a))
    for channels, size, kernel, stride in WINDOWS:
        for layout in ("NHWC", "NCHW"):
            work = f"{'whole' if size == kernel else f'{kernel}x{kernel}/{stride}'} {channels} @{size}, {layout}"
            yield Case(fastgeo.max_pool2d, work, lambda a=(channels, size, kernel, stride, layout): window(*a))


# --- points ---------------------------------------------------------------------------------------------------------


def points(n: int, d: int, k: int, *, blobs: bool) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d), np.float32)
    if blobs:
        X += 6 * rng.standard_normal((k, d), np.float32)[rng.integers(0, k, n)]
    return X, X[rng.choice(n, k, replace=False)]


def assign_call(n: int, d: int, k: int) -> Call:
    X, centroids = points(n, d, k, blobs=True)
    return lambda: fastgeo.assign(X, centroids)


def labels_call(n: int, d: int, k: int, dtype: Any) -> Call:
    """Assignments without distances, as k-means makes them."""
    X, centroids = points(n, d, k, blobs=False)
    X, centroids = X.astype(dtype), centroids.astype(dtype)

    def call() -> Any:
        with force_algorithm(fastgeo.kmeans, "lloyd"):
            return fastgeo.kmeans(X, k, init=centroids, max_iter=4)

    return call


def kmeans_call(n: int, d: int, k: int, blobs: bool) -> Call:
    X, centroids = points(n, d, k, blobs=blobs)
    return lambda: fastgeo.kmeans(X, k, init=centroids, max_iter=20)


SIZES = [
    (100, 2, 3),
    (10_000, 2, 9),
    (10_000, 3, 16),
    (10_000, 16, 64),
    (10_000, 64, 4),
    (10_000, 64, 256),
    (10_000, 128, 10),
    (5000, 128, 512),
    (2000, 784, 10),
]


def clustering_cases() -> Iterator[Case]:
    for size in SIZES:
        n, d, k = size
        yield Case(fastgeo.assign, f"{n}x{d}, k={k}", lambda a=size: assign_call(*a), short=size == (10_000, 16, 64))
        for dtype in (np.float32, np.float64):
            work = f"in kmeans {n}x{d} k={k}, {np.dtype(dtype)}"
            yield Case(fastgeo.assign, work, lambda a=(*size, dtype): labels_call(*a))
        for blobs in (True, False):
            work = f"{n}x{d}, k={k}, {'blobs' if blobs else 'one cloud'}"
            yield Case(fastgeo.kmeans, work, lambda a=(*size, blobs): kmeans_call(*a), short=size == (10_000, 16, 64))


# --- scores ---------------------------------------------------------------------------------------------------------


def histogram_call(n: int, n_bins: int, dtype: Any) -> Call:
    rng = np.random.default_rng(0)
    labels, scores = rng.random(n) < 0.3, rng.random(n).astype(dtype)
    return lambda: fastgeo.histogram_auc(labels, scores, n_bins)


def auc_call(n: int, dtype: Any) -> Call:
    rng = np.random.default_rng(0)
    labels, scores = rng.random(n) < 0.3, rng.random(n).astype(dtype)
    return lambda: fastgeo.roc_auc(labels, scores)


def ranking_cases() -> Iterator[Case]:
    for dtype in (np.float32, np.float64):
        for n in (100, 10_000, 1_000_000):
            for n_bins in (100, 10_000, 1 << 20):
                work = f"{n} {np.dtype(dtype)}, {n_bins} bins"
                yield Case(
                    fastgeo.histogram_auc, work, lambda a=(n, n_bins, dtype): histogram_call(*a), short=n_bins == 100
                )
            yield Case(fastgeo.roc_auc, f"{n} {np.dtype(dtype)}", lambda a=(n, dtype): auc_call(*a), short=n == 10_000)


def cases() -> Iterator[Case]:
    """Those whose function has a choice."""
    of_boxes = (suppression_cases, pairwise_cases, sparse_cases)
    for family in (*of_boxes, mask_cases, convolution_cases, clustering_cases, ranking_cases):
        yield from (case for case in family() if len(algorithms(case.function)) > 1)


# --- timing ---------------------------------------------------------------------------------------------------------

PLANNED = "planned"


def contestants(case: Case) -> tuple[dict[str, Any], Call]:
    """Context to run in, by algorithm: those that can serve the call, and the plan."""
    call = case.make()
    contexts: dict[str, Any] = {PLANNED: nullcontext}
    for name in algorithms(case.function):
        context = lambda name=name: force_algorithm(case.function, name)  # noqa: E731
        try:
            with context():
                call()
        except ValueError as error:
            if "cannot serve this call" not in str(error):
                raise
        else:
            contexts[name] = context
    return contexts, call


def sample(call: Call, loops: int) -> float:
    begin = time.perf_counter()
    for _ in range(loops):
        call()
    return (time.perf_counter() - begin) / loops


def times(case: Case, budget: float) -> dict[str, float]:
    """Median time of a call by algorithm, in turn; one a hundred times slower than the best drops out."""
    contexts, call = contestants(case)
    samples: dict[str, list[float]] = {name: [] for name in contexts}
    loops = max(1, int(2e-4 / max(sample(call, 3), 1e-7)))
    end = time.perf_counter() + budget * len(contexts)
    while len(samples[PLANNED]) < 5 or time.perf_counter() < end:
        best = min((min(values) for values in samples.values() if values), default=0.0)
        for name, context in contexts.items():
            if samples[name] and min(samples[name]) > 100 * best:
                continue
            with context():
                samples[name].append(sample(call, loops))
    return {name: statistics.median(values) for name, values in samples.items()}


def report(case: Case, seconds: dict[str, float]) -> str:
    best = min(seconds.values())
    cells = "  ".join(f"{name} {1e6 * value:.1f} ({value / best:.2f})" for name, value in seconds.items())
    return f"{case.name}: {cells}"


def advantage(name: str, seconds: dict[str, float]) -> float:
    """How many times as long the next best algorithm takes."""
    others = [value for other, value in seconds.items() if other not in (name, PLANNED)]
    return min(others) / seconds[name] if others else float("inf")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="PATTERN", help="rows whose name matches this regular expression")
    parser.add_argument("--seconds", type=float, default=0.1, help="for each algorithm of a row (default: %(default)s)")
    parser.add_argument("--short", action="store_true", help="a few rows of each function")
    parser.add_argument("--all", action="store_true", help="print every row, not only those where the plan is not best")
    options = parser.parse_args()
    wanted = re.compile(options.only)
    gains: dict[tuple[str, str], tuple[float, str]] = {}
    worst, count = (0.0, ""), 0
    for case in cases():
        if not wanted.search(case.name) or (options.short and not case.short):
            continue
        seconds, count = times(case, options.seconds), count + 1
        ratio = seconds[PLANNED] / min(seconds.values())
        if ratio > LIMIT:  # or so it seems
            seconds = times(case, 5 * options.seconds)
            ratio = seconds[PLANNED] / min(seconds.values())
        if options.all or ratio > 1.1:
            print(report(case, seconds), flush=True)
        worst = max(worst, (ratio, case.name))
        for name in seconds.keys() - {PLANNED}:
            key = (case.function.__name__, name)
            gains[key] = max(gains.get(key, (0.0, "")), (advantage(name, seconds), case.work))
    print(f"\nthe plan against the best algorithm, worst of {count} rows: {worst[0]:.2f}  {worst[1]}")
    print("\neach algorithm against the next best, where it gains most:")
    for (function, name), (gain, work) in sorted(gains.items()):
        print(f"  {function:16} {name:16} {gain:8.2f}  {work}{'' if gain >= WORTH else '   <- not worth keeping'}")
    return worst[0] > LIMIT


if __name__ == "__main__":
    with fastgeo.threads(1):
        sys.exit(main())
