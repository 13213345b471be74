"""Checks of the suppression room's arguments, shared by kernels and references so that both raise alike."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array

KINDS = ("iou", "diou", "ioa")
NO_IDXS = "idxs: expected an array of integers, got None"


def nms_arrays(boxes: Any, scores: Any, idxs: Any = None) -> tuple[Array, Array, Array | None]:
    """Plain arrays of equal length; their values are not looked at."""
    boxes = checks.float_array("boxes", boxes, ("N", 4))
    scores = checks.float_array("scores", scores, ("N",))
    checks.same_length("boxes", boxes, "scores", scores)
    if idxs is not None:
        idxs = group_ids("idxs", idxs)
        checks.same_length("boxes", boxes, "idxs", idxs)
    return boxes, scores, idxs


def nms_values(boxes: Array, scores: Array) -> None:
    """Raise for a value that breaks the input contract."""
    checks.box_values("boxes", boxes)
    checks.scores_array("scores", scores)


def group_ids(name: str, value: Any) -> Array:
    """Integers of any type as int64; unsigned ids above 2**63 wrap, which keeps different ids different."""
    array = checks.shaped(name, checks.numeric_array(name, value), ("N",))
    if array.dtype.kind == "f":
        if array.size:
            raise TypeError(f"{name}: expected an array of integers, got dtype {array.dtype}")
        array = array.astype(np.int64)
    return checks.plain(array, np.int64)


def score_threshold(value: Any) -> float:
    number = checks.real_number("score_threshold", value)
    if number != number:
        raise ValueError(f"score_threshold: expected a number, got {number:g}")
    return number


def max_output(value: Any) -> int:
    return min(checks.integer("max_output", value, 0), 2**62)
