"""conv2d over the shapes that reach every way of computing it, each held to its chains computed by brute force."""

import numpy as np
import pytest
from convolution_chains import arrays, chains, exact, on_every_algorithm, planar, shapes
from hypothesis import given
from hypothesis import strategies as st

import fastgeo
from fastgeo import runtime
from fastgeo.runtime import core
from fastgeo.testing import algorithms, assert_same_answer, force_algorithm


def on_every_isa(function):
    """The answers of `function()` on each instruction set."""
    before, answers = runtime.active_isa(), {}
    try:
        for isa in runtime.supported_isas():
            runtime.set_isa(isa)
            answers[isa] = function()
    finally:
        runtime.set_isa(before)
    return answers


def both_layouts(x, kernel, bias, parameters):
    """conv2d in both layouts, with one thread and three, and Conv2d; each with the channels last."""
    across, layer = planar(x, kernel), fastgeo.Conv2d(kernel, bias, **parameters)
    calls = {
        "one thread": lambda: fastgeo.conv2d(x, kernel, bias, n_threads=1, **parameters),
        "three threads": lambda: fastgeo.conv2d(x, kernel, bias, n_threads=3, **parameters),
        "NCHW": lambda: fastgeo.conv2d(*across, bias, layout="NCHW", **parameters).transpose(0, 2, 3, 1),
        "layer": lambda: layer(x),
    }
    found = {}
    for how, call in calls.items():
        found[how, "chosen"] = call()
        found |= {(how, name): y for name, y in on_every_algorithm(fastgeo.conv2d, call).items()}
    assert {("one thread", "register_tiles"), ("NCHW", "register_tiles")} <= set(found)
    return found


def hold(image, kernel_shape, parameters, dtype, seed=0, with_bias=True):
    x, kernel, bias = arrays(image, kernel_shape, dtype, seed, with_bias)
    expected = (chains if dtype == np.float32 else exact)(x, kernel, bias, **parameters)
    for isa, answers in on_every_isa(lambda: both_layouts(x, kernel, bias, parameters)).items():
        for how, answer in answers.items():
            try:
                assert_same_answer(np.ascontiguousarray(answer), expected)
            except AssertionError:
                raise AssertionError(f"{isa}, {how}") from None


@given(shape=shapes(), dtype=st.sampled_from([np.float32, np.float64]), seed=st.integers(0, 2**32), bias=st.booleans())
def test_every_output_is_its_chain(shape, dtype, seed, bias):
    hold(*shape, dtype, seed, bias)


PLAIN = {"padding": 0, "dilation": 1, "groups": 1, "padding_mode": "zeros", "activation": None}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("channels", [1, 2, 4, 8, 12, 15, 16, 32])
def test_cells_that_crowd_each_other_out_of_the_cache(dtype, channels):
    """Steps of whole multiples of 4096 bytes, with rows read in one run and cell by cell."""
    step = 4096 // (channels * np.dtype(dtype).itemsize)
    for columns, stride in ((2, step), (3, 2 * step), (1, step), (2, 64)):
        image = (1, 1, 3 * stride + columns, channels)
        hold(image, (1, columns, channels, 16), {**PLAIN, "stride": (1, stride)}, dtype)
        mirrored = {**PLAIN, "stride": (1, stride), "padding": ((0, 0), (1, 1)), "padding_mode": "replicate"}
        hold(image, (1, columns, channels, 5), mirrored, dtype)


# (image, kernel, parameters): each algorithm chosen by itself, and its neighbours that it must not be chosen for.
NEIGHBOURS = [
    *(((1, 9, 50, 20), (3, k, 1, 20), {"groups": 20, "stride": (1, s)}) for k in (3, 4, 5) for s in (1, 2, 3)),
    *(((1, 6, 40, 9), (3, 3, 1, 9 * m), {"groups": 9, "padding": 1}) for m in (1, 2, 3, 4, 5)),
    *(((2, 5, 17, 6 * g), (3, 2, g, 6 * g), {"groups": 6, "padding": (0, 1)}) for g in (2, 3, 4, 5, 8)),
    *(((1, 1, n, 37), (1, 1, 37, 70), {}) for n in (1, 2, 7, 31, 32, 33, 40)),
    *(((n, 3, 3, 7), (3, 3, 7, 40), {"padding": 1}) for n in (1, 3, 4)),
    *(((1, 5, 200, 15), (3, 3, 15, 16), {"stride": (1, s)}) for s in (3, 4, 62)),
    ((1, 7, 7, 40), (3, 3, 1, 80), {"groups": 40, "padding": 1}),
    ((1, 1, 1, 9), (3, 3, 1, 9), {"groups": 9, "padding": 1}),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", NEIGHBOURS, ids=str)
def test_where_the_choice_changes(dtype, case):
    image, kernel, parameters = case
    hold(image, kernel, {**PLAIN, "stride": 1, **parameters}, dtype)


CHOICES = {
    "matrix_vector": ((1, 1, 1, 64), (1, 1, 64, 64), {}),
    "depthwise_rows": ((1, 9, 30, 64), (3, 3, 1, 64), {"groups": 64}),
    "plane_stencil": ((1, 9, 80, 1), (3, 3, 1, 1), {}),
    "pixel_vectors": ((1, 9, 80, 3), (3, 3, 3, 8), {}),
    "grouped_lanes": ((1, 9, 30, 64), (3, 3, 1, 128), {"groups": 64}),
    "register_tiles": ((1, 9, 30, 64), (3, 3, 64, 64), {}),
}


def test_explain_says_what_runs():
    """On vectors; what runs is what the plan says, counted in the drivers."""
    assert set(CHOICES) == set(algorithms(fastgeo.conv2d))
    for name, (image, kernel, parameters) in CHOICES.items():
        x, weights = np.ones(image, np.float32), np.ones(kernel, np.float32)
        with force_algorithm(fastgeo.conv2d, name):
            assert fastgeo.explain(fastgeo.conv2d, x, weights, **parameters).reason == "it is forced"
        plan = fastgeo.explain(fastgeo.conv2d, x, weights, n_threads=1, **parameters)
        core.count_runs(True)
        fastgeo.conv2d(x, weights, n_threads=1, **parameters)
        core.count_runs(False)
        assert core.run_counts() == {("conv2d", plan.algorithm, runtime.active_isa(), 1): 1}
        if runtime.active_isa() != "scalar":
            assert plan.algorithm == name
