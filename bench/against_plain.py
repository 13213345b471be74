"""How much time the shortcuts of sparse_box_iou and nms cost where they do not pay.

python bench/against_plain.py [--only NAME] [--seconds 0.1] [--all]

Boxes of several kinds, thresholds and sizes: `sparse_box_iou` against comparing every row with every column and, where
most pairs are found, against filtering the table of box_iou; `nms`, which picks its algorithm, against scanning the
kept boxes. One thread, in turn, the median of the ratios of neighbours. Prints the ratios above 1.1 (--all: every one)
and the worst; exits 1 if one is above 1.2.
"""

import argparse
import statistics
import sys
import time

import numpy as np

import fastgeo
from fastgeo.testing import force_algorithm

LIMIT = 1.2
THRESHOLDS = (0.0, 0.5, 0.9)
NMS_THRESHOLDS = (0.0, 0.3, 0.5, 0.7, 0.9)
SHAPES = [(256, 1020), (256, 1028), (300, 3000), (1000, 1000), (3000, 250), (3000, 1028), (3000, 3000), (10_000, 1500)]
COUNTS = (300, 1000, 1500, 3000, 10_000)


def corners_and_sizes(kind, n, rng):
    """Of n boxes, within some thousands of units."""
    corner, size = rng.uniform(0, 2000, (n, 2)), rng.uniform(5, 40, (n, 2))
    if kind == "clustered":
        corner = corner[rng.integers(0, max(n // 20, 1), n)] + rng.normal(0, 5, (n, 2))
    elif kind == "crowd":
        corner, size = rng.uniform(0, 60, (n, 2)), rng.uniform(20, 60, (n, 2))
    elif kind == "loose crowd":
        corner = rng.uniform(0, 150, (n, 2))
    elif kind == "thirty heaps":
        corner = np.random.default_rng(9).uniform(0, 2000, (30, 2))[rng.integers(0, 30, n)] + rng.normal(0, 3, (n, 2))
    elif kind == "lines":
        size = np.where(rng.random((n, 1)) < 0.5, [2000.0, 1.0], [1.0, 50.0])
    elif kind == "all sizes":
        size = 10.0 ** rng.uniform(-3, 3.5, (n, 1)) * rng.uniform(0.5, 1, (n, 2))
    elif kind == "identical":
        corner, size = np.full((n, 2), 100.0), np.full((n, 2), 50.0)
    elif kind == "huge":
        size = rng.uniform(5e6, 6e6, (n, 2))
    elif kind == "tiny":
        size = rng.uniform(1e-4, 1e-3, (n, 2))
    elif kind == "far out":
        corner = corner + 1e7 * rng.integers(-1, 2, (n, 1))
    elif kind == "grid":
        side = int(np.ceil(np.sqrt(n)))
        at = np.arange(n)
        corner, size = np.column_stack([at % side, at // side]) * 16.0, np.full((n, 2), 24.0)
    return corner, size


KINDS = (
    "uniform", "clustered", "crowd", "loose crowd", "thirty heaps", "lines", "all sizes", "identical", "huge", "tiny",
    "far out", "grid",
)  # fmt: skip


def boxes_of(kind, n, seed=0):
    corner, size = corners_and_sizes(kind, n, np.random.default_rng(seed))
    return np.hstack([corner, corner + size]).astype(np.float32)


def seconds(call):
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def median_ratio(call, other, budget):
    """Of the two calls' times, in turn, each first as often as second."""
    seconds(call), seconds(other)
    ratios, end = [], time.perf_counter() + budget
    while len(ratios) < 6 or time.perf_counter() < end:
        own, its = seconds(call), seconds(other)
        ratios.append(own / its)
        its, own = seconds(other), seconds(call)
        ratios.append(own / its)
    return statistics.median(ratios)


def sparse(boxes1, boxes2, threshold):
    return fastgeo.sparse_box_iou(boxes1, boxes2, threshold, n_threads=1)


def all_pairs(boxes1, boxes2, threshold):
    with force_algorithm(fastgeo.sparse_box_iou, "all_pairs"):
        return sparse(boxes1, boxes2, threshold)


def table_and_filter(boxes1, boxes2, threshold):
    table = fastgeo.box_iou(boxes1, boxes2, n_threads=1)
    found = table > threshold
    return *np.nonzero(found), table[found]


def scan(boxes, scores, threshold):
    with force_algorithm(fastgeo.nms, "scan"):
        return fastgeo.nms(boxes, scores, threshold)


def comparisons():
    """(name, call, the plain one)."""
    for kind in KINDS:
        for n, m in SHAPES:
            boxes1, boxes2 = boxes_of(kind, n, 1), boxes_of(kind, m)
            for threshold in THRESHOLDS:
                case = boxes1, boxes2, threshold
                name = f"{kind}, {n}x{m}, t={threshold}"
                yield (
                    f"sparse_box_iou, {name}",
                    lambda case=case: sparse(*case),
                    lambda case=case: all_pairs(*case),
                )
                if 4 * len(sparse(*case)[0]) > n * m:
                    yield (
                        f"sparse_box_iou against the table, {name}",
                        lambda case=case: sparse(*case),
                        lambda case=case: table_and_filter(*case),
                    )
        for n in COUNTS:
            boxes, scores = boxes_of(kind, n), np.random.default_rng(2).random(n, np.float32)
            for threshold in NMS_THRESHOLDS:
                case = boxes, scores, threshold
                yield (
                    f"nms, {kind}, {n}, t={threshold}",
                    lambda case=case: fastgeo.nms(*case),
                    lambda case=case: scan(*case),
                )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="rows whose name contains this")
    parser.add_argument("--seconds", type=float, default=0.1, help="for each row (default: %(default)s)")
    parser.add_argument("--all", action="store_true", help="print every row")
    options = parser.parse_args()
    worst, count = (0.0, ""), 0
    for name, call, plain in comparisons():
        if options.only not in name:
            continue
        ratio, count = median_ratio(call, plain, options.seconds), count + 1
        if ratio > LIMIT:  # or so it seems
            ratio = median_ratio(call, plain, 5 * options.seconds)
        if options.all or ratio > 1.1:
            print(f"{ratio:6.2f}  {name}", flush=True)
        worst = max(worst, (ratio, name))
    print(f"worst of {count}: {worst[0]:.2f}  {worst[1]}")
    return worst[0] > LIMIT


if __name__ == "__main__":
    with fastgeo.threads(1):
        sys.exit(main())
