"""What every public name owes: a reference of the same signature, a docstring that runs, tests, a bench row."""

import doctest
import importlib
import inspect
import pkgutil
from pathlib import Path

import numpy as np
import pytest

import fastgeo
from fastgeo import reference
from fastgeo.cli import bench_rows

FAMILIES = [
    fastgeo.boxes,
    fastgeo.suppression,
    fastgeo.convolution,
    fastgeo.ranking,
    fastgeo.clustering,
    fastgeo.assignment,
    fastgeo.heads,
    fastgeo.evaluation,
    fastgeo.masks,
]
NAMES = reference.__all__
FUNCTIONS = [name for name in NAMES if not isinstance(getattr(reference, name), type)]
TESTS = "".join(
    path.read_text() for path in Path(__file__).parent.glob("test_*.py") if path.name != Path(__file__).name
)


def test_one_list_of_names():
    assert len(NAMES) == len(set(NAMES))
    assert sorted(name for family in FAMILIES for name in family.__all__) == sorted(NAMES)
    assert set(NAMES) < set(fastgeo.__all__)


@pytest.mark.parametrize("name", NAMES)
def test_kernel_and_reference_share_signature_and_docstring(name):
    kernel, specification = getattr(fastgeo, name), getattr(reference, name)
    assert kernel is not specification
    assert kernel.__doc__ == specification.__doc__

    def bare(function):
        parameters = inspect.signature(function).parameters.values()
        return [(p.name, p.kind, repr(p.default)) for p in parameters]

    assert bare(kernel) == bare(specification)


@pytest.mark.parametrize("name", NAMES)
def test_docstring_is_complete(name):
    doc = inspect.getdoc(getattr(reference, name))
    sections = ["Parameters", "Raises", "Notes", "References", "Examples"]
    sections += ["Returns"] if name in FUNCTIONS else []
    for section in sections:
        assert f"\n{section}\n{'-' * len(section)}\n" in doc, section
    for parameter in inspect.signature(getattr(reference, name)).parameters:
        assert parameter in doc, parameter


@pytest.mark.parametrize("name", [name for name in fastgeo.__all__ if callable(getattr(fastgeo, name))])
def test_example_runs(name):
    # np.printoptions: NumPy 2 prints scalars with their type, NumPy 1 without.
    finder = doctest.DocTestFinder(recurse=False)
    tests = finder.find(getattr(fastgeo, name), name, globs={"np": np})
    assert sum(len(test.examples) for test in tests) > 0
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    for test in tests:
        runner.run(test)
    assert runner.failures == 0


@pytest.mark.parametrize("name", NAMES)
def test_is_tested(name):
    assert f"{name}(" in TESTS or f'"{name}"' in TESTS


@pytest.mark.parametrize("name", NAMES)
def test_is_benchmarked(name):
    modules = [
        importlib.import_module(f"{bench_rows.__name__}.{m.name}") for m in pkgutil.iter_modules(bench_rows.__path__)
    ]
    assert name in {row.group for module in modules for row in module.ROWS}
