"""conv2d and Conv2d: literals worked by hand, kernels against the reference, equal bits, the error bound, bad input."""

import pickle
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
from cases import layouts
from convolution_chains import planar
from fresh import in_fresh_process
from hypothesis import given
from hypothesis import strategies as st

import fastgeo
from fastgeo import reference, runtime
from fastgeo.testing import assert_same_answer

FLOATS = [np.float32, np.float64]


def outcome(function, *args, **kwargs):
    """The answer, or the exception's type and message."""
    try:
        return function(*args, **kwargs)
    except (ValueError, TypeError) as error:
        return type(error), str(error)


@pytest.mark.parametrize("dtype", FLOATS)
def test_literals(impl, dtype):
    image = np.arange(9, dtype=dtype).reshape(1, 3, 3, 1)
    corner = np.array([[1, 0], [0, 2]], dtype).reshape(2, 2, 1, 1)
    # window (0, 1, 3, 4): 0 + 2·4 = 8, and one step right or down adds 1 or 3 times 1 + 2
    np.testing.assert_array_equal(impl.conv2d(image, corner)[0, :, :, 0], [[8, 11], [17, 20]])
    # bias 1; stride 2 looks at the top left window only
    np.testing.assert_array_equal(impl.conv2d(image, corner, [1], 2)[0, :, :, 0], [[9]])
    # dilation 2 spans the image: 0 + 2·8
    np.testing.assert_array_equal(impl.conv2d(image, corner, dilation=2)[0, :, :, 0], [[16]])
    # "same" pads below and right: the last window holds the cell 8 and three zeros
    same = impl.conv2d(image, corner, padding="same")[0, :, :, 0]
    np.testing.assert_array_equal(same, [[8, 11, 2], [17, 20, 5], [6, 7, 8]])
    # a cell on all sides: the first window ends at cell 0, the second at cell 1
    np.testing.assert_array_equal(impl.conv2d(image, corner, padding=1)[0, 0, :, 0], [0, 2, 4, 0])
    # mirrored, the cell before 0 1 2 in both directions is that of row 1, column 1: 4 + 2·0
    assert impl.conv2d(image, corner, padding=1, padding_mode="reflect")[0, 0, 0, 0] == 4
    # replicated it is 0
    assert impl.conv2d(image, corner, padding=1, padding_mode="replicate")[0, 0, 0, 0] == 0
    # relu: 8 - 10 and 11 - 10
    np.testing.assert_array_equal(impl.conv2d(image, corner, [-10], activation="relu")[0, 0, :, 0], [0, 1])


def test_groups_literal(impl):
    pixel = np.array([1, 2, 3, 4], np.float32).reshape(1, 1, 1, 4)
    # two groups of two channels, each with one output: 1·1 + 2·10 and 3·2 + 4·20
    kernel = np.array([[1, 2], [10, 20]], np.float32).reshape(1, 1, 2, 2)
    np.testing.assert_array_equal(impl.conv2d(pixel, kernel, groups=2)[0, 0, 0], [21, 86])
    # depthwise: every channel by itself
    kernel = np.array([1, 2, 3, 4], np.float32).reshape(1, 1, 1, 4)
    np.testing.assert_array_equal(impl.conv2d(pixel, kernel, groups=4)[0, 0, 0], [1, 4, 9, 16])


def test_padded_cells_take_part(impl):
    # 0·inf is NaN where the infinite weight meets a padded cell
    kernel = np.array([np.inf, 1], np.float32).reshape(1, 2, 1, 1)
    result = impl.conv2d(np.ones((1, 1, 2, 1), np.float32), kernel, padding=((0, 0), (1, 0)))
    np.testing.assert_array_equal(result[0, 0, :, 0], [np.nan, np.inf])


def test_nan_passes_relu(impl):
    image = np.array([np.nan, -1, np.inf, -np.inf], np.float32).reshape(1, 1, 4, 1)
    result = impl.conv2d(image, np.ones((1, 1, 1, 1), np.float32), activation="relu")
    np.testing.assert_array_equal(result.ravel(), [np.nan, 0, np.inf, 0])


PADDINGS = [0, 1, (2, 0), ((0, 1), (2, 3)), "same", "valid"]


