"""Every drop-in, and every common input form, against its host in one run: a table sorted by ratio, the weakest first.

python bench/doors.py [--only PATTERN] [--seconds 0.2] [--short] [--markdown]

A row is one call on one thread, ours and the host's in turn on the same data; of each the least time counts. The ratio
is the host's time over ours. Hosts that are not installed are named. `--short` runs the rows marked for CI and exits 1
where one falls below 0.8.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")  # before a host starts its threads

import numpy as np

import fastgeo

FLOOR = 0.8  # of a row in CI
SAMPLE_SECONDS = 0.001  # short calls are repeated until a sample is this long

Call = Callable[[], Any]


@dataclass(frozen=True)
class Door:
    """One call by our door and by the host's, on the same data."""

    host: str
    function: str
    form: str
    size: int
    ours: Call
    theirs: Call
    short: bool = False

    @property
    def name(self) -> str:
        return f"{self.host}.{self.function}, {self.form}, {self.size}"


def boxes_and_scores(n: int, dtype: Any = np.float32, seed: int = 0) -> tuple[Any, Any, Any]:
    """Boxes of 20 to 80 pixels in an image, as crowded as a detector's output; scores and classes."""
    rng = np.random.default_rng(seed)
    corner, size = rng.uniform(0, 640, (n, 2)), rng.uniform(20, 80, (n, 2))
    boxes = np.concatenate([corner, corner + size], axis=1).astype(dtype)
    return boxes, rng.permutation(n).astype(np.float32) / n, rng.integers(0, 8, n)


# --- torchvision ------------------------------------------------------------------------------------------------------


def torchvision_doors() -> Iterator[Door]:
    torch, theirs = importlib.import_module("torch"), importlib.import_module("torchvision.ops")
    from fastgeo.compat import torchvision as ours

    torch.set_num_threads(1)
    for n in (1, 20, 300, 3000):
        boxes, scores, classes = map(torch.from_numpy, boxes_and_scores(n))
        table = torch.cat([boxes, scores[:, None], classes[:, None].float()], dim=1)
        forms = {"tensor": (boxes, scores), "slice of (N, 6)": (table[:, :4], table[:, 4])}
        for form, (b, s) in forms.items():
            few = b[:50]
            calls = {
                "nms": (b, s, 0.5),
                "batched_nms": (b, s, classes, 0.5),
                "box_iou": (b, few),
                "generalized_box_iou": (b, few),
                "distance_box_iou": (b, few),
                "complete_box_iou": (b, few),
                "box_area": (b,),
                "box_convert": (b, "xyxy", "cxcywh"),
                "clip_boxes_to_image": (b, (480, 480)),
                "remove_small_boxes": (b, 30.0),
            }
            for name, arguments in calls.items():
                pair = (partial(getattr(module, name), *arguments) for module in (ours, theirs))
                yield Door("torchvision", name, form, n, *pair, short=n in (20, 3000) and name in ("nms", "box_iou"))


# --- OpenCV -----------------------------------------------------------------------------------------------------------


def cv2_doors() -> Iterator[Door]:
    cv2 = importlib.import_module("cv2")
    from fastgeo.compat import cv2 as ours

    cv2.setNumThreads(1)
    for n in (20, 300, 3000):
        boxes, scores, classes = boxes_and_scores(n, np.float64)
        boxes[:, 2:] -= boxes[:, :2]
        whole = boxes.round()
        forms = {
            "lists": (whole.astype(int).tolist(), scores.tolist(), classes.tolist()),
            "arrays": (boxes, scores, classes),
        }
        for form, (b, s, c) in forms.items():
            calls = {"NMSBoxes": (b, s, 0.1, 0.5), "NMSBoxesBatched": (b, s, c, 0.1, 0.5)}
            if form == "lists":  # OpenCV takes whole numbers only
                calls["softNMSBoxes"] = (b, s, 0.1, 0.5)
            for name, arguments in calls.items():
                pair = (partial(getattr(module, name), *arguments) for module in (ours, cv2.dnn))
                yield Door("cv2", name, form, n, *pair, short=name == "NMSBoxes")
    rng = np.random.default_rng(0)
    for side in (64, 512):
        for name, image in (
            ("uint8, 3 channels", rng.integers(0, 256, (side, side, 3)).astype(np.uint8)),
            ("float32", rng.random((side, side)).astype(np.float32)),
        ):
            for width in (3, 9):
                kernel = rng.random((width, width)).astype(np.float32) / width**2
                pair = (partial(module.filter2D, image, -1, kernel) for module in (ours, cv2))
                yield Door("cv2", "filter2D", f"{name}, {width}×{width}", side, *pair)


