"""The specification of heads: what a detector's network gives, to boxes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from fastgeo.boxes.reference import box_convert
from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array
from fastgeo.suppression.reference import batched_nms, nms

__all__ = ["decode_predictions"]

LAYOUTS = ("channels_first", "channels_last")
STORED = (np.float32, np.float16, np.uint8, np.int8)


class Detections(NamedTuple):
    """What a detector found, image by image, each by descending score.

    Attributes
    ----------
    boxes : ndarray of float32, shape (K, 4)
        Corners: left, top, right, bottom.
    scores : ndarray of float32, shape (K,)
    classes : ndarray of int64, shape (K,)
    images : ndarray of int64, shape (K,)
        Which image of the batch.
    anchors : ndarray of int64, shape (K,)
        Which of the head's N predictions.
    """

    boxes: Array
    scores: Array
    classes: Array
    images: Array
    anchors: Array


class Candidates(NamedTuple):
    """What passes the threshold in one image, by anchor, then by class; boxes as in the head."""

    anchors: Array
    classes: Array
    scores: Array
    objectness: Array
    boxes: Array


def decode_predictions(
    predictions: ArrayLike,
    *,
    score_threshold: float = 0.25,
    iou_threshold: float = 0.45,
    layout: str = "channels_first",
    scale: ArrayLike | None = None,
    zero_point: int = 0,
    objectness: bool = False,
    n_classes: int | None = None,
    logits: bool = False,
    multi_label: bool = False,
    class_agnostic: bool = False,
    classes: Sequence[int] | None = None,
    max_candidates: int = 30000,
    max_output: int = 300,
    fmt: str = "cxcywh",
    n_threads: int | None = None,
) -> Detections:
    """Turn the raw output of a YOLO-like network into detections: threshold, best class, boxes, NMS.

    Parameters
    ----------
    predictions : array_like, shape (B, 4 + C, N) or (B, N, 4 + C)
        The head: a box and C class scores for each of N anchors of B images. float32, float16, or uint8 and int8 with
        `scale`; other types are converted to float32. Any strides.
    score_threshold : float, default 0.25
        From 0 to 1. An anchor takes part where its score is above it.
    iou_threshold : float, default 0.45
        From 0 to 1. A box is suppressed where its IoU with a better one of its class is above it.
    layout : {"channels_first", "channels_last"}, default "channels_first"
        Which axis comes second: (B, 4 + C, N), as YOLOv8 and later export it, or (B, N, 4 + C).
    scale : float or array_like, shape (channels,), optional
        For quantised heads: value = (stored - `zero_point`) · `scale`, in float32.
    zero_point : int, default 0
        See `scale`.
    objectness : bool, default False
        There is one more channel between box and classes, as in YOLOv5 and v7; a score is objectness times class.
    n_classes : int, optional
        Number of classes; channels beyond them are left alone. By default all the channels there are.
    logits : bool, default False
        Scores are the sigmoid of what the head holds. Thresholds are compared before it, so that only survivors pay.
    multi_label : bool, default False
        Each class above the threshold makes a detection of its own, not only an anchor's best one.
    class_agnostic : bool, default False
        Boxes of different classes suppress each other, too.
    classes : sequence of int, optional
        Classes that take part; the others are left out as if the head did not have them.
    max_candidates : int, default 30000
        At most so many candidates of an image, the best by score, go on to NMS.
    max_output : int, default 300
        At most so many detections of an image.
    fmt : {"cxcywh", "xyxy", "xywh"}, default "cxcywh"
        What the four box channels hold.
    n_threads : int, optional
        At most this many threads; by default as many as :func:`fastgeo.get_num_threads` says.

    Returns
    -------
    Detections
        The named tuple (boxes, scores, classes, images, anchors).

    Raises
    ------
    ValueError
        If the shape does not fit `n_classes`; if a parameter lies outside its range; if the box of a survivor is not
        finite (with its image, class and anchor); if a quantised head comes without `scale`, or another one with it.
    TypeError
        If `predictions` is no array of numbers.

    Notes
    -----
    Kernel and reference agree to the last bit, with `logits` too. A NaN is no score. Of equal scores the class and the
    anchor with the lowest index come first. The kernel reads the head once, in its own layout and type, and boxes of
    survivors only: O(B N C) time; memory O(K) beyond the head for K candidates.

    References
    ----------
    .. [1] G. Jocher, A. Chaurasia, J. Qiu, "Ultralytics YOLO", 2023: the layout of the exported head.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgeo
    >>> head = np.zeros((1, 4 + 2, 3), np.float32)  # two classes, three anchors
    >>> head[0, :4] = np.array([[20, 20, 10, 10], [21, 20, 10, 10], [60, 60, 10, 20]]).T
    >>> head[0, 4:] = [[0.9, 0.8, 0.1], [0.2, 0.1, 0.7]]
    >>> found = fastgeo.decode_predictions(head)
    >>> found.boxes
    array([[15., 15., 25., 25.],
           [55., 50., 65., 70.]], dtype=float32)
    >>> found.classes, found.anchors
    (array([0, 1]), array([0, 2]))
    """
    arguments = (score_threshold, iou_threshold, layout, scale, zero_point, objectness, n_classes, logits, multi_label)
    head = checked_head(predictions, *arguments, class_agnostic, classes, max_candidates, max_output, fmt)
    checks.thread_count(n_threads)
    found = [candidates(head, image) for image in head.values]
    return finish(head, found, box_convert, batched_nms, nms)


@dataclass
class Head:
    """A checked head, channels first, and what is asked of it."""

    values: Array  # (B, channels, anchors), of a stored type
    scales: Array | None
    zero_point: int
    first_class: int
    class_ids: Array
    objectness: bool
    logits: bool
    multi_label: bool
    class_agnostic: bool
    score_threshold: float
    stored_threshold: np.float32  # for what the head holds
    iou_threshold: float
    max_candidates: int
    max_output: int
    fmt: str


def checked_head(
    predictions: ArrayLike,
    score_threshold: Any,
    iou_threshold: Any,
    layout: Any,
    scale: Any,
    zero_point: Any,
    objectness: Any,
    n_classes: Any,
    logits: Any,
    multi_label: Any,
    class_agnostic: Any,
    classes: Any,
    max_candidates: Any,
    max_output: Any,
    fmt: Any,
) -> Head:
    values = checks.numeric_array("predictions", predictions)
    if values.ndim != 3:
        raise ValueError(f"predictions: expected shape (B, channels, N) or (B, N, channels), got {values.shape}")
    if values.dtype not in STORED:
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused in a box
            values = values.astype(np.float32)
    score_threshold = checks.in_range("score_threshold", score_threshold, 0, 1)
    iou_threshold = checks.in_range("iou_threshold", iou_threshold, 0, 1)
    if checks.choice("layout", layout, LAYOUTS) == "channels_last":
        values = values.transpose(0, 2, 1)
    channels = values.shape[1]
    scales = checked_scales(scale, values.dtype, channels)
    zero_point = checks.integer("zero_point", zero_point, -128, 255)
    first_class = 5 if objectness else 4
    if channels < first_class:
        raise ValueError(f"predictions: expected at least {first_class} channels, got {channels}")
    if n_classes is None:
        n_classes = channels - first_class
    elif checks.integer("n_classes", n_classes, 0) > channels - first_class:
        raise ValueError(f"n_classes: expected at most {channels - first_class}, as the head has, got {n_classes}")
    if class_agnostic not in (True, False):
        raise TypeError(f"class_agnostic: expected True or False, got {class_agnostic!r}")
    return Head(
        values=values,
        scales=scales,
        zero_point=zero_point,
        first_class=first_class,
        class_ids=checked_classes(classes, n_classes),
        objectness=bool(objectness),
        logits=bool(logits),
        multi_label=bool(multi_label),
        class_agnostic=bool(class_agnostic),
        score_threshold=score_threshold,
        stored_threshold=float32_below(logit_below(score_threshold) if logits else score_threshold),
        iou_threshold=iou_threshold,
        max_candidates=checks.integer("max_candidates", max_candidates, 0),
        max_output=checks.integer("max_output", max_output, 0),
        fmt=checks.choice("fmt", fmt, checks.FORMATS),
    )


def checked_scales(scale: Any, dtype: np.dtype[Any], channels: int) -> Array | None:
    """One scale for each channel of a quantised head; None for any other."""
    quantised = dtype.kind in "ui"
    if scale is None:
        if quantised:
            raise ValueError(f"scale: expected the scale of a head of {dtype}, got None")
        return None
    if not quantised:
        raise ValueError(f"scale: expected None for a head of {dtype}, got {scale}")
    scales = checks.numeric_array("scale", scale).astype(np.float32)
    if scales.shape not in ((), (channels,)):
        raise ValueError(f"scale: expected a number or shape ({channels},), got {scales.shape}")
    scales = np.broadcast_to(scales, (channels,)).copy()
    checks.reject("scale", scales, ~((scales > 0) & np.isfinite(scales)), "a positive finite number")
    return scales


def checked_classes(classes: Any, n_classes: int) -> Array:
    """Ids of the classes that take part, ascending."""
    if classes is None:
        return np.arange(n_classes, dtype=np.int64)
    ids = checks.numeric_array("classes", classes)
    if ids.ndim != 1 or (ids.dtype.kind not in "ui" and ids.size):
        raise ValueError(f"classes: expected a sequence of integers, got {ids.dtype} of shape {ids.shape}")
    checks.reject("classes", ids, (ids < 0) | (ids >= n_classes), f"a class from 0 to {n_classes - 1}")
    return np.unique(ids).astype(np.int64)


def float32_below(value: float) -> np.float32:
    """The largest float32 that is not above: a float32 exceeds the one exactly if it exceeds the other."""
    rounded = np.float32(value)
    return rounded if float(rounded) <= value else np.nextafter(rounded, np.float32(-np.inf))


def logit_below(probability: float) -> float:
    """A little less than the logit; the sigmoid of what passes is compared once more."""
    if probability in (0, 1):
        return -math.inf if probability == 0 else math.inf
    logit = math.log(probability / (1 - probability))
    return logit - 1e-5 * (1 + abs(logit))


def numbers_of(head: Head, values: Array) -> Array:
    """The float32 numbers that stored values of all channels stand for."""
    if head.scales is None:
        return values.astype(np.float32)
    with np.errstate(over="ignore"):
        return (values.astype(np.float32) - np.float32(head.zero_point)) * head.scales[:, None]


def candidates(head: Head, values: Array) -> Candidates:
    """The anchors of an image that pass the threshold, with their best class or with all of them."""
    numbers = numbers_of(head, values)
    scores = numbers[head.first_class + head.class_ids]
    objectness = numbers[4] if head.objectness else np.ones(numbers.shape[1], np.float32)
    if head.objectness and not head.logits:
        with np.errstate(invalid="ignore", over="ignore"):
            scores = scores * objectness
    above = scores > head.stored_threshold
    if head.objectness and head.logits:
        above &= objectness > head.stored_threshold
    if not head.multi_label and len(scores):
        best = np.argmax(np.where(np.isnan(scores), -np.inf, scores), axis=0)
        above &= np.arange(len(scores))[:, None] == best
    anchors, rows = np.nonzero(above.T)
    return Candidates(anchors, head.class_ids[rows], scores[rows, anchors], objectness[anchors], numbers[:4].T[anchors])


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)) in float64, rounded to float32: the same bits everywhere, since nothing but + - · / is used."""
    a = np.minimum(np.abs(x.astype(np.float64)), 700.0)
    n = np.rint(a * 1.4426950408889634)
    r = n * float.fromhex("0x1.62e42fefa38p-1") - a + n * float.fromhex("0x1.ef35793c76730p-45")
    power = np.full_like(r, 1 / math.factorial(13))
    for k in range(12, -1, -1):  # the Taylor series of exp(r), |r| <= ln 2 / 2
        power = power * r + 1 / math.factorial(k)
    power = np.ldexp(power, -n.astype(np.int32))  # exp(-|x|)
    return (np.where(x >= 0, 1.0, power) / (1.0 + power)).astype(np.float32)


