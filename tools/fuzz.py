"""Call every public function with random shapes, layouts, types and bit patterns, and hold it to its reference.

    python tools/fuzz.py [--seconds 60] [--seed 0]

An answer must have the reference's type, shape and dtype; an error must be the reference's, word for word. To catch
what reads or writes out of bounds, run it through tools/sanitize.py. Prints the number of inputs. A finding is exit
code 1, and its seed repeats it.
"""

from __future__ import annotations

import argparse
import collections
import sys
import time
import warnings
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / part) for part in ("", "tests")]

from calls import NAMES, VARIANTS, arguments  # noqa: E402
from test_robustness import BAD_SCALARS, both_agree  # noqa: E402

from fastgeo import runtime  # noqa: E402

DTYPES = [np.float32, np.float64]
ODD_DTYPES = [*"?bBhHiIlLqQefdgFO", ">f4", ">f8", ">i4"]


def random_bits(rng, array):
    """NaNs with payloads, infinities, subnormals, both zeros, huge numbers; sprinkled or throughout."""
    wild = rng.integers(0, 256, array.nbytes, dtype=np.uint8).view(array.dtype).reshape(array.shape)
    share = rng.choice([0.01, 0.2, 1.0])
    return np.where(rng.random(array.shape) < share, wild, array)


def special_values(rng, array):
    """Legal extremes among the usual values."""
    tiny = np.finfo(np.float32).smallest_subnormal
    specials = np.array([0.0, -0.0, tiny, -tiny, 1.0, 0.5, 1e-30, 1e18, -1e18, 2.0**60, np.inf, -np.inf, np.nan])
    if rng.random() < 0.6:
        specials = specials[:-4]
    with np.errstate(all="ignore"):
        picked = rng.choice(specials, array.shape).astype(array.dtype)
    return np.where(rng.random(array.shape) < rng.choice([0.05, 0.5, 1.0]), picked, array)


def rearranged(rng, array):
    """The same shape by way of strides, offsets, a step backwards, or no memory of its own."""
    kind = rng.integers(5)
    if kind == 0:
        return np.repeat(array, 3, axis=-1)[..., ::3] if array.ndim else array
    if kind == 1:
        return array[::-1]
    if kind == 2:
        return np.asfortranarray(array)
    if kind == 3 and array.ndim and len(array):
        return np.broadcast_to(array[:1], array.shape)
    raw = np.zeros(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    raw[...] = array
    return raw


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
        return array.astype(rng.choice(ODD_DTYPES))


VALUES, SHAPES, TYPES = (random_bits, special_values), (reshaped,), (retyped,)


def random_call(rng):
    name = str(rng.choice(NAMES))
    variant = VARIANTS[name][rng.integers(len(VARIANTS[name]))]
    largest = 12 if "inputs" in arguments(name, 3) else 40
    kwargs = arguments(name, int(rng.integers(0, largest)), DTYPES[rng.integers(2)], variant)
    arrays = [key for key, value in kwargs.items() if isinstance(value, np.ndarray)]
    scalars = [key for key in kwargs if key not in arrays and BAD_SCALARS.get(key)]
    # Of two faults either side may name the first: one argument is bad, in one way.
    if not arrays or (scalars and rng.random() < 0.1):
        parameter = scalars[rng.integers(len(scalars))]
        kwargs[parameter] = BAD_SCALARS[parameter][rng.integers(len(BAD_SCALARS[parameter]))]
    else:
        parameter = arrays[rng.integers(len(arrays))]
        mutations = (VALUES, SHAPES, TYPES, ())[rng.integers(4)]
        for mutation in mutations:
            if kwargs[parameter].dtype.kind == "f" or mutation not in VALUES:
                kwargs[parameter] = mutation(rng, kwargs[parameter])
    for parameter in arrays:
        if rng.random() < 0.3 and not kwargs[parameter].dtype.hasobject:
            kwargs[parameter] = rearranged(rng, kwargs[parameter])
    return name, kwargs


def one_input(seed):
    """Run one random call; return the name and whether it was answered."""
    rng = np.random.default_rng(seed)
    isas = runtime.supported_isas()
    runtime.set_isa(isas[rng.integers(len(isas))])
    try:
        name, kwargs = random_call(rng)
    except (ValueError, IndexError, OverflowError):
        return None  # the mutations do not go together
    return name, both_agree(name, kwargs)[0] == "answer"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    answered, refused, findings = collections.Counter(), collections.Counter(), 0
    end, seed = time.monotonic() + options.seconds, options.seed
    while time.monotonic() < end and findings < 20:
        try:
            with np.errstate(all="ignore"):
                result = one_input(seed)
            if result:
                (answered if result[1] else refused)[result[0]] += 1
        except Exception as error:
            findings += 1
            print(f"seed {seed}: {type(error).__name__}: {str(error)[:600]}", flush=True)
        seed += 1
    for name in NAMES:
        print(f"{name:24} {answered[name]:8} answered {refused[name]:8} refused")
    print(f"{answered.total() + refused.total()} inputs, {findings} findings")
    sys.exit(bool(findings))


if __name__ == "__main__":
    main()
