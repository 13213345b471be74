"""What a call would run, and why: the plan of a call, as a database explains a query."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastgeo.runtime import active_isa, core

# The name that stands for the algorithm of a function that has only one.
ONLY = "direct"


@dataclass(frozen=True)
class Plan:
    """How a call would be computed.

    Attributes
    ----------
    function : str
        Name of the function.
    algorithm : str
        One of :func:`fastgeo.testing.algorithms`. The choice never changes a bit of the answer.
    isa : str
        Instruction set.
    threads : int
        How many threads may take part.
    chunks : int
        Pieces of work that the threads share.
    scratch_bytes : int
        Memory that the call takes beyond its input and output.
    reason : str
        Why this algorithm.

    Examples
    --------
    >>> import fastgeo
    >>> print(fastgeo.explain(fastgeo.box_area, [[0.0, 0, 1, 1]]).algorithm)
    direct
    """

    function: str
    algorithm: str
    isa: str
    threads: int
    chunks: int
    scratch_bytes: int
    reason: str

    def __str__(self) -> str:
        rows = [
            ("algorithm", self.algorithm),
            ("why", self.reason),
            ("runs on", f"{self.isa}, {_count(self.threads, 'thread')}, {_count(self.chunks, 'chunk')}"),
            ("scratch", _bytes(self.scratch_bytes)),
        ]
        return "\n".join([self.function, *(f"  {name:<9}  {value}" for name, value in rows)])


def explain(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Plan:
    """Say what a call would run, and why, without computing its result.

    Parameters
    ----------
    function : callable
        A public function of fastgeo, such as ``fastgeo.nms``, or a layer that was made before: a ``fastgeo.Conv2d``.
    *args, **kwargs
        Its arguments. They are checked as in the call itself, where a plan depends on them.

    Returns
    -------
    Plan
        Algorithm, instruction set, threads, chunks, scratch memory and the reason; print it.

    Raises
    ------
    TypeError
        If `function` is not a public function of fastgeo.
    ValueError, TypeError
        As the call itself.

    Notes
    -----
    The algorithm is a matter of speed alone: every one of them gives the same bits.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgeo
    >>> boxes = np.array([[0.0, 0, 2, 2], [0, 0, 2, 1.9], [5, 5, 6, 6]])
    >>> plan = fastgeo.explain(fastgeo.nms, boxes, [0.9, 0.8, 0.7], 0.5)
    >>> plan.function, plan.threads
    ('nms', 1)
    """
    if isinstance(function, type):
        raise TypeError(f"function: expected a function or a layer, got {function!r}: call explain(layer, inputs)")
    return plan_of_call(function, lambda: function(*args, **kwargs))


def plan_of_call(function: Callable[..., Any], call: Callable[[], Any]) -> Plan:
    """The plan of the choice that `function` makes, in a call that uses the function somewhere."""
    name = public_name(function)
    choice, _ = choice_of(function)
    if choice is None:
        return Plan(name, ONLY, active_isa(), 1, 1, 0, "it is the only algorithm of this function")
    found = core.plan_of(choice, call)
    if found is None:
        return Plan(name, "none", active_isa(), 1, 0, 0, "there is nothing to compute: an input is empty")
    return Plan(name, isa=active_isa(), **found)


def public_name(function: Any) -> str:
    """Name of a public function of a family, or of a layer's class; TypeError for anything else."""
    module = getattr(function, "__module__", None) or ""
    named = function if hasattr(function, "__name__") else type(function)
    if not module.startswith("fastgeo.") or not callable(function):
        raise TypeError(f"function: expected a public function of fastgeo, got {function!r}")
    return str(named.__name__)


def choice_of(function: Callable[..., Any]) -> tuple[str | None, tuple[str, ...]]:
    """The choice that a function makes, if any, and the names of the algorithms that it chooses among.

    Families list them in their kernels as ``ALGORITHMS``: function name -> (choice, names).
    """
    name = public_name(function)
    family: Mapping[str, tuple[str, tuple[str, ...]]] = getattr(sys.modules[function.__module__], "ALGORITHMS", {})
    return family.get(name, (None, (ONLY,)))


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def _bytes(n: int) -> str:
    return f"{n / 2**20:,.1f} MiB" if n >= 1 << 20 else f"{n / 2**10:,.1f} KiB" if n >= 1 << 10 else f"{n} bytes"
