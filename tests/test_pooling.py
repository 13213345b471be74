"""Pooling: literals worked by hand, kernels against the reference to the last bit, bad input, PyTorch."""

from functools import partial

import numpy as np
import pytest
from cases import layouts
from hypothesis import given
from hypothesis import strategies as st

from fastgeo import reference
from fastgeo.convolution import geometry
from fastgeo.testing import assert_same_answer

FLOATS = [np.float32, np.float64]
POOLS = ["max_pool2d", "avg_pool2d", "lp_pool2d"]


@pytest.mark.parametrize("dtype", FLOATS)
def test_literals(impl, dtype):
    image = np.array([[1, -2, 3], [4, 5, -6], [7, 8, 9]], dtype).reshape(1, 3, 3, 1)
    # overlapping windows: the four corners of the image
    np.testing.assert_array_equal(impl.max_pool2d(image, 2, 1)[0, :, :, 0], [[5, 5], [8, 9]])
    np.testing.assert_array_equal(impl.avg_pool2d(image, 2, 1)[0, :, :, 0], [[2, 0], [6, 4]])
    # without ceil_mode one window fits; with it the last column and row make three smaller ones
    np.testing.assert_array_equal(impl.max_pool2d(image, 2)[0, :, :, 0], [[5]])
    np.testing.assert_array_equal(impl.max_pool2d(image, 2, ceil_mode=True)[0, :, :, 0], [[5, 3], [8, 9]])
    np.testing.assert_array_equal(impl.avg_pool2d(image, 2, ceil_mode=True)[0, :, :, 0], [[2, -1.5], [7.5, 9]])
    # the first window holds one cell and three of padding
    assert impl.avg_pool2d(image, 2, padding=1)[0, 0, 0, 0] == 0.25
    assert impl.avg_pool2d(image, 2, padding=1, count_include_pad=False)[0, 0, 0, 0] == 1
    # dilation 2: the corners 1, 3, 7, 9
    values, indices = impl.max_pool2d(image, 2, dilation=2, return_indices=True)
    assert (values.item(), indices.item(), indices.dtype) == (9, 8, np.int64)
    # 1 + 2 + 4 + 5; sqrt(1 + 4 + 16 + 25)
    assert impl.lp_pool2d(image, 2, p=1)[0, 0, 0, 0] == 12
    assert impl.lp_pool2d(image, 2)[0, 0, 0, 0] == dtype(np.sqrt(46.0))


def test_nan_and_zeros(impl):
    row = np.array([1, np.nan, 2, -np.inf, -np.inf, -0.0, 0.0, np.nan], np.float32).reshape(1, 1, 8, 1)
    values, indices = impl.max_pool2d(row, (1, 2), return_indices=True)
    np.testing.assert_array_equal(values.ravel(), [np.nan, 2, 0, np.nan])
    assert np.signbit(values[0, 0, 2, 0])  # the first of equal zeros
    np.testing.assert_array_equal(indices.ravel(), [1, 2, 5, 7])
    np.testing.assert_array_equal(impl.avg_pool2d(row, (1, 4)).ravel(), [np.nan, np.nan])


def test_window_of_padding_only(impl):
    # windows see the columns -2 and 0, -1 and 1, 0 and 2 of an image of one column; rows alike
    x, seen = np.full((1, 1, 1, 2), 5.0), np.array([[1, 0, 1], [0, 0, 0], [1, 0, 1]])
    values, indices = impl.max_pool2d(x, 2, 1, 2, dilation=2, return_indices=True)
    np.testing.assert_array_equal(values[0, :, :, 0], np.where(seen, 5, -np.inf))
    np.testing.assert_array_equal(indices[0, :, :, 0], seen - 1)
    mean = impl.avg_pool2d(x, 2, 1, 2, dilation=2, count_include_pad=False)
    np.testing.assert_array_equal(mean[0, :, :, 0], 5 * seen)


