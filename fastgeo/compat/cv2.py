"""OpenCV's box suppression and linear filter: ``from fastgeo.compat.cv2 import NMSBoxes, filter2D``.

`NMSBoxes`, `NMSBoxesBatched` and `softNMSBoxes` are those of ``cv2.dnn``, `filter2D` is that of ``cv2``; OpenCV is not
imported. Boxes are (x, y, width, height). Differences:

- An empty result is an empty array, int32 (0,), where OpenCV returns an empty tuple.
- Boxes of any float type are taken as they are; OpenCV's `softNMSBoxes` takes whole numbers only.
- Two boxes without area have overlap 0, so both stay; OpenCV takes them for equal (overlap 1) and keeps the first.
- `NMSBoxesBatched` compares the boxes themselves within a class; OpenCV shifts each class by an offset, which rounds.
- NaN, infinite and enormous coordinates and NaN scores raise ``ValueError``.
- `softNMSBoxes` computes new scores in float64, and exp to fastgeo's stated accuracy, so the last digits may differ.
- `filter2D` sums in float32 (float64 for float64 images) in a fixed order; OpenCV's order depends on the machine, and
  from 11×11 it uses a Fourier transform. Images of whole numbers are rounded half to even and clipped as in OpenCV, so
  they may differ by 1 where a sum lies at a half.
- `filter2D` takes kernels of two dimensions only: one of a single dimension is a column in OpenCV 4 and a row in
  OpenCV 5. Lists and tuples of numbers are arrays here; OpenCV refuses a list and takes a tuple for a ``cv.Scalar``.
- Errors are ``ValueError`` and ``TypeError``, not ``cv2.error``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

import fastgeo
from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array
from fastgeo.suppression.arguments import group_ids

__all__ = [
    "BORDER_CONSTANT",
    "BORDER_DEFAULT",
    "BORDER_ISOLATED",
    "BORDER_REFLECT",
    "BORDER_REFLECT101",
    "BORDER_REFLECT_101",
    "BORDER_REPLICATE",
    "SOFT_NMSMETHOD_SOFTNMS_GAUSSIAN",
    "SOFT_NMSMETHOD_SOFTNMS_LINEAR",
    "NMSBoxes",
    "NMSBoxesBatched",
    "filter2D",
    "softNMSBoxes",
]

SOFT_NMSMETHOD_SOFTNMS_LINEAR = 1
SOFT_NMSMETHOD_SOFTNMS_GAUSSIAN = 2

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


def NMSBoxes(
    bboxes: Any, scores: Any, score_threshold: float, nms_threshold: float, eta: float = 1.0, top_k: int = 0
) -> Array:
    """Non-maximum suppression, as ``cv2.dnn.NMSBoxes``.

    Parameters
    ----------
    bboxes : array_like, shape (N, 4)
        x, y, width, height.
    scores : array_like, shape (N,)
    score_threshold : float
        Boxes take part whose score is above it.
    nms_threshold : float
        A box falls when its overlap with a better one is above it.
    eta : float, default 1
        Below 1 each kept box multiplies the threshold by it, until the threshold is at most 0.5.
    top_k : int, default 0
        Above 0 only that many boxes of the highest scores take part.

    Returns
    -------
    ndarray of int32, shape (K,)
        Indices of the kept boxes by descending score.

    Examples
    --------
    >>> from fastgeo.compat.cv2 import NMSBoxes
    >>> boxes = [[0, 0, 10, 10], [1, 1, 10, 10], [20, 20, 5, 5]]
    >>> NMSBoxes(boxes, [0.9, 0.8, 0.7], 0.1, 0.4)
    array([0, 2], dtype=int32)
    """
    return _suppress(bboxes, scores, None, score_threshold, nms_threshold, eta, top_k)


def NMSBoxesBatched(
    bboxes: Any,
    scores: Any,
    class_ids: Any,
    score_threshold: float,
    nms_threshold: float,
    eta: float = 1.0,
    top_k: int = 0,
) -> Array:
    """As `NMSBoxes`, suppressing only inside one class, as ``cv2.dnn.NMSBoxesBatched``.

    Parameters
    ----------
    bboxes : array_like, shape (N, 4)
        x, y, width, height.
    scores : array_like, shape (N,)
    class_ids : array_like of int, shape (N,)
    score_threshold : float
        Boxes take part whose score is above it.
    nms_threshold : float
        A box falls when its overlap with a better one is above it.
    eta : float, default 1
        Below 1 each kept box multiplies the threshold by it, until the threshold is at most 0.5.
    top_k : int, default 0
        Above 0 only that many boxes of the highest scores take part.

    Returns
    -------
    ndarray of int32, shape (K,)
        Indices of the kept boxes by descending score.

    Examples
    --------
    >>> from fastgeo.compat.cv2 import NMSBoxesBatched
    >>> boxes = [[0, 0, 10, 10], [1, 1, 10, 10], [1, 0, 9, 9]]
    >>> NMSBoxesBatched(boxes, [0.9, 0.8, 0.7], [0, 1, 0], 0.1, 0.4)
    array([0, 1], dtype=int32)
    """
    return _suppress(bboxes, scores, class_ids, score_threshold, nms_threshold, eta, top_k)


def softNMSBoxes(
    bboxes: Any,
    scores: Any,
    score_threshold: float,
    nms_threshold: float,
    top_k: int = 0,
    sigma: float = 0.5,
    method: int = SOFT_NMSMETHOD_SOFTNMS_GAUSSIAN,
) -> tuple[Array, Array]:
    """Lower the scores of overlapping boxes instead of dropping them, as ``cv2.dnn.softNMSBoxes``.

    Parameters
    ----------
    bboxes : array_like, shape (N, 4)
        x, y, width, height.
    scores : array_like, shape (N,)
    score_threshold : float
        Boxes stay whose new score is at least this.
    nms_threshold : float
        Overlap from which the linear method lowers a score.
    top_k : int, default 0
        Above 0 at most that many boxes are returned.
    sigma : float, default 0.5
        Width of the Gaussian method.
    method : {1, 2}, default 2
        ``SOFT_NMSMETHOD_SOFTNMS_LINEAR`` or ``SOFT_NMSMETHOD_SOFTNMS_GAUSSIAN``.

    Returns
    -------
    new_scores : ndarray of float32, shape (K,)
    indices : ndarray of int32, shape (K,)
        By descending new score.

    Examples
    --------
    >>> from fastgeo.compat.cv2 import softNMSBoxes
    >>> boxes = [[0, 0, 10, 10], [0, 0, 10, 9]]
    >>> scores, indices = softNMSBoxes(boxes, [0.9, 0.8], 0.01, 0.3)
    >>> scores.round(2).tolist(), indices
    ([0.8999999761581421, 0.1599999964237213], array([0, 1], dtype=int32))
    """
    threshold = _threshold(nms_threshold)
    boxes, scores = _boxes_and_scores(bboxes, scores)
    if method not in (SOFT_NMSMETHOD_SOFTNMS_LINEAR, SOFT_NMSMETHOD_SOFTNMS_GAUSSIAN):
        raise ValueError(f"method: expected 1 (linear) or 2 (Gaussian), got {method!r}")
    keep, new_scores = fastgeo.soft_nms(
        boxes,
        scores,
        method="linear" if method == SOFT_NMSMETHOD_SOFTNMS_LINEAR else "gaussian",
        sigma=sigma,
        iou_threshold=_equivalent(threshold),
        # OpenCV keeps a score equal to the threshold, fastgeo only what is above
        score_threshold=float(np.nextafter(np.float32(score_threshold), np.float32(-np.inf))),
        fmt="xywh",
    )
    count = top_k if top_k > 0 else len(keep)
    return new_scores[:count], keep[:count].astype(np.int32)


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


def _threshold(nms_threshold: Any) -> float:
    """The threshold as OpenCV's float32. What is above 1 suppresses nothing, there and here."""
    return float(np.float32(min(checks.in_range("nms_threshold", nms_threshold, 0, np.inf), 1.0)))


