"""``fastgeo auc``: ROC AUC of a file of labels and scores."""

from __future__ import annotations

import argparse
import csv
import json
from typing import IO

import numpy as np

import fastgeo
from fastgeo.cli.common import CommandError, optional, reading
from fastgeo.runtime.checks import Array

SUMMARY = "ROC AUC of the labels and scores in a file"
EXAMPLES = """\
  fastgeo auc scores.csv                    columns "label" and "score", or the first two
  fastgeo auc run.csv --label y --score p   columns by name, or by number from 0
  fastgeo auc scores.npy --bins 1000        from a histogram; scores from 0 to 1
  cut -f 3,7 run.tsv | fastgeo auc - --tab  from a pipe"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="CSV, .npy of shape (n, 2), or .parquet; - is CSV from a pipe")
    parser.add_argument("--label", metavar="COLUMN", help='name or number; default: "label", else the first column')
    parser.add_argument("--score", metavar="COLUMN", help='name or number; default: "score", else the second column')
    parser.add_argument("--tab", action="store_true", help="columns are separated by tabs")
    parser.add_argument("--bins", type=int, metavar="N", help="count in N bins instead of exactly")
    parser.add_argument("--json", action="store_true", help="print AUC and counts as JSON")


def run(args: argparse.Namespace) -> int:
    names, columns = _read(args)
    labels = columns[_position(names, args.label, "label", 0, len(columns))]
    scores = columns[_position(names, args.score, "score", 1, len(columns))]
    try:
        if args.bins is None:
            auc = fastgeo.roc_auc(labels, scores)
        else:
            auc = fastgeo.histogram_auc(labels, scores, args.bins)
    except (ValueError, TypeError) as error:
        raise CommandError(f"{args.file}: {error}") from None
    if args.json:
        positive = int(np.count_nonzero(labels))
        print(json.dumps({"auc": auc, "positive": positive, "negative": len(labels) - positive}))
    else:
        print(f"{auc:.10g}")
    return 0


def _read(args: argparse.Namespace) -> tuple[list[str], list[Array]]:
    """Names (or none) and columns of the file."""
    if args.file.endswith(".npy"):
        return [], _npy_columns(args.file)
    if args.file.endswith(".parquet"):
        parquet = optional("pyarrow.parquet", package="pyarrow")
        with reading(args.file, "rb") as stream:
            try:
                table = parquet.read_table(stream)
            except (ValueError, OSError) as error:
                raise CommandError(f"{args.file}: not a Parquet file ({error})") from None
        return table.column_names, [column.to_numpy() for column in table.columns]
    with reading(args.file) as stream:
        return _csv_columns(args.file, stream, "\t" if args.tab else ",")


def _npy_columns(path: str) -> list[Array]:
    with reading(path, "rb") as stream:
        try:
            array = np.load(stream, allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise CommandError(f"{path}: not a .npy file ({error})") from None
    if array.ndim != 2:
        raise CommandError(f"{path}: expected an array of shape (n, 2), got {array.shape}")
    return list(array.T)


def _csv_columns(path: str, stream: IO[str], delimiter: str) -> tuple[list[str], list[Array]]:
    try:
        rows = [(number, row) for number, row in enumerate(csv.reader(stream, delimiter=delimiter), 1) if row]
    except csv.Error as error:
        raise CommandError(f"{path}: not a table of text ({error})") from None
    if not rows:
        raise CommandError(f"{path}: expected rows of label and score, got an empty file")
    names = rows[0][1] if not all(map(_is_number, rows[0][1])) else []
    rows = rows[1:] if names else rows
    width = len(names or rows[0][1])
    for number, row in rows:
        if len(row) != width:
            raise CommandError(f"{path}, line {number}: expected {width} columns, got {len(row)}")
    columns = []
    for position in range(width):
        try:
            columns.append(np.array([float(row[position]) for _, row in rows]))
        except ValueError:
            columns.append(np.array([row[position] for _, row in rows]))
    # A pipe may still carry the byte order mark of a file.
    return [name.removeprefix("\ufeff").strip() for name in names], columns


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _position(names: list[str], wanted: str | None, usual: str, default: int, count: int) -> int:
    """Which column is meant."""
    if wanted is None:
        position = names.index(usual) if usual in names else default
    elif wanted in names:
        position = names.index(wanted)
    elif wanted.isdigit():
        position = int(wanted)
    else:
        raise CommandError(f"--{usual}: no column {wanted!r}; the columns are {', '.join(names) or 'without names'}")
    if position >= count:
        raise CommandError(f"--{usual}: expected a column from 0 to {count - 1}, got {position}")
    return position