@st.composite
def calls(draw):
    """Arrays of small integers, on which every order of summation is exact, and any legal or illegal parameters."""
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    channels, outputs = draw(st.integers(1, 20)), draw(st.integers(1, 40))
    if draw(st.booleans()) and draw(st.booleans()):
        groups, channels, outputs = draw(st.integers(2, 40)), 1, 1
    size = [draw(st.integers(1, 12)) for _ in range(2)]
    kernel_size = [draw(st.integers(1, 4)) for _ in range(2)]
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    dtype = draw(st.sampled_from(FLOATS))
    x = rng.integers(-4, 5, (draw(st.integers(0, 3)), *size, channels * groups)).astype(dtype)
    kernel = rng.integers(-4, 5, (*kernel_size, channels, outputs * groups)).astype(dtype)
    bias = draw(st.sampled_from([None, rng.integers(-9, 9, outputs * groups).astype(dtype)]))
    layout = draw(st.sampled_from(["NHWC", "NCHW"]))
    if layout == "NCHW":
        x, kernel = planar(x, kernel)
    return (x, kernel, bias), {
        "stride": draw(st.one_of(st.integers(1, 3), st.tuples(st.integers(1, 3), st.integers(1, 3)))),
        "padding": draw(st.sampled_from(PADDINGS)),
        "dilation": draw(st.one_of(st.integers(1, 2), st.tuples(st.integers(1, 3), st.integers(1, 2)))),
        "groups": groups,
        "padding_mode": draw(st.sampled_from(["zeros", "reflect", "replicate"])),
        "layout": layout,
        "activation": draw(st.sampled_from([None, "relu"])),
    }


@given(call=calls())
def test_kernel_is_reference_on_integers(kernels, n_threads, call):
    arrays, parameters = call
    expected = outcome(reference.conv2d, *arrays, **parameters)
    actual = outcome(kernels.conv2d, *arrays, **parameters, n_threads=n_threads)
    if isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(actual, expected)
        assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
    else:
        assert actual == expected


def within_bound(actual, x, kernel, bias, **parameters):
    """Assert the error bound of conv2d's docstring."""
    eta, unit = float(np.finfo(x.dtype).smallest_subnormal), float(np.finfo(x.dtype).eps) / 2
    wide = [None if array is None else array.astype(np.float64) for array in (x, kernel, bias)]
    expected = reference.conv2d(*wide, **parameters)
    magnitude = reference.conv2d(*[None if array is None else np.abs(array) for array in wide], **parameters)
    group_channels = kernel.shape[1 if parameters.get("layout") == "NCHW" else 2]
    n = kernel.size // kernel.shape[0 if parameters.get("layout") == "NCHW" else 3] // group_channels
    n = n * group_channels + 1
    bound = n * unit / (1 - n * unit) * magnitude + n * eta
    assert np.all(np.abs(actual - expected) <= bound * (2 if x.dtype == np.float64 else 1))


def adversarial(kind, shape, rng, dtype):
    values = rng.standard_normal(shape)
    if kind == "cancelling":
        values = np.sign(values) * 2.0 ** rng.integers(-20, 20, shape)
    elif kind == "subnormal":
        values *= float(np.finfo(dtype).smallest_normal) ** 0.5 / 16
    return values.astype(dtype)


@pytest.mark.parametrize("outputs", [5, 16, 40])
@pytest.mark.parametrize("stride", [1, 2])
def test_every_row_length(kernels, outputs, stride):
    """Whole values, so that every order of adding gives the same: each size of tile, between and beside padding."""
    rng = np.random.default_rng(0)
    kernel = rng.integers(-3, 4, (3, 3, 17, outputs)).astype(np.float32)
    for width in range(1, 32):
        x = rng.integers(-3, 4, (1, 2, width, 17)).astype(np.float32)
        expected = reference.conv2d(x, kernel, stride=stride, padding=1)
        np.testing.assert_array_equal(kernels.conv2d(x, kernel, stride=stride, padding=1), expected)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("channels", [1, 3, 8, 15])
def test_few_channels_at_every_width(kernels, layout, channels):
    """Every number of outputs that passes share, and of pixels in a row; nothing is written beside the result."""
    rng = np.random.default_rng(0)
    for outputs, width in [*((o, 70) for o in range(1, 27)), *((o, w) for o in (1, 3, 5, 8, 11) for w in range(2, 67))]:
        stride, mode = (1 + outputs % 2, 1 + width % 3), ("zeros", "reflect", "replicate")[(outputs + width) % 3]
        x = rng.integers(-3, 4, (1, 3, width, channels)).astype(np.float32)
        kernel = rng.integers(-3, 4, (2, 2, channels, outputs)).astype(np.float32)
        bias = rng.integers(-3, 4, outputs).astype(np.float32)
        if layout == "NCHW":
            x, kernel = planar(x, kernel)
        padding = ((0, 1), (0, min(width - 1, 2)))
        keywords = {"stride": stride, "padding": padding, "padding_mode": mode, "layout": layout}
        expected = reference.conv2d(x, kernel, bias, **keywords)
        memory = np.full(expected.size + 64, np.pi, np.float32)
        out = memory[32:-32].reshape(expected.shape)
        kernels.conv2d(x, kernel, bias, out=out, **keywords)
        np.testing.assert_array_equal(out, expected)
        assert np.all(memory[:32] == np.float32(np.pi)) and np.all(memory[-32:] == np.float32(np.pi))


