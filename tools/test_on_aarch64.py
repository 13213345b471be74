"""Run the test suite on aarch64, NEON included, under an emulator.

    python tools/test_on_aarch64.py [--short] [--cache DIRECTORY]

Fetches an aarch64 Python (Debian's packages, unpacked, not installed) and NumPy's and pytest's aarch64 wheels through
apt and pip, cross-compiles the extensions with tools/cross_build.py, and runs the tests with qemu-aarch64. The short
form takes the committed digests and most tests of the boxes room. Needs Debian 12 with qemu-user, and ziglang, Cython,
NumPy and setuptools in this Python. What was fetched stays in --cache, by default a folder of the user's cache.
"""

from __future__ import annotations

import json
import os
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
# Too slow, or of the machine rather than of the code, under an emulator.
LEFT_OUT = ["--ignore=tests/test_processes.py", "--ignore=tests/test_threads.py"]


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
        python = [emulator, "-L", root, root / "usr" / "bin" / "python3.11"]
        path = os.pathsep.join([str(copy), str(copy / "tests"), str(site)])
        settings = {**os.environ, "PYTHONPATH": path, "QEMU_LD_PREFIX": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
        committed = json.loads((ROOT / "tests" / "same_bits.json").read_text())
        for isa in ("scalar", "neon"):
            command = [*map(str, python), "tests/test_same_bits.py", "--print"]
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
        chosen = SHORT if options.short else ["tests", *LEFT_OUT]
        run(*python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen, cwd=copy, env=settings)


if __name__ == "__main__":
    main()
