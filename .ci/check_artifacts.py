"""Holds the sdist and the wheel to what they must and must not carry: `check_artifacts.py SDIST WHEEL`."""

import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path


def require(condition, message):
    if not condition:
        sys.exit(f"check_artifacts: {message}")


def check_sdist(path):
    with tarfile.open(path) as archive:
        names = {member.name.partition("/")[2] for member in archive if member.isfile()}
    tracked = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True).stdout.split()
    wanted = [name for name in tracked if name.startswith(("fastgeo/", "tests/", "bench/"))]
    wanted += ["setup.py", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"]
    missing = sorted(set(wanted) - names)
    require(not missing, f"the sdist lacks {missing[:10]}")
    require(any(name.endswith(".h") for name in names), "the sdist carries no headers")
    return len(names)


def check_wheel(path):
    with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
        names = archive.namelist()
        stray = [name for name in names if name.endswith((".c", ".h", ".pyx", ".pxi", ".o", ".a"))]
        require(not stray, f"the wheel carries sources: {stray[:10]}")
        foreign = [name for name in names if not re.match(r"fastgeo(_kernels-[^/]+\.dist-info)?/", name)]
        require(not foreign, f"the wheel carries more than fastgeo: {foreign[:10]}")
        for needed in ("fastgeo/py.typed", "fastgeo/runtime/core.pyi", "fastgeo/runtime/core.pxd"):
            require(needed in names, f"the wheel lacks {needed}")
        modules = [name for name in names if name.endswith((".so", ".pyd"))]
        pyx = [name for name in names if name.endswith("/kernels.pyi")]
        require(len(modules) == len(pyx) + 1, f"the wheel has the compiled modules {modules}")
        for name in modules:
            sections = subprocess.run(
                ["readelf", "-S", archive.extract(name, folder)], capture_output=True, text=True, check=True
            ).stdout
            require(".debug_" not in sections, f"{name} carries debug symbols")
    return len(names), sum(info.file_size for info in zipfile.ZipFile(path).infolist())


def main():
    sdist, wheel = sorted(sys.argv[1:], key=lambda name: name.endswith(".whl"))
    files = check_sdist(sdist)
    print(f"{Path(sdist).name}: {files} files, {Path(sdist).stat().st_size / 1e6:.1f} MB")
    files, size = check_wheel(wheel)
    print(
        f"{Path(wheel).name}: {files} files, {Path(wheel).stat().st_size / 1e6:.1f} MB, {size / 1e6:.1f} MB installed"
    )


main()
