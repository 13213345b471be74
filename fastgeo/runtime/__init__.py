"""Shared by every kernel family: CPU features, instruction sets, thread pool, array checks."""

from __future__ import annotations

import os
from types import ModuleType

try:
    from fastgeo.runtime.core import (
        active_isa,
        cpu_features,
        get_num_threads,
        isa_names,
        set_isa,
        set_num_threads,
        supported_isas,
        threads,
    )
except ModuleNotFoundError as error:
    if error.name != "fastgeo.runtime.core":
        raise
    raise ImportError(
        "fastgeo's compiled modules are missing: this is a source tree, not an installed package. "
        "Run `pip install .` (or `pip install -e .` to develop) in it, or leave the checkout to use the installed one."
    ) from error

__all__ = [
    "active_isa",
    "cpu_features",
    "get_num_threads",
    "implementation",
    "isa_names",
    "set_isa",
    "set_num_threads",
    "share_docs",
    "supported_isas",
    "threads",
]


def implementation() -> str:
    """``"kernel"``, or ``"reference"`` where FASTGEO_IMPL asks for the references."""
    chosen = os.environ.get("FASTGEO_IMPL") or "kernel"
    if chosen not in ("kernel", "reference"):
        raise ValueError(f"FASTGEO_IMPL: expected 'kernel' or 'reference', got {chosen!r}")
    return chosen


def share_docs(kernels: ModuleType, reference: ModuleType) -> None:
    """Give each kernel the docstring of its reference, which is written once."""
    for name in reference.__all__:
        kernel = getattr(kernels, name)
        if not isinstance(kernel, type):
            kernel.__doc__ = getattr(reference, name).__doc__
