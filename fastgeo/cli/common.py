"""What the subcommands share: errors for the user, optional packages, files or pipes, tables, progress."""

from __future__ import annotations

import importlib
import io
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

from fastgeo.version import DISTRIBUTION

T = TypeVar("T")


class CommandError(Exception):
    """Something the user can correct; printed as one line, without a traceback, and the exit code is 2."""


def optional(module: str, package: str = f'"{DISTRIBUTION}[demo]"') -> Any:
    """Import a module of an optional package, or say which ``pip install`` brings it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        name = module.partition(".")[0]
        if (error.name or "").partition(".")[0] != name:
            raise
        raise CommandError(f"{name} is not installed; run: pip install {package}") from None


@contextmanager
def reading(path: str, mode: str = "r") -> Iterator[IO[Any]]:
    """Open a file for reading; ``-`` is standard input."""
    try:
        if path == "-":
            yield from _standard_input(mode)
            return
        try:
            stream = open(path, mode, encoding=None if "b" in mode else "utf-8-sig")  # noqa: SIM115 - closed below
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror or error}") from None
        with stream:
            yield stream
    except UnicodeDecodeError:
        raise CommandError(f"{path}: expected text in UTF-8") from None


def _standard_input(mode: str) -> Iterator[IO[Any]]:
    """Standard input as any file is read: UTF-8 whatever the locale is, with a byte-order mark or without."""
    if "b" in mode:
        yield sys.stdin.buffer
        return
    stream = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8-sig")
    try:
        yield stream
    finally:
        stream.detach()  # else the wrapper would close what it did not open


def write_text(path: str, text: str) -> None:
    """Write a file; ``-`` is standard output."""
    if path == "-":
        sys.stdout.write(text)
        return
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror or error}") from None


def read_json(path: str) -> Any:
    """The content of a JSON file; ``-`` is standard input."""
    with reading(path) as stream:
        try:
            return json.load(stream)
        except (ValueError, RecursionError) as error:
            raise CommandError(f"{path}: not JSON ({error})") from None


def check_writable(path: str) -> None:
    """Complain about an output file before the long work, not after it."""
    if path == "-":
        return
    folder = Path(path).resolve().parent
    if not folder.is_dir():
        raise CommandError(f"{path}: the folder {folder} does not exist")
    if Path(path).is_dir():
        raise CommandError(f"{path}: expected a file, got a folder")
    if not os.access(path if Path(path).exists() else folder, os.W_OK):
        raise CommandError(f"{path}: no permission to write it")


def check_figure(path: str) -> None:
    """The same of a figure, whose ending must name a format that Matplotlib writes."""
    check_writable(path)
    endings = optional("matplotlib.backend_bases").FigureCanvasBase.get_supported_filetypes()
    if _figure_format(path) not in endings:
        raise CommandError(f"{path}: expected a name that ends in one of .{', .'.join(sorted(endings))}")


def save_figure(figure: Any, path: str) -> None:
    """Write a figure in the format that the ending of `path` names; ``-`` is PNG on standard output."""
    try:
        figure.savefig(sys.stdout.buffer if path == "-" else path, dpi=130, format=_figure_format(path))
    except (OSError, ValueError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise CommandError(f"{path}: cannot write the figure ({error})") from None


def _figure_format(path: str) -> str:
    """Without an ending it is PNG."""
    return Path(path).suffix[1:].lower() or "png"


def progress(items: Iterable[T], what: str) -> Iterable[T]:
    """Show a progress bar where standard error is a terminal and tqdm is installed."""
    if not sys.stderr.isatty():
        return items
    try:
        tqdm = importlib.import_module("tqdm").tqdm
    except ModuleNotFoundError:
        return items
    bar: Iterable[T] = tqdm(items, desc=what, leave=False)
    return bar


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 2) -> str:
    """Columns under their headings, the first `left` of them and the last one aligned to the left."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        last = len(cells) - 1
        aligned = [
            cell.ljust(width) if i < left or i == last else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "  ".join(aligned).rstrip()

    return "\n".join([line(header), line(["-" * width for width in widths]), *map(line, rows)])


def format_seconds(seconds: float) -> str:
    for factor, unit in ((1.0, "s"), (1e3, "ms"), (1e6, "µs")):
        if seconds * factor >= 0.9995 or unit == "µs":
            return f"{seconds * factor:.3g} {unit}" if seconds * factor < 999.5 else f"{seconds * factor:.0f} {unit}"
    raise AssertionError("unreachable")


def format_ratio(ratio: float) -> str:
    return f"{ratio:.0f}×" if ratio >= 99.5 else f"{ratio:.3g}×"