# --- scikit-learn -----------------------------------------------------------------------------------------------------


def sklearn_doors() -> Iterator[Door]:
    metrics, cluster = importlib.import_module("sklearn.metrics"), importlib.import_module("sklearn.cluster")
    from fastgeo.compat import sklearn as ours

    rng = np.random.default_rng(0)
    for n in (50, 1000, 100_000):
        labels, scores, weights = rng.integers(0, 2, n), rng.random(n), rng.random(n)
        several, shares = rng.integers(0, 3, n), rng.dirichlet([1, 1, 1], n)
        curves = ("roc_curve", "precision_recall_curve", "average_precision_score")
        calls: list[tuple[str, str, Any, dict[str, Any]]] = [
            ("roc_auc_score", "binary", (labels, scores), {}),
            ("roc_auc_score", "weights", (labels, scores), {"sample_weight": weights}),
            ("roc_auc_score", "max_fpr", (labels, scores), {"max_fpr": 0.1}),
            ("roc_auc_score", "ovr", (several, shares), {"multi_class": "ovr"}),
            ("roc_auc_score", "ovo", (several, shares), {"multi_class": "ovo"}),
            ("roc_auc_score", "text", (np.where(labels, "yes", "no"), scores), {}),
            *((name, "binary", (labels, scores), {}) for name in curves),
        ]
        for name, form, arguments, options in calls:
            pair = (partial(getattr(module, name), *arguments, **options) for module in (ours, metrics))
            yield Door("sklearn", name, form, n, *pair, short=form == "binary" and n == 1000)
    for n, d, k in ((1000, 2, 8), (20_000, 16, 32)):
        X = rng.normal(size=(n, d)) + 4 * rng.integers(0, 2, (n, d))
        models = [module.KMeans(k, init=X[:k], n_init=1, max_iter=10) for module in (ours, cluster)]
        yield Door("sklearn", "KMeans.fit", f"{d} features, k = {k}", n, *(partial(model.fit, X) for model in models))
        fitted = [model.fit(X) for model in models]
        yield Door("sklearn", "KMeans.predict", f"{d} features, k = {k}", n, *(partial(m.predict, X) for m in fitted))


# --- supervision and pycocotools --------------------------------------------------------------------------------------


def supervision_doors() -> Iterator[Door]:
    theirs = importlib.import_module("supervision")
    from fastgeo.compat import supervision as ours

    for n in (20, 1000):
        boxes, scores, classes = boxes_and_scores(n)
        table = np.column_stack([boxes, scores, classes]).astype(np.float32)
        calls = {"box_non_max_suppression": (table, 0.5), "box_iou_batch": (boxes, boxes)}
        for name, arguments in calls.items():
            pair = (partial(getattr(module, name), *arguments) for module in (ours, theirs))
            yield Door("supervision", name, "array", n, *pair, short=n == 20)


def pycocotools_doors() -> Iterator[Door]:
    mask = importlib.import_module("pycocotools.mask")
    from fastgeo.compat import pycocotools as ours

    for n in (5, 100):
        boxes = boxes_and_scores(n, np.float64)[0]
        boxes[:, 2:] -= boxes[:, :2]
        for form, value in (("lists", boxes.tolist()), ("arrays", boxes)):
            pair = (partial(module.iou, value, value, [0] * n) for module in (ours, mask))
            yield Door("pycocotools", "iou", form, n, *pair, short=n == 100)


# --- input forms of fastgeo's own functions, against a contiguous copy of the same ------------------------------------


