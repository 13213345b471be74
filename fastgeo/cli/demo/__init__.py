"""``fastgeo demo``: count the coins in a picture with all five kernels, and prove each stage."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

import fastgeo
from fastgeo.cli.common import CommandError, check_figure, optional, progress
from fastgeo.cli.demo import compare, figure
from fastgeo.cli.demo.picture import load, segmented_boxes
from fastgeo.cli.demo.pipeline import Result, run_pipeline
from fastgeo.runtime import active_isa, implementation

SUMMARY = "count the coins in a picture with all five kernels, each stage compared with its reference"
EXAMPLES = """\
  fastgeo demo                                         24 coins; writes fastgeo-demo.png
  fastgeo demo --image cells.png --diameter 20 60      round objects, your own picture
  fastgeo demo --image holes.jpg --dark -o holes.png   objects darker than around them
  fastgeo demo --image - -o - < cells.png > found.png  in a pipe"""

N_STAGES = 7


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--image", metavar="FILE", help="a picture of your own instead of the coins")
    parser.add_argument("-o", "--output", metavar="FILE", default="fastgeo-demo.png", help="default: %(default)s")
    parser.add_argument(
        "--diameter",
        nargs=2,
        type=float,
        metavar=("MIN", "MAX"),
        help="diameters to look for, in pixels; default: 9 to 26 %% of the shorter side",
    )
    parser.add_argument("--dark", action="store_true", help="the objects are darker than their background")
    parser.add_argument("--clusters", type=int, default=3, metavar="K", help="groups by size and tone; default: 3")


def run(args: argparse.Namespace) -> int:
    if not 1 <= args.clusters <= 8:
        raise CommandError(f"--clusters: expected a number from 1 to 8, got {args.clusters}")
    if implementation() != "kernel":
        raise CommandError("the demo compares kernels with references; unset FASTGEO_IMPL")
    for module in ("matplotlib", "skimage"):
        optional(module)
    check_figure(args.output)
    picture = load(args.image, args.diameter and tuple(args.diameter), args.dark)
    truth = segmented_boxes(picture)

    bar = iter(progress(range(2 * N_STAGES), "stages"))
    runs = [
        run_pipeline(impl, picture, truth, args.clusters, lambda _: advance(bar))
        for impl in (fastgeo.reference, fastgeo)
    ]
    for _ in bar:  # lets the progress bar close
        pass
    reference, kernels = runs
    agree, table = compare.table(reference, kernels)
    height, width = picture.grey.shape
    # With the picture on standard output, the text for people goes to standard error.
    text = sys.stderr if args.output == "-" else sys.stdout
    print(
        f"{args.image or 'coins'}, {width}×{height}; kernels: {active_isa()}, {fastgeo.get_num_threads()} threads\n",
        file=text,
    )
    print(f"{table}\n\n{summary(kernels, len(truth))}", file=text)
    shown = 255 - picture.grey if args.dark else picture.grey
    figure.draw(args.output, shown, truth, reference, kernels)
    if args.output != "-":
        print(f"picture: {args.output}")
    if not agree:
        print("fastgeo demo: a kernel and its reference differ; please report it with `fastgeo info`", file=text)
    return 0 if agree else 1


def advance(bar: Iterator[int]) -> None:
    next(bar, None)


def summary(found: Result, n_segmented: int) -> str:
    auc = "undefined (one class only)" if found.auc != found.auc else f"{found.auc:.4f}"
    return (
        f"{len(found.boxes)} objects found; {found.matched} of {n_segmented} segmented objects matched at IoU >= 0.5, "
        f"{found.false} false boxes; AUC of the scores {auc}"
    )
