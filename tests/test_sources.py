"""Rules that the sources keep: where sizes are compared with tuned constants, and what kernels may read."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

import fastgeo

PACKAGE = Path(fastgeo.__file__).parent
IN_A_CHECKOUT = pytest.mark.skipif(
    not (PACKAGE / "runtime" / "pool.c").exists(), reason="an installed package has no C sources"
)
COMPARISON = r"(?:[<>]=?|[=!]=)"


def without_comments(path):
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
    return re.sub(r"(?m)#.*$", "", text) if path.suffix in (".pyx", ".pxi", ".py") else text


def sources(family, *endings):
    """The hand-written files of a family."""
    generated = {"kernels.c", "core.c"}
    return [path for end in endings for path in sorted(family.glob(f"*{end}")) if path.name not in generated]


def tuned(family):
    """The names of the constants in the family's tuning.h."""
    return re.findall(r"\b([A-Z][A-Z0-9_]+)\s*=", without_comments(family / "tuning.h"))


def families(with_file):
    return sorted(path.parent for path in PACKAGE.glob(f"*/{with_file}"))


@IN_A_CHECKOUT
def test_every_tuned_constant_is_used():
    unused = {}
    for family in families("tuning.h"):
        text = "".join(map(without_comments, sources(family, ".c", ".h", ".pyx", ".pxi")))
        unused[family.name] = [name for name in tuned(family) if len(re.findall(rf"\b{name}\b", text)) < 2]
    assert not any(unused.values()), unused


@IN_A_CHECKOUT
def test_rows_that_tuned_constants_name_exist():
    """A quoted row in tuning.h is part of the name of a row of bench/algorithms.py: "function, work"."""
    bench = PACKAGE.parent / "bench" / "algorithms.py"
    spec = importlib.util.spec_from_file_location("bench_algorithms", bench)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    rows = [case.name for case in module.cases()]
    assert len(rows) > 100
    for family in families("tuning.h"):
        comments = re.findall(r"/\*.*?\*/", (family / "tuning.h").read_text(), flags=re.DOTALL)
        for text in comments:
            for name in re.findall(r'"([^"]*)"', " ".join(text.split())):
                assert any(name in row for row in rows), f"{family.name}/tuning.h: no row is called {name!r}"


# Decided outside a plan so far; nothing may join them.
NOT_YET_PLANNED = {
    "convolution/packing.c": "threads = work < FG_THREADED_WORK",  # how many threads pack a kernel
    "suppression/nms_best_first.c": "is_wide = width > HEAP_WIDTH",  # whether the best boxes lie in one heap
}


def is_limit(line, names):
    """A loop over a block of a tuned size, or the lesser of it and what is left: no decision."""
    return re.search(r"\b(for|while)\b", line) or ("?" in line and len(re.findall(rf"\b(?:{names})\b", line)) > 1)


@IN_A_CHECKOUT
def test_only_plans_compare_sizes_with_tuned_constants():
    """A driver reads its plan and decides nothing."""
    found = []
    for family in families("tuning.h"):
        names = "|".join(tuned(family))
        pattern = re.compile(rf"{COMPARISON}\s*(?:{names})\b|\b(?:{names})\s*{COMPARISON}")
        for path in sources(family, ".c", ".pyx", ".pxi"):
            if "plan" not in path.stem:
                hits = (line.strip() for line in without_comments(path).splitlines() if pattern.search(line))
                found += [f"{path.relative_to(PACKAGE)}: {line}" for line in hits if not is_limit(line, names)]
    assert [line for line in found if NOT_YET_PLANNED.get(line.partition(":")[0], "\n") not in line] == []


@IN_A_CHECKOUT
def test_no_kernel_reads_a_mutable_global():
    """In C, file scope holds constants and functions; in Cython, no module attribute in lower case steers a call."""
    in_c = re.compile(r"(?m)^(?:static |_Thread_local |volatile |atomic_\w+ )(?!inline)(?![^;{=(]*\()[^;{=]*[;={]")
    in_cython = re.compile(r"(?m)^[a-z]\w* = .*$")
    found = []
    for family in families("kernels.pyx"):
        for path in sources(family, ".c", ".h"):
            found += [f"{path.name}: {hit}" for hit in in_c.findall(without_comments(path)) if "const" not in hit]
        for path in sources(family, ".pyx", ".pxi"):
            found += [f"{path.name}: {hit}" for hit in in_cython.findall(without_comments(path))]
    assert found == []


LAYERS = {"runtime": 0, "cli": 2, "compat": 2, "distributed": 2}  # and 1: the families


@IN_A_CHECKOUT
def test_imports_point_down_only():
    """The command, drop-ins and Dask stand on the families, these on the runtime; in C families do not share files."""
    wrong = []
    for path in sorted(PACKAGE.glob("*/**/*.py")) + sorted(PACKAGE.glob("*/*.p[xy][xid]")):
        own = path.relative_to(PACKAGE).parts[0]
        for layer in re.findall(r"(?m)^\s*(?:from|import|cimport) fastgeo\.([a-z]+)\b", without_comments(path)):
            if (PACKAGE / layer).is_dir() and LAYERS.get(layer, 1) > LAYERS.get(own, 1):
                wrong.append(f"{path.relative_to(PACKAGE)}: fastgeo.{layer}")
    for path in sorted(PACKAGE.glob("*/**/*.[ch]")):
        own = path.relative_to(PACKAGE).parts[0]
        for layer in re.findall(r'(?m)^\s*#include "([a-z]+)/', path.read_text()):
            if layer not in (own, "runtime") and (PACKAGE / layer).is_dir():
                wrong.append(f"{path.relative_to(PACKAGE)}: {layer}/")
    assert wrong == []