@st.composite
def calls(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    channels = st.one_of(st.integers(1, 20), st.sampled_from([63, 64, 83, 150]))  # to several times four vectors
    shape = [draw(st.integers(0, 2)), *(draw(st.integers(1, 12)) for _ in range(2)), draw(channels)]
    x = rng.standard_normal(shape).astype(draw(st.sampled_from(FLOATS)))
    if draw(st.booleans()):
        awkward = rng.choice([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0], shape)
        x = np.where(rng.random(shape) < 0.3, awkward, x).astype(x.dtype)
    size = st.one_of(st.integers(1, 4), st.tuples(st.integers(1, 4), st.integers(1, 4)))
    return x, {
        "size": draw(size),
        "stride": draw(st.one_of(st.none(), size)),
        "padding": draw(st.sampled_from([0, 1, 2, (0, 1), ((0, 2), (1, 0)), "same", "valid"])),
        "dilation": draw(st.one_of(st.integers(1, 2), st.tuples(st.integers(1, 3), st.integers(1, 2)))),
        "ceil_mode": draw(st.booleans()),
        "layout": draw(st.sampled_from(["NHWC", "NCHW"])),
    }


def outcome(function, *args, **kwargs):
    """The answer, or the exception's type and message."""
    try:
        return function(*args, **kwargs)
    except (ValueError, TypeError) as error:
        return type(error).__name__, str(error)


@given(call=calls())
def test_kernel_is_reference(kernels, n_threads, call):
    x, parameters = call
    variants = [
        ("max_pool2d", {}),
        ("max_pool2d", {"return_indices": True}),
        ("avg_pool2d", {}),
        ("avg_pool2d", {"count_include_pad": False}),
        ("lp_pool2d", {"p": 1}),
        ("lp_pool2d", {"p": 2}),
    ]
    for name, more in variants:
        actual = outcome(getattr(kernels, name), x, **parameters, **more, n_threads=n_threads)
        assert_same_answer(actual, outcome(getattr(reference, name), x, **parameters, **more))


@pytest.mark.parametrize("p", [0.5, 1.5, 3, 7.25])
@pytest.mark.parametrize("dtype", FLOATS)
def test_any_norm(kernels, p, dtype):
    x = np.random.default_rng(1).standard_normal((2, 9, 8, 5)).astype(dtype)
    expected = reference.lp_pool2d(x, 3, 2, 1, p=p)
    ulp = 1 if dtype == np.float32 else 16 * (1 + 1 / p)
    np.testing.assert_array_max_ulp(kernels.lp_pool2d(x, 3, 2, 1, p=p), expected, ulp)
    assert_same_answer(kernels.lp_pool2d(x, 3, 2, 1, p=p), kernels.lp_pool2d(x, 3, 2, 1, p=p, n_threads=3))


@pytest.mark.parametrize(
    ("cells", "p", "norm"),
    [
        ([2.0, 0.0], 3, 2.0),  # 2³ = 8, and 8^(1/3) lies within the bound of 2
        ([4.0, 0.0], 0.5, 4.0),  # 4^(1/2) = 2, 2² = 4
        ([1.0, 1.0], 0.5, 4.0),  # (1 + 1)²
        ([0.0, -0.0], 3, 0.0),
        ([1.0, 0.0], 1e300, 1.0),
        ([2.0, 0.0], 1e300, np.inf),  # overflows
        ([0.5, 0.0], 1e300, 0.0),  # underflows
        ([np.inf, 1.0], 3, np.inf),
        ([-np.inf, 1.0], 0.25, np.inf),
        ([np.nan, 1.0], 3, np.nan),
    ],
)
def test_powers_by_hand(impl, cells, p, norm):
    found = impl.lp_pool2d(np.array(cells).reshape(1, 1, 2, 1), (1, 2), p=p).item()
    np.testing.assert_array_max_ulp(np.float64(found), np.float64(norm), 2)


@pytest.mark.parametrize("p", [0.25, 0.5, 4, 32])
def test_root_of_power(kernels, p):
    """p and 1 / p are exact: an error of 1 ulp in the power is one of 1 / p in its root, which adds its own."""
    rng = np.random.default_rng(3)
    x = np.ldexp(rng.uniform(0.5, 1, 4000), rng.integers(-30, 30, 4000)).reshape(1, 1, -1, 1)
    np.testing.assert_allclose(kernels.lp_pool2d(x, 1, p=p), x, rtol=(1 + 1 / p) * 2.0**-52, atol=0)


def test_many_chunks(kernels, n_threads):
    x = np.random.default_rng(2).standard_normal((2, 120, 130, 17)).astype(np.float32)
    for name in POOLS:
        actual = getattr(kernels, name)(x, 3, 2, 1, n_threads=n_threads)
        assert_same_answer(actual, getattr(reference, name)(x, 3, 2, 1))


@pytest.mark.parametrize("name", POOLS)
def test_layouts_of_memory(impl, name):
    x = np.random.default_rng(3).integers(-9, 9, (2, 5, 6, 3)).astype(np.float64)
    expected = getattr(reference, name)(x, 2)
    for label, other in layouts(x):
        np.testing.assert_array_equal(getattr(impl, name)(other, 2), expected, err_msg=label)
    across = getattr(impl, name)(x.transpose(0, 3, 1, 2), 2, layout="NCHW")
    assert_same_answer(across.transpose(0, 2, 3, 1), expected)
    out = np.empty_like(expected)
    assert getattr(impl, name)(x, 2, out=out) is out
    assert_same_answer(out, expected)


X = np.zeros((1, 4, 4, 2), np.float32)


@pytest.mark.parametrize("name", POOLS)
@pytest.mark.parametrize(
    ("arguments", "parameters", "error", "message"),
    [
        ((X[0], 2), {}, ValueError, "inputs: expected shape (N, H, W, C), got (4, 4, 2)"),
        ((X, 5), {}, ValueError, "kernel height: expected at most the padded input's 4 (4 + 0 + 0), got 5 (size 5, "),
        ((X, 0), {}, ValueError, "size: expected an integer from 1 to 2147483647, got 0"),
        ((X, (2, 2.0)), {}, TypeError, "size[1]: expected an integer, got 2.0"),
        ((X, 2, 0), {}, ValueError, "stride: expected an integer from 1 to 2147483647, got 0"),
        ((X, 2, 1, -1), {}, ValueError, "padding: expected an integer from 0 to 2147483647, got -1"),
        ((X, 2), {"dilation": 0}, ValueError, "dilation: expected an integer from 1 to 2147483647, got 0"),
        ((X, 2), {"layout": "HWC"}, ValueError, "layout: expected one of 'NHWC', 'NCHW', got 'HWC'"),
        ((X, 2), {"n_threads": 0}, ValueError, "n_threads: expected an integer at least 1, got 0"),
        ((X, 1, 1, 2**31 - 1), {}, ValueError, "output: expected less than 2**63 bytes, got shape"),
        ((X[..., :0], 1), {}, ValueError, "inputs: expected at least 1 channel, got shape (1, 4, 4, 0)"),
        ((X, 2), {"out": np.zeros(3, np.float32)}, ValueError, "out: expected shape (1, 2, 2, 2), got (3,)"),
    ],
)
def test_bad_input(impl, name, arguments, parameters, error, message):
    with pytest.raises(error) as caught:
        getattr(impl, name)(*arguments, **parameters)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("p", [0, -1, np.inf, np.nan])
def test_bad_norm(impl, p):
    with pytest.raises(ValueError, match="p: expected a finite number greater than 0"):
        impl.lp_pool2d(X, 2, p=p)


@pytest.mark.parametrize("p", [True, np.True_, "2", None])
def test_norm_of_another_type(impl, p):
    with pytest.raises(TypeError, match="p: expected a number, got"):
        impl.lp_pool2d(X, 2, p=p)


@pytest.mark.parametrize("channels", [1, 5])
@pytest.mark.parametrize("name", POOLS)
def test_windows_in_pieces(kernels, name, channels):
    """Windows of more cells than are pooled between two polls: many rows, and rows that are cut themselves."""
    rng = np.random.default_rng(5)
    wide, tall = rng.integers(-9, 9, (1, 2, 80_000, channels)), rng.integers(-9, 9, (2, 300, 301, channels))
    for x, size, padding in ((wide, (2, 79_999), 0), (tall, (299, 300), 1), (tall, 250, ((0, 9), (3, 0)))):
        images = x.astype(np.float32)
        across = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
        # Whole numbers, whose sums and sums of squares are exact in any order.
        expected = large_window(name, x, size, padding)
        pool = partial(getattr(kernels, name), size=size, stride=1, padding=padding)
        assert_same_answer(pool(images), expected)
        assert_same_answer(np.ascontiguousarray(pool(across, layout="NCHW").transpose(0, 2, 3, 1)), expected)


def large_window(name, x, size, padding):
    """Pooling with stride 1 of whole numbers, as differences of running sums, or window by window."""
    window = geometry.pool_window(x.shape, "NHWC", size, 1, padding, 1, False)
    pads = ((0, 0), window.top_bottom, window.left_right, (0, 0))
    if name == "max_pool2d":
        cells = np.pad(x, pads, constant_values=-99)
        views = np.lib.stride_tricks.sliding_window_view(cells, window.size, (1, 2))
        return np.array([[[view.max((1, 2)) for view in row] for row in image] for image in views], np.float32)
    running = np.pad(x if name == "avg_pool2d" else x * x, pads).cumsum(1).cumsum(2)
    running = np.pad(running, ((0, 0), (1, 0), (1, 0), (0, 0)))
    rows, columns = window.size
    total = running[:, rows:, columns:] - running[:, :-rows, columns:] - running[:, rows:, :-columns]
    total = total + running[:, :-rows, :-columns]
    if name == "avg_pool2d":
        return total.astype(np.float32) / np.float32(rows * columns)
    return np.sqrt(total.astype(np.float64)).astype(np.float32)


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_torch(kernels, ceil_mode):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    x = np.random.default_rng(4).standard_normal((2, 3, 11, 14))
    images, here = torch.from_numpy(x), {"ceil_mode": ceil_mode, "layout": "NCHW"}
    values, indices = torch.nn.functional.max_pool2d(images, 3, 2, 1, ceil_mode=ceil_mode, return_indices=True)
    actual = kernels.max_pool2d(x, 3, 2, 1, return_indices=True, **here)
    assert_same_answer(actual, (values.numpy(), indices.numpy()))
    for include in (False, True):
        mean = torch.nn.functional.avg_pool2d(images, 3, 2, 1, ceil_mode, include).numpy()
        np.testing.assert_allclose(kernels.avg_pool2d(x, 3, 2, 1, count_include_pad=include, **here), mean, rtol=1e-12)
    norm = torch.nn.functional.lp_pool2d(images.abs(), 3.0, 3, 2).numpy()
    np.testing.assert_allclose(kernels.lp_pool2d(x, 3, 2, p=3, layout="NCHW"), norm, rtol=1e-12)
