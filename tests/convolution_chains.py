"""Convolution by brute force, each output as its chain of fused multiply-adds; and random calls for every plan."""

import numpy as np
from hypothesis import strategies as st

from fastgeo.convolution import geometry
from fastgeo.convolution.reference import conv2d
from fastgeo.testing import algorithms, force_algorithm


def on_every_algorithm(function, call):
    """The answers of `call()`, a call of `function`, under each algorithm that serves it."""
    answers = {}
    for name in algorithms(function):
        with force_algorithm(function, name):
            try:
                answers[name] = call()
            except ValueError as error:
                if f"the algorithm '{name}' cannot serve this call" not in str(error):
                    raise
    return answers


PAD_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge"}


def planar(x, kernel):
    """NHWC and HWIO arrays as NCHW and OIHW."""
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2)), np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))


def fma(a, b, c):
    """float32 a * b + c rounded once. float64 holds the product; the sum is rounded to odd before it is rounded to
    float32 (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums", 2008)."""
    product, old = a.astype(np.float64) * b.astype(np.float64), c.astype(np.float64)
    high = product + old
    part = high - product
    low = (product - (high - part)) + (old - part)
    is_even = high.view(np.int64) % 2 == 0
    towards = np.where(low > 0, np.inf, -np.inf)
    return np.where((low != 0) & is_even, np.nextafter(high, towards), high).astype(np.float32)


def chains(x, kernel, bias, stride, padding, dilation, groups, padding_mode, activation):
    """float32 conv2d, channels last, one (kernel row, kernel column, channel) of all chains after another."""
    window = geometry.conv_window(x.shape, kernel.shape, stride, padding, dilation, groups, padding_mode, "NHWC")
    pads = ((0, 0), window.top_bottom, window.left_right, (0, 0))
    cells = np.pad(x, pads, mode=PAD_MODES[padding_mode])
    y = np.zeros(window.out_shape, np.float32) if bias is None else np.broadcast_to(bias, window.out_shape)
    rows, columns, group_channels, outputs = kernel.shape
    group_of = np.arange(outputs) // (outputs // groups)
    for i, j, c in np.ndindex(rows, columns, group_channels):
        tap = cells[:, i * window.dilation[0] :, j * window.dilation[1] :, c::group_channels]
        tap = tap[:, :: window.stride[0], :: window.stride[1]][:, : window.out_height, : window.out_width, group_of]
        y = fma(tap, np.broadcast_to(kernel[i, j, c], y.shape), y)
    return np.where(y < 0, np.float32(0), y) if activation == "relu" else y


def exact(x, kernel, bias, **parameters):
    """float64 conv2d of small whole numbers, on which every order of adding is exact."""
    return conv2d(x, kernel, bias, **parameters)


LENGTH = st.one_of(st.integers(1, 3), st.integers(1, 13))
STRIDE = st.one_of(st.integers(1, 3), st.integers(1, 64), st.sampled_from([16, 32, 64]))
CHANNELS = st.one_of(st.integers(1, 20), st.integers(1, 300), st.sampled_from([8, 16, 32, 64, 128, 256]))
MOST_STEPS, MOST_CELLS = 1500, 60_000


@st.composite
def shapes(draw):
    """(image shape, kernel shape, parameters), small enough to be computed by brute force."""
    size, dilation = (draw(LENGTH), draw(LENGTH)), (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    stride = (draw(STRIDE), draw(STRIDE))
    kind = draw(st.sampled_from(["whole", "whole", "groups", "depthwise"]))
    groups = 1 if kind == "whole" else draw(st.integers(2, 40))
    channels = 1 if kind == "depthwise" else draw(CHANNELS if kind == "whole" else st.integers(1, 5))
    outputs = draw(st.integers(1, 70)) if kind == "whole" else draw(st.integers(1, 4))
    channels = max(1, min(channels, MOST_STEPS // (size[0] * size[1])))
    most = MOST_CELLS // (channels * groups)
    extents = [d * (k - 1) + 1 for d, k in zip(dilation, size, strict=True)]
    counts = [draw(st.integers(1, 4)), draw(st.integers(1, 70))]
    lengths = [e + s * (n - 1) + draw(st.integers(0, 2)) for e, s, n in zip(extents, stride, counts, strict=True)]
    while lengths[0] * lengths[1] > most and max(counts) > 1:
        counts = [(n + 1) // 2 for n in counts]
        lengths = [e + s * (n - 1) for e, s, n in zip(extents, stride, counts, strict=True)]
    mode = draw(st.sampled_from(["zeros", "reflect", "replicate"]))
    pads = [draw(st.tuples(st.integers(0, 5), st.integers(0, 5))) for _ in range(2)]
    if mode == "reflect":
        pads = [(min(a, n - 1), min(b, n - 1)) for (a, b), n in zip(pads, lengths, strict=True)]
    parameters = {
        "stride": stride,
        "padding": tuple(pads),
        "dilation": dilation,
        "groups": groups,
        "padding_mode": mode,
        "activation": draw(st.sampled_from([None, "relu"])),
    }
    batch = draw(st.integers(1, 2))
    return (batch, *lengths, channels * groups), (*size, channels, outputs * groups), parameters


def arrays(image, kernel, dtype, seed, with_bias):
    """Values whose chains depend on their order in float32; small whole numbers in float64."""
    rng = np.random.default_rng(seed)
    draw = rng.standard_normal if dtype == np.float32 else lambda shape: rng.integers(-4, 5, shape)
    x, weights, bias = (draw(shape).astype(dtype) for shape in (image, kernel, kernel[3]))
    return x, weights, bias if with_bias else None
