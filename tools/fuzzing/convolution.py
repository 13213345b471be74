"""Draws for the convolution family."""

from __future__ import annotations

import numpy as np

from fastgeo import reference
from fastgeo.testing import assert_same_answer
from fuzzing.draws import Call, float_type, log_uniform, maybe, pick, same
from fuzzing.peers import torch

MULTIPLICATIONS = {False: 3e5, True: 3e8}  # of one call
INPUTS = {False: 1e5, True: 2e7}  # values of one image
MULTIPLICATION_COST = 4e-9


PAGE = 4096  # bytes: a step of whole pages brings every cell to the same set of a cache


def values(rng, shape, dtype, whole):
    """Whole numbers, whose sums are exact in any order; or others, over a few orders of magnitude."""
    if whole:
        return rng.integers(-3, 4, shape).astype(dtype)
    array = rng.standard_normal(shape) * np.exp2(rng.integers(-6, 7, shape))
    return (array * 2.0 ** int(rng.choice([0, 0, 0, -60, 30, -35]))).astype(dtype)


def pair(rng, low, high, share=0.5):
    """One number for both axes, or one for each."""
    first = log_uniform(rng, low, high)
    return first if rng.random() < share else (first, log_uniform(rng, low, high))


def both(value):
    return value if isinstance(value, tuple) else (value, value)


def sides(rng, kernel, dilation, most):
    """An image's sides that hold the window at least once; at times just once."""
    return [(size - 1) * d + 1 + log_uniform(rng, 0, most) for size, d in zip(kernel, both(dilation), strict=True)]


def planar(kwargs, arrays):
    """NHWC and HWIO arrays as NCHW and OIHW, at times."""
    kwargs["layout"] = "NCHW"
    for key, axes in arrays.items():
        kwargs[key] = np.ascontiguousarray(kwargs[key].transpose(axes))


def channel_counts(rng):
    """Groups, channels of one, outputs of one."""
    kind = rng.integers(5)
    if kind == 0:  # depthwise, perhaps with a multiplier
        return log_uniform(rng, 1, 300), 1, int(pick(rng, (1, 1, 2, 3)))
    if kind == 1:
        return int(rng.integers(2, 5)), log_uniform(rng, 1, 40), log_uniform(rng, 1, 40)
    return 1, log_uniform(rng, 1, 300), log_uniform(rng, 1, 300)


def paged(rng, dtype):
    """A short kernel, a stride and channels whose steps are whole pages, since those are laid out in another way."""
    channels = 2 ** int(rng.integers(0, 7))
    stride = PAGE // (channels * np.dtype(dtype).itemsize) * int(rng.integers(1, 3))
    kernel = [int(side) for side in rng.integers(1, 5, 2)]
    return kernel, (int(rng.integers(1, 3)), min(stride, 2048)), channels


def reach(kwargs):
    """Multiply-adds behind one output, the bias included."""
    kernel = kwargs["kernel"]
    return kernel[..., 0].size + 1 if kwargs["layout"] == "NHWC" else kernel[0].size + 1


def is_exact(kwargs, dtype):
    """Whether every sum is of whole numbers that the type holds, so that any order gives it."""
    arrays = [kwargs[key] for key in ("inputs", "kernel", "bias") if kwargs[key] is not None]
    if not all(np.array_equal(array, np.rint(array)) for array in arrays):  # nor a NaN
        return False
    inputs, kernel, *bias = (float(np.abs(array).max(initial=0)) for array in arrays)
    return reach(kwargs) * inputs * kernel + sum(bias) <= 2.0 ** np.finfo(dtype).nmant


def in_bound(kwargs, answer, expected):
    """The bound of the docstring; the same NaNs and infinities."""
    assert (answer.dtype, answer.shape) == (expected.dtype, expected.shape)
    arrays = {key: kwargs.get(key) for key in ("inputs", "kernel", "bias")}
    if is_exact(kwargs, answer.dtype):
        return np.testing.assert_array_equal(answer, expected)
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(answer[~finite], expected[~finite])
    more = {**kwargs, "activation": None}
    magnitude = reference.conv2d(**{**more, **{k: None if v is None else abs(v * 1.0) for k, v in arrays.items()}})
    info, n = np.finfo(answer.dtype), reach(kwargs)
    unit = float(info.eps) / 2
    bound = n * unit / (1 - n * unit) * magnitude.astype(np.float64) * 2.001 + n * float(info.smallest_subnormal)
    error = np.abs(answer.astype(np.float64) - expected.astype(np.float64))[finite]
    assert (error <= bound[finite]).all(), f"{(error / bound[finite]).max():.3g} times the bound"


def as_torch_says(kwargs, answer):
    """PyTorch in float64 where whole numbers make every order exact."""
    if torch is None or kwargs["padding_mode"] != "zeros" or not is_exact(kwargs, answer.dtype):
        return
    nhwc = kwargs["layout"] == "NHWC"
    inputs, kernel = kwargs["inputs"].astype(np.float64), kwargs["kernel"].astype(np.float64)
    if nhwc:
        inputs, kernel = inputs.transpose(0, 3, 1, 2), kernel.transpose(3, 2, 0, 1)
    (top, bottom), (left, right) = kwargs["padding"]
    inputs = np.pad(inputs, ((0, 0), (0, 0), (top, bottom), (left, right)))
    bias = None if kwargs["bias"] is None else torch.from_numpy(kwargs["bias"].astype(np.float64))
    tensors = (torch.from_numpy(np.ascontiguousarray(a)) for a in (inputs, kernel))
    out = torch.nn.functional.conv2d(
        *tensors, bias, both(kwargs["stride"]), 0, both(kwargs["dilation"]), kwargs["groups"]
    ).numpy()
    out = np.maximum(out, 0) if kwargs["activation"] == "relu" else out
    np.testing.assert_array_equal(answer, out.transpose(0, 2, 3, 1) if nhwc else out)


