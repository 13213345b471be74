"""Instructions each kernel executes on small fixed inputs, counted by callgrind and held to bench/baseline.json.

    python bench/instructions.py             print the counts beside the baseline
    python bench/instructions.py --check     and fail where one rose by more than 5 %
    python bench/instructions.py --update    write them as the new baseline
    python bench/instructions.py --add       add those that the baseline lacks

Times drift from run to run, these counts do not. All kernels run in one process on the `avx2` instruction set (valgrind
knows no AVX-512) and one thread; what counts is the part below the `fg_` entry that Cython calls, without Python.
The counts are a matter of the compiler as well, so the baseline keeps one set for each compiler's major version.
Exit codes: 0 as before, 1 a rise, 2 cannot count here, 3 no baseline for the compiler that built this fastgeo.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

BASELINE = Path(__file__).with_name("baseline.json")
ALLOWED_RISE = 0.05
RISEN, CANNOT_COUNT, NO_BASELINE = 1, 2, 3

# The process under callgrind calls this before and after each kernel: callgrind writes its counts and starts from zero.
MARK = """
#include <valgrind/callgrind.h>
void mark(void) { CALLGRIND_DUMP_STATS; }
"""


def kernels():
    """Name of the case -> the call."""
    import fastgeo

    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 100, (400, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(5, 30, (400, 2))], axis=1)
    scores, ids = rng.uniform(0, 1, 400), rng.integers(0, 10, 400)
    labels = rng.integers(0, 2, 4000)
    predictions = rng.uniform(0, 1, 4000)
    image, weights, bias = rng.normal(size=(1, 14, 14, 32)), rng.normal(size=(3, 3, 32, 32)), rng.normal(size=32)
    one_channel, bank = rng.normal(size=(1, 40, 40, 1)), rng.normal(size=(7, 7, 1, 16))
    depthwise = rng.normal(size=(3, 3, 1, 32))
    points = rng.normal(size=(1000, 16))
    start = points[:20].copy()
    cases = {}
    for kind in ("f4", "f8"):
        b, s, p = boxes.astype(kind), scores.astype(kind), predictions.astype(kind)
        x, w, c = image.astype(kind), weights.astype(kind), bias.astype(kind)
        x1, w1, wd = one_channel.astype(kind), bank.astype(kind), depthwise.astype(kind)
        X, C = points.astype(kind), start.astype(kind)
        cases |= {
            f"box_iou {kind}": lambda b=b: fastgeo.box_iou(b[:200], b),
            f"box_iou 20x20 {kind}": lambda b=b: fastgeo.box_iou(b[:20], b[:20]),
            f"generalized_box_iou {kind}": lambda b=b: fastgeo.generalized_box_iou(b[:200], b),
            f"nms {kind}": lambda b=b, s=s: fastgeo.nms(b, s, 0.5),
            f"nms 20 {kind}": lambda b=b, s=s: fastgeo.nms(b[:20], s[:20], 0.5),
            f"batched_nms {kind}": lambda b=b, s=s: fastgeo.batched_nms(b, s, ids, 0.5),
            f"conv2d 3x3 {kind}": lambda x=x, w=w, c=c: fastgeo.conv2d(x, w, c, padding=1),
            f"conv2d 7x7 one channel {kind}": lambda x=x1, w=w1: fastgeo.conv2d(x, w),
            f"conv2d depthwise {kind}": lambda x=x, w=wd: fastgeo.conv2d(x, w, groups=32, padding=1),
            f"histogram_auc {kind}": lambda p=p: fastgeo.histogram_auc(labels, p),
            f"roc_auc {kind}": lambda p=p: fastgeo.roc_auc(labels, p),
            f"assign {kind}": lambda X=X, C=C: fastgeo.assign(X, C),
            f"kmeans {kind}": lambda X=X, C=C: fastgeo.kmeans(X, 20, init=C, max_iter=3),
            f"kmeans_plusplus {kind}": lambda X=X: fastgeo.kmeans_plusplus(X, 20, seed=0),
        }
    return cases | evaluation_kernels() | mask_kernels()


def evaluation_kernels():
    import fastgeo

    rng = np.random.default_rng(1)
    image_id, class_id = rng.integers(0, 20, 600), rng.integers(0, 5, 600)
    boxes = np.concatenate([rng.integers(0, 100, (600, 2)), rng.integers(10, 60, (600, 2))], axis=1).astype(float)
    found = {"image_id": image_id, "class_id": class_id, "boxes": boxes + rng.integers(0, 5, (600, 4))}
    found["scores"] = rng.integers(0, 100, 600) / 100
    truth = {
        "image_id": image_id[:200],
        "class_id": class_id[:200],
        "boxes": boxes[:200],
        "iscrowd": rng.random(200) < 0.1,
    }
    voc = {"image_id": image_id[:200], "class_id": class_id[:200], "boxes": boxes[:200]}
    return {
        "mean_average_precision coco": lambda: fastgeo.mean_average_precision(found, truth),
        "mean_average_precision voc2012": lambda: fastgeo.mean_average_precision(found, voc, convention="voc2012"),
    }


def mask_kernels():
    import fastgeo

    rng = np.random.default_rng(2)
    y, x = np.mgrid[:90, :120]
    centre, radius = rng.integers(0, 120, (24, 2, 1, 1)), rng.integers(5, 40, (24, 1, 1))
    dense = (y - centre[:, 0]) ** 2 + (x - centre[:, 1]) ** 2 < radius**2
    ragged = dense & (rng.random(dense.shape) < 0.9)  # too many runs in a column for outlines
    by_column = np.asfortranarray(dense.transpose(1, 2, 0)).transpose(2, 0, 1)
    discs, torn = fastgeo.Masks.encode(dense), fastgeo.Masks.encode(ragged)
    strings = discs.to_coco()
    scores, owner = rng.integers(0, 10, 24) / 10, np.arange(24) // 4
    polygons = [rng.uniform(-5, 125, 2 * k) for k in range(3, 20)]
    cells, places = rng.random((8, 28, 28)), rng.integers(-10, 60, (8, 4)) + np.array([0.0, 0, 60, 60])
    return {
        "Masks.encode by row": lambda: fastgeo.Masks.encode(dense),
        "Masks.encode by column": lambda: fastgeo.Masks.encode(by_column),
        "Masks.decode": lambda: discs.decode(),
        "Masks.from_polygons": lambda: fastgeo.Masks.from_polygons(polygons, 90, 120),
        "Masks.from_coco": lambda: fastgeo.Masks.from_coco(strings),
        "Masks.to_coco": lambda: discs.to_coco(),
        "Masks.merge": lambda: discs.merge(owner),
        "Masks.boxes": lambda: torn.boxes(),
        "mask_iou discs": lambda: fastgeo.mask_iou(discs, discs),
        "mask_iou torn discs": lambda: fastgeo.mask_iou(torn, torn),
        "mask_nms": lambda: fastgeo.mask_nms(discs, scores, 0.5),
        "boundary_iou": lambda: fastgeo.boundary_iou(discs, discs),
        "paste_masks": lambda: fastgeo.paste_masks(cells, places, 90, 120),
    }


def run_marked(library: str) -> None:
    """In the process under callgrind: each kernel twice, the second call between two marks."""
    mark = ctypes.CDLL(library).mark
    for call in kernels().values():
        call()
        mark()
        call()
        mark()


def count() -> dict[str, int]:
    """Instructions of every case."""
    if not shutil.which("valgrind"):
        raise SystemExit("instructions.py: valgrind is not installed (Debian: apt-get install valgrind)")
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "mark.c"), Path(folder, "mark.so")
        source.write_text(MARK)
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out"]
        command += [sys.executable, __file__, "--run-marked", str(library)]
        environment = os.environ | {"FASTGEO_ISA": "avx2", "FASTGEO_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
        environment |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"instructions.py: the run under callgrind failed:\n{done.stderr[-3000:]}")
        names = list(kernels())
        # The marks cut the counts at out.1 … out.2n; the calls between two marks are in every second one.
        return {name: entry_cost(Path(f"{folder}/out.{2 * i + 2}")) for i, name in enumerate(names)}


def entry_cost(profile: Path) -> int:
    """Inclusive cost of the calls from Cython code into `fg_` functions, in one of callgrind's files.

    Less that of looking for signals, which happens whenever some milliseconds have passed.
    """
    names: dict[str, str] = {}
    caller, callee, cost = "", "", 0
    cost_follows = False
    for line in profile.read_text().splitlines():
        if match := re.match(r"(c?fn)=(\(\d+\))(?: (.*))?$", line):
            kind, number, name = match.groups()
            if name:
                names[number] = name
            if kind == "fn":
                caller = names[number]
            else:
                callee = names[number]
        elif line.startswith("calls="):
            cost_follows = True
        elif cost_follows:
            cost_follows = False
            if callee == "fg_poll_signals":
                cost -= int(line.split()[1])
            elif callee.startswith("fg_") and caller.startswith("__pyx_"):
                cost += int(line.split()[1])
    if not cost:
        raise SystemExit(f"instructions.py: no call into the kernels found in {profile.name}; are symbols stripped?")
    return cost


def compiler() -> str:
    """Name and major version of the compiler that built the installed kernels."""
    import fastgeo.boxes.kernels

    binary = Path(fastgeo.boxes.kernels.__file__).read_bytes()
    for pattern, name in ((rb"clang version (\d+)", "clang"), (rb"GCC: \([^)]*\) (\d+)", "gcc")):
        if match := re.search(pattern, binary):
            return f"{name} {match.group(1).decode()}"
    return "unknown"


def compare(now: dict[str, int], before: dict[str, int]) -> list[str]:
    """Print both; return the complaints."""
    complaints = []
    for name in sorted(now.keys() | before.keys()):
        new, old = now.get(name), before.get(name)
        change = f"{new / old - 1:+8.2%}" if new and old else "     new" if new else "    gone"
        print(f"{name:36} {old or '':>12} {new or '':>12} {change}")
        if new and old and new > old * (1 + ALLOWED_RISE):
            complaints.append(f"{name}: {old} -> {new} instructions, a rise of {new / old - 1:.1%}")
        if not (new and old):
            complaints.append(f"{name}: stands on one side only; run bench/instructions.py --add or --update")
    return complaints


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--check", action="store_true", help="fail where a count rose by more than 5 %%")
    action.add_argument("--update", action="store_true", help="write the counts as the new baseline")
    action.add_argument("--add", action="store_true", help="add the counts that the baseline lacks")
    action.add_argument("--run-marked", metavar="LIBRARY", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.run_marked:
        run_marked(args.run_marked)
        return 0
    baseline = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    used = compiler()
    now = count()
    if args.update or args.add:
        kept = baseline.get(used, {}) if args.add else {}
        BASELINE.write_text(json.dumps(baseline | {used: now | kept}, indent=1, sort_keys=True) + "\n")
    if used not in baseline and not (args.update or args.add):
        print(f"NOT COMPARED: built by {used}, and the baseline knows {', '.join(baseline) or 'no compiler'} only.")
        return NO_BASELINE
    complaints = compare(now, baseline.get(used, {}))
    if args.check:
        print("\n".join(complaints) or f"no kernel's count rose by more than {ALLOWED_RISE:.0%} ({used})")
        return RISEN if complaints else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
