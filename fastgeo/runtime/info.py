"""What runs where: the facts behind ``fastgeo info`` and bug reports."""

from __future__ import annotations

import platform
import sys

import numpy as np

from fastgeo.runtime import active_isa, cpu_features, get_num_threads, implementation, supported_isas
from fastgeo.version import __version__


def runtime_info() -> dict[str, str]:
    """The lines of :func:`show_runtime`, by heading."""
    import fastgeo

    on_kernels = f"C kernel, {active_isa()}" if implementation() == "kernel" else "NumPy reference"
    kernels = {name: on_kernels for name in fastgeo.reference.__all__}
    return {
        "fastgeo": __version__,
        "python": f"{platform.python_implementation()} {platform.python_version()}, NumPy {np.__version__}",
        "platform": f"{sys.platform} {platform.machine()}",
        "instruction set": f"{active_isa()} (of {', '.join(supported_isas())})",
        "cpu features": ", ".join(name for name, present in cpu_features().items() if present) or "none looked for",
        "threads": str(get_num_threads()),
        **kernels,
    }


def show_runtime() -> None:
    """Print version, instruction set, CPU features, threads, and what each function runs on.

    Examples
    --------
    >>> import fastgeo
    >>> fastgeo.show_runtime()  # doctest: +ELLIPSIS
    fastgeo ...
    """
    for heading, fact in runtime_info().items():
        print(f"{heading:24} {fact}")
