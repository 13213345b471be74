"""Build the extensions with sanitizers and run the tests on them; stress the thread pool under ThreadSanitizer.

    python tools/sanitize.py --short       the input contract, a minute of fuzzing, the pool
    python tools/sanitize.py               all tests but those of processes, ten minutes of fuzzing a family, the pool
    python tools/sanitize.py --only pool   one part: tests, fuzz or pool

Address and undefined-behaviour sanitizer for the extensions. Needs gcc or clang (CC), Cython, NumPy and pytest. Any
finding ends the run with exit code 1.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import instrumented

FLAGS = "-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -O1"
# Python keeps memory to its end on purpose; a huge request shall return NULL, as it does without the sanitizer.
SETTINGS = {
    # Its fake stack stays off: GCC before 13.3 does not align 64-byte vectors on it.
    "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:detect_stack_use_after_return=0",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
}
# These measure memory or processor time, which the sanitizers change.
LEFT_OUT = ["--ignore=tests/test_processes.py", "--deselect=tests/test_threads.py::test_idle_pool_takes_no_cpu"]


def sanitized(copy, *arguments):
    preload = ":".join(instrumented.library_of_compiler(name) for name in ("libasan.so", "libstdc++.so.6"))
    return instrumented.python(copy, *arguments, LD_PRELOAD=preload, **SETTINGS)


def run_tests(copy, short):
    chosen = ["tests/test_robustness.py"] if short else ["tests", *LEFT_OUT]
    return sanitized(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen)


def run_fuzz(copy, short):
    """Every family for its share of the time."""
    return sanitized(copy, copy / "tools" / "fuzz.py", "--seconds", 60 if short else 3000)


def stress_pool(short):
    root = instrumented.ROOT
    with tempfile.TemporaryDirectory() as directory:
        program = Path(directory) / "pool_stress"
        sources = [root / "tests" / "c" / "pool_stress.c", root / "fastgeo" / "runtime" / "pool.c"]
        flags = ["-std=gnu11", "-O1", "-g", "-fsanitize=thread", "-pthread", f"-I{root / 'fastgeo'}"]
        subprocess.run([os.environ.get("CC", "gcc"), *flags, *sources, "-o", program], check=True)
        # Without address randomisation: some kernels place libraries where ThreadSanitizer wants its shadow memory.
        command = ["setarch", "-R", program] if sys.platform == "linux" else [program]
        settings = {**os.environ, "TSAN_OPTIONS": "halt_on_error=1"}
        return subprocess.run([*command, str(300 if short else 5000)], env=settings).returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--only", choices=["tests", "fuzz", "pool"])
    options = parser.parse_args()
    failed = []
    if options.only in (None, "pool") and stress_pool(options.short):
        failed.append("pool")
    if options.only != "pool":
        with instrumented.build(FLAGS) as copy:
            for part, run in (("tests", run_tests), ("fuzz", run_fuzz)):
                if options.only in (None, part) and run(copy, options.short):
                    failed.append(part)
    print(f"sanitizers: findings in {', '.join(failed)}" if failed else "sanitizers: no finding")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
