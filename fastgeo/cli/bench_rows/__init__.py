"""The rows of the benchmark, one module per room; ``fastgeo bench`` and ``bench/`` both run these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# Prepares one contestant on the row's arrays and returns the call to time; raises ImportError where it is absent.
Prepare = Callable[..., Callable[[], Any]]


@dataclass(frozen=True)
class Row:
    """One line: the same work done by every contestant on the same arrays, in one run."""

    group: str  # the function, "box_iou"
    work: str  # its size, "1000×1000 float32"
    arrays: Callable[[], tuple[Any, ...]]
    contestants: dict[str, Prepare]  # "fastgeo" and "reference", then peers by name
    short: bool = False  # belongs to the short form that CI runs