@pytest.mark.parametrize("kind", ["normal", "cancelling", "subnormal"])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("groups", [1, 2, 16])
def test_error_bound(kernels, kind, dtype, groups):
    rng = np.random.default_rng(3)
    x = adversarial(kind, (2, 7, 6, 16), rng, dtype)
    kernel = adversarial(kind, (3, 3, 16 // groups, 48 if groups < 16 else 16), rng, dtype)
    bias = adversarial(kind, (kernel.shape[3],), rng, dtype)
    within_bound(kernels.conv2d(x, kernel, bias, 1, 1, groups=groups), x, kernel, bias, padding=1, groups=groups)


@pytest.mark.parametrize("kind", ["normal", "cancelling", "subnormal"])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("channels", "outputs"), [(1, 1), (3, 8), (3, 13), (8, 24)])
def test_error_bound_of_few_channels(kernels, kind, dtype, channels, outputs):
    rng = np.random.default_rng(4)
    x = adversarial(kind, (1, 6, 37, channels), rng, dtype)
    kernel = adversarial(kind, (3, 3, channels, outputs), rng, dtype)
    bias = adversarial(kind, (outputs,), rng, dtype)
    within_bound(kernels.conv2d(x, kernel, bias, 1, 1), x, kernel, bias, padding=1)


# Shapes that take each path: few channels, one plane, pointwise, depthwise, groups, odd channels, several blocks and
# panels, cells a multiple of 4 KB apart.
PATHS = [
    ((1, 20, 21, 3), (5, 5, 3, 8), {"padding": 2}),
    ((2, 23, 30, 3), (7, 7, 3, 64), {"padding": 3, "stride": 2}),
    ((1, 17, 40, 1), (3, 3, 1, 1), {"padding": 1}),
    ((1, 40, 70, 1), (4, 3, 1, 1), {"padding": "same", "dilation": 2}),
    ((1, 9, 40, 1), (3, 3, 1, 1), {"padding": 1, "stride": (1, 2)}),
    ((3, 9, 9, 70), (1, 1, 70, 100), {}),
    ((1, 12, 13, 37), (3, 3, 1, 37), {"padding": 1, "groups": 37}),
    ((1, 12, 13, 24), (3, 3, 4, 12), {"padding": 1, "groups": 6}),
    ((1, 12, 13, 8), (3, 3, 1, 24), {"padding": 1, "groups": 8}),
    ((2, 11, 9, 20), (3, 3, 20, 50), {"padding": 1, "padding_mode": "reflect"}),
    ((1, 7, 7, 130), (3, 3, 130, 33), {"padding": 1}),
    ((1, 90, 90, 2), (3, 3, 2, 9), {"padding": 1}),
    ((1, 12, 40, 20), (3, 3, 1, 20), {"padding": 1, "groups": 20, "padding_mode": "reflect"}),
    ((2, 11, 45, 17), (5, 5, 1, 17), {"padding": 2, "groups": 17, "stride": 2, "activation": "relu"}),
    ((1, 6, 31, 48), (3, 3, 1, 48), {"padding": "same", "groups": 48, "stride": 2}),
    ((1, 7, 33, 20), (5, 5, 1, 20), {"padding": ((0, 4), (4, 0)), "groups": 20, "padding_mode": "replicate"}),
    ((1, 6, 7, 1024), (2, 2, 1024, 20), {"padding": 1}),
    ((2, 5, 5, 512), (1, 1, 512, 40), {"stride": 2}),
    # padded zeros: at the first and last pixel of a tile, at several, over whole tiles; larger than the image
    ((2, 14, 14, 16), (3, 3, 16, 40), {"padding": 1}),
    ((1, 9, 23, 17), (5, 5, 17, 33), {"padding": 2, "stride": (2, 1)}),
    ((1, 6, 11, 16), (3, 3, 16, 16), {"padding": (4, 13), "dilation": (2, 3)}),
    ((1, 8, 19, 32), (3, 3, 16, 40), {"padding": 1, "groups": 2, "stride": 2}),
    ((1, 3, 2, 16), (3, 3, 16, 20), {"padding": ((0, 2), (3, 0))}),
    ((1, 9, 12, 16), (3, 3, 16, 24), {"padding": 1, "padding_mode": "replicate"}),
    ((2, 13, 31, 5), (5, 4, 5, 20), {"padding": "same", "padding_mode": "reflect"}),
    # few channels in and out
    ((2, 9, 70, 3), (3, 3, 3, 8), {"padding": 1, "activation": "relu"}),
    ((1, 12, 90, 3), (3, 5, 3, 3), {"padding": "same", "stride": (1, 2)}),
    ((1, 11, 99, 4), (3, 3, 4, 2), {"padding": 2, "dilation": (1, 2), "padding_mode": "reflect"}),
    ((1, 40, 2100, 2), (2, 3, 2, 6), {"padding": ((0, 1), (5, 0)), "padding_mode": "replicate"}),
    ((1, 10, 65, 4), (3, 3, 4, 24), {"padding": 1}),
    ((1, 9, 77, 15), (3, 4, 15, 11), {"padding": "same", "stride": 3, "activation": "relu"}),
]


@pytest.mark.parametrize(("shape", "kernel_shape", "parameters"), PATHS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_same_bits_everywhere(shape, kernel_shape, parameters, dtype):
    rng = np.random.default_rng(1)
    x = rng.standard_normal(shape).astype(dtype)
    kernel = rng.standard_normal(kernel_shape).astype(dtype)
    bias = rng.standard_normal(kernel_shape[3]).astype(dtype)
    before, answers = runtime.active_isa(), []
    layer = fastgeo.Conv2d(kernel, bias, **parameters)
    try:
        for isa in runtime.supported_isas():
            runtime.set_isa(isa)
            answers += [fastgeo.conv2d(x, kernel, bias, n_threads=n, **parameters) for n in (1, 2, 8)]
            across = fastgeo.conv2d(*planar(x, kernel), bias, layout="NCHW", **parameters)
            answers += [across.transpose(0, 2, 3, 1), layer(x)]
            answers += [np.concatenate([layer(image[None]) for image in x])]
    finally:
        runtime.set_isa(before)
    for answer in answers[1:]:
        assert_same_answer(np.ascontiguousarray(answer), answers[0])
    within_bound(answers[0], x, kernel, bias, **parameters)


def fma_chain(x, w, start):
    """One float32 chain in exact arithmetic: each step rounded once. float64 holds the product; the sum is corrected
    towards odd before the rounding to float32 (Boldo and Melquiond), so that it is not rounded twice."""
    total = np.float32(start)
    for a, b in zip(x, w, strict=True):
        product, old = float(a) * float(b), float(total)
        high = product + old
        part = high - product
        low = (product - (high - part)) + (old - part)
        if low and np.float64(high).view(np.int64) % 2 == 0:
            high = float(np.nextafter(high, np.inf if low > 0 else -np.inf))
        total = np.float32(high)
    return total


def test_order_of_the_chain(kernels):
    rng = np.random.default_rng(8)
    x = rng.standard_normal((1, 3, 4, 5)).astype(np.float32)
    kernel = rng.standard_normal((3, 4, 5, 3)).astype(np.float32)
    bias = rng.standard_normal(3).astype(np.float32)
    expected = [fma_chain(x.ravel(), kernel[..., o].ravel(), bias[o]) for o in range(3)]
    np.testing.assert_array_equal(kernels.conv2d(x, kernel, bias).ravel(), expected)
    # a padded row on top only adds zeros in front, in another place of the chain
    padded = kernels.conv2d(x, kernel, bias, padding=((1, 0), (0, 0)))[0, 0, 0]
    zeros = np.concatenate([np.zeros(20, np.float32), x[0, :2].ravel()])
    np.testing.assert_array_equal(padded, [fma_chain(zeros, kernel[..., o].ravel(), bias[o]) for o in range(3)])


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_partial_sums_overflow(impl, layout):
    """The error bound holds where no partial sum overflows: the kernel's chain does here, the reference's does not."""
    values = np.array([3e38, 3e38, -3e38], np.float32)
    x, kernel = values.reshape(1, 1, 1, 3), np.ones((1, 1, 3, 2), np.float32)
    if layout == "NCHW":
        x, kernel = planar(x, kernel)
    found = impl.conv2d(x, kernel, layout=layout).ravel()
    np.testing.assert_array_equal(found, np.float32(3e38) if impl is reference else np.inf)


def test_padded_cells_keep_their_signs_and_infinities(kernels):
    """A run of padded zeros adds 0 * weight: +0 or -0, which a sum of -0 shows, or NaN where a weight is infinite."""
    x = np.full((1, 20, 20, 16), -0.0, np.float32)
    kernel = np.ones((3, 3, 16, 40), np.float32)
    kernel[..., 1] = -1
    kernel[0, ..., 2] = -1  # the upper row alone
    kernel[0, 0, 5, 3] = np.inf  # the upper left cell
    kernel[1, 2, 0, 4] = -np.inf
    bias = np.full(40, -0.0, np.float32)
    found = kernels.conv2d(x, kernel, bias, padding=1)
    inside = np.zeros((1, 22, 22, 16), np.float32)
    inside[:, 1:-1, 1:-1] = x
    np.testing.assert_array_equal(found, kernels.conv2d(inside, kernel, bias))
    signs = np.signbit(kernels.conv2d(inside, kernel, bias))
    numbers = ~np.isnan(found)
    np.testing.assert_array_equal(np.signbit(found)[numbers], signs[numbers])
    assert np.signbit(found[0, 9, 9, 0])  # -0 * 1, sixteen times nine
    assert not np.signbit(found[0, 0, 9, 0])  # the padded row adds +0
    assert np.signbit(found[0, 0, 9, 2]) == np.signbit(np.float32(0) * -1 + np.float32(-0.0))
    assert np.isnan(found[0, 0, 9, 3])
    assert np.isnan(found[0, 9, -1, 4])


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("dtype", FLOATS)
def test_underflow_beside_padding(kernels, layout, dtype):
    """Sums that round to -0 before they meet the padding below and on the right."""
    tiny = np.finfo(dtype).smallest_subnormal
    x, kernel = np.full((1, 9, 24, 16), tiny, dtype), np.full((3, 3, 16, 8), -0.25, dtype)
    kernel[2, ..., 1:] = 0.25
    bare = np.zeros((1, 11, 26, 16), dtype)
    bare[:, 1:-1, 1:-1] = x
    if layout == "NCHW":
        (x, _), (bare, kernel) = planar(x, kernel), planar(bare, kernel)
    found = kernels.conv2d(x, kernel, padding=1, layout=layout)
    expected = kernels.conv2d(bare, kernel, layout=layout)
    assert_same_answer(found, expected)
    np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))
    assert np.signbit(found).any()