@lru_cache(maxsize=1024)
def _equivalent(threshold: float) -> float:
    """The float64 threshold that decides every IoU as OpenCV decides it.

    OpenCV's overlap is float32(1) - float32(1 - iou), compared in float32. Each of these steps is monotone, so there is
    one largest float64 IoU whose overlap does not exceed the threshold; numbers from 0 to 1 are ordered as their bits,
    which are bisected here.
    """
    one, limit = np.float32(1), np.float32(threshold)
    kept, dropped = np.array([0.0, np.nextafter(1, 2)]).view(np.int64).tolist()
    while dropped - kept > 1:
        middle = (kept + dropped) // 2
        iou = np.int64(middle).view(np.float64)
        if one - np.float32(1 - iou) <= limit:
            kept = middle
        else:
            dropped = middle
    return float(np.int64(kept).view(np.float64))


def _boxes_and_scores(bboxes: Any, scores: Any) -> tuple[Array, Array]:
    boxes = checks.float_array("bboxes", bboxes, ("N", 4)).astype(np.float64, copy=False)
    scores = checks.scores_array("scores", scores).astype(np.float32, copy=False)
    checks.same_length("bboxes", boxes, "scores", scores)
    return boxes, scores


def _suppress(
    bboxes: Any, scores: Any, class_ids: Any, score_threshold: float, nms_threshold: float, eta: float, top_k: int
) -> Array:
    ids = class_ids if class_ids is None or _is_plain(class_ids, np.int64) else group_ids("class_ids", class_ids)
    threshold = _threshold(nms_threshold)
    limit = float(np.float32(checks.real_number("score_threshold", score_threshold)))
    eta = checks.in_range("eta", eta, 0, np.inf)
    in_one_call = top_k <= 0 and (eta >= 1 or threshold <= 0.5)
    if in_one_call and _is_plain(bboxes, np.float64) and _is_plain(scores, np.float32):
        boxes = bboxes  # the kernel checks the rest, and faster
    else:
        boxes, scores = _boxes_and_scores(bboxes, scores)
    if ids is not None:
        checks.same_length("bboxes", boxes, "class_ids", ids)
    if in_one_call:
        return _nms(boxes, scores, ids, threshold, score_threshold=limit).astype(np.int32)
    chosen = np.flatnonzero(scores > limit)
    chosen = chosen[np.argsort(-scores[chosen], kind="stable")]
    chosen = chosen[:top_k] if top_k > 0 else chosen
    kept: list[int] = []
    if eta < 1 and threshold > 0.5:
        same_class = np.zeros(len(boxes), np.int64) if ids is None else ids
        kept, chosen, threshold = _adapt(boxes, same_class, chosen, threshold, eta)
    keep = _nms(boxes[chosen], scores[chosen], ids if ids is None else ids[chosen], threshold)
    return np.concatenate([kept, chosen[keep]]).astype(np.int32)


