"""Run the test suite on aarch64, NEON included, under an emulator.

    python tools/test_on_aarch64.py [--short] [--cache DIRECTORY]

Fetches an aarch64 Python (Debian's packages, unpacked, not installed) and NumPy's and pytest's aarch64 wheels through
apt and pip, cross-compiles the extensions with tools/cross_build.py, and runs the tests with qemu-aarch64. The short
form takes the committed digests and most tests of the boxes family. Needs Debian 12 with qemu-user, and ziglang,
Cython, NumPy and setuptools in this Python. What was fetched stays in --cache, by default a folder of the user's cache.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import fetching
from fetching import apt_options, run

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = """
    libpython3.11-minimal libpython3.11-stdlib libpython3.11-dev python3.11-minimal libc6 libgcc-s1 libstdc++6 zlib1g
    libexpat1 libffi8 libbz2-1.0 liblzma5 libssl3 libuuid1 libcrypt1 libsqlite3-0 libdb5.3 libreadline8 libncursesw6
    libtinfo6
""".split()  # noqa: SIM905
WHEELS = ["numpy", "pytest", "pytest-benchmark", "hypothesis", "threadpoolctl"]
PLATFORMS = ["manylinux2014_aarch64", "manylinux_2_27_aarch64", "manylinux_2_28_aarch64"]
SUFFIX = ".cpython-311-aarch64-linux-gnu.so"
# Without the tests that draw many inputs.
SHORT = ["tests/test_boxes.py", "-k", "not any_boxes and not properties"]
# Of the emulator rather than of the code.
LEFT_OUT = [
    # It shows /proc/cpuinfo of the host.
    "test_dispatch.py::test_features_are_those_the_kernel_lists",
    # A child of a process with threads: QEMU 7.2 ended one of these by an assertion of its own, others took too long.
    "test_threads.py::test_fork_after_use",
    "test_threads.py::test_fork_while_another_thread_computes",
    "test_threads.py::test_fork_inside_a_running_call",
    "test_processes.py::test_every_function_works_on_both_sides_of_a_fork",
    "test_processes.py::test_multiprocessing[fork]",
    # What they measure is its speed, and the memory of its translated code.
    "test_processes.py::test_interrupt_is_answered",
    "test_processes.py::test_memory_is_flat_over_ten_thousand_calls",
    # They exceeded 120 s: the one looked at, nms, takes it 85 s of processor time (and 33 MB).
    "test_processes.py::test_peak_memory_of_a_million_crowded_boxes",
]


def fetch_python(root):
    """Unpack Debian's aarch64 Python below `root`, with an apt state of its own: the system is left as it is."""
    with tempfile.TemporaryDirectory() as directory:
        state, debs = Path(directory, "apt"), Path(directory, "debs")
        debs.mkdir()
        options = apt_options(state, **{"APT::Architecture": "arm64", "APT::Architectures": "arm64"})
        # A further source on this machine may know nothing of arm64: only the packages count.
        subprocess.run(["apt-get", *options, "-qq", "update"])
        run("apt-get", *options, "-qq", "download", *PACKAGES, cwd=debs)
        for package in sorted(debs.glob("*.deb")):
            run("dpkg-deb", "-x", package, root)


def fetch_wheels(site):
    with tempfile.TemporaryDirectory() as directory:
        platforms = [part for platform in PLATFORMS for part in ("--platform", platform)]
        target = [*platforms, "--python-version", "3.11", "--implementation", "cp", "--only-binary", ":all:"]
        run(sys.executable, "-m", "pip", "download", "-q", *target, "-d", directory, *WHEELS)
        for wheel in sorted(Path(directory).glob("*.whl")):
            run(sys.executable, "-m", "zipfile", "-e", wheel, site)


def fetched(cache):
    """The folders of the aarch64 Python and of its packages, fetched unless they are there."""
    root, site = cache / "root", cache / "site"
    for folder, fetch in ((root, fetch_python), (site, fetch_wheels)):
        if not folder.exists():
            cache.mkdir(parents=True, exist_ok=True)
            unfinished = Path(tempfile.mkdtemp(dir=cache))
            fetch(unfinished)
            unfinished.rename(folder)
    return root, site


def virtual_environment(emulator, root, site, directory):
    """Make one whose Python is a script that starts the emulator: what the tests start runs emulated, too."""
    python = directory / "bin" / "python3.11"
    original = root / "usr" / "bin" / "python3.11"
    packages = directory / "lib" / "python3.11" / "site-packages"
    for path in (python, packages):
        path.parent.mkdir(parents=True)
    packages.symlink_to(site)
    (directory / "pyvenv.cfg").write_text(f"home = {original.parent}\n")
    command = [emulator, "-L", root, "-0", python, original]
    python.write_text(f'#!/bin/sh\nexec {shlex.join(map(str, command))} "$@"\n')
    python.chmod(0o755)
    return python


def main():
    options = fetching.options(__doc__, "fastgeo-aarch64")
    emulator = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")
    if not emulator:
        sys.exit("qemu-aarch64 is missing: aarch64 was NOT CHECKED (Debian: apt install qemu-user)")
    root, site = fetched(options.cache)
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory)
        for name in ("fastgeo", "tests"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        run(
            *(sys.executable, ROOT / "tools" / "cross_build.py", "aarch64-linux-gnu.2.31"),
            *("--python-include", root / "usr" / "include" / "python3.11"),
            *("--numpy-include", site / "numpy" / "_core" / "include"),
            *("--suffix", SUFFIX, "--output", copy),
        )
        python = virtual_environment(emulator, root, site, copy)
        path = os.pathsep.join([str(copy), str(copy / "tests")])
        settings = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
        committed = json.loads((ROOT / "tests" / "same_bits.json").read_text())
        for isa in ("scalar", "neon"):
            command = [python, "tests/test_same_bits.py", "--print"]
            done = subprocess.run(
                command, cwd=copy, env={**settings, "FASTGEO_ISA": isa}, stdout=subprocess.PIPE, text=True
            )
            found = json.loads(done.stdout) if done.returncode == 0 else {}
            different = [name for name in committed if found.get(name) != committed[name]]
            if different:
                sys.exit(f"aarch64, {isa}: other bits from {', '.join(different)}")
            print(
                f"aarch64, {isa}: {sum(map(len, found.values()))} digests of {len(found)} functions agree", flush=True
            )
        chosen = SHORT if options.short else ["tests", *(f"--deselect=tests/{test}" for test in LEFT_OUT)]
        run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen, cwd=copy, env=settings)


if __name__ == "__main__":
    main()
