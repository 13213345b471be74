"""Measure the speed tables into speed.json and the README, on one thread: ``python docs/measure.py [FAMILY …]``.

Families that are not named keep the figures they have; ``readme`` alone only writes the README's table anew.
"""

import json
import re
import sys
import textwrap
from pathlib import Path

from hooks import duration

from fastgeo.cli.bench_rows import all_rows
from fastgeo.cli.measure import contest, limit_environment, machine_limits
from fastgeo.runtime import active_isa

SPEED = Path(__file__).parent / "speed.json"
README = Path(__file__).parent.parent / "README.md"
FAMILIES = {
    "boxes": [
        "box_iou 10×10 float32",
        "box_iou 100×100 float32",
        "box_iou 1000×1000 float32",
        "generalized_box_iou 1000×1000 float32",
        "distance_box_iou 1000×1000 float32",
        "complete_box_iou 1000×1000 float32",
        "scylla_box_iou 1000×1000 float32",
        "box_ioa 1000×1000 float32",
        "paired_box_iou 100000 float32",
        "sparse_box_iou 10000×10000 float32, spread",
        "rotated_box_iou 200×200 float64",
    ],
    "suppression": [
        "nms 20 boxes in clusters of 2, float32",
        "nms 1000 boxes in clusters of 10, float32",
        "nms 10000 boxes in clusters of 2, float32",
        "nms 10000 boxes in clusters of 20, float32",
        "nms 100000 boxes in clusters of 20, float32",
        "batched_nms 1000 boxes, 80 classes, float32",
        "batched_nms 10000 boxes, 80 classes, float32",
        "nms_groups 1000 boxes in clusters of 10, float32",
        "soft_nms 300 boxes in clusters of 10, float32, Gaussian",
        "weighted_boxes_fusion 3 models of 300 boxes, 5 labels, float64",
    ],
    "convolution": [
        "conv2d 3×3 8→16 @12, batch 2",
        "Conv2d 3×3 64 @56",
        "Conv2d 3×3 128 @28",
        "Conv2d 1×1 64→256 @56",
        "Conv2d 7×7/2 3→64 @224",
        "Conv2d depthwise 3×3 256 @28",
        "Conv2d 5×5 3→8 @1080×1920",
        "max_pool2d 3×3/2 64 @112",
        "avg_pool2d 3×3/2 64 @112",
        "lp_pool2d 3×3/2 64 @112",
    ],
    "ranking": [
        "roc_auc 10^4 float64",
        "roc_auc 10^6 float64",
        "histogram_auc 10^6 float32, bool labels",
        "histogram_auc 10^6 float64, bool labels",
        "roc_curve 10^6 float64",
        "precision_recall_curve 10^6 float64",
        "average_precision 10^6 float64",
        "roc_auc_interval 10^4 float64",
        "AUCHistogram 10^5 float64 in batches of 1000",
    ],
    "clustering": [
        "kmeans 1000×2, k=9, 10 iterations",
        "kmeans 100000×16, k=64, 10 iterations",
        "kmeans 200000×8, k=50, clustered, to convergence",
        "assign 100000×16, k=64",
        "kmeans_plusplus 100000×16, k=64",
        "pairwise_distance 2000×2000, d=16, euclidean",
    ],
    "assignment": [
        "linear_assignment 50×50 float64",
        "linear_assignment 300×300 float64",
        "match_boxes 1000 tracks, 1000 detections",
    ],
    "heads": [
        "decode_predictions 1×84×8400 float32",
        "decode_predictions 1×8400×84 float32, channels last",
        "decode_predictions 1×84×8400 float16",
        "decode_predictions 1×84×8400 uint8",
    ],
    "masks": [
        "Masks encode 30×480×640, columns side by side",
        "Masks encode 30×480×640, rows side by side",
        "Masks decode 30×480×640",
        "Masks polygons of 40 corners, 30 of 480×640",
        "mask_iou 30×30 of 480×640",
        "mask_iou 100×100 dense, 480×640",
        "mask_nms 100 of 480×640",
        "mask_to_boxes 30×480×640",
        "boundary_iou 30×30 of 480×640",
        "paste_masks 100 of 28×28, 480×640",
    ],
}


IN_README = [
    "box_iou 1000×1000 float32",
    "generalized_box_iou 1000×1000 float32",
    "nms 1000 boxes in clusters of 10, float32",
    "nms 10000 boxes in clusters of 20, float32",
    "nms 10000 boxes in clusters of 2, float32",
    "batched_nms 1000 boxes, 80 classes, float32",
    "Conv2d 3×3 128 @28",
    "Conv2d 1×1 64→256 @56",
    "Conv2d depthwise 3×3 256 @28",
    "Conv2d 7×7/2 3→64 @224",
    "max_pool2d 3×3/2 64 @112",
    "histogram_auc 10^6 float32, bool labels",
    "roc_auc 10^6 float64",
    "kmeans 100000×16, k=64, 10 iterations",
    "assign 100000×16, k=64",
    "kmeans_plusplus 100000×16, k=64",
]


def main(families):
    measured = json.loads(SPEED.read_text()) if SPEED.exists() else {"rows": []}
    if families != ["readme"]:
        measured = measure(families, measured)
        SPEED.write_text(json.dumps(measured, indent=1) + "\n")
    write_readme(measured)


def measure(families, measured):
    limit_environment(1)
    rows = {f"{row['group']} {row['work']}": row for row in measured["rows"]}
    known = {row.name: row for row in all_rows()}
    for name in (name for family in families for name in FAMILIES[family]):
        outcome = contest(known[name], 0.25, 1)
        seconds = {contestant: float(f"{value:.3g}") for contestant, value in outcome.seconds.items()}
        row = {"group": outcome.row.group, "work": outcome.row.work, "best_peer": outcome.best_peer, "seconds": seconds}
        rows[name] = row
        print(name, seconds, outcome.absent)
    shown = [rows[name] for names in FAMILIES.values() for name in names if name in rows]
    gflops = round(machine_limits()["fma_gflops"])
    return {"isa": active_isa(), "machine": machine(), "fma_gflops": gflops, "rows": shown}


def write_readme(measured):
    rows = {f"{row['group']} {row['work']}": row for row in measured["rows"]}
    told = (
        f"Measured on one thread of an {measured['machine']} (instruction set {measured['isa']}, "
        f"{measured['fma_gflops']} GFLOP/s of float32 FMA). The peer is the fastest of those installed, on the same "
        "arrays in the same run; the ratios say how many times as long the peer and the NumPy reference take. "
        "`fastgeo bench` measures them on your machine."
    )
    lines = [
        *textwrap.wrap(told, 120, break_on_hyphens=False),
        "",
        "| function | work | fastgeo | best peer | | ratio | to the reference |",
        "|---|---|--:|---|--:|--:|--:|",
        *(cells(rows[name]) for name in IN_README),
    ]
    figures = re.compile(r"(?<=<!-- figures -->\n).*(?=\n<!-- end of figures -->)", re.DOTALL)
    README.write_text(figures.sub(lambda _: "\n".join(lines), README.read_text()))


def cells(row):
    own, peer, reference = row["seconds"]["fastgeo"], row["best_peer"], row["seconds"].get("reference")
    theirs = row["seconds"][peer]
    to_reference = f"{reference / own:,.0f}×" if reference else ""
    return (
        f"| `{row['group']}` | {row['work']} | {duration(own)} | {peer} | {duration(theirs)} "
        f"| **{theirs / own:.3g}×** | {to_reference} |"
    )


def machine():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown machine"


if __name__ == "__main__":
    main(sys.argv[1:] or list(FAMILIES))