def conv(name):
    def draw(rng, large):
        dtype, whole = float_type(rng), rng.random() < 0.6
        groups, channels, outputs = channel_counts(rng)
        kernel = [log_uniform(rng, 1, 13) for _ in range(2)] if rng.random() < 0.7 else [1, 1]
        dilation, stride = pair(rng, 1, 4, 0.8), pair(rng, 1, 64)
        if rng.random() < 0.1:
            kernel, stride, channels = paged(rng, dtype)
            dilation, groups = 1, 1
        height, width = sides(rng, kernel, dilation, 200)
        pixels = MULTIPLICATIONS[large] / (kernel[0] * kernel[1] * channels * outputs * groups)
        cells = max(1.0, min(pixels * np.prod(both(stride)), INPUTS[large] / (channels * groups)))
        height = int(min(height, max((kernel[0] - 1) * both(dilation)[0] + 1, cells)))
        width = int(min(width, max((kernel[1] - 1) * both(dilation)[1] + 1, cells / height)))
        shape = (int(rng.integers(1, 4)), height, width, channels * groups)
        padding = [[int(rng.integers(0, 1 + min(k * 2, side - 1))) if rng.random() < 0.4 else 0 for _ in range(2)]
                   for k, side in zip(kernel, (height, width), strict=True)]  # fmt: skip
        kwargs = {
            "inputs": values(rng, shape, dtype, whole),
            "kernel": values(rng, (*kernel, channels, outputs * groups), dtype, whole),
            "bias": maybe(rng, 0.5, values(rng, (outputs * groups,), dtype, whole)),
            "stride": stride,
            "padding": tuple(tuple(p) for p in padding),
            "dilation": dilation,
            "groups": groups,
            "padding_mode": pick(rng, ("zeros", "zeros", "reflect", "replicate")),
            "layout": "NHWC",
            "activation": maybe(rng, 0.2, "relu"),
        }
        if rng.random() < 0.5:
            planar(kwargs, {"inputs": (0, 3, 1, 2), "kernel": (3, 2, 0, 1)})
        spans = [(side + sum(p)) // s + 1 for side, p, s in zip((height, width), padding, both(stride), strict=True)]
        cost = shape[0] * spans[0] * spans[1] * np.prod(kernel) * channels * outputs * groups * MULTIPLICATION_COST
        return Call(name, kwargs, 3 * cost + 1e-3, in_bound, (as_torch_says,))

    return draw


def near_norm(kwargs, answer, expected):
    p = kwargs.get("p", 2)
    if p in (1, 2):
        return assert_same_answer(answer, expected)
    assert (answer.dtype, answer.shape) == (expected.dtype, expected.shape)
    np.testing.assert_array_equal(np.isnan(answer), np.isnan(expected))
    usual = np.isfinite(expected) & (expected > 1e-30) & (expected < 1e30)
    ulp = 1 if expected.dtype == np.float32 else 16 * (1 + 1 / p)
    assert (np.abs(answer[usual] - expected[usual]) <= ulp * np.spacing(expected[usual])).all()


def pooling(rng, large):
    name = pick(rng, ("max_pool2d", "max_pool2d", "avg_pool2d", "lp_pool2d"))
    dtype, size, dilation = float_type(rng), pair(rng, 1, 13), pair(rng, 1, 4, 0.8)
    height, width = sides(rng, both(size), dilation, 200)
    channels = log_uniform(rng, 1, max(1, min(300, (4_000_000 if large else 60_000) // (height * width))))
    kwargs = {
        "inputs": values(rng, (int(rng.integers(1, 3)), height, width, channels), dtype, rng.random() < 0.5),
        "size": size,
        "stride": maybe(rng, 0.7, pair(rng, 1, 64)),
        "padding": tuple(int(rng.integers(0, s // 2 + 1)) for s in both(size)),
        "dilation": dilation,
        "ceil_mode": bool(rng.integers(2)),
        "layout": "NHWC",
    }
    if name == "max_pool2d" and rng.random() < 0.3:
        kwargs["return_indices"] = True
    if name == "avg_pool2d":
        kwargs["count_include_pad"] = bool(rng.integers(2))
    if name == "lp_pool2d":
        kwargs["p"] = float(pick(rng, (1, 2, 3, 4, 0.5, 1.5, 7.25)))
        kwargs["inputs"] = values(rng, kwargs["inputs"].shape, dtype, True)
    if rng.random() < 0.5:
        planar(kwargs, {"inputs": (0, 3, 1, 2)})
    cost = kwargs["inputs"].size * np.prod(both(size)) * 3e-9 + 1e-3
    return Call(name, kwargs, cost, near_norm if name == "lp_pool2d" else same)


DRAWERS = (conv("conv2d"), conv("conv2d"), conv("Conv2d"), pooling)
