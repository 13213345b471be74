"""Every algorithm that a box, mask or ranking function chooses among, on inputs too small for the plan to choose it."""

import itertools

import numpy as np
import pytest
from calls import ENTRIES, NAMES, VARIANTS, arguments, parameters
from cases import awkward_boxes

import fastgeo
from fastgeo import reference
from fastgeo.runtime import core
from fastgeo.testing import algorithms, assert_same_answer, force_algorithm

FAMILIES = ("boxes", "masks", "ranking")
CHOOSES_AS = {"AUCHistogram": "histogram_auc"}


def chooser(name):
    """The function whose algorithms that of this name uses."""
    return getattr(fastgeo, CHOOSES_AS.get(name, name))


PLANNED = [
    name
    for name in NAMES
    if getattr(reference, name).__module__.split(".")[1] in FAMILIES and len(algorithms(chooser(name))) > 1
]
SIZES = (0, 1, 2, 3, 17, 50)
FLOATS = (np.float32, np.float64)
CANNOT_SERVE = "cannot serve this call"


def outcome(namespace, name, call):
    """The answer, or the exception's type and message."""
    try:
        return ENTRIES[name](namespace)(**call)
    except (TypeError, ValueError) as error:
        return type(error), str(error)


def hold_every_algorithm_to_the_reference(name, call):
    """Return those that could serve the call, with any number of threads."""
    function, served = chooser(name), set()
    expected = outcome(reference, name, call)
    threads = [{"n_threads": n} for n in (1, 3)] if "n_threads" in parameters(name) else [{}]
    for algorithm, extra in itertools.product(algorithms(function), threads):
        with force_algorithm(function, algorithm):
            answer = outcome(fastgeo, name, {**call, **extra})
        if isinstance(answer, tuple) and CANNOT_SERVE in str(answer[-1]):
            continue
        assert_same_answer(answer, expected)
        served.add(algorithm)
    return served


def spoiled(call):
    """The call with a NaN or an infinity at the first, a middle and the last place of each of its float arrays."""
    for key, array in call.items():
        if isinstance(array, np.ndarray) and array.dtype.kind == "f" and array.size:
            for place, value in itertools.product({0, array.size // 2, array.size - 1}, (np.nan, np.inf)):
                wrong = array.copy()
                wrong.flat[place] = value
                yield {**call, key: wrong}


@pytest.mark.parametrize("name", PLANNED)
def test_small_inputs(kernels, name):
    served = set()
    for dtype, variant, n in itertools.product(FLOATS, VARIANTS[name], SIZES):
        served |= hold_every_algorithm_to_the_reference(name, arguments(name, n, dtype, variant))
    if name == "roc_auc":  # a plain one wants no records; those of the variants come with weights or a limit
        assert "record_sort" in served
    assert served == set(algorithms(chooser(name)))


@pytest.mark.parametrize("name", PLANNED)
def test_values_that_are_refused(kernels, name):
    for dtype, n in itertools.product(FLOATS, (1, 17)):
        for call in spoiled(arguments(name, n, dtype)):
            hold_every_algorithm_to_the_reference(name, call)


@pytest.mark.parametrize("name", [name for name in PLANNED if "boxes1" in parameters(name)])
def test_awkward_boxes(kernels, name):
    for dtype in FLOATS:
        boxes = awkward_boxes(dtype)
        for boxes1, boxes2 in ((boxes, boxes), (boxes[:1], boxes), (boxes, boxes[-2:])):
            served = hold_every_algorithm_to_the_reference(name, {"boxes1": boxes1, "boxes2": boxes2})
            assert served == set(algorithms(chooser(name)))


@pytest.mark.parametrize("name", PLANNED)
def test_what_runs_is_what_was_forced(name):
    """By the count of the kernel that ran, not by what the plan says of itself."""
    function, call = chooser(name), arguments(name, 17)
    for algorithm in algorithms(function):
        core.count_runs(True)
        try:
            with force_algorithm(function, algorithm):
                answer = outcome(fastgeo, name, call)
        finally:
            core.count_runs(False)
        ran = {row[1] for row in core.run_counts()}
        assert ran == (set() if CANNOT_SERVE in str(answer) else {algorithm})


def test_sorted_columns_refuse_an_offset():
    """Boxes that are apart may overlap then."""
    with (
        force_algorithm(fastgeo.box_iou, "column_cells"),
        pytest.raises(ValueError, match="with an offset, boxes that are apart may overlap"),
    ):
        fastgeo.box_iou([[0.0, 0, 1, 1]], [[1.0, 0, 2, 1]], offset=1)
