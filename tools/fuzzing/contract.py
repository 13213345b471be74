"""Small calls of tests/calls.py with one argument made wrong or strange, for any family."""

from __future__ import annotations

import numpy as np
from calls import VARIANTS, arguments
from test_robustness import BAD_SCALARS, kinds

from fuzzing.draws import FLOATS, SPECIALS, Call, pick

ODD_DTYPES = [*"?bBhHiIlLqQefdgFO", ">f4", ">f8", ">i4"]


def same_kind(kwargs, answer, expected):
    """Types, shapes and dtypes; values are compared by the draws of the families."""
    assert kinds(answer) == kinds(expected)


def random_bits(rng, array):
    """NaNs with payloads, infinities, subnormals, both zeros, huge numbers; sprinkled or throughout."""
    wild = rng.integers(0, 256, array.nbytes, dtype=np.uint8).view(array.dtype).reshape(array.shape)
    return np.where(rng.random(array.shape) < rng.choice([0.01, 0.2, 1.0]), wild, array)


def special_values(rng, array):
    with np.errstate(all="ignore"):
        picked = rng.choice(SPECIALS, array.shape).astype(array.dtype)
    return np.where(rng.random(array.shape) < rng.choice([0.05, 0.5, 1.0]), picked, array)


def reshaped(rng, array):
    """Another shape, often one that does not fit."""
    kind = rng.integers(4)
    if kind == 0 and array.ndim:
        return array[: rng.integers(len(array) + 1)]
    if kind == 1:
        return array.ravel()
    if kind == 2:
        return array[None]
    return array[..., : rng.integers(array.shape[-1] + 1)] if array.ndim else array


def retyped(rng, array):
    with np.errstate(all="ignore"):
        return array.astype(pick(rng, ODD_DTYPES))


def no_memory_of_its_own(rng, array):
    return np.broadcast_to(array[:1], array.shape) if array.ndim and len(array) else array


def drawer(names):
    """A drawer for the functions of one family."""

    def draw(rng, large):
        name = pick(rng, names)
        largest = 12 if "inputs" in arguments(name, 3) else 40
        kwargs = arguments(name, int(rng.integers(0, largest)), pick(rng, FLOATS), pick(rng, VARIANTS[name]))
        arrays = [key for key, value in kwargs.items() if isinstance(value, np.ndarray)]
        scalars = [key for key in kwargs if key not in arrays and BAD_SCALARS.get(key)]
        if not arrays or (scalars and rng.random() < 0.1):
            key = pick(rng, scalars)
            kwargs[key] = pick(rng, BAD_SCALARS[key])
        else:
            key = pick(rng, arrays)
            of_floats = (random_bits, special_values) if kwargs[key].dtype.kind == "f" else ()
            kwargs[key] = pick(rng, (*of_floats, reshaped, retyped, no_memory_of_its_own))(rng, kwargs[key])
        return Call(name, kwargs, 0, same_kind)

    return draw
