"""Run the test suite on a free-threaded CPython 3.13, built from Debian's source package.

    python tools/test_free_threaded.py [--short] [--cache DIRECTORY]

Importing fastgeo must leave the global interpreter lock off. The short form takes the tests of threads and of many
Python threads in every function; the long one all tests. Needs a Debian with gcc, make, and the headers of zlib,
OpenSSL and libffi. The interpreter stays in --cache, by default a folder of the user's cache; building it takes
minutes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import fetching
import instrumented
from fetching import apt_options, run

SOURCE, SUITE = "python3.13", "trixie"
PACKAGES = ["numpy", "pytest", "pytest-benchmark", "hypothesis", "threadpoolctl", "Cython>=3.1", "setuptools>=77"]
LOCK_IS_OFF = """
import sys, sysconfig
assert sysconfig.get_config_var("Py_GIL_DISABLED"), "not a free-threaded Python"
import fastgeo
assert not sys._is_gil_enabled(), "importing fastgeo has switched the lock on"
print(sys.version)
"""
SHORT = ["tests/test_threads.py", "tests/test_processes.py", "-k", "thread"]


def mirror():
    """Where this system has its Debian packages from."""
    listed = run("apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI)", stdout=subprocess.PIPE, text=True)
    for line in listed.splitlines():
        if line.startswith("Debian ") and "security" not in line:
            return line.split()[1]
    sys.exit("no Debian mirror among this system's package sources")


def fetch_source(folder):
    """Debian's source of Python, by an apt state of its own: the system is left as it is."""
    state = folder / "apt"
    state.mkdir()
    keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
    (state / "sources.list").write_text(f"deb-src [signed-by={keys}] {mirror()} {SUITE} main\n")
    sources = {"Dir::Etc::sourcelist": state / "sources.list", "Dir::Etc::sourceparts": "-"}
    options = apt_options(state, **sources)
    run("apt-get", *options, "-qq", "update")
    run("apt-get", *options, "-qq", "source", "--download-only", "--tar-only", SOURCE, cwd=folder)
    (archive,) = folder.glob("*.orig.tar.*")
    run("tar", "xf", archive, "-C", folder)
    (source,) = folder.glob("Python-*")
    return source


def free_threaded_python(cache):
    """Path of the interpreter, built unless it is there."""
    installed = cache / "python"
    if not (installed / "bin" / "python3").exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as directory:
            source = fetch_source(Path(directory))
            quiet = {"cwd": source, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            run("./configure", "--disable-gil", "--disable-test-modules", f"--prefix={installed}", **quiet)
            run("make", "-s", f"-j{os.cpu_count() or 1}", **quiet)
            run("make", "-s", "install", **quiet)
    return installed / "bin" / "python3"


def main():
    options = fetching.options(__doc__, "fastgeo-free-threaded")
    interpreter = free_threaded_python(options.cache.resolve())
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory, "fastgeo")
        copy.mkdir()
        instrumented.copy_sources(copy)
        run(interpreter, "-m", "venv", Path(directory, "environment"))
        python = Path(directory, "environment", "bin", "python")
        # The newest NumPy may have no wheel for 3.13t.
        run(python, "-m", "pip", "install", "-q", "--only-binary", ":all:", *PACKAGES)
        run(python, "setup.py", "-q", "build_ext", "--inplace", cwd=copy, stdout=subprocess.DEVNULL)
        settings = {**os.environ, "PYTHONPATH": os.pathsep.join([str(copy), str(copy / "tests")])}
        run(python, "-c", LOCK_IS_OFF, cwd=copy, env=settings)
        chosen = SHORT if options.short else ["tests"]
        run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen, cwd=copy, env=settings)


if __name__ == "__main__":
    main()
