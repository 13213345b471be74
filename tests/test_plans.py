"""Plans: explain() says what runs, force_algorithm() makes it run, and the kernels' own counts agree."""

import threading

import numpy as np
import pytest
from calls import ENTRIES, arguments

import fastgeo
from fastgeo.plans import ONLY, Plan, choice_of
from fastgeo.runtime import core
from fastgeo.testing import algorithms, assert_same_answer, force_algorithm


def functions():
    return [name for name in ENTRIES if callable(getattr(fastgeo, name, None))]


def planned():
    """Functions that choose among several algorithms; a class chooses as the function does that does the same."""
    found = {name: getattr(fastgeo, name) for name in functions()}
    return [
        name for name, function in found.items() if not isinstance(function, type) and len(algorithms(function)) > 1
    ]


@pytest.mark.parametrize("name", functions())
def test_every_function_explains_itself(name):
    function = getattr(fastgeo, name)
    if isinstance(function, type):
        assert algorithms(function)
        return
    plan = fastgeo.explain(function, **arguments(name, 50))
    assert isinstance(plan, Plan)
    assert plan.function == name
    assert plan.algorithm in algorithms(function)
    assert plan.isa == core.active_isa()
    assert plan.threads >= 1
    assert plan.chunks >= 1
    assert plan.scratch_bytes >= 0
    assert plan.reason
    assert plan.algorithm in str(plan)


@pytest.mark.parametrize("name", planned())
def test_forced_algorithm_is_the_one_that_runs(name):
    function, call = getattr(fastgeo, name), arguments(name, 50)
    expected = function(**call)
    served = []
    for algorithm in algorithms(function):
        core.count_runs(True)
        try:
            with force_algorithm(function, algorithm):
                assert_same_answer(function(**call), expected)
        except ValueError as error:
            assert "cannot serve this call" in str(error)  # noqa: PT017
            assert algorithm in str(error)  # noqa: PT017
            continue
        finally:
            core.count_runs(False)
        choice = choice_of(function)[0]
        assert {row[1] for row in core.run_counts() if row[0] == choice} == {algorithm}
        served.append(algorithm)
    assert served


@pytest.mark.parametrize("name", planned())
def test_explained_algorithm_is_the_one_that_runs(name):
    function, call = getattr(fastgeo, name), arguments(name, 50)
    plan = fastgeo.explain(function, **call)
    core.count_runs(True)
    try:
        function(**call)
    finally:
        core.count_runs(False)
    choice = choice_of(function)[0]
    assert plan.algorithm in {row[1] for row in core.run_counts() if row[0] == choice}


def test_unknown_algorithm():
    with (
        pytest.raises(ValueError, match=r"box_area: expected one of the algorithms \('direct',\), got 'magic'"),
        force_algorithm(fastgeo.box_area, "magic"),
    ):
        pass


@pytest.mark.parametrize("other", [print, len, np.sum, "nms", fastgeo])
def test_explains_nothing_else(other):
    with pytest.raises(TypeError, match="function: expected a public function of fastgeo"):
        fastgeo.explain(other)


@pytest.mark.parametrize("name", planned())
def test_forcing_ends_with_its_block_and_stays_in_its_thread(name):
    choice, names = choice_of(getattr(fastgeo, name))
    seen = []
    with force_algorithm(getattr(fastgeo, name), names[0]):
        with force_algorithm(getattr(fastgeo, name), names[-1]):
            assert core.forced(choice) == names[-1]
        assert core.forced(choice) == names[0]
        thread = threading.Thread(target=lambda: seen.append(core.forced(choice)))
        thread.start()
        thread.join()
    assert seen == [None]
    assert core.forced(choice) is None


def test_plan_reads_well():
    plan = Plan("nms", "grid", "avx2", 2, 1, 3 << 20, "12,000 boxes, few of which overlap")
    assert str(plan) == (
        "nms\n"
        "  algorithm  grid\n"
        "  why        12,000 boxes, few of which overlap\n"
        "  runs on    avx2, 2 threads, 1 chunk\n"
        "  scratch    3.0 MiB"
    )


def test_single_algorithm_has_a_name():
    assert algorithms(fastgeo.box_area) == (ONLY,)


def test_a_layer_is_explained_by_its_call():
    kernel, inputs = np.ones((3, 3, 8, 16), np.float32), np.ones((1, 20, 20, 8), np.float32)
    layer = fastgeo.Conv2d(kernel, padding=1)
    plan, of_function = fastgeo.explain(layer, inputs), fastgeo.explain(fastgeo.conv2d, inputs, kernel, padding=1)
    assert (plan.function, plan.algorithm) == ("Conv2d", of_function.algorithm)
    with fastgeo.testing.force_algorithm(fastgeo.conv2d, "register_tiles"):
        assert fastgeo.explain(layer, inputs).algorithm == "register_tiles"
    with pytest.raises(TypeError, match=r"explain\(layer, inputs\)"):
        fastgeo.explain(fastgeo.Conv2d, kernel)
