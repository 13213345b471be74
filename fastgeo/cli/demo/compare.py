"""Holding the kernels' run of the pipeline to the references', stage by stage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from fastgeo.cli.common import format_ratio, format_seconds, format_table
from fastgeo.cli.demo.pipeline import Result, Stage
from fastgeo.testing import assert_same_answer

HEADER = ("stage", "size", "reference", "kernel", "ratio", "agreement")


def agreement(kernel: Stage, reference: Stage) -> tuple[bool, str]:
    """Whether two answers agree as the numeric contract promises, and how."""
    try:
        assert_same_answer(kernel.answer, reference.answer)
    except AssertionError:
        return _bounded(kernel, reference)
    return True, "equal to the last bit"


def _bounded(kernel: Stage, reference: Stage) -> tuple[bool, str]:
    """k-means alone is promised to a bound here: the same labels, and centroids whose sums may round differently."""
    if kernel.name != "kmeans" or not np.array_equal(kernel.answer.labels, reference.answer.labels):
        return False, "DIFFERENT"
    ours, theirs = (stage.answer.centroids.astype(np.float64) for stage in (kernel, reference))
    # A mean of n values below 4 spreads in magnitude: n roundings of the sum and one of the division, on either side.
    n = len(kernel.answer.labels)
    bound = 2 * (n + 1) * np.finfo(np.float32).eps * 4
    error = float(np.abs(ours - theirs).max())
    return bool(error <= bound), f"labels equal, centroids within {error:.0e} (bound {bound:.0e})"


def table(reference: Result, kernels: Result) -> tuple[bool, str]:
    """Whether every stage agrees, and the table of stages."""
    rows = list(_rows(reference, kernels))
    total_reference, total_kernel = (sum(stage.seconds for stage in run.stages) for run in (reference, kernels))
    all_agree = all(agree for agree, _ in rows)
    total = _cells(
        "whole pipeline", "", total_reference, total_kernel, "every stage" if all_agree else "NOT EVERY STAGE"
    )
    return all_agree, format_table(HEADER, [cells for _, cells in rows] + [total])


def _rows(reference: Result, kernels: Result) -> Iterator[tuple[bool, tuple[str, ...]]]:
    for slow, fast in zip(reference.stages, kernels.stages, strict=True):
        agree, how = agreement(fast, slow)
        yield agree, _cells(slow.name, slow.size, slow.seconds, fast.seconds, how)


def _cells(name: str, size: str, slow: float, fast: float, how: str) -> tuple[Any, ...]:
    return name, size, format_seconds(slow), format_seconds(fast), format_ratio(slow / fast), how
