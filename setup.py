"""The extensions and how they are compiled; everything else stands in pyproject.toml."""

import os
import shutil
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

PACKAGE = Path("fastgeo")
ON_WINDOWS = os.name == "nt"

if ON_WINDOWS:
    COMPILE_ARGS = ["/O2", "/clang:-ffp-contract=off", "/clang:-fno-math-errno"]
    LINK_ARGS = []
else:
    # No contraction: every operation is rounded as written. No -m flags: wide instructions stay in target regions.
    COMPILE_ARGS = ["-std=gnu11", "-O3", "-ffp-contract=off", "-fno-math-errno", "-fvisibility=hidden", "-g0"]
    COMPILE_ARGS += ["-Wall", "-Wextra", "-pthread"]
    LINK_ARGS = ["-pthread"]


def extension(pyx):
    """One extension per Cython file, with all the C files of its family."""
    family = pyx.parent
    headers = [path for directory in (family, PACKAGE / "runtime") for path in directory.rglob("*.h")]
    return Extension(
        ".".join(pyx.with_suffix("").parts),
        sources=[str(pyx), *sorted(str(c) for c in family.glob("*.c") if c != pyx.with_suffix(".c"))],
        include_dirs=[str(PACKAGE), numpy.get_include()],
        depends=sorted(str(header) for header in headers),
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
        extra_compile_args=COMPILE_ARGS,
        extra_link_args=LINK_ARGS,
    )


class BuildExt(build_ext):
    """On Windows, clang-cl in the place of Microsoft's compiler, which knows neither C11 threads nor target regions."""

    def build_extensions(self):
        if self.compiler.compiler_type == "msvc":
            self.compiler.initialize()
            self.compiler.cc = shutil.which("clang-cl")
            if self.compiler.cc is None:
                raise SystemExit("fastgeo needs clang-cl on the path: install LLVM or the Clang of Visual Studio")
        super().build_extensions()


setup(
    cmdclass={"build_ext": BuildExt},
    # Extensions side by side: they share no source but the headers.
    options={"build_ext": {"parallel": os.cpu_count()}},
    ext_modules=cythonize(
        [extension(pyx) for pyx in sorted(PACKAGE.glob("*/*.pyx"))],
        compiler_directives={
            "language_level": 3,
            "boundscheck": False,
            "wraparound": False,
            "initializedcheck": False,
            "cdivision": True,
            "embedsignature": False,
            "freethreading_compatible": True,
        },
    ),
)
