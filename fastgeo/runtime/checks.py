"""The input contract: whatever a caller passes becomes a plain array here, or raises.

References and kernels share these functions, so both raise the same exception with the same message. A message reads
``parameter: expected what, got what``. A *plain* array is an exact, native, aligned, C-contiguous ndarray.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

# Beyond these magnitudes the area of a box, or a sum of areas, would overflow.
BOX_LIMIT = {np.dtype(np.float32): 2.0**60, np.dtype(np.float64): 2.0**508}

FORMATS = ("xyxy", "xywh", "cxcywh")


def numeric_array(name: str, value: Any) -> Array:
    """Coerce to a native ndarray of bool, integer or float type, without changing that type."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name}: expected an array without a mask, got a masked array")
    try:
        if not hasattr(value, "__array__") and hasattr(value, "__dlpack__"):
            array = np.from_dlpack(value)
        else:
            array = np.asarray(value)
    except (ValueError, TypeError, RuntimeError, BufferError) as error:
        raise TypeError(f"{name}: expected an array of numbers, got {type(value).__name__} ({error})") from None
    if array.dtype.kind not in "buif" or array.dtype.itemsize > 8:
        raise TypeError(f"{name}: expected an array of numbers, got dtype {array.dtype}")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def float_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """float32 for float32 and float16, float64 for float64 and integers."""
    return np.dtype(np.float32) if dtype in (np.float16, np.float32) else np.dtype(np.float64)


def plain(array: Array, dtype: Any) -> Array:
    """The same values in a plain array of the given type; a copy only where one is needed."""
    return np.require(np.asarray(array, dtype=dtype), requirements=["C", "A", "E"])


def float_array(name: str, value: Any, shape: Sequence[int | str]) -> Array:
    """Coerce to a plain float32 or float64 array of the given shape; a letter in `shape` stands for any length."""
    array = numeric_array(name, value)
    array = shaped(name, array, shape)
    return plain(array, float_type(array.dtype))


def shaped(name: str, array: Array, shape: Sequence[int | str]) -> Array:
    """Check the shape. An empty list is taken as an empty array of the right shape."""
    if array.shape == (0,) and isinstance(shape[0], str):
        array = array.reshape([0 if isinstance(n, str) else n for n in shape])
    if len(array.shape) != len(shape) or any(
        isinstance(n, int) and n != got for n, got in zip(shape, array.shape, strict=True)
    ):
        wanted = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
        raise ValueError(f"{name}: expected shape ({wanted}), got {array.shape}")
    return array


def same_float_type(*arrays: Array) -> list[Array]:
    """Bring float arrays to NumPy's result type of them all."""
    dtype = np.result_type(*arrays)
    return [plain(array, dtype) for array in arrays]


def same_length(name1: str, array1: Array, name2: str, array2: Array) -> None:
    if len(array1) != len(array2):
        raise ValueError(f"{name2}: expected length {len(array1)}, as {name1}, got {len(array2)}")


def row_parts(rows: Array) -> Iterator[slice]:
    """All rows, a million values at a time: Ctrl-C is answered in between."""
    step = max(1, (1 << 20) // max(1, rows.shape[1]))
    return (slice(first, first + step) for first in range(0, len(rows), step))


def reject(name: str, array: Array, bad: Array, expected: str) -> None:
    """Raise at the first entry of `array` that the mask `bad` marks."""
    if bad.any():
        index = tuple(int(i) for i in np.unravel_index(int(bad.argmax()), bad.shape))
        where = ", ".join(map(str, index))
        raise ValueError(f"{name}[{where}]: expected {expected}, got {array[index]}")


def boxes_array(name: str, value: Any) -> Array:
    """Coerce to a plain (N, 4) float array with finite values whose areas cannot overflow."""
    boxes = float_array(name, value, ("N", 4))
    box_values(name, boxes)
    return boxes


def box_values(name: str, boxes: Array) -> None:
    limit = BOX_LIMIT[boxes.dtype]
    exponent = int(np.log2(limit))
    reject(name, boxes, ~(np.abs(boxes) <= limit), f"a finite number of magnitude at most 2**{exponent}")


def box_pair(boxes1: Any, boxes2: Any, columns: int = 4) -> tuple[Array, Array]:
    """Two box arrays of one float type."""
    boxes1 = float_array("boxes1", boxes1, ("N", columns))
    boxes2 = float_array("boxes2", boxes2, ("M", columns))
    boxes1, boxes2 = same_float_type(boxes1, boxes2)
    box_values("boxes1", boxes1)
    box_values("boxes2", boxes2)
    return boxes1, boxes2


def flags_array(name: str, value: Any, length: int) -> Array:
    """Coerce bools, or integers that are all 0 or 1, to a plain bool array of the given length."""
    flags = shaped(name, numeric_array(name, value), (length,))
    if flags.dtype.kind == "f" and flags.size:
        raise TypeError(f"{name}: expected an array of bool, got dtype {flags.dtype}")
    reject(name, flags, (flags != 0) & (flags != 1), "0 or 1")
    return plain(flags, np.bool_)


def image_size(size: Any, dtype: np.dtype[Any]) -> tuple[float, float]:
    """(height, width), each at least 0 and a legal coordinate."""
    if isinstance(size, (str, bytes)) or not hasattr(size, "__len__") or len(size) != 2:
        raise ValueError(f"size: expected (height, width), got {size!r}")
    height, width = (in_range("size", value, 0, BOX_LIMIT[dtype]) for value in size)
    return height, width


def scores_array(name: str, value: Any, shape: Sequence[int | str] = ("N",)) -> Array:
    """Coerce to a plain float array without NaN; infinities are legal."""
    scores = float_array(name, value, shape)
    reject(name, scores, np.isnan(scores), "a number")
    return scores


def output_array(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any], *inputs: Array) -> Array:
    """The caller's `out` array, or a new one."""
    if out is None:
        return np.empty(shape, dtype)
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out: expected an ndarray, got {type(out).__name__}")
    if out.shape != shape:
        raise ValueError(f"out: expected shape {shape}, got {out.shape}")
    if out.dtype != dtype or not out.dtype.isnative:
        raise TypeError(f"out: expected dtype {dtype}, got {out.dtype}")
    if not (out.flags.c_contiguous and out.flags.aligned and out.flags.writeable):
        raise ValueError("out: expected a writeable, C-contiguous, aligned array, got one that is not")
    if any(np.may_share_memory(out, array) for array in inputs):
        raise ValueError("out: expected memory of its own, got an array that overlaps an input")
    return out


