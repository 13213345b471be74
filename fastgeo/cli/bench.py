"""``fastgeo bench``: kernel, reference and installed peers on the same arrays in one run."""

from __future__ import annotations

import argparse
import json
import re
import sys
from importlib.util import find_spec
from typing import Any

import fastgeo
from fastgeo.cli import bench_figure
from fastgeo.cli.bench_rows import Row, all_rows
from fastgeo.cli.common import (
    CommandError,
    check_figure,
    check_writable,
    format_ratio,
    format_seconds,
    format_table,
    progress,
    read_json,
    write_text,
)
from fastgeo.cli.measure import Outcome, contest, limit_environment, machine_limits
from fastgeo.plans import plan_of_call
from fastgeo.runtime import active_isa
from fastgeo.runtime.info import runtime_info

SUMMARY = "time the kernels against their references and every installed peer"
EXAMPLES = """\
  fastgeo bench                          all rows, one thread; writes fastgeo-bench.png
  fastgeo bench --only nms --short       a part of them, in seconds
  fastgeo bench --only nms --explain     which algorithm each row runs, beside its times
  fastgeo bench --json now.json          keep the figures; - for standard output
  fastgeo bench --compare before.json    and hold them to a kept run"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--only", metavar="PATTERN", help="rows whose name matches this regular expression")
    parser.add_argument("--short", action="store_true", help="the few rows and short times that CI runs")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads for every contestant; default: 1")
    parser.add_argument("--explain", action="store_true", help="add a column with the algorithm that each row runs")
    parser.add_argument("--json", metavar="FILE", help="write the figures as JSON; - for standard output")
    parser.add_argument("--compare", metavar="OLD.json", help="show the change against an earlier --json")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        default="fastgeo-bench.png",
        help="the plot; default: %(default)s, - for PNG on standard output",
    )


def run(args: argparse.Namespace) -> int:
    if args.threads < 1:
        raise CommandError(f"--threads: expected at least 1, got {args.threads}")
    old = _load(args.compare) if args.compare else None
    if args.json == args.output == "-":
        raise CommandError("--json and --output cannot both go to standard output")
    check_writable(args.output)
    if find_spec("matplotlib"):  # without it there are figures and no plot
        check_figure(args.output)
    if args.json:
        check_writable(args.json)
    rows = _chosen(args.only, args.short)
    limit_environment(args.threads)
    budget = 0.1 if args.short else 0.7
    outcomes = [contest(row, budget, args.threads) for row in progress(rows, "rows")]
    limits = machine_limits()
    # With the JSON or the plot on standard output, the text for people goes to standard error.
    text = sys.stderr if "-" in (args.json, args.output) else sys.stdout
    print(report(outcomes, limits, args.threads, explained=args.explain), file=text)
    if old is not None:
        print(f"\n{comparison(outcomes, old)}", file=text)
    if args.json:
        write_text(args.json, json.dumps(as_json(outcomes, limits, args.threads), indent=1) + "\n")
    try:
        bench_figure.draw(args.output, outcomes)
        if args.output != "-":
            print(f"\nplot: {args.output}", file=text)
    except CommandError as error:  # the figures stand in the table all the same
        print(f"\nfastgeo bench: no plot: {error}", file=sys.stderr)
    return 0


def _chosen(pattern: str | None, short: bool) -> list[Row]:
    try:
        wanted = re.compile(pattern or "", re.IGNORECASE)
    except re.error as error:
        raise CommandError(f"--only: {pattern!r} is not a regular expression ({error})") from None
    rows = [row for row in all_rows() if wanted.search(row.name) and (row.short or not short)]
    if not rows:
        groups = ", ".join(dict.fromkeys(row.group for row in all_rows()))
        raise CommandError(f"no row is chosen; the functions are: {groups}")
    return rows


def report(outcomes: list[Outcome], limits: dict[str, float], n_threads: int, *, explained: bool = False) -> str:
    header: tuple[str, ...] = ("function", "work", "fastgeo", "reference", "ratio", "best peer", "ratio", "peer")
    rows = [_cells(outcome) for outcome in outcomes]
    if explained:
        header = (*header, "algorithm")
        rows = [(*cells, _algorithm(outcome.row, n_threads)) for cells, outcome in zip(rows, outcomes, strict=True)]
    table = format_table(header, rows)
    absent = sorted({f"{name} ({why})" for outcome in outcomes for name, why in outcome.absent.items()})
    lines = [
        f"instruction set {active_isa()}, {n_threads} thread{'s' * (n_threads > 1)}; least times of interleaved rounds",
        "",
        table,
        "",
        *_yardsticks(outcomes),
        f"limits of one thread here: {limits['fma_gflops']:.0f} GFLOP/s float32 FMA, "
        f"memset {limits['memset_gbs']:.0f} GB/s, read {limits['read_gbs']:.0f} GB/s",
    ]
    if absent:
        lines.append(f"left out: {', '.join(absent)}")
    return "\n".join(lines)


def _algorithm(row: Row, n_threads: int) -> str:
    """What the plan chooses for the row's call."""
    call = row.contestants["fastgeo"](*row.arrays())
    with fastgeo.threads(n_threads):
        return plan_of_call(getattr(fastgeo, row.group), call).algorithm


