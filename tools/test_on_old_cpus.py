"""Run on emulated older CPUs: import, every instruction set that is left, and the committed digests.

    python tools/test_on_old_cpus.py [--short]

Nehalem has no AVX: what is compiled for every CPU, Cython's code included, must not contain any. Haswell has AVX2 but
not AVX-512. Needs qemu-x86_64 (Debian: qemu-user) and an x86-64 Linux; NumPy's own wheels need at least Nehalem.
Both forms run the tests of dispatch; the long one takes the digests with several threads, too, and the tests of boxes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CPUS = {"Nehalem": ["scalar"], "Haswell": ["scalar", "avx2"]}
TESTS = ["tests/test_dispatch.py", "-k", "not features_are_those_the_kernel_lists"]
ISAS = "import json, fastgeo.runtime as r; print(json.dumps([r.active_isa(), r.supported_isas()]))"
# NumPy's own sorting in AVX2 ends in a segmentation fault under QEMU 7.2: here NumPy keeps to its baseline.
NUMPYS = """
from numpy._core._multiarray_umath import __cpu_dispatch__ as dispatched, __cpu_features__ as present
print(*(name for name in dispatched if present.get(name)))
"""


def emulated(emulator, cpu, *arguments, **environment):
    """Run this Python on the emulated CPU; end on failure."""
    settings = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]), **environment}
    command = [emulator, "-cpu", cpu, sys.executable, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=settings, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{cpu}: {' '.join(command)} ended with {done.returncode}\n{done.stdout[-3000:]}")
    return done.stdout


def check_cpu(emulator, cpu, expected, threads):
    """Check the instruction sets and the digests; return the environment in which NumPy keeps to its baseline."""
    baseline = {"NPY_DISABLE_CPU_FEATURES": emulated(emulator, cpu, "-c", NUMPYS).strip()}
    active, supported = json.loads(emulated(emulator, cpu, "-c", ISAS))
    if supported != expected or active != expected[-1]:
        sys.exit(f"{cpu}: expected the instruction sets {expected}, got {supported}, {active} in use")
    committed = json.loads((ROOT / "tests" / "same_bits.json").read_text())
    for isa in supported:
        for n_threads in threads:
            environment = {**baseline, "FASTGEO_ISA": isa, "FASTGEO_NUM_THREADS": str(n_threads)}
            found = json.loads(emulated(emulator, cpu, "tests/test_same_bits.py", "--print", **environment))
            if found != committed:
                names = [name for name in committed if found.get(name) != committed[name]]
                sys.exit(f"{cpu}, {isa}, {n_threads} threads: other bits from {', '.join(names)}")
            count = sum(map(len, found.values()))
            print(f"{cpu}, {isa}, {n_threads} threads: {count} digests of {len(found)} functions agree", flush=True)
    return baseline


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args()
    emulator = shutil.which("qemu-x86_64") or shutil.which("qemu-x86_64-static")
    if not emulator:
        sys.exit("qemu-x86_64 is missing: older CPUs were NOT CHECKED (Debian: apt install qemu-user)")
    for cpu, expected in CPUS.items():
        baseline = check_cpu(emulator, cpu, expected, [1] if options.short else [1, 2, 3, 8])
        tests = TESTS if options.short else ["tests/test_boxes.py", *TESTS]
        print(emulated(emulator, cpu, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, **baseline)[-400:])


if __name__ == "__main__":
    main()