def choice(name: str, value: Any, choices: Sequence[str]) -> str:
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name}: expected one of {', '.join(map(repr, choices))}, got {value!r}")
    return value


def real_number(name: str, value: Any) -> float:
    """A float. Text is no number, although `float` reads it, also out of buffers and arrays."""
    readable = hasattr(value, "__float__") or hasattr(value, "__index__")
    kind = getattr(getattr(value, "dtype", None), "kind", "f")
    if not readable or isinstance(value, str) or kind not in "buif":
        raise TypeError(f"{name}: expected a number, got {value!r}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name}: expected a number that fits a float64, got a larger one") from None
    except (TypeError, ValueError):
        raise TypeError(f"{name}: expected a number, got {value!r}") from None


def in_range(name: str, value: Any, low: float, high: float) -> float:
    """A number in [low, high]; NaN is outside."""
    number = real_number(name, value)
    if not low <= number <= high:
        raise ValueError(f"{name}: expected a number from {low:g} to {high:g}, got {number:g}")
    return number


def integer(name: str, value: Any, low: int, high: int | None = None) -> int:
    """An integer in [low, high]."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name}: expected an integer, got {value!r}")
    number = value.__index__()
    if number < low or (high is not None and number > high):
        bounds = f"at least {low}" if high is None else f"from {low} to {high}"
        shown = number if abs(number) < 2**64 else f"an integer of {number.bit_length()} bits"
        raise ValueError(f"{name}: expected an integer {bounds}, got {shown}")
    return int(number)


def thread_count(n_threads: Any) -> int:
    """`n_threads` of a call; 0 stands for the default. More than the pool can have is as many as it can."""
    return 0 if n_threads is None else min(integer("n_threads", n_threads, 1), 2**31 - 1)


# Beyond these magnitudes a weighted sum of squared distances could overflow.
POINT_LIMIT_EXPONENT = {np.dtype(np.float32): 50, np.dtype(np.float64): 240}


def points_array(name: str, value: Any, d: int | str = "d") -> Array:
    """Coerce to a plain (n, d) float array; its values are checked by `point_values`."""
    points = float_array(name, value, ("n", d))
    if points.shape[1] == 0 and len(points) > 0:
        raise ValueError(f"{name}: expected at least one column, got shape {points.shape}")
    return points


def point_values(name: str, points: Array, *, sizes: bool = False) -> None:
    """Reject what is not finite or too large; of sizes, what is negative."""
    exponent = POINT_LIMIT_EXPONENT[points.dtype]
    expected = f"a size from 0 to 2**{exponent}" if sizes else f"a finite number of magnitude at most 2**{exponent}"
    bad = np.empty(points.shape, bool)
    for part in row_parts(points):
        bad[part] = ~(np.abs(points[part]) <= 2.0**exponent)
        if sizes:
            bad[part] |= points[part] < 0
    reject(name, points, bad, expected)


def weights_array(name: str, value: Any, like_name: str, like: Array) -> Array | None:
    """One float64 weight per row of `like`, or None."""
    if value is None:
        return None
    weights = part_weights_array(name, value, like_name, like)
    if not weights.any():
        raise ValueError(f"{name}: expected a positive sum, got {len(weights)} zeros")
    return weights


def part_weights_array(name: str, value: Any, like_name: str, like: Array) -> Array:
    """The same where the rows are a part of the whole, and their weights may all be zero."""
    weights = plain(float_array(name, value, ("n",)), np.float64)
    same_length(like_name, like, name, weights)
    reject(name, weights, ~((weights >= 0) & (weights <= 2.0**240)), "a weight from 0 to 2**240")
    return weights


def seed(name: str, value: Any) -> int | np.random.Generator | None:
    """What `numpy.random.default_rng` takes: a Generator, an integer, or (None) fresh entropy."""
    return value if value is None or isinstance(value, np.random.Generator) else integer(name, value, 0)


def generator(name: str, value: Any) -> np.random.Generator:
    """The random numbers of a call."""
    return np.random.default_rng(seed(name, value))
