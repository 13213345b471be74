"""How the ``fastgeo`` command ends where the package cannot start: with one line, not with a traceback."""

import os
import sys
from pathlib import Path
from types import TracebackType

# The command's exit codes for bad usage or input, and after Ctrl-C, as a shell reports it.
USAGE, INTERRUPTED = 2, 130


def report_in_one_line(error: BaseException) -> None:
    """Should this error end the command, report it in one line. For all who may catch it, it stays what it is."""
    if not _is_the_command():
        return
    report_others = sys.excepthook

    def report(kind: type[BaseException], value: BaseException, traceback: TracebackType | None) -> None:
        if value is not error:
            report_others(kind, value, traceback)
            return
        if not isinstance(error, KeyboardInterrupt):
            print(f"fastgeo: {error}", file=sys.stderr, flush=True)
        os._exit(INTERRUPTED if isinstance(error, KeyboardInterrupt) else USAGE)

    sys.excepthook = report


def _is_the_command() -> bool:
    """Whether ``fastgeo ...`` or ``python -m fastgeo ...`` was started, told before either has run a line."""
    if sys.argv[:1] == ["-m"]:  # so it stands while Python looks for the module
        return sys.orig_argv[-len(sys.argv)].removeprefix("-m") == "fastgeo"
    path = Path(sys.argv[0] if sys.argv else "")
    return path.stem == "fastgeo" or path.parts[-2:] == ("fastgeo", "__main__.py")
