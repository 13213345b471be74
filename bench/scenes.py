"""Time per element over many scenes: no legal input may cost many times what a similar one does.

    python bench/scenes.py [--family NAME] [--only FUNCTION] [--largest N] [--all]

For each function and size, the scenes of tests/scenes.py (tables, shapes and windows for convolution and pooling), the
time of each for one element, and its ratio to the median scene; a shape of a convolution stands against the best of its
neighbours in the list instead. Printed are the rows above their bound, with --all every row. A row above is a cliff:
it is fixed, or `KNOWN` gives its reason and how high it may be. Exit code 1 if there is another, or one above that.
An element is what the work should grow with: a box, a pair found, a sample, a multiply-add.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / part) for part in ("", "tests")]

import scenes  # noqa: E402

import fastgeo  # noqa: E402
from fastgeo.cli.common import format_seconds  # noqa: E402

BOUND, BOUND_OF_NEIGHBOURS = 5.0, 2.0
SIZES = (1000, 10_000, 100_000, 1_000_000)
LONG = 3.0  # seconds, after which larger sizes of a scene are left out, and a call is not repeated
MOST_PAIRS = 30_000_000

# (function, pattern of scenes) -> how many times the median or the best neighbour it may be, and why.
KNOWN: dict[tuple[str, str], tuple[float, str]] = {
    ("nms", "heavy tails"): (8, "sizes over six decades: a tree, where others have a grid"),
    ("nms", "heaps, threshold 1.0"): (8, "a thousand boxes deep, and all are kept"),
    ("rotated_nms", "*"): (60, "boxes whose upright hulls meet are clipped, about 1 µs a pair: O(n · kept neighbours)"),
    ("conv2d", "1² 256→256 1×1"): (4, "one pixel: reading the weights is the time"),
    ("conv2d", "40² 16→16 1×1"): (4, "one multiply-add for each value read or written and each output channel"),
    ("conv2d", "32² 1→32 3×3"): (4, "one input channel: an output is written for 9 multiply-adds"),
    ("avg_pool2d", "1×1 stride 1*"): (8, "a value read and written for each cell, where windows read several"),
    ("conv2d", "32² 32→1 3×3"): (4, "one output channel: the input is read for 9 multiply-adds a value"),
    ("conv2d", "56² 64→* 3×3 groups=64"): (6, "a channel multiplier: inputs are spread out before they are multiplied"),
    ("conv2d", "32² 64→64 3×3 groups=*"): (4, "a group fills a part of a vector, and inputs are spread out"),
    ("lp_pool2d", "1×1 stride 1 p=*"): (15, "a power and a root for each value, where a larger window has one root"),
}


def known(case: Case, bound: float) -> tuple[float, str]:
    """How high a row may be, and the reason where that is above its bound."""
    for (function, pattern), most in KNOWN.items():
        if case.function == function and fnmatch(case.scene, pattern):
            return most
    return bound, ""


@dataclass
class Case:
    function: str
    scene: str
    n: int
    call: Callable[[], Any]
    elements: float | Callable[[Any], float]  # a number, or of the answer
    group: str = ""  # among whose rows the median is taken; or whose rows are neighbours
    neighbours: bool = False


def measured(case: Case) -> tuple[float, float]:
    """Seconds of this thread for one element, and for the call: the least of a few."""
    best, end = float("inf"), time.thread_time() + 0.3
    answer = None
    for attempt in range(20):
        begin = time.thread_time()
        answer = case.call()
        now = time.thread_time()
        best = min(best, now - begin)
        if (now > end and attempt >= 2) or best > LONG:
            break
    elements = case.elements(answer) if callable(case.elements) else case.elements
    return best / max(1.0, elements), best


def generator(n):
    return np.random.default_rng(n)


def box_scenes(n, dtype=np.float32) -> Iterator[tuple[str, np.ndarray]]:
    for label, scene in scenes.BOXES.items():
        yield label, scene(generator(n), n).astype(dtype)


def suppression_cases(n):
    scores = generator(1).random(n).astype(np.float32)
    ids = generator(2).integers(0, 80, n)

    def both(scene, boxes, scores):
        yield Case("nms", scene, n, partial(fastgeo.nms, boxes, scores, 0.5), n)
        yield Case("batched_nms", scene, n, partial(fastgeo.batched_nms, boxes, scores, ids, 0.5), n)

    for label, boxes in box_scenes(n):
        yield from both(label, boxes, scores)
    heaps = scenes.BOXES["heaps"](generator(n), n).astype(np.float32)
    for label, scene in scenes.SCORES.items():
        yield from both(f"heaps, scores {label}", heaps, scene(generator(n), n).astype(np.float32))
    for label in ("heaps", "all equal", "sparse"):
        boxes = scenes.BOXES[label](generator(n), n).astype(np.float32)
        for threshold in (0.0, 0.1, 0.9, 1.0):
            scene = f"{label}, threshold {threshold}"
            yield Case("nms", scene, n, partial(fastgeo.nms, boxes, scores, threshold), n)
    if n <= 10_000:
        yield from rotated_cases(n, scores)


def rotated_cases(n, scores):
    for label, boxes in box_scenes(n, np.float64):
        size = boxes[:, 2:] - boxes[:, :2]
        turned = np.hstack([(boxes[:, :2] + boxes[:, 2:]) / 2, np.abs(size), generator(3).uniform(0, 90, (n, 1))])
        yield Case("rotated_nms", label, n, partial(fastgeo.rotated_nms, turned, scores, 0.5), n)


def pairs_of(boxes):
    """About how many pairs of these boxes meet, by a sample."""
    some = boxes[generator(0).integers(len(boxes), size=64)]
    return len(fastgeo.sparse_box_iou(some, boxes)[0]) / 64 * len(boxes)


def boxes_cases(n):
    for label, boxes in box_scenes(n):
        if pairs_of(boxes) < MOST_PAIRS:
            call = partial(fastgeo.sparse_box_iou, boxes, boxes)
            yield Case("sparse_box_iou", label, n, call, lambda answer: 2 * n + len(answer[0]))
        if n <= 10_000:
            yield Case("box_iou", label, n, partial(fastgeo.box_iou, boxes[:1000], boxes), 1000 * n)


def ranking_cases(n):
    labels = generator(0).integers(0, 2, n)
    rare = (generator(1).random(n) < 1e-3).astype(np.int64)
    rare[:2] = [0, 1]
    for label, scene in scenes.SCORES.items():
        for dtype in (np.float32, np.float64):
            scores = scene(generator(n), n).astype(dtype)
            name = f"{label} {np.dtype(dtype)}"
            yield Case("roc_auc", name, n, partial(fastgeo.roc_auc, labels, scores), n)
            yield Case("roc_auc", f"{name}, rare positives", n, partial(fastgeo.roc_auc, rare, scores), n)
    ranges = {"unit": (0.0, 1.0), "subnormal": (0.0, 1e-310), "narrow": (1.0, 1 + 2.0**-40), "wide": (-1e300, 1e300)}
    for label, (low, high) in ranges.items():
        for spread in ("uniform", "two values", "sorted", "all equal"):
            fraction = scenes.SCORES[spread](generator(n), n)
            scores = (low * (1 - fraction) + high * fraction).clip(low, high)
            for n_bins in (10, 1000, 100_000):
                call = partial(fastgeo.histogram_auc, labels, scores, n_bins, range=(low, high))
                yield Case("histogram_auc", f"{label} range, {spread}, {n_bins} bins", n, call, n + n_bins)
    tiny = 1e-310 * scenes.SCORES["uniform"](generator(n), n)
    for n_bins in (10, 1000, 100_000):
        call = partial(fastgeo.histogram_auc, labels, tiny, n_bins)
        yield Case("histogram_auc", f"unit range, subnormal scores, {n_bins} bins", n, call, n + n_bins)


def clustering_cases(n):
    if n > 100_000:
        return
    for d, k in ((2, 10), (16, 100), (64, 20)):
        for label, scene in scenes.POINTS.items():
            X = scene(generator(n), n, d).astype(np.float32)
            start = X[generator(1).permutation(n)[:k]]
            group, work = f"d={d}, k={k}", n * d * k
            yield Case("assign", label, n, partial(fastgeo.assign, X, start), work, group)
            call = partial(fastgeo.kmeans, X, k, init=start, max_iter=10)
            yield Case("kmeans", label, n, call, lambda answer, work=work: work * answer.n_iter + 100_000, group)


# Groups of shapes of which each stands beside its neighbours: (side, channels, outputs, kernel, more).
SHAPES = {
    "channels": [(32, c, 32, 3, {}) for c in (1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65)],
    "outputs": [(32, 32, o, 3, {}) for o in (1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65)],
    "sides": [(s, 16, 16, 3, {}) for s in (4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 55, 56, 57, 64, 65)],
    "kernels": [(40, 16, 16, k, {}) for k in range(1, 14)],
    "strides": [(260, 16, 16, 8, {"stride": (1, s)}) for s in (1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65)],
    "dilations": [(40, 16, 16, 3, {"dilation": d}) for d in range(1, 9)],
    "pointwise": [(s, 256, 256, 1, {}) for s in (1, 2, 3, 4, 7, 8, 14, 16, 28)],
    "depthwise": [(32, c, c, 3, {"groups": c}) for c in (4, 8, 15, 16, 17, 32, 64, 65, 128, 300)],
    "multiplier": [(56, 64, 64 * m, 3, {"groups": 64}) for m in (1, 2, 3, 4)],
    "small groups": [(32, 64, 64, 3, {"groups": g}) for g in (1, 2, 4, 8, 16, 32)],
    "padding": [(32, 16, 16, 3, {"padding": p, "padding_mode": m}) for m in ("zeros", "reflect") for p in (0, 1, 2, 3)],
}


def shape_case(group, shape, dtype, layout):
    side, channels, outputs, kernel, more = shape
    rng = generator(0)
    inputs = rng.standard_normal((1, side + kernel - 1, side + kernel - 1, channels)).astype(dtype)
    weights = rng.standard_normal((kernel, kernel, channels // more.get("groups", 1), outputs)).astype(dtype)
    if layout == "NCHW":
        inputs = np.ascontiguousarray(inputs.transpose(0, 3, 1, 2))
        weights = np.ascontiguousarray(weights.transpose(3, 2, 0, 1))
    layer = fastgeo.Conv2d(weights, layout=layout, **more)
    text = " ".join(f"{key}={value}" for key, value in more.items())
    scene = f"{side}² {channels}→{outputs} {kernel}×{kernel} {text}".strip()
    per_output = kernel * kernel * channels // more.get("groups", 1)
    name = f"{group}, {np.dtype(dtype)}, {layout}"
    own = 20_000  # what a call costs by itself, in multiply-adds
    return Case(
        "conv2d", scene, side, partial(layer, inputs), lambda out: out.size * per_output + own, name, neighbours=True
    )


def convolution_cases(n):
    if n > SIZES[0]:
        return
    for dtype in (np.float32, np.float64):
        for layout in ("NHWC", "NCHW"):
            for group, shapes in SHAPES.items():
                for shape in shapes:
                    yield shape_case(group, shape, dtype, layout)
    for name, values in (
        ("max_pool2d", [{}]),
        ("avg_pool2d", [{}]),
        ("lp_pool2d", [{"p": p} for p in (1, 2, 3, 4, 0.5, 1.5)]),
    ):
        for more in values:
            for size in (1, 2, 3, 5, 8, 13):
                for stride in (1, size):
                    yield pooling_case(name, size, stride, more)


def pooling_case(name, size, stride, more):
    inputs = generator(0).random((1, 64, 64, 32)).astype(np.float32)
    scene = " ".join([f"{size}×{size} stride {stride}", *(f"{key}={value}" for key, value in more.items())])
    call = partial(getattr(fastgeo, name), inputs, size, stride, **more)
    return Case(name, scene, 64, call, lambda out: out.size * size * size + inputs.size)


FAMILIES = ("boxes", "suppression", "convolution", "ranking", "clustering")


def cases(families, only, largest):
    """Every case to measure, one at a time: their arrays would not fit into memory together."""
    for family in families:
        for n in SIZES:
            if n <= largest:
                for case in globals()[f"{family}_cases"](n):
                    if only in (None, case.function):
                        yield case


def ratios(rows):
    """(case, seconds for one element, their ratio to the median of its group or to the best neighbour, its bound)."""
    groups: dict[Any, list] = {}
    for case, seconds in rows:
        key = (case.function, case.group) if case.neighbours else (case.function, case.group, case.n)
        groups.setdefault(key, []).append((case, seconds))
    for group in groups.values():
        median = statistics.median(seconds for _, seconds in group)
        for i, (case, seconds) in enumerate(group):
            if case.neighbours:
                beside = [other for _, other in group[max(0, i - 1) : i] + group[i + 1 : i + 2]]
                yield case, seconds, seconds / min(beside), BOUND_OF_NEIGHBOURS
            else:
                yield case, seconds, seconds / median, BOUND


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", choices=FAMILIES)
    parser.add_argument("--only", metavar="FUNCTION")
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="no more elements than so many")
    parser.add_argument("--all", action="store_true", help="print every row")
    options = parser.parse_args()
    fastgeo.set_num_threads(1)  # a cliff is one of the algorithm
    rows, too_long = [], set()
    for case in cases([options.family] if options.family else FAMILIES, options.only, options.largest):
        if (case.function, case.scene) not in too_long:
            element, whole = measured(case)
            rows.append((case, element))
            if whole > LONG:
                too_long.add((case.function, case.scene))
    above = 0
    for case, seconds, ratio, bound in ratios(rows):
        most, reason = known(case, bound)
        above += ratio > most
        if options.all or ratio > bound:
            scene = f"{case.scene} ({case.group})" if case.group else case.scene
            note = reason or ("ABOVE" if ratio > most else "")
            print(f"{case.function:15} {scene:60} {case.n:>8,} {format_seconds(seconds):>10} {ratio:7.1f}×  {note}")
    print(f"{len(rows)} rows, {above} above their bound")
    sys.exit(bool(above))


if __name__ == "__main__":
    main()
