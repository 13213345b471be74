"""``fastgeo auc``: ROC AUC of a file of labels and scores."""

from __future__ import annotations

import argparse
import json

import numpy as np

import fastgeo
from fastgeo.cli.common import CommandError, optional, reading
from fastgeo.cli.score_table import column_position, read_csv
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
    parser.add_argument("--separator", metavar="C", default=",", help="what separates columns; default: a comma")
    parser.add_argument("--tab", action="store_true", help="columns are separated by tabs")
    parser.add_argument("--bins", type=int, metavar="N", help="count in N bins instead of exactly")
    parser.add_argument("--json", action="store_true", help="print AUC and counts as JSON")


def run(args: argparse.Namespace) -> int:
    labels, scores = _read(args)
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


def _read(args: argparse.Namespace) -> tuple[Array, Array]:
    """The labels and scores of the file."""
    if args.file.endswith(".npy"):
        return _npy_columns(args)
    if args.file.endswith(".parquet"):
        return _parquet_columns(args)
    separator = "\t" if args.tab else args.separator
    if len(separator) != 1 or not separator.isascii() or separator in '\r\n"':
        raise CommandError(f"--separator: expected one ASCII character that separates columns, got {separator!r}")
    score_range = None if args.bins is None else (0.0, 1.0)
    with reading(args.file) as stream:
        return read_csv(args.file, stream, separator, args.label, args.score, score_range)


def _positions(args: argparse.Namespace, names: list[str], count: int) -> tuple[int, int]:
    return (
        column_position(names, args.label, "label", 0, count),
        column_position(names, args.score, "score", 1, count),
    )


def _npy_columns(args: argparse.Namespace) -> tuple[Array, Array]:
    with reading(args.file, "rb") as stream:
        try:
            array = np.load(stream, allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise CommandError(f"{args.file}: not a .npy file ({error})") from None
    if array.ndim != 2:
        raise CommandError(f"{args.file}: expected an array of shape (n, 2), got {array.shape}")
    label, score = _positions(args, [], array.shape[1])
    return array[:, label], array[:, score]


def _parquet_columns(args: argparse.Namespace) -> tuple[Array, Array]:
    parquet = optional("pyarrow.parquet", package="pyarrow")
    with reading(args.file, "rb") as stream:
        try:
            file = parquet.ParquetFile(stream)
            names = file.schema_arrow.names
            label, score = (names[position] for position in _positions(args, names, len(names)))
            table = file.read(columns=[label, score])
        except (ValueError, OSError) as error:
            raise CommandError(f"{args.file}: not a Parquet file ({error})") from None
    return table.column(label).to_numpy(), table.column(score).to_numpy()
