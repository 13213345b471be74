"""Run tests, fuzzing and threads with sanitizers.

    python tools/sanitize.py --short                       short forms of all parts
    python tools/sanitize.py                               all parts: hours
    python tools/sanitize.py --only resize --seconds 600   one part, for so long

Under the address and undefined-behaviour sanitizer, extensions in a copy: tests; fuzz, every family for its share of
the time; resize, calls while another thread changes the number of threads (tests/resizing.py). Under the thread
sanitizer: programs, those of tests/c, which link the C files they test; races, the same resizing with instrumented
extensions. Needs gcc or clang (CC), Cython, NumPy and pytest. Any finding ends the run with exit code 1.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import instrumented

ROOT = instrumented.ROOT
ADDRESS = "-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -O1"
THREAD = "-fsanitize=thread -O1 -g"
# Python keeps memory to its end on purpose; a huge request shall return NULL, as it does without the sanitizer.
ADDRESS_SETTINGS = {
    # Its fake stack stays off: GCC before 13.3 does not align 64-byte vectors on it.
    "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:detect_stack_use_after_return=0",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
}
THREAD_SETTINGS = {"TSAN_OPTIONS": "halt_on_error=1"}
# Without address randomisation: some kernels place libraries where ThreadSanitizer wants its shadow memory.
FIXED_ADDRESSES = ["setarch", "-R"] if sys.platform == "linux" else []
# These measure memory or processor time, which the sanitizers change.
LEFT_OUT = ["--ignore=tests/test_processes.py", "--deselect=tests/test_threads.py::test_idle_pool_takes_no_cpu"]

# Program of tests/c -> the C files that it tests, as patterns, and the sanitizers.
PROGRAMS = {
    "pool_stress": (["runtime/pool.c"], [THREAD]),
    "layer_sharing": (["convolution/*.c", "runtime/*.c"], [THREAD, ADDRESS]),
}
GENERATED = ("kernels.c", "core.c")


def with_address_sanitizer(copy, *arguments):
    preload = ":".join(instrumented.library_of_compiler(name) for name in ("libasan.so", "libstdc++.so.6"))
    return instrumented.python(copy, *arguments, LD_PRELOAD=preload, **ADDRESS_SETTINGS)


def run_tests(copy, seconds, short):
    chosen = ["tests/test_robustness.py"] if short else ["tests", *LEFT_OUT]
    # A report goes to file descriptor 2, which pytest would keep to itself to the end of a test that has none.
    return with_address_sanitizer(copy, "-m", "pytest", "-q", "--capture=sys", "-p", "no:cacheprovider", *chosen)


def run_fuzz(copy, seconds, short):
    return with_address_sanitizer(copy, copy / "tools" / "fuzz.py", "--seconds", seconds)


def run_resizing(copy, seconds, short):
    return with_address_sanitizer(copy, copy / "tests" / "resizing.py", "--seconds", seconds)


def run_races(copy, seconds, short):
    """Python and NumPy are not instrumented, nor need they be: the memory that threads share is the kernels'."""
    arguments = [copy / "tests" / "resizing.py", "--seconds", seconds]
    settings = {"LD_PRELOAD": instrumented.library_of_compiler("libtsan.so"), **THREAD_SETTINGS}
    return instrumented.python(copy, *arguments, before=FIXED_ADDRESSES, **settings)


def run_program(name, sanitizer, seconds):
    """Once, and again until the time is up; the first exit code that is not 0.

    Scalar code alone: the rest takes minutes to compile.
    """
    with tempfile.TemporaryDirectory() as directory:
        program = Path(directory) / name
        tested = [path for pattern in PROGRAMS[name][0] for path in sorted((ROOT / "fastgeo").glob(pattern))]
        sources = [ROOT / "tests" / "c" / f"{name}.c", *(path for path in tested if path.name not in GENERATED)]
        flags = ["-std=gnu11", *sanitizer.split(), "-ffp-contract=off", "-DFG_SCALAR_ONLY", "-pthread"]
        flags.append(f"-I{ROOT / 'fastgeo'}")
        subprocess.run([os.environ.get("CC", "gcc"), *flags, *sources, "-lm", "-o", program], check=True)
        settings = {**THREAD_SETTINGS, **ADDRESS_SETTINGS}
        end, status = time.monotonic() + seconds, 0
        while status == 0:
            status = subprocess.run([*FIXED_ADDRESSES, program], env={**os.environ, **settings}).returncode
            if time.monotonic() > end:
                break
        return status


# Part -> how it runs, the build it needs (None: its own), seconds of the short and of the long form (None: not in it).
PARTS = {
    "programs": (None, None, 10, 600),
    "tests": (run_tests, ADDRESS, 0, 0),
    "fuzz": (run_fuzz, ADDRESS, 60, 3000),
    "resize": (run_resizing, ADDRESS, 20, 600),
    "races": (run_races, THREAD, None, 600),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--seconds", type=float, help="for a part that can run as long as it is told")
    options = parser.parse_args()
    failed = []

    def seconds_of(part):
        return options.seconds or PARTS[part][2 if options.short else 3]

    chosen = [options.only] if options.only else [part for part in PARTS if seconds_of(part) is not None]
    if "programs" in chosen:
        runs = [(name, sanitizer) for name, (_, sanitizers) in PROGRAMS.items() for sanitizer in sanitizers]
        failed += [name for name, sanitizer in runs if run_program(name, sanitizer, seconds_of("programs"))]
    for flags in (ADDRESS, THREAD):
        parts = [part for part in chosen if PARTS[part][1] == flags]
        if parts:
            with instrumented.build(flags) as copy:
                failed += [part for part in parts if PARTS[part][0](copy, seconds_of(part), options.short)]
    print(f"sanitizers: findings in {', '.join(failed)}" if failed else "sanitizers: no finding")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
