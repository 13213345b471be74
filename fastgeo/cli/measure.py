"""Timing contestants in turn in one run, and the limits of the machine they run on."""

from __future__ import annotations

import gc
import importlib
import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np

import fastgeo
from fastgeo.cli.bench_rows import Row
from fastgeo.runtime import core

OWN = ("fastgeo", "reference")
SAMPLE_SECONDS = 0.002  # short calls are repeated until a sample is this long


@dataclass(frozen=True)
class Outcome:
    row: Row
    seconds: dict[str, float]  # least time of one call, by contestant
    absent: dict[str, str]  # peers that could not take part, and why

    @property
    def best_peer(self) -> str | None:
        no_peers = (*OWN, *self.row.yardsticks)
        peers = [name for name in self.seconds if name not in no_peers and not name.startswith("fastgeo")]
        return min(peers, key=self.seconds.__getitem__) if peers else None

    def ratio_to(self, contestant: str | None) -> float | None:
        """How many times as long the contestant takes as the kernel."""
        if contestant is None or contestant not in self.seconds:
            return None
        return self.seconds[contestant] / self.seconds["fastgeo"]


def prepare(row: Row) -> tuple[dict[str, Callable[[], Any]], dict[str, str]]:
    """Every contestant that can take part, called once; and why the other peers cannot."""
    arrays = row.arrays()
    calls: dict[str, Callable[[], Any]] = {}
    absent: dict[str, str] = {}
    for name, prepare_contestant in row.contestants.items():
        try:
            call = prepare_contestant(*arrays)
            call()
        except ImportError as error:
            absent[name] = "not installed" if isinstance(error, ModuleNotFoundError) else f"cannot be imported: {error}"
        except Exception as error:
            if name in OWN:
                raise
            absent[name] = f"{type(error).__name__}: {error}"
        else:
            calls[name] = call
    return calls, absent


def limit_peers(n_threads: int) -> ExitStack:
    """Hold every library loaded so far, and fastgeo, to this many threads until the stack is closed."""
    stack = ExitStack()
    stack.enter_context(fastgeo.threads(n_threads))
    with suppress(ModuleNotFoundError):
        stack.enter_context(importlib.import_module("threadpoolctl").threadpool_limits(n_threads))
    for module, setter in (("torch", "set_num_threads"), ("cv2", "setNumThreads"), ("faiss", "omp_set_num_threads")):
        if module in sys.modules:
            getattr(sys.modules[module], setter)(n_threads)
    return stack


def limit_environment(n_threads: int) -> None:
    """The same for libraries that read their thread count when they are loaded."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(variable, str(n_threads))


def contest(row: Row, budget: float, n_threads: int) -> Outcome:
    """Time the contestants of a row in turn, round after round, `budget` seconds for each; the least time counts."""
    calls, absent = prepare(row)
    samples: dict[str, list[float]] = {name: [] for name in calls}
    spent = dict.fromkeys(calls, 0.0)
    collecting = gc.isenabled()
    gc.disable()
    try:
        with limit_peers(n_threads):
            loops = {name: _loops(call) for name, call in calls.items()}
            while any(seconds < budget for seconds in spent.values()):
                for name, call in calls.items():
                    if spent[name] < budget:
                        seconds = _sample(call, loops[name])
                        samples[name].append(seconds / loops[name])
                        spent[name] += seconds
    finally:
        if collecting:
            gc.enable()
    return Outcome(row, {name: min(values) for name, values in samples.items()}, absent)


def _sample(call: Callable[[], Any], loops: int) -> float:
    start = time.perf_counter()
    for _ in repeat(None, loops):
        call()
    return time.perf_counter() - start


def _loops(call: Callable[[], Any]) -> int:
    loops = 1
    while (seconds := _sample(call, loops)) < SAMPLE_SECONDS / 2:
        loops = max(loops * 2, int(loops * SAMPLE_SECONDS / max(seconds, 1e-7)))
    return loops


def machine_limits() -> dict[str, float]:
    """What one thread of this machine can do at best, measured: GFLOP/s of float32 FMA, GB/s of memset and reading."""
    rounds, memory = 1 << 16, np.ones(1 << 25, np.float32)
    flops = core.spin_fma(rounds)
    return {
        "fma_gflops": flops / _best(lambda: core.spin_fma(rounds)) / 1e9,
        "memset_gbs": memory.nbytes / _best(lambda: memory.fill(0)) / 1e9,
        "read_gbs": memory.nbytes / _best(lambda: core.read_floats(memory)) / 1e9,
    }


def _best(call: Callable[[], Any]) -> float:
    return min(_sample(call, 1) for _ in range(12))