def finish(
    head: Head,
    found: Iterable[Candidates],
    convert: Callable[..., Array],
    suppress_by_class: Callable[..., Array],
    suppress: Callable[..., Array],
) -> Detections:
    """Scores, boxes and NMS of the candidates of each image."""
    images = []
    for image, each in enumerate(found):
        each = best_candidates(head, each)
        check_boxes(head, image, each)
        boxes = convert(each.boxes, head.fmt, "xyxy")
        if head.class_agnostic:
            keep = suppress(boxes, each.scores, head.iou_threshold, max_output=head.max_output)
        else:
            keep = suppress_by_class(boxes, each.scores, each.classes, head.iou_threshold, max_output=head.max_output)
        number = np.full(len(keep), image, np.int64)
        images.append((boxes[keep], each.scores[keep], each.classes[keep], number, each.anchors[keep]))
    if len(images) == 1:
        return Detections(*images[0])
    none = (np.zeros((0, 4), np.float32), np.zeros(0, np.float32), *np.zeros((3, 0), np.int64))
    return Detections(*map(np.concatenate, zip(*images, none, strict=True)))


def best_candidates(head: Head, found: Candidates) -> Candidates:
    """With logits as probabilities; no more than may go on, the best by score, in the order they had."""
    if head.logits:
        scores = sigmoid(found.scores)
        if head.objectness:
            scores = scores * sigmoid(found.objectness)
        passing = scores.astype(np.float64) > head.score_threshold
        found = Candidates(*(column[passing] for column in found._replace(scores=scores)))
    if len(found.scores) > head.max_candidates:
        chosen = np.sort(np.argsort(-found.scores, kind="stable")[: head.max_candidates])
        found = Candidates(*(column[chosen] for column in found))
    return found


def check_boxes(head: Head, image: int, found: Candidates) -> None:
    """Raise for a survivor whose box is not finite."""
    good = np.isfinite(found.boxes)
    if not good.all():
        i, k = np.argwhere(~good)[0]
        raise ValueError(
            f"predictions: expected finite boxes of candidates, got {found.boxes[i, k]} "
            f"(image {image}, class {found.classes[i]}, anchor {found.anchors[i]})"
        )
