"""Build a wheel for every CPython found, install each in a fresh environment, and test it there.

    python tools/check_wheels.py [PYTHON …]     by default python3.10 to python3.13 on the path, and pyenv's

Checks: the wheel's size, that nothing but the C library is linked (auditwheel, where this Python has it), the time
that importing fastgeo adds to importing NumPy, and a few calls against their references. A version that is not found is
named and skipped. An error is exit code 1, and so is finding no CPython at all.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import instrumented

VERSIONS = ["3.10", "3.11", "3.12", "3.13"]
LARGEST_WHEEL = 3_000_000
LONGEST_IMPORT = 0.040

SMOKE = """
import numpy as np, fastgeo
from fastgeo.testing import assert_same
boxes = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [9, 9, 11, 11]], np.float32)
scores = np.array([0.5, 0.9, 0.7], np.float32)
assert_same(fastgeo.box_iou, boxes, boxes)
assert_same(fastgeo.nms, boxes, scores, 0.3)
assert_same(fastgeo.roc_auc, [0, 1, 1], scores)
assert_same(fastgeo.max_pool2d, np.ones((1, 4, 4, 3), np.float32), 2)
assert_same(fastgeo.assign, boxes, boxes)
fastgeo.show_runtime()
"""


def interpreters():
    """(version, path or None) for every version. What pyenv leaves on the path may be a name that runs nothing."""
    for version in VERSIONS:
        at_home = sorted(map(str, Path.home().glob(f".pyenv/versions/{version}.*/bin/python")), reverse=True)
        found = [path for path in (*at_home, shutil.which(f"python{version}")) if path]
        yield version, next((path for path in found if runs(path)), None)


def runs(python):
    return subprocess.run([python, "-c", "import venv"], capture_output=True).returncode == 0


def run(*command, **options):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, **options)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout[-1500:]}{done.stderr[-3000:]}")
    return done.stdout + done.stderr


def import_seconds(python, cwd):
    """What fastgeo adds to NumPy's import, the least of twenty; this thread's own time, as the machine may be busy."""
    code = "import time, numpy; begin = time.thread_time(); import fastgeo; print(time.thread_time() - begin)"
    return min(float(run(python, "-c", code, cwd=cwd)) for _ in range(20))


def check(python, work):
    """Build, install and test with one interpreter; print a line of figures, return whether they are within bounds."""
    sources = work / "sources"
    sources.mkdir()
    instrumented.copy_sources(sources)
    run(python, "-m", "venv", work / "environment")
    inside = work / "environment" / "bin" / "python"
    run(inside, "-m", "pip", "wheel", "-q", "--no-deps", "-w", work, sources)
    (wheel,) = work.glob("*.whl")
    run(inside, "-m", "pip", "install", "-q", wheel)
    run(inside, "-c", SMOKE, cwd=work)
    (installed,) = (work / "environment").glob("lib/python*/site-packages/fastgeo")
    run(sys.executable, Path(__file__).with_name("check_instructions.py"), installed)
    facts = [wheel.name, f"{wheel.stat().st_size / 1e6:.2f} MB"]
    if importlib.util.find_spec("auditwheel"):
        shown = re.search(
            r'"(manylinux\w+)"', run(sys.executable, "-m", "auditwheel", "show", wheel).replace("\n", " ")
        )
        facts.append(shown[1] if shown else "not manylinux")
    else:
        facts.append("auditwheel is not installed: the platform tag was NOT CHECKED")
    seconds = import_seconds(inside, work)
    facts.append(f"import {1e3 * seconds:.0f} ms over NumPy's")
    print(", ".join(facts), flush=True)
    return wheel.stat().st_size <= LARGEST_WHEEL and seconds <= LONGEST_IMPORT and "not manylinux" not in facts


def main():
    if any(argument.startswith("-") for argument in sys.argv[1:]):
        sys.exit(__doc__)
    chosen = [(path, path) for path in sys.argv[1:]] or list(interpreters())
    results = []
    for version, python in chosen:
        if python is None:
            print(f"CPython {version}: not found, SKIPPED")
            continue
        with tempfile.TemporaryDirectory() as directory:
            results.append(check(python, Path(directory)))
    if not results:
        sys.exit("no CPython found")
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
