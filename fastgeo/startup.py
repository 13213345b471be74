"""How the ``fastgeo`` command ends where the package cannot start: with one line, not with a traceback."""

import sys
from pathlib import Path

USAGE = 2  # the command's exit code for bad input


def end_the_command(error: Exception) -> None:
    """Print `error` and exit if this process is the command; return if it is any other program."""
    if _is_the_command():
        print(f"fastgeo: {error}", file=sys.stderr)
        raise SystemExit(USAGE)


def _is_the_command() -> bool:
    """Whether ``fastgeo ...`` or ``python -m fastgeo ...`` was started, told before either has run a line."""
    if sys.argv[:1] == ["-m"]:  # so it stands while Python looks for the module
        return sys.orig_argv[-len(sys.argv)].removeprefix("-m") == "fastgeo"
    return bool(sys.argv) and Path(sys.argv[0]).stem == "fastgeo"