def test_large_blocks_agree(n_threads):
    """Many chunks: the answer of one thread, pixel by pixel the answer on a crop."""
    rng = np.random.default_rng(2)
    x = rng.standard_normal((2, 61, 67, 32)).astype(np.float32)
    kernel = rng.standard_normal((3, 3, 32, 96)).astype(np.float32)
    whole = fastgeo.conv2d(x, kernel, n_threads=n_threads)
    np.testing.assert_array_equal(whole[1:, 50:, 60:], fastgeo.conv2d(x[1:, 50:, 60:], kernel, n_threads=1))
    np.testing.assert_array_equal(whole[:1, :3, :4], fastgeo.conv2d(x[:1, :5, :6], kernel, n_threads=1))


def test_layouts_of_memory(impl):
    rng = np.random.default_rng(4)
    x = rng.integers(-3, 4, (2, 5, 4, 3)).astype(np.float32)
    kernel = rng.integers(-3, 4, (2, 2, 3, 4)).astype(np.float32)
    bias = np.arange(4, dtype=np.float32)
    expected = reference.conv2d(x, kernel, bias)
    for label, other in layouts(x):
        np.testing.assert_array_equal(impl.conv2d(other, kernel, bias), expected, err_msg=label)
    for label, other in layouts(kernel):
        np.testing.assert_array_equal(impl.conv2d(x, other, bias), expected, err_msg=label)
    assert impl.conv2d(x.astype(np.int16), kernel).dtype == np.float64
    assert impl.conv2d(x.astype(np.float16), kernel).dtype == np.float32
    assert impl.conv2d(x, kernel, bias.astype(np.float64)).dtype == np.float64
    out = np.empty_like(expected)
    assert impl.conv2d(x, kernel, bias, out=out) is out
    np.testing.assert_array_equal(out, expected)


