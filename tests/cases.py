"""Awkward inputs, fed to every function: the same values in every memory layout, and box sets that break shortcuts."""

import numpy as np
import pytest

from fastgeo import reference


def layouts(array):
    """Yield (label, other) where `other` holds the values of `array` in another memory layout or container."""
    array = np.asarray(array)
    yield "list", array.tolist()
    yield "fortran", np.asfortranarray(array)
    yield "byte-swapped", array.astype(array.dtype.newbyteorder("S"))
    yield "strided", np.repeat(array, 2, axis=0)[::2]
    yield "reversed", array[::-1].copy()[::-1]
    yield "subclass", array.view(_Subclass)
    yield "misaligned", _misaligned(array)
    read_only = array.copy()
    read_only.flags.writeable = False
    yield "read-only", read_only
    yield "__array__", _HasArray(array)


class _Subclass(np.ndarray):
    pass


class _HasArray:
    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array if dtype is None else self.array.astype(dtype)


def _misaligned(array):
    raw = np.zeros(array.nbytes + 1, np.uint8)
    view = raw[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    return view


def random_boxes(n, dtype=np.float32, seed=0, size=100.0):
    """Boxes with corners in [0, size], the integer grid mixed in so that ties and touching edges occur."""
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, size, (n, 2))
    extent = rng.uniform(0, size / 4, (n, 2))
    boxes = np.concatenate([corner, corner + extent], axis=1)
    boxes[::3] = np.round(boxes[::3])
    return boxes.astype(dtype)


def awkward_boxes(dtype=np.float64):
    """Boxes that are equal, touching, nested, empty, inverted, negative, huge, tiny or far out."""
    big = 2.0**60 if dtype == np.float32 else 2.0**508
    tiny = np.finfo(dtype).smallest_subnormal
    return np.array(
        [
            [0, 0, 2, 2],
            [0, 0, 2, 2],
            [2, 0, 4, 2],
            [0, 0, 4, 4],
            [1, 1, 1, 3],
            [3, 3, 1, 1],
            [-2, -2, -1, -1],
            [-0.0, -0.0, 0.0, 0.0],
            [0, 0, big, big],
            [-big, -big, big, big],
            [0, 0, tiny, tiny],
            [1e6, 1e6, 1e6 + 1, 1e6 + 1],
            [0.1, 0.2, 0.3, 0.4],
            [0, 0, 1e-30, 1e-30],
        ],
        dtype,
    )


# Scores of every kind, made of numbers in [0, 1].
SCORE_MAPS = {
    "uniform": lambda x: x,
    "logits": lambda x: np.log(x + 1e-9) - np.log1p(1e-9 - x),
    "two values": lambda x: np.round(x),
    "rounded": lambda x: np.round(x, 2),
    "narrow": lambda x: 1 + x * 2.0**-40,
    "wide": lambda x: np.exp(1200 * x - 600),
    "signs": lambda x: np.where(x > 0.5, np.inf, -x),
    "subnormal": lambda x: x * 1e-310,
    "one outlier": lambda x: np.where(np.arange(len(x)) == 5, -1e300, x * 1e-12),
    "integers": lambda x: (x * 2.0**40).astype(np.int64) - 2**39,
    "wide integers": lambda x: (x * 2.0**62).astype(np.int64) * 2 - 2**62,
    "unsigned": lambda x: (x * 2.0**62).astype(np.uint64) * np.uint64(4),
}


def same_exception(call, kernels):
    """Reference and kernels raise the same type with the same message."""
    with pytest.raises((TypeError, ValueError)) as expected:
        call(reference)
    with pytest.raises(type(expected.value)) as actual:
        call(kernels)
    assert str(actual.value) == str(expected.value)
