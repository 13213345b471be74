"""Builds of the extensions with other compiler flags, in a temporary copy; shared by the tools beside it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def copy_sources(copy):
    """What a build needs, and the tests, without anything that was built from it."""
    ignored = shutil.ignore_patterns("*.so", "*.o", "__pycache__", "kernels.c", "core.c")
    for name in ("fastgeo", "tests", "tools"):
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    for name in ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)


@contextlib.contextmanager
def build(flags, link_flags=""):
    """Build in a copy with `flags` added; yield the copy, which goes away afterwards."""
    with tempfile.TemporaryDirectory(prefix="fastgeo-") as temporary:
        copy = Path(temporary)
        copy_sources(copy)
        # The optimisation asked for here counts, not that of the release.
        script = copy / "setup.py"
        script.write_text(script.read_text().replace('"-O3", ', ""))
        environment = {**os.environ, "CFLAGS": flags, "LDFLAGS": link_flags or flags}
        jobs = str(os.cpu_count() or 1)
        command = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace", "--force", "--parallel", jobs]
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"the build with {flags} failed:\n{done.stderr[-4000:]}")
        yield copy


def library_of_compiler(name):
    """Path of a library that comes with the C compiler."""
    compiler = os.environ.get("CC", "gcc")
    path = subprocess.run([compiler, f"-print-file-name={name}"], capture_output=True, text=True).stdout.strip()
    if not os.path.isabs(path):
        sys.exit(f"{compiler} has no {name}")
    return path


def python(copy, *arguments, before=(), **environment):
    """Run this Python on the copy, by way of the command `before`; return its exit code."""
    path = os.pathsep.join([str(copy), str(copy / "tests")])
    settings = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", **environment}
    return subprocess.run([*before, sys.executable, *map(str, arguments)], cwd=copy, env=settings).returncode
