"""Finds tests that test nothing: replaces a public function at a time by an error and lists the tests that still pass.

    python tools/replace_kernels.py [NAME ...]

Run are the tests whose source names the function, but for those of the reference. One that passes although the function
raises NotImplementedError does not call it, or takes any exception for a success. Those in `JUDGED` have a reason. Exit
code 1 if there is another.
"""

from __future__ import annotations

import argparse
import fnmatch
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULE = Path(__file__).stem
VARIABLE = "FASTGEO_TEST_REPLACED"

# Test (a pattern of node ids) -> why it passes without the function that its source names.
JUDGED: dict[str, str] = {}
# Tests of pages and of the command start processes of their own, in which nothing is replaced.
LEFT_OUT = ("test_cli.py", "test_docs.py", "test_examples.py", "test_processes.py", "test_distributed.py")


def replace(name):
    """Put a function that raises in the place of `name`, wherever the package keeps it."""

    def replaced(*_, **__):
        raise NotImplementedError(f"{name} is replaced")

    import fastgeo

    original = getattr(fastgeo, name)
    replaced.__doc__, replaced.__name__ = original.__doc__, name
    for module in [module for key, module in sys.modules.items() if key.split(".")[0] == "fastgeo"]:
        if getattr(module, name, None) is original:
            setattr(module, name, replaced)


# As a plugin of pytest


def pytest_configure():
    if VARIABLE in os.environ:
        replace(os.environ[VARIABLE])


def _names(item, name):
    """Whether a test names the function, in its id or as a word of its source."""
    word = re.compile(rf"\b{name}\b")
    return word.search(item.name) or word.search(inspect.getsource(item.function))


def pytest_collection_modifyitems(config, items):
    def chosen(item):
        axes = item.callspec.params if hasattr(item, "callspec") else {}
        return axes.get("impl") != "reference" and _names(item, os.environ[VARIABLE])

    items[:] = [item for item in items if chosen(item)]


# As a program


def still_passing(name):
    """Node ids of the tests that name the function and pass without it."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "tools")])
    command = [sys.executable, "-m", "pytest", "-q", "-p", MODULE, "-rp", "--tb=no", "--widest", "--disable-warnings"]
    command += [f"--ignore=tests/{left_out}" for left_out in LEFT_OUT]
    settings = {**os.environ, "PYTHONPATH": path, VARIABLE: name, "COLUMNS": "400"}
    done = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        sys.exit(f"{name}: pytest ended with {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return [line.split(" ", 1)[1] for line in done.stdout.splitlines() if line.startswith("PASSED ")]


def main():
    from fastgeo import reference

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    names = parser.parse_args().names or reference.__all__
    count = 0
    for name in names:
        for test in still_passing(name):
            if not any(fnmatch.fnmatchcase(test, pattern) for pattern in JUDGED):
                print(f"without {name}: {test}", flush=True)
                count += 1
    print(f"{len(names)} functions replaced, {count} tests to look at")
    sys.exit(bool(count))


if __name__ == "__main__":
    main()
