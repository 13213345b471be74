"""Arrays so large that what they cost is the system's work of giving and clearing their pages."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np

from fastgeo.runtime.checks import Array

LARGE_PAGE = 1 << 21


def large_array(shape: tuple[int, ...], dtype: np.dtype[Any], *, zero: bool) -> Array:
    """A new array in large pages from its first byte to its last, where NumPy asks the system for such.

    NumPy's own begins anywhere, and what lies before the first border of a large page and after the last one comes in
    hundreds of small ones. The memory of up to two more large pages is addressed, that of one more is used at most.
    """
    if sys.platform != "linux":
        return np.zeros(shape, dtype) if zero else np.empty(shape, dtype)
    size = math.prod(shape) * dtype.itemsize
    room = size + 2 * LARGE_PAGE
    memory = np.zeros(room, np.uint8) if zero else np.empty(room, np.uint8)
    start = -memory.ctypes.data % LARGE_PAGE
    return np.ndarray(shape, dtype, memory, start)
