"""A process of its own for a piece of code."""

import os
import subprocess
import sys
from pathlib import Path

import fastgeo


def in_fresh_process(code, *arguments, timeout=120, **environment):
    """Run code, with fastgeo and calls.py importable, in a process of its own; return what it prints."""
    path = os.pathsep.join([str(Path(fastgeo.__file__).parent.parent), str(Path(__file__).parent)])
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