def _yardsticks(outcomes: list[Outcome]) -> list[str]:
    """What is no peer: floors of the machine and other forms of our own, as a share of the kernel's time."""
    rows = [
        (outcome.row.group, outcome.row.work, name, format_seconds(outcome.seconds[name]), f"{share:.0%}")
        for outcome in outcomes
        for name in outcome.row.yardsticks
        if (share := outcome.ratio_to(name)) is not None
    ]
    return [format_table(("function", "work", "yardstick", "time", "of fastgeo's"), rows), ""] if rows else []


def _cells(outcome: Outcome) -> tuple[str, ...]:
    peer = outcome.best_peer
    return (
        outcome.row.group,
        outcome.row.work,
        format_seconds(outcome.seconds["fastgeo"]),
        *_time_and_ratio(outcome, "reference"),
        *_time_and_ratio(outcome, peer),
        peer or "",
    )


def _time_and_ratio(outcome: Outcome, contestant: str | None) -> tuple[str, str]:
    ratio = outcome.ratio_to(contestant)
    if contestant is None or ratio is None:
        return "", ""
    return format_seconds(outcome.seconds[contestant]), format_ratio(ratio)


def as_json(outcomes: list[Outcome], limits: dict[str, float], n_threads: int) -> dict[str, Any]:
    return {
        "runtime": runtime_info(),
        "threads": n_threads,
        "limits": limits,
        "rows": [
            {
                "group": outcome.row.group,
                "work": outcome.row.work,
                "seconds": outcome.seconds,
                "best_peer": outcome.best_peer,
                "ratio": outcome.ratio_to(outcome.best_peer),
                "absent": outcome.absent,
            }
            for outcome in outcomes
        ],
    }


def _load(path: str) -> dict[str, dict[str, Any]]:
    try:
        return {f"{row['group']} {row['work']}": row for row in read_json(path)["rows"]}
    except (KeyError, TypeError):
        raise CommandError(f"{path}: expected a file that `fastgeo bench --json` wrote") from None


def comparison(outcomes: list[Outcome], old: dict[str, dict[str, Any]]) -> str:
    """The kernels' times then and now, and the ratios to one peer, which drift less than times do."""
    rows = []
    for outcome in outcomes:
        before = old.get(outcome.row.name)
        if before is None:
            continue
        now_seconds, then_seconds = outcome.seconds["fastgeo"], before["seconds"]["fastgeo"]
        peer = before["best_peer"] if before["best_peer"] in outcome.seconds else None
        then = format_ratio(before["seconds"][peer] / then_seconds) if peer else ""
        now = format_ratio(outcome.seconds[peer] / now_seconds) if peer else ""
        times = format_seconds(then_seconds), format_seconds(now_seconds), format_ratio(then_seconds / now_seconds)
        rows.append((outcome.row.group, outcome.row.work, *times, then, now, peer or ""))
    if not rows:
        return "comparison: no row is in both runs"
    return format_table(("function", "work", "before", "now", "as fast", "ratio before", "now", "peer"), rows)
