"""``fastgeo info``: what runs where, for bug reports."""

from __future__ import annotations

import argparse
import json

from fastgeo.runtime.info import runtime_info, show_runtime

SUMMARY = "show version, instruction set, CPU features, threads, and what each function runs on"
EXAMPLES = """\
  fastgeo info
  fastgeo info --json
  FASTGEO_ISA=avx2 fastgeo info     force an instruction set"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the same as JSON")


def run(args: argparse.Namespace) -> int:
    if args.json:
        print(json.dumps(runtime_info(), indent=2))
    else:
        show_runtime()
    return 0
