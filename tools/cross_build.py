r"""Cross-compile the extension modules with the compiler of the `ziglang` package.

    python tools/cross_build.py --check          compile the C of every family, no Python needed, for every target below
    python tools/cross_build.py aarch64-linux-gnu.2.17 --python-include DIR --numpy-include DIR --suffix SUFFIX \
        --output DIR

The modules are those of setup.py. Run with a Python that has Cython, NumPy, setuptools and ziglang.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from distutils.core import run_setup
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Where wheels are published: the C kernels must compile for each of them without a warning.
TARGETS = [
    "x86_64-linux-gnu.2.17",
    "x86_64-linux-musl",
    "aarch64-linux-gnu.2.17",
    "aarch64-linux-musl",
    "aarch64-macos",
    "x86_64-macos",
    "x86_64-windows-gnu",
]


def extensions():
    return run_setup(str(ROOT / "setup.py"), script_args=["--quiet"], stop_after="init").ext_modules


def zig_cc(target, *arguments):
    command = [sys.executable, "-m", "ziglang", "cc", "-target", target, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")


def build(target, python_include, numpy_include, suffix, output):
    """Link every extension for `target` under `output`/fastgeo/…"""
    includes = [f"-I{ROOT / 'fastgeo'}", f"-I{python_include}", f"-I{python_include}/..", f"-I{numpy_include}"]
    for extension in extensions():
        module = Path(output, *extension.name.split("."))
        module.parent.mkdir(parents=True, exist_ok=True)
        macros = [f"-D{name}={value}" for name, value in extension.define_macros]
        arguments = [*extension.extra_compile_args, *macros, *includes, *extension.sources]
        zig_cc(target, "-shared", "-fPIC", "-s", *arguments, "-o", f"{module}{suffix}")
        print(f"{target}: {extension.name}")


def check(targets):
    """Compile the project's own C, without Python, for every target; any warning is an error."""
    sources = sorted(path for path in (ROOT / "fastgeo").rglob("*.c") if not path.with_suffix(".pyx").exists())
    flags = ["-O1", *(flag for flag in extensions()[0].extra_compile_args if flag not in ("-O3", "-pthread"))]
    with tempfile.TemporaryDirectory() as directory:
        for target in targets:
            for source in sources:
                made = Path(directory, source.stem + ".o")
                zig_cc(target, *flags, "-Werror", f"-I{ROOT / 'fastgeo'}", "-c", source, "-o", made)
            print(f"{target}: {len(sources)} files compile")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", nargs="?", help="a target triple of zig")
    parser.add_argument("--check", action="store_true", help="compile the C kernels for every target")
    parser.add_argument("--python-include", help="headers of the target's Python")
    parser.add_argument("--numpy-include", help="headers of the target's NumPy")
    parser.add_argument("--suffix", help="the target's extension suffix, .cpython-311-aarch64-linux-gnu.so")
    parser.add_argument("--output", help="where the modules go")
    options = parser.parse_args()
    if options.check:
        check([options.target] if options.target else TARGETS)
    else:
        build(options.target, options.python_include, options.numpy_include, options.suffix, options.output)


if __name__ == "__main__":
    main()
