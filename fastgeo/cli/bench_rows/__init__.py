"""The rows of the benchmark, one module per family; ``fastgeo bench`` and ``bench/`` both run these."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# Prepares one contestant on the row's arrays and returns the call to time; raises ImportError where it is absent.
Prepare = Callable[..., Callable[[], Any]]


@dataclass(frozen=True, eq=False)
class Row:
    """One line: the same work done by every contestant on the same arrays, in one run."""

    group: str  # the function, "box_iou"
    work: str  # its size, "1000×1000 float32"
    arrays: Callable[[], tuple[Any, ...]]
    contestants: dict[str, Prepare]  # "fastgeo" and "reference", then peers by name
    short: bool = False  # belongs to the short form that CI runs
    yardsticks: tuple[str, ...] = ()  # contestants that are no peers: a floor, or another form of our own

    @property
    def name(self) -> str:
        return f"{self.group} {self.work}"


def all_rows() -> list[Row]:
    """The rows of every module beside this one, in the order of the modules' names."""
    rows: list[Row] = []
    for module in sorted(module.name for module in pkgutil.iter_modules(__path__)):
        rows += importlib.import_module(f"{__name__}.{module}").ROWS
    names = [row.name for row in rows]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"benchmark rows: expected unique names, got twice: {sorted(twice)}")
    return rows