def form_doors() -> Iterator[Door]:
    for n in (20, 1000):
        boxes, scores, classes = boxes_and_scores(n)
        table = np.column_stack([boxes, scores, classes]).astype(np.float32)
        slices = (table[:, :4], table[:, 4])
        plain = (boxes, scores)
        forms: list[tuple[str, str, Call, Call]] = [
            ("nms", "slice of (N, 6)", partial(fastgeo.nms, *slices, 0.5), partial(fastgeo.nms, *plain, 0.5)),
            (
                "box_iou",
                "slice of (N, 6)",
                partial(fastgeo.box_iou, slices[0], boxes),
                partial(fastgeo.box_iou, boxes, boxes),
            ),
            (
                "nms",
                "Fortran order",
                partial(fastgeo.nms, np.asfortranarray(boxes), scores, 0.5),
                partial(fastgeo.nms, *plain, 0.5),
            ),
        ]
        for name, ids in (("int32 ids", classes.astype(np.int32)), ("uint8 ids", classes.astype(np.uint8))):
            calls = (partial(fastgeo.batched_nms, *plain, i, 0.5) for i in (ids, classes))
            forms.append(("batched_nms", name, *calls))
        for function, form, call, contiguous in forms:
            yield Door("contiguous", function, form, n, call, contiguous)


FAMILIES = (torchvision_doors, cv2_doors, sklearn_doors, supervision_doors, pycocotools_doors, form_doors)


def all_doors() -> tuple[list[Door], list[str]]:
    """Every row whose host is installed, and which hosts are not."""
    doors: list[Door] = []
    absent = []
    for family in FAMILIES:
        try:
            doors += family()
        except ImportError as error:
            absent.append(f"{family.__name__.removesuffix('_doors')} ({error})")
    return doors, absent


def least_times(door: Door, seconds: float) -> tuple[float, float]:
    """The least time of a call by each door, in turn."""
    calls = (door.ours, door.theirs)
    repeats = []
    for call in calls:
        call()
        begin = time.perf_counter()
        call()
        repeats.append(max(1, int(SAMPLE_SECONDS / max(time.perf_counter() - begin, 1e-9))))
    best = [float("inf"), float("inf")]
    end, rounds = time.perf_counter() + seconds, 0
    while rounds < 3 or time.perf_counter() < end:
        rounds += 1
        for i, (call, count) in enumerate(zip(calls, repeats, strict=True)):
            begin = time.perf_counter()
            for _ in range(count):
                call()
            best[i] = min(best[i], (time.perf_counter() - begin) / count)
    return best[0], best[1]


def table(rows: list[tuple[float, Door, float, float]], markdown: bool) -> str:
    header = ("host", "function", "form", "size", "fastgeo", "host's", "ratio")
    cells = [
        (d.host, d.function, d.form, f"{d.size}", f"{ours * 1e6:.3g} µs", f"{theirs * 1e6:.3g} µs", f"{ratio:.3g}")
        for ratio, d, ours, theirs in rows
    ]
    if markdown:
        lines = [header, ("---", "---", "---", "--:", "--:", "--:", "--:"), *cells]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in (header, *cells))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="rows whose name matches this regular expression")
    parser.add_argument("--seconds", type=float, default=0.2, help="for each row; default: %(default)s")
    parser.add_argument("--short", action="store_true", help=f"the rows of CI; exits 1 where one is below {FLOOR}")
    parser.add_argument("--markdown", action="store_true")
    args = parser.parse_args()
    fastgeo.set_num_threads(1)
    doors, absent = all_doors()
    chosen = [door for door in doors if re.search(args.only, door.name) and (door.short or not args.short)]
    rows = []
    for door in chosen:
        ours, theirs = least_times(door, args.seconds)
        rows.append((theirs / ours, door, ours, theirs))
    rows.sort(key=lambda row: row[0])
    print(table(rows, args.markdown))
    below = sum(ratio < 1 for ratio, door, *_ in rows if door.host != "contiguous")
    print(f"\n{len(rows)} rows; {below} of them slower than the host", file=sys.stderr)
    if absent:
        print(f"left out: {', '.join(absent)}", file=sys.stderr)
    return int(args.short and any(ratio < FLOOR for ratio, *_ in rows))


if __name__ == "__main__":
    sys.exit(main())
