"""Call the public functions with random data of every kind and size, and hold the answers to all that must hold.

    python tools/fuzz.py [--family NAME] [--seconds 60] [--seed 0] [--large] [--only FUNCTION]
    python tools/fuzz.py --family NAME --seed N --once      repeats one finding

Every call runs twice, each time on another instruction set and number of threads, at times by an algorithm that its
plan would not choose: the bits must be equal. Where the
reference takes less than a second, the answer must be what its contract says beside it, and an error must be the
reference's, word for word. With --large sizes go to 10⁶, and answers are held to brute force on a sample and to the
peers that are installed. To catch what reads or writes out of bounds, run it through tools/sanitize.py. The calls run
in a process of their own: its death and a call that does not end are findings too. Exit code 1 on a finding.
"""

from __future__ import annotations

import argparse
import collections
import importlib
import queue
import subprocess
import sys
import threading
import time
import traceback
import warnings
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / part) for part in ("", "tests", "tools")]

from calls import ENTRIES, NAMES  # noqa: E402
from fuzzing.contract import drawer  # noqa: E402
from fuzzing.draws import pick, rearrange, spoil  # noqa: E402

import fastgeo  # noqa: E402
from fastgeo import reference, runtime  # noqa: E402
from fastgeo.testing import algorithms, assert_same_answer, force_algorithm  # noqa: E402

FAMILIES = (
    "boxes",
    "suppression",
    "convolution",
    "ranking",
    "clustering",
    "assignment",
    "heads",
    "evaluation",
    "masks",
)
CANNOT_SERVE = "cannot serve this call"
THREADS = (1, 1, 2, 3, 4, 8, 17, 64)
REFERENCE_SECONDS = 0.5  # what the reference may take for one call
HANGS = 300  # seconds without a word from the process that calls
MOST_FINDINGS = 20


def names_of(family):
    own = importlib.import_module(f"fastgeo.{family}.reference").__all__
    return [name for name in NAMES if name in own]


def draw(family, seed, large):
    """The call that a seed stands for, and the generator for what comes after it."""
    rng = np.random.default_rng([FAMILIES.index(family), seed, large])
    drawers = importlib.import_module(f"fuzzing.{family}").DRAWERS
    strange = drawer(names_of(family))
    call = (strange if rng.random() < 0.2 else pick(rng, drawers))(rng, large)
    if rng.random() < 0.15:
        spoil(rng, call.kwargs)
    rearrange(rng, call.kwargs)
    return call, rng


def outcome(namespace, call):
    """The answer, or the exception's type and message."""
    try:
        return ENTRIES[call.name](namespace)(**call.kwargs)
    except (TypeError, ValueError) as error:
        return type(error), str(error)


def raised(result):
    return isinstance(result, tuple) and result and isinstance(result[0], type)


def on_some_machine(rng, call):
    """On an instruction set and a number of threads, at times by an algorithm that the plan may not choose."""
    runtime.set_isa(pick(rng, runtime.supported_isas()))
    function = getattr(fastgeo, call.name)
    with fastgeo.threads(pick(rng, THREADS)):
        if rng.random() < 0.5:
            with force_algorithm(function, pick(rng, algorithms(function))):
                result = outcome(fastgeo, call)
            if not (raised(result) and CANNOT_SERVE in result[1]):
                return result
        return outcome(fastgeo, call)


def examine(call, rng):
    """Raise an AssertionError where something does not hold; say whether the call was answered."""
    answer, other = on_some_machine(rng, call), on_some_machine(rng, call)
    if raised(answer) or raised(other):
        assert answer == other, (answer, other)
    else:
        assert_same_answer(_plain(answer), _plain(other))
    if call.cost <= REFERENCE_SECONDS:
        expected = outcome(reference, call)
        if raised(answer) or raised(expected):
            assert raised(answer) and raised(expected) and answer == expected, (answer, expected)
        else:
            call.compare(call.kwargs, answer, expected)
    if raised(answer):
        return False
    for check in call.checks:
        check(call.kwargs, answer)
    return True