def _is_plain(value: Any, dtype: Any) -> bool:
    return type(value) is np.ndarray and value.dtype == dtype


def _nms(boxes: Array, scores: Array, ids: Array | None, threshold: float, **options: Any) -> Array:
    if ids is None:
        return fastgeo.nms(boxes, scores, _equivalent(threshold), fmt="xywh", **options)
    return fastgeo.batched_nms(boxes, scores, ids, _equivalent(threshold), fmt="xywh", **options)


def _adapt(boxes: Array, ids: Array, chosen: Array, threshold: float, eta: float) -> tuple[list[int], Array, float]:
    """Keep boxes one by one while the threshold still shrinks; returns them, those left undecided, the threshold."""
    kept = []
    overlap = np.zeros(len(chosen))  # of every undecided box with the kept ones
    while threshold > 0.5 and len(chosen):
        best, chosen, overlap = chosen[0], chosen[1:], overlap[1:]
        kept.append(int(best))
        threshold = float(np.float32(threshold) * np.float32(eta))
        row = fastgeo.box_iou(boxes[[best]], boxes[chosen], fmt="xywh")[0]
        overlap = np.maximum(overlap, np.where(ids[chosen] == ids[best], row, 0))
        if threshold > 0.5:
            # boxes before the next kept one are dropped at this threshold
            passing = overlap <= _equivalent(threshold)
            first = int(passing.argmax()) if passing.any() else len(chosen)
            chosen, overlap = chosen[first:], overlap[first:]
    undecided = chosen[overlap <= _equivalent(threshold)]
    return kept, undecided, threshold
