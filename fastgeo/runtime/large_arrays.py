"""Arrays so large that what they cost is the system's work of giving and clearing their pages."""

from __future__ import annotations

import math
import mmap
from typing import Any

import numpy as np

from fastgeo.runtime.checks import Array

LARGE_PAGE = 1 << 21


def large_array(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """A new array of zeros, in large pages from its first byte to its last where the system has them.

    NumPy's own begins anywhere, and what lies before the first border of a large page and after the last one comes in
    hundreds of small ones; memory that malloc hands out again consists of such altogether. So this is a mapping of its
    own. Up to two large pages more are addressed, one more is used at most.
    """
    if not hasattr(mmap, "MADV_HUGEPAGE"):
        return np.zeros(shape, dtype)
    size = math.prod(shape) * dtype.itemsize
    try:
        room = mmap.mmap(-1, (size // LARGE_PAGE + 2) * LARGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        room.madvise(mmap.MADV_HUGEPAGE)
    except (OSError, OverflowError):
        return np.zeros(shape, dtype)  # or NumPy's error
    memory = np.frombuffer(room, np.uint8)
    return np.ndarray(shape, dtype, memory, -memory.ctypes.data % LARGE_PAGE)