def test_empty_batch(impl):
    assert impl.conv2d(np.zeros((0, 5, 5, 2)), np.zeros((3, 3, 2, 4))).shape == (0, 3, 3, 4)
    nothing = impl.conv2d(np.zeros((1, 0, 5, 2)), np.ones((3, 3, 2, 4)), np.arange(4.0), padding=2)
    np.testing.assert_array_equal(nothing, np.broadcast_to(np.arange(4.0), (1, 2, 7, 4)))


X, K = np.zeros((1, 4, 4, 2), np.float32), np.zeros((3, 3, 2, 4), np.float32)
BAD_CALLS = [
    ((X[0], K), {}, ValueError, "inputs: expected shape (N, H, W, C), got (4, 4, 2)"),
    ((X, K[0]), {}, ValueError, "kernel: expected shape (H, W, I, O), got (3, 2, 4)"),
    ((X, K[:, :, :1]), {}, ValueError, "kernel: expected 2 input channels (2 / groups 1), got 1 in shape (3, 3, 1, 4)"),
    ((X, K), {"groups": 3}, ValueError, "groups: expected a divisor of 2 input channels and 4 output channels, got 3"),
    ((X, K), {"groups": 0}, ValueError, "groups: expected an integer from 1 to 2147483647, got 0"),
    ((X, K, np.zeros(3)), {}, ValueError, "bias: expected shape (4,), got (3,)"),
    ((X, K), {"stride": 0}, ValueError, "stride: expected an integer from 1 to 2147483647, got 0"),
    ((X, K), {"stride": True}, TypeError, "stride: expected an integer, got True"),
    ((X, K), {"stride": (1, 2, 3)}, ValueError, "stride: expected an integer or a pair, got (1, 2, 3)"),
    ((X, K), {"dilation": (1, 0)}, ValueError, "dilation[1]: expected an integer from 1 to 2147483647, got 0"),
    ((X, K), {"padding": -1}, ValueError, "padding: expected an integer from 0 to 2147483647, got -1"),
    ((X, K), {"padding": "full"}, ValueError, "padding: expected one of 'valid', 'same', got 'full'"),
    (
        (X, K),
        {"dilation": 2},
        ValueError,
        "kernel height: expected at most the padded input's 4 (4 + 0 + 0), got 5 (size 3, dilation 2)",
    ),
    ((X, K), {"padding": 4, "padding_mode": "reflect"}, ValueError, "padding: expected less than the height 4"),
    ((X, K), {"padding_mode": "wrap"}, ValueError, "padding_mode: expected one of 'zeros', 'reflect', 'replicate'"),
    ((X, K), {"layout": "CHWN"}, ValueError, "layout: expected one of 'NHWC', 'NCHW', got 'CHWN'"),
    ((X, K), {"activation": "gelu"}, ValueError, "activation: expected one of 'relu', got 'gelu'"),
    ((X, K), {"padding": 2**31 - 1}, ValueError, "output: expected less than 2**63 bytes, got shape"),
    ((X, K), {"padding": 2**31}, ValueError, "padding: expected an integer from 0 to 2147483647, got 2147483648"),
    ((X, K), {"n_threads": 0}, ValueError, "n_threads: expected an integer at least 1, got 0"),
    ((X, K), {"out": np.zeros((1, 2, 2, 4))}, TypeError, "out: expected dtype float32, got float64"),
    ((X, K), {"out": np.zeros((1, 2, 2, 3), np.float32)}, ValueError, "out: expected shape (1, 2, 2, 4), got"),
    ((X.astype(complex), K), {}, TypeError, "inputs: expected an array of numbers, got dtype complex128"),
    ((X, K[:, :, :, :0]), {}, ValueError, "kernel: expected every length at least 1, got shape (3, 3, 2, 0)"),
    ((X[..., :0], K), {}, ValueError, "kernel: expected 0 input channels"),
]


