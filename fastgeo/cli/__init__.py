"""The ``fastgeo`` command: one module per subcommand, each with SUMMARY, EXAMPLES, ``add_arguments`` and ``run``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from fastgeo.startup import INTERRUPTED, USAGE, report_in_one_line
from fastgeo.version import __version__

try:
    from fastgeo.cli import anchors, auc, bench, demo, evaluate, info, nms
    from fastgeo.cli.common import CommandError
except KeyboardInterrupt as error:
    report_in_one_line(error)
    raise

COMMANDS = {
    "info": info,
    "demo": demo,
    "bench": bench,
    "auc": auc,
    "nms": nms,
    "anchors": anchors,
    "evaluate": evaluate,
}

CLOSED_PIPE = 141  # the exit code, as a shell reports it


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fastgeo",
        description="IoU, NMS, conv2d, ROC AUC and k-means on the CPU, each a C kernel beside its readable reference.",
        epilog="`fastgeo COMMAND --help` shows examples.",
    )
    parser.add_argument("--version", action="version", version=f"fastgeo {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, module in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=module.SUMMARY,
            description=module.SUMMARY[0].upper() + module.SUMMARY[1:] + ".",
            epilog=f"examples:\n{module.EXAMPLES}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0 done, 1 a check failed, 2 bad usage or input, 130 Ctrl-C."""
    args = build_parser().parse_args(argv)
    try:
        code: int = COMMANDS[args.command].run(args)
        sys.stdout.flush()
        return code
    except CommandError as error:
        print(f"fastgeo {args.command}: {error}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except MemoryError as error:
        print(f"fastgeo {args.command}: not enough memory {error}".rstrip(), file=sys.stderr)
        return USAGE
    except BrokenPipeError:
        _drop_output()
        return CLOSED_PIPE
    except OSError as error:
        print(f"fastgeo {args.command}: {error.strerror or error}", file=sys.stderr)
        _drop_output()
        return USAGE


def _drop_output() -> None:
    """The reader has gone or the disk is full: Python would complain again when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
