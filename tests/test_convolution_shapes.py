"""conv2d over the shapes that reach every way of computing it, each held to its chains computed by brute force."""

import numpy as np
import pytest
from convolution_chains import arrays, chains, exact, planar, shapes
from hypothesis import given
from hypothesis import strategies as st

import fastgeo
from fastgeo import runtime
from fastgeo.testing import assert_same_answer


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
    across = planar(x, kernel)
    found = [fastgeo.conv2d(x, kernel, bias, n_threads=n, **parameters) for n in (1, 3)]
    found.append(fastgeo.conv2d(*across, bias, layout="NCHW", **parameters).transpose(0, 2, 3, 1))
    layer = fastgeo.Conv2d(kernel, bias, **parameters)
    return [np.ascontiguousarray(y) for y in (*found, layer(x), layer(x))]


def hold(image, kernel_shape, parameters, dtype, seed=0, with_bias=True):
    x, kernel, bias = arrays(image, kernel_shape, dtype, seed, with_bias)
    expected = (chains if dtype == np.float32 else exact)(x, kernel, bias, **parameters)
    for isa, answers in on_every_isa(lambda: both_layouts(x, kernel, bias, parameters)).items():
        for answer in answers:
            assert_same_answer(answer, expected), isa


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
