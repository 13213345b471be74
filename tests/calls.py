"""A well-formed call of every public name, at any size: what the tests of same bits, robustness and faults start from.

`ENTRIES[name](namespace)` is a function of keyword arguments; for a class it makes the object, uses it and returns
what it answers. `EXAMPLES[name](n, dtype)` gives the array arguments, `VARIANTS[name]` further keyword arguments, where
a function stands for an array of n values. Inputs are integers and their quotients by powers of two, so they are the
same on every platform and with every version of NumPy.
"""

import inspect

import numpy as np

from fastgeo import reference


def _bits(count, seed):
    """Fixed pseudo-random 64-bit words (splitmix64)."""
    with np.errstate(over="ignore"):
        z = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed << 32)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def uniform(shape, low=0.0, high=1.0, dtype=np.float64, seed=0):
    """Uniform numbers in [low, high), the same everywhere."""
    fraction = (_bits(int(np.prod(shape)), seed) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return (low + fraction * (high - low)).astype(dtype).reshape(shape)


def whole(shape, low, high, dtype=np.int64, seed=0):
    """Uniform integers in [low, high), the same everywhere."""
    return (
        (low + (_bits(int(np.prod(shape)), seed) >> np.uint64(33)).astype(np.int64) % (high - low))
        .astype(dtype)
        .reshape(shape)
    )


def boxes(n, dtype, seed=0):
    """Crowded boxes; every third lies on the integer grid, so that ties and touching edges occur; some are empty."""
    corner = uniform((n, 2), 0, 100, seed=seed)
    result = np.concatenate([corner, corner + uniform((n, 2), -1, 25, seed=seed + 1)], axis=1)
    result[::3] = np.rint(result[::3])
    return result.astype(dtype)


def tied_scores(n, dtype, seed=0):
    """Scores in [0, 1), a quarter of them equal to another."""
    scores = uniform(n, seed=seed)
    scores[::4] = np.floor(scores[::4] * 16) / 16
    return scores.astype(dtype)


def two_classes(n, seed=0):
    labels = whole(n, 0, 2, seed=seed)
    labels[:2] = [0, 1][:n]
    return labels


def _pair(n, dtype):
    return {"boxes1": boxes(n, dtype, 1), "boxes2": boxes(n + 3, dtype, 5)}


def _labelled(n, dtype):
    return {"labels": two_classes(n), "scores": tied_scores(n, dtype, 3)}


EXAMPLES = {
    "box_iou": _pair,
    "generalized_box_iou": _pair,
    "histogram_auc": _labelled,
    "roc_auc": _labelled,
}

_FORMATS = [{}, {"fmt": "xywh"}, {"fmt": "cxcywh", "offset": 1}]
_WEIGHTED = [{}, {"sample_weight": lambda n: uniform(n, 0.25, 2, seed=9)}]

VARIANTS = {
    "box_iou": _FORMATS,
    "generalized_box_iou": _FORMATS,
    "histogram_auc": [*_WEIGHTED, {"n_bins": 1}, {"n_bins": 1000, "range": (-0.5, 1.5)}],
    "roc_auc": _WEIGHTED,
}

# Sizes that reach tails of every vector width, several chunks, and the pool.
SIZES = {
    "histogram_auc": (5, 300_001),
    "roc_auc": (5, 100_001),
}
USUAL_SIZES = (5, 37, 700)


def _function(name):
    return lambda namespace: getattr(namespace, name)


ENTRIES = {name: _function(name) for name in reference.__all__ if inspect.isfunction(getattr(reference, name))}


def arguments(name, n, dtype=np.float64, variant=None):
    """Keyword arguments of a good call of `name`."""
    extra = {key: value(n) if callable(value) else value for key, value in (variant or {}).items()}
    return {**EXAMPLES[name](n, dtype), **extra}


def array_parameters(name):
    """Names of the array arguments of the plain call."""
    return [key for key, value in EXAMPLES[name](2, np.float64).items() if isinstance(value, np.ndarray)]


def missing():
    """Public names without a call here; empty, or a test fails."""
    return sorted(set(reference.__all__) - (set(ENTRIES) & set(EXAMPLES) & set(VARIANTS)))