def _plain(answer):
    """A result object as the tuple of its values."""
    return tuple(answer) if isinstance(answer, tuple) else answer


def described(call):
    def short(value):
        return f"{value.dtype}{list(value.shape)}" if isinstance(value, np.ndarray) else repr(value)[:60]

    return f"{call.name}({', '.join(f'{key}={short(value)}' for key, value in call.kwargs.items())})"


def work(options):
    """The process that calls: a line before each seed, and one for what came of it."""
    warnings.simplefilter("ignore")
    end, seed = time.monotonic() + options.seconds, options.seed
    while time.monotonic() < end:
        print("seed", seed, flush=True)
        with np.errstate(all="ignore"):
            call, rng = draw(options.family, seed, options.large)
            if options.only in (None, call.name):
                try:
                    print("answered" if examine(call, rng) else "refused", call.name, flush=True)
                except Exception as error:
                    where = traceback.extract_tb(error.__traceback__)[-1].name
                    text = " ".join(f"{type(error).__name__} in {where}: {error}".split())[:500]
                    print("finding", f"{described(call)}: {text}", flush=True)
        seed += 1
        if options.once:
            return


class Watch:
    """Runs the process that calls, starts it again behind a seed that ended it, and collects what it says."""

    def __init__(self, options, family):
        self.options, self.family, self.counts, self.findings = options, family, collections.Counter(), 0

    def report(self, seed, text):
        self.findings += 1
        large = " --large" * self.options.large
        print(f"{text}\n    python tools/fuzz.py --family {self.family} --seed {seed}{large} --once", flush=True)

    def run(self):
        end, seed = time.monotonic() + self.options.seconds, self.options.seed
        while seed is not None and time.monotonic() < end and self.findings < MOST_FINDINGS:
            seed = self.one_process(seed, end - time.monotonic())

    def one_process(self, seed, seconds):
        """Until it ends; the seed to go on with, or None where time was up."""
        forwarded = [f"--{name}" for name in ("large", "once") if getattr(self.options, name)]
        forwarded += ["--only", self.options.only] if self.options.only else []
        command = [sys.executable, __file__, "--worker", "--family", self.family, "--seed", seed, "--seconds", seconds]
        worker = subprocess.Popen([*map(str, command), *forwarded], stdout=subprocess.PIPE, text=True)
        lines = queue.Queue()
        threading.Thread(target=lambda: [*map(lines.put, worker.stdout), lines.put(None)], daemon=True).start()
        try:
            while (line := lines.get(timeout=HANGS)) is not None and self.findings < MOST_FINDINGS:
                kind, _, text = line.strip().partition(" ")
                if kind == "seed":
                    seed = int(text)
                elif kind == "finding":
                    self.report(seed, text)
                else:
                    self.counts[kind, text] += 1
            if self.findings < MOST_FINDINGS and worker.wait():
                self.report(seed, f"the process ended with status {worker.returncode}")
                return None if self.options.once else seed + 1
        except queue.Empty:
            self.report(seed, f"no answer within {HANGS} s")
            return seed + 1
        finally:
            worker.kill()
        return None

    def summary(self):
        for name in names_of(self.family):
            print(f"{name:24} {self.counts['answered', name]:8} answered {self.counts['refused', name]:8} refused")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", choices=FAMILIES, help="one family; without it, each for its share of the time")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--large", action="store_true", help="sizes to a million")
    parser.add_argument("--only", metavar="FUNCTION", help="calls of one function alone")
    parser.add_argument("--once", action="store_true", help="one seed")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return work(options)
    families = [options.family] if options.family else FAMILIES
    options.seconds /= len(families)
    watches = [Watch(options, family) for family in families]
    for watch in watches:
        watch.run()
        watch.summary()
    findings = sum(watch.findings for watch in watches)
    print(f"{sum(watch.counts.total() for watch in watches)} inputs, {findings} findings")
    sys.exit(bool(findings))


if __name__ == "__main__":
    main()
