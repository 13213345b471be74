"""Labels and scores from a CSV file, read block by block, so that memory holds two columns and not the file.

A block of plain numbers is parsed by NumPy. Whatever that refuses (quotes, empty lines, words) goes through the csv
module cell by cell, which either understands it or says in which line it does not.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import IO, NamedTuple

import numpy as np

from fastgeo.cli.common import CommandError
from fastgeo.runtime.checks import Array

BLOCK_CHARACTERS = 1 << 20
BLOCK_ROWS = 1 << 15

TRUTH_VALUES = {"true": 1.0, "false": 0.0}
WORD = "U6"  # one character more than the longest of these
SEPARATORS = {";": "--separator ';'", "\t": "--tab", "|": "--separator '|'", ",": "--separator ','"}


class Layout(NamedTuple):
    """Where the two columns stand."""

    path: str
    separator: str
    width: int
    label: int
    score: int
    score_range: tuple[float, float] | None


def read_csv(
    path: str,
    stream: IO[str],
    separator: str,
    label: str | None,
    score: str | None,
    score_range: tuple[float, float] | None,
) -> tuple[Array, Array]:
    """Labels as bool, and scores. An error names the line."""
    try:
        reader = csv.reader(stream, delimiter=separator)
        first = next((row for row in reader if row), None)
        if first is None:
            raise CommandError(f"{path}: expected rows of label and score, got an empty file")
        names = [] if all(map(_is_value, first)) else [name.strip() for name in first]
        _check_width(path, first, separator)
        places = (
            column_position(names, label, "label", 0, len(first)),
            column_position(names, score, "score", 1, len(first)),
        )
        layout = Layout(path, separator, len(first), *places, score_range)
        start = [] if names else [_careful_part([(reader.line_num, first)], layout)]
        parts = [*start, *_parts(stream, reader.line_num, layout)]
    except csv.Error as error:
        raise CommandError(f"{path}: not a table of text ({error})") from None
    if not parts:
        raise CommandError(f"{path}: expected rows of label and score, got only their names")
    labels, scores = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return labels, scores


def column_position(names: Sequence[str], wanted: str | None, usual: str, default: int, count: int) -> int:
    """Which column is meant."""
    if wanted is None:
        position = list(names).index(usual) if usual in names else default
    elif wanted in names:
        position = list(names).index(wanted)
    elif wanted.isdecimal():
        position = int(wanted)
    else:
        raise CommandError(f"--{usual}: no column {wanted!r}; the columns are {', '.join(names) or 'without names'}")
    if position >= count:
        raise CommandError(f"--{usual}: expected a column from 0 to {count - 1}, got {position}")
    return position


def _check_width(path: str, first: Sequence[str], separator: str) -> None:
    """One column is often two that another character separates."""
    if len(first) > 1:
        return
    hint = next(
        (f"; try {option}" for mark, option in SEPARATORS.items() if mark != separator and mark in first[0]), ""
    )
    raise CommandError(f"{path}: expected at least 2 columns separated by {separator!r}, got 1{hint}")


def _parts(stream: IO[str], line: int, layout: Layout) -> Iterator[tuple[Array, Array]]:
    """Labels and scores of each block of rows; `line` lines were read before."""
    while lines := stream.readlines(BLOCK_CHARACTERS):
        text = "".join(lines)
        if '"' in text:  # a quoted cell may go on into the next block
            rows = _rows(chain(lines, stream), line, layout)
            while block := list(islice(rows, BLOCK_ROWS)):
                yield _careful_part(block, layout)
            return
        part = _plain_part(lines, layout) if _is_regular(text, len(lines), layout) else None
        if part is None:
            rows = _rows(lines, line, layout)
            part = _careful_part(list(rows), layout)
        yield part
        line += len(lines)


def _is_regular(text: str, n_lines: int, layout: Layout) -> bool:
    """Whether all lines have as many columns."""
    characters = np.frombuffer(text.encode(), np.uint8)
    ends = np.flatnonzero(characters == ord("\n"))
    if not text.endswith("\n"):  # at the end of the file
        ends = np.append(ends, len(characters))
    separators = np.searchsorted(np.flatnonzero(characters == ord(layout.separator)), ends)
    widths = np.diff(separators, prepend=0) + 1
    return len(widths) == n_lines and bool((widths == layout.width).all())


def _plain_part(lines: list[str], layout: Layout) -> tuple[Array, Array] | None:
    """Labels and scores of lines whose labels are all numbers or all words; None if one holds what is not allowed."""
    for label_type in ("f8", WORD):
        try:
            columns = np.loadtxt(
                lines,
                dtype=[("label", label_type), ("score", "f8")],
                delimiter=layout.separator,
                comments=None,
                usecols=(layout.label, layout.score),
                ndmin=1,
            )
        except ValueError:
            continue
        labels = columns["label"] if label_type == "f8" else _meaning(columns["label"])
        scores = columns["score"].copy()
        whole = len(columns) == len(lines)
        return (labels == 1, scores) if whole and not _bad(labels, scores, layout).any() else None
    return None


def _meaning(words: Array) -> Array:
    """Numbers for words, which may have been cut off: only what is short and known has one."""
    distinct, inverse = np.unique(words, return_inverse=True)
    return np.array([TRUTH_VALUES.get(word.lower(), np.nan) for word in distinct.tolist()])[inverse]


def _careful_part(rows: list[tuple[int, list[str]]], layout: Layout) -> tuple[Array, Array]:
    labels, scores = np.empty(len(rows)), np.empty(len(rows))
    for i, (_, row) in enumerate(rows):
        labels[i] = _number(row[layout.label], TRUTH_VALUES)
        scores[i] = _number(row[layout.score], {})
    bad = _bad(labels, scores, layout)
    if bad.any():
        raise _cell_error(*rows[int(bad.argmax())], layout)
    return labels == 1, scores


def _bad(labels: Array, scores: Array, layout: Layout) -> Array:
    bad = ((labels != 0) & (labels != 1)) | np.isnan(scores)
    if layout.score_range:
        bad |= (scores < layout.score_range[0]) | (scores > layout.score_range[1])
    return np.asarray(bad)


def _cell_error(line: int, row: list[str], layout: Layout) -> CommandError:
    label, score = _number(row[layout.label], TRUTH_VALUES), row[layout.score]
    where = f"{layout.path}, line {line}"
    if label not in (0, 1):
        return CommandError(f"{where}: label: expected 0, 1, True or False, got {row[layout.label]!r}")
    expected = "a number"
    if layout.score_range and not np.isnan(_number(score, {})):
        low, high = layout.score_range
        expected = f"a number from {low:g} to {high:g}, as --bins needs it"
    return CommandError(f"{where}: score: expected {expected}, got {score!r}")


def _rows(lines: Iterable[str], line: int, layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, each with the number of the line where it ends."""
    reader = csv.reader(lines, delimiter=layout.separator)
    for row in reader:
        if row and len(row) != layout.width:
            number = line + reader.line_num
            raise CommandError(f"{layout.path}, line {number}: expected {layout.width} columns, got {len(row)}")
        if row:
            yield line + reader.line_num, row


def _number(text: str, words: dict[str, float]) -> float:
    """The value of a cell; NaN for what is none."""
    try:
        return float(text)
    except ValueError:
        return words.get(text.strip().lower(), np.nan)


def _is_value(text: str) -> bool:
    """Whether a cell of the first row is data, not a name."""
    return text.strip().lower() in (*TRUTH_VALUES, "nan") or not np.isnan(_number(text, {}))
