"""The drop-in for ``cv2.filter2D``."""

from __future__ import annotations

from typing import Any

import numpy as np

import fastgeo
from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array

BORDER_CONSTANT = 0
BORDER_REPLICATE = 1
BORDER_REFLECT = 2
BORDER_REFLECT_101 = BORDER_REFLECT101 = BORDER_DEFAULT = 4
BORDER_ISOLATED = 16

# fastgeo's padding mode, and NumPy's for what the kernel does not do: a repeated edge, a border wider than the image
PADDING_MODES = {BORDER_CONSTANT: "zeros", BORDER_REPLICATE: "replicate", BORDER_REFLECT_101: "reflect"}
NUMPY_MODES = {BORDER_REFLECT: "symmetric", BORDER_REFLECT_101: "reflect"}

DEPTHS = {0: np.uint8, 1: np.int8, 2: np.uint16, 3: np.int16, 4: np.int32, 5: np.float32, 6: np.float64}
DESTINATIONS = {
    np.dtype(np.uint8): (0, 3, 5, 6),
    np.dtype(np.uint16): (2, 5, 6),
    np.dtype(np.int16): (3, 5, 6),
    np.dtype(np.float32): (5,),
    np.dtype(np.float64): (6,),
}


def filter2D(
    src: Any,
    ddepth: int,
    kernel: Any,
    dst: Any = None,
    anchor: tuple[int, int] = (-1, -1),
    delta: float = 0,
    borderType: int = BORDER_DEFAULT,
) -> Array:
    """Correlate every channel of an image with one kernel, as ``cv2.filter2D``.

    Parameters
    ----------
    src : array_like, shape (H, W) or (H, W, C)
        uint8, uint16, int16, float32 or float64.
    ddepth : int
        Depth of the result (``cv2.CV_32F``, ...), -1 for that of `src`.
    kernel : array_like, shape (height, width)
    dst : ndarray, optional
        Takes the result, and is returned, if it has the type of the result and its shape (an axis of one channel may be
        there or not). Any other is left as it is, and a new array returned, as in OpenCV.
    anchor : (x, y), default (-1, -1)
        Cell of the kernel that lies on the filtered pixel; -1 is the middle.
    delta : float, default 0
        Added to every result.
    borderType : int, default BORDER_DEFAULT
        Constant (0), replicate, reflect or reflect_101.

    Returns
    -------
    ndarray, shape of `src`
        A single channel has no axis of its own: (H, W, 1) gives (H, W).

    Examples
    --------
    >>> import numpy as np
    >>> from fastgeo.compat.cv2 import filter2D
    >>> filter2D(np.array([[0, 0, 8, 8]], np.uint8), -1, [[-1, 0, 1]])
    array([[0, 8, 8, 0]], dtype=uint8)
    """
    src = checks.numeric_array("src", src)
    if src.ndim not in (2, 3):
        raise ValueError(f"src: expected shape (H, W) or (H, W, C), got {src.shape}")
    if src.dtype not in DESTINATIONS:
        raise TypeError(f"src: expected uint8, uint16, int16, float32 or float64, got {src.dtype}")
    if ddepth != -1 and ddepth not in DESTINATIONS[src.dtype]:
        raise ValueError(f"ddepth: expected -1 or one of {DESTINATIONS[src.dtype]} for {src.dtype}, got {ddepth}")
    dtype = np.dtype(src.dtype if ddepth == -1 else DEPTHS[ddepth])
    work = np.float64 if dtype == np.float64 else np.float32
    kernel = _kernel(kernel).astype(work)
    (top, bottom), (left, right) = pads = _pads(kernel.shape, anchor)
    border = borderType & ~BORDER_ISOLATED
    if border not in (*PADDING_MODES, *NUMPY_MODES):
        raise ValueError(f"borderType: expected constant, replicate, reflect or reflect_101, got {borderType}")
    image = (src if src.ndim == 3 else src[:, :, None]).astype(work, copy=False)
    height, width, channels = image.shape
    too_wide = border == BORDER_REFLECT_101 and (max(top, bottom) >= height or max(left, right) >= width)
    if image.size and (border == BORDER_REFLECT or too_wide):
        image = np.pad(image, (*pads, (0, 0)), mode=NUMPY_MODES[border])  # type: ignore[call-overload]
        pads = ((0, 0), (0, 0))
    filtered = fastgeo.conv2d(
        image[None],
        np.repeat(kernel[:, :, None, None], channels, axis=3),
        np.full(channels, delta, work),
        padding=pads,
        groups=channels,
        padding_mode=PADDING_MODES.get(border, "zeros"),
    )[0]
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        filtered = np.clip(np.rint(filtered), limits.min, limits.max)
    shape = src.shape[:2] if channels == 1 else src.shape
    return _into(dst, filtered.astype(dtype, copy=False).reshape(shape))


def _kernel(kernel: Any) -> Array:
    array = checks.numeric_array("kernel", kernel)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"kernel: expected shape (height, width), for one row (1, width), got {array.shape}")
    return array


def _into(dst: Any, result: Array) -> Array:
    """The result in `dst`, where OpenCV would write it there; otherwise the result itself."""
    if dst is not None and not isinstance(dst, np.ndarray):
        raise TypeError(f"dst: expected an ndarray, got {type(dst).__name__}")
    if dst is None or dst.dtype != result.dtype or dst.shape not in (result.shape, (*result.shape[:2], 1)):
        return result
    dst[...] = result.reshape(dst.shape)
    return dst


def _pads(shape: tuple[int, ...], anchor: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """((top, bottom), (left, right)) so that the anchor (x, y) of the kernel lies on the filtered pixel."""
    x, y = (size // 2 if at == -1 else at for at, size in zip(anchor, shape[::-1], strict=True))
    if not (0 <= y < shape[0] and 0 <= x < shape[1]):
        raise ValueError(f"anchor: expected a cell of the kernel of shape {shape}, got {anchor}")
    return (y, shape[0] - 1 - y), (x, shape[1] - 1 - x)