@pytest.mark.parametrize(("arrays", "parameters", "error", "message"), BAD_CALLS)
def test_bad_input(impl, arrays, parameters, error, message):
    with pytest.raises(error) as caught:
        impl.conv2d(*arrays, **parameters)
    assert str(caught.value).startswith(message)


def test_equal_parameters_of_other_types(impl):
    """1 and True are equal and hash alike; only one of them is a stride."""
    assert impl.conv2d(X, K, stride=1).shape == (1, 2, 2, 4)
    for bad in (True, 1.0, (True, 1)):
        with pytest.raises(TypeError):
            impl.conv2d(X, K, stride=bad)


@pytest.mark.one_isa_at_a_time
def test_layer(impl):
    rng = np.random.default_rng(5)
    kernel = rng.standard_normal((3, 3, 4, 6)).astype(np.float32)
    x = rng.standard_normal((2, 8, 9, 8)).astype(np.float32)
    parameters = {"padding": "same", "groups": 2, "activation": "relu"}
    layer = impl.Conv2d(kernel, np.ones(6, np.float32), (2, 1), **parameters)
    expected = impl.conv2d(x, kernel, np.ones(6, np.float32), (2, 1), **parameters)
    assert_same_answer(layer(x), expected)
    out = np.empty_like(expected)
    assert layer(x, out) is out
    assert_same_answer(out, expected)
    kernel[:] = 0  # the layer keeps a copy
    assert_same_answer(layer(x, n_threads=2), expected)
    assert_same_answer(pickle.loads(pickle.dumps(layer))(x), expected)
    wide = layer(x.astype(np.float64))
    assert wide.dtype == np.float64
    np.testing.assert_allclose(wide, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "parameters", "message"),
    [
        ((K[0],), {}, "kernel: expected shape (H, W, I, O), got (3, 2, 4)"),
        ((K,), {"groups": 3}, "groups: expected a divisor of 4 output channels, got 3"),
        ((K, None, 0), {}, "stride: expected an integer from 1"),
        ((K,), {"padding": "no"}, "padding: expected one of 'valid', 'same', got 'no'"),
    ],
)
@pytest.mark.one_isa_at_a_time
def test_bad_layer(impl, arguments, parameters, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        impl.Conv2d(*arguments, **parameters)
    assert str(caught.value).startswith(message)


def test_layer_in_many_threads():
    rng = np.random.default_rng(6)
    layer = fastgeo.Conv2d(rng.standard_normal((3, 3, 8, 40)).astype(np.float32), padding=1)
    images = [rng.standard_normal((1, 5 + i, 30, 8)).astype(np.float32) for i in range(8)]
    expected, wrong = [layer(x, n_threads=1) for x in images], []

    def work(x, y):
        for _ in range(30):
            if not np.array_equal(layer(x), y):
                wrong.append(x.shape)

    workers = [threading.Thread(target=work, args=pair) for pair in zip(images, expected, strict=True)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def peak_memory(code):
    """Growth of the peak resident memory, in bytes, over the second half of `code` in a fresh interpreter."""
    before, after = code
    program = f"""
import resource, numpy as np, fastgeo
{textwrap.dedent(before)}
start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
{textwrap.dedent(after)}
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return int(done.stdout) * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss counts kilobytes on Linux alone")
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize(
    ("images", "kernel", "parameters"),
    [
        ((1, 400, 400, 64), (3, 3, 64, 64), "padding=1"),
        ((1, 900, 1200, 3), (7, 7, 3, 32), "stride=2, padding=3"),
        ((1, 900, 1200, 3), (5, 5, 3, 8), "padding=2, padding_mode='reflect'"),
        ((4, 120, 120, 128), (3, 3, 1, 128), "groups=128, padding=1"),
        ((1, 30, 30, 1024), (1, 1, 1024, 512), ""),
    ],
)
def test_memory(images, kernel, parameters, layout):
    """Beyond the result: one packed kernel and 1 MB a thread, and nothing that grows with the image."""
    if layout == "NCHW":
        images = images[0], images[3], images[1], images[2]
        kernel = kernel[3], kernel[2], kernel[0], kernel[1]
    defaults = [("stride", 1), ("padding", 0), ("groups", 1)]
    before = f"""
        from fastgeo.convolution import geometry
        x, w = np.ones({images}, np.float32), np.ones({kernel}, np.float32)
        keywords = dict({parameters})
        stride, padding, groups = [keywords.get(*default) for default in {defaults}]
        window = geometry.conv_window(x.shape, w.shape, stride, padding, 1, groups, "zeros", {layout!r})
        out = np.ones(geometry.layout_shape(window.out_shape, {layout!r}), np.float32)
        fastgeo.conv2d(np.ones((1, 300, 300, 1)), np.ones((3, 3, 1, 1)), n_threads=2)  # starts the pool
    """
    call = f"fastgeo.conv2d(x, w, out=out, n_threads=2, layout={layout!r}, **keywords)"
    grown = peak_memory((before, call))
    assert grown < 1.3 * 4 * np.prod(kernel) + 2 * 2**20 + 2**19


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize(
    ("channels", "outputs", "mode"), [(3, 1, "valid"), (1, 1, "same"), (20, 40, "same"), (3, 7, "same")]
)
def test_scipy(kernels, layout, channels, outputs, mode):
    signal = pytest.importorskip("scipy.signal", reason="SciPy is not installed")
    rng = np.random.default_rng(7)
    x, kernel = rng.standard_normal((2, 12, 70, channels)), rng.standard_normal((3, 5, channels, outputs))
    expected = np.zeros((2, *((12, 70) if mode == "same" else (10, 66)), outputs))
    for n, c, o in np.ndindex(2, channels, outputs):
        expected[n, :, :, o] += signal.correlate(x[n, :, :, c], kernel[:, :, c, o], mode=mode)
    if layout == "NCHW":
        (x, kernel), expected = planar(x, kernel), expected.transpose(0, 3, 1, 2)
    found = kernels.conv2d(x, kernel, padding=mode, layout=layout)
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("padding_mode", ["zeros", "reflect", "replicate"])
@pytest.mark.parametrize("groups", [1, 2, 6])
def test_torch(kernels, padding_mode, groups):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    rng = np.random.default_rng(9)
    module = torch.nn.Conv2d(
        6, 12, (3, 2), (2, 1), (2, 1), (1, 2), groups, padding_mode=padding_mode, dtype=torch.float64
    )
    x = rng.standard_normal((2, 6, 9, 8))
    actual = kernels.conv2d(
        x,
        module.weight.detach().numpy(),
        module.bias.detach().numpy(),
        (2, 1),
        (2, 1),
        dilation=(1, 2),
        groups=groups,
        padding_mode=padding_mode,
        layout="NCHW",
    )
    np.testing.assert_allclose(actual, module(torch.from_numpy(x)).detach().numpy(), rtol=1e-12, atol=1e-12)


# A signal comes after so many ms of processor time, somewhere in copying or packing 128 MB of weights.
INTERRUPTED_PACKING = """
import signal, numpy as np, fastgeo
def stop(*_):
    raise KeyboardInterrupt
signal.signal(signal.SIGPROF, stop)
kernel, x = np.ones((1, 1, 4096, 8192), np.float32), np.ones((1, 1, 60, 4096), np.float32)
answers = []
for delay in range(2, 42, 2):
    for call in (lambda: fastgeo.Conv2d(kernel), lambda: fastgeo.conv2d(x, kernel, n_threads=1)):
        try:
            signal.setitimer(signal.ITIMER_PROF, 1e-3 * delay)
            call()
            answers.append("finished")
        except BaseException as error:
            answers.append(type(error).__name__)
        signal.setitimer(signal.ITIMER_PROF, 0)
print(*sorted(set(answers)))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no interval timers")
def test_interrupted_packing():
    assert in_fresh_process(INTERRUPTED_PACKING).split() == ["KeyboardInterrupt"]


OTHER_ROUNDING = """
import ctypes, platform, numpy as np, fastgeo
libm = ctypes.CDLL("libm.so.6")
modes = {"x86_64": (0, 0x400, 0x800, 0xC00), "aarch64": (0, 0x800000, 0x400000, 0xC00000)}[platform.machine()]
rng = np.random.default_rng(0)
x = rng.standard_normal((2, 90, 90, 16)).astype(np.float32)
kernel, bias = rng.standard_normal((3, 3, 16, 40)).astype(np.float32), np.full(40, -0.0, np.float32)
x[:, 40:] = -0.0
kernel[..., :20] = np.abs(kernel[..., :20])
def answers():
    layer = fastgeo.Conv2d(kernel, bias, padding=1)
    yield from (layer(x, n_threads=n) for n in (1, 2))
    yield from (fastgeo.conv2d(x, kernel, bias, padding=1, n_threads=n) for n in (1, 2))
    yield fastgeo.conv2d(x[:1, :1, :1], kernel, bias, padding=1)
    yield fastgeo.conv2d(x.transpose(0, 3, 1, 2), kernel.transpose(3, 2, 0, 1), bias, padding=1, layout="NCHW")
    yield fastgeo.avg_pool2d(x, 3, 2, 1)
    yield from (fastgeo.lp_pool2d(x, 3, 2, 1, p=p) for p in (1, 2, 3, 0.5, 1.7))
found = []
for mode in modes:
    libm.fesetround(mode)
    found.append([answer.tobytes() for answer in answers()])
    assert libm.fegetround() == mode
libm.fesetround(0)
print([[a == b for a, b in zip(each, found[0])] for each in found[1:]])
assert all(each == found[0] for each in found)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="sets the rounding mode through glibc")
@pytest.mark.parametrize("isa", runtime.supported_isas())
def test_callers_rounding_mode_changes_no_bit(isa):
    in_fresh_process(OTHER_ROUNDING, FASTGEO_ISA=isa)
