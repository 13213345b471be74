"""Finds tests that test nothing: replaces a public function at a time by an error and lists the tests that still pass.

    python tools/replace_kernels.py [NAME ...]

Run are the tests whose id or source names the function, but for those of the reference. One that passes although the
function raises NotImplementedError does not call it, or takes any exception for a success. Those in `JUDGED` have a
reason. Exit code 1 if there is another.
"""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import inspect
import io
import re
import sys
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import fastgeo  # noqa: E402
from fastgeo import reference  # noqa: E402

# Function and test (a pattern of the name and the node id) -> why it passes without the function that its source names.
JUDGED = {
    "*_curve tests/test_auc_histogram.py::*": "names the method of AUCHistogram",
    "*/test_contract.py::*": "reads signatures, docstrings and sources",
    "*/test_plans.py::*": "asks for plans, which a function with one algorithm has without being called",
    "*/test_robustness.py::test_the_checks_can_fail": "puts others in the function's place itself",
}
# Tests of pages, of the command and of processes start others, in which nothing is replaced.
LEFT_OUT = ("test_cli.py", "test_docs.py", "test_examples.py", "test_processes.py", "test_distributed.py")


def replaced(name):
    """A function that stands for it and raises."""
    original = getattr(fastgeo, name)

    def raising(*_, **__):
        raise NotImplementedError(f"{name} is replaced")

    raising.__doc__, raising.__name__, raising.__module__ = original.__doc__, name, original.__module__
    return raising


def put_in_place(old, new):
    """Wherever a module of the package or of the tests holds the function."""
    for module in list(sys.modules.values()):
        if str(ROOT) in str(getattr(module, "__file__", "")):
            for key, value in list(vars(module).items()):
                if value is old:
                    setattr(module, key, new)


def words_of(code):
    """Names and texts in a function's body, those of inner functions included."""
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, str):
            found.update(re.findall(r"\w+", constant))
        elif inspect.iscode(constant):
            found |= words_of(constant)
    return found


def names(item, name):
    """Whether a test's body or parameters name the function, and it is not the reference's turn."""
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    words = words_of(item.function.__code__)
    if parameters.get("impl") == "reference" or "in_fresh_process" in words:  # where nothing is replaced
        return False
    if parameters.get("name") in reference.__all__:
        return parameters["name"] == name
    return name in words or name in re.split(r"[-\[\]]", item.name)


class Replacing:
    """Collects once, and runs what names each function while it is replaced."""

    def __init__(self, functions):
        self.functions, self.suspects = functions, []

    def pytest_runtestloop(self, session):
        for name in self.functions:
            original, stand_in = getattr(fastgeo, name), replaced(name)
            put_in_place(original, stand_in)
            for item in session.items:
                if names(item, name):
                    with contextlib.redirect_stdout(io.StringIO()):
                        reports = runtestprotocol(item, log=False, nextitem=None)
                    if all(report.passed for report in reports):
                        self.note(name, item.nodeid)
            put_in_place(stand_in, original)
        return True

    def note(self, name, test):
        if not any(fnmatch.fnmatchcase(f"{name} {test}", pattern) for pattern in JUDGED):
            self.suspects.append((name, test))
            print(f"without {name}: {test}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("functions", nargs="*", metavar="NAME")
    plugin = Replacing(parser.parse_args().functions or reference.__all__)
    left_out = [f"--ignore={ROOT / 'tests' / name}" for name in LEFT_OUT]
    options = ["-qq", "-s", "-p", "no:cacheprovider", "--widest", *left_out]
    status = pytest.main([*options, str(ROOT / "tests")], plugins=[plugin])
    # Failed has, if anything, the session itself: not every algorithm ran.
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED):
        sys.exit(f"pytest ended with {status!r}")
    print(f"{len(plugin.functions)} functions replaced, {len(plugin.suspects)} tests to look at")
    sys.exit(bool(plugin.suspects))


if __name__ == "__main__":
    main()
