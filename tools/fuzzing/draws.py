"""Random choices shared by the families: sizes, types, layouts, scales, values that are not legal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scenes

from fastgeo.testing import assert_same_answer

FLOATS = (np.float32, np.float64)
SPECIALS = (np.nan, np.inf, -np.inf, -1.0, -0.0, 1e300, -1e300, 2.0**61, 5e-324, 1e-40)
BOX_EXPONENT = {np.float32: 60, np.float64: 508}
FORMATS = ("xyxy", "xyxy", "xywh", "cxcywh")


def same(kwargs: dict[str, Any], answer: Any, expected: Any) -> None:
    """The comparison where kernel and reference agree to the last bit."""
    assert_same_answer(answer, expected)


@dataclass(frozen=True)
class Call:
    name: str
    kwargs: dict[str, Any]
    cost: float  # seconds that the reference takes, roughly
    compare: Callable[[dict[str, Any], Any, Any], None] = same
    checks: tuple[Callable[[dict[str, Any], Any], None], ...] = ()


def log_uniform(rng, low, high):
    """An integer from `low` to `high`, each octave as likely as another; often near a power of two, or a bound."""
    number = int(np.exp(rng.uniform(0, np.log(high - low + 2)))) + low - 1
    kind = rng.random()
    if number > 2 and kind < 0.4:
        number = 2 ** round(np.log2(number)) + pick(rng, (0, 0, -1, 1))
    return low if kind > 0.97 else high if kind > 0.94 else min(max(number, low), high)


def float_type(rng):
    return FLOATS[rng.integers(2)]


def pick(rng, options):
    return options[rng.integers(len(options))]


def maybe(rng, share, value, otherwise=None):
    return value if rng.random() < share else otherwise


def typed(array, dtype):
    """The values in another float type, those beyond it infinite."""
    with np.errstate(all="ignore"):
        return array.astype(dtype)


def box_scene(rng, n, dtype):
    """Corners of a scene, at times scaled to anywhere in the contract's range, and sorted out of it."""
    boxes = pick(rng, list(scenes.BOXES.values()))(rng, n)
    if rng.random() < 0.2:
        top = BOX_EXPONENT[dtype]
        with np.errstate(all="ignore"):
            boxes = boxes * 2.0 ** rng.integers(-1.2 * top - 60, top)
            boxes = boxes.clip(-(2.0**top), 2.0**top)
    return typed(boxes, dtype)


def in_format(boxes, fmt):
    """Corners as `fmt`; what is not representable is rounded, as a caller's data would be."""
    if fmt == "xyxy":
        return boxes
    corner, size = boxes[:, :2], boxes[:, 2:] - boxes[:, :2]
    return np.concatenate([corner if fmt == "xywh" else corner + size / 2, size], axis=1)


def legal_boxes(rng, n, dtype, fmt):
    """A scene in a format, inside the limits that the contract sets in any format."""
    with np.errstate(all="ignore"):
        boxes = in_format(box_scene(rng, n, dtype), fmt)
    top = 2.0 ** BOX_EXPONENT[dtype]
    return boxes.clip(-top, top)


def score_scene(rng, n, dtype):
    return typed(pick(rng, list(scenes.SCORES.values()))(rng, n), dtype)


def point_scene(rng, n, d, dtype):
    return typed(pick(rng, list(scenes.POINTS.values()))(rng, n, d), dtype)


def arranged(rng, array):
    """The same values by way of strides, offsets, a step backwards or a shift by one byte."""
    kind = rng.integers(5)
    if kind == 0 and array.ndim:
        return np.repeat(array, 3, axis=-1)[..., ::3]
    if kind == 1 and array.ndim:
        return array[::-1].copy()[::-1]
    if kind == 2:
        return np.asfortranarray(array)
    if kind == 3 and array.ndim == 2:
        return np.concatenate([array, array], axis=1)[:, : array.shape[1]]
    raw = np.zeros(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    raw[...] = array
    return raw


def rearrange(rng, kwargs):
    """Some of the arrays in another layout."""
    for key, value in kwargs.items():
        if isinstance(value, np.ndarray) and not value.dtype.hasobject and rng.random() < 0.25:
            kwargs[key] = arranged(rng, value)


def spoil(rng, kwargs):
    """One special value at any place of one float array; says which array, or None where there is none."""
    arrays = [k for k, v in kwargs.items() if isinstance(v, np.ndarray) and v.dtype.kind == "f" and v.size]
    if not arrays:
        return None
    key = pick(rng, arrays)
    kwargs[key] = kwargs[key].copy()
    with np.errstate(all="ignore"):
        kwargs[key].flat[rng.integers(kwargs[key].size)] = pick(rng, SPECIALS)
    return key
