"""DetectionEvaluator in NumPy: the specification; the kernels replace the matching and the curves."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from fastgeo.evaluation import arguments
from fastgeo.evaluation.arguments import Grid, Objects, Problem
from fastgeo.evaluation.matching import Found, curve, match_image
from fastgeo.evaluation.scores import DetectionScores
from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array

Self = TypeVar("Self", bound="DetectionEvaluator")

# Magic and version, length of the settings; the settings, the arrays and a CRC-32 follow.
HEADER = struct.Struct("<8sQ")
MAGIC = b"FGDEVL\x00\x01"
CHECKSUM = struct.Struct("<I")
LANES = 64


class Block(NamedTuple):
    """Matched detections, those of an image and class by descending score.

    A lane is a threshold of overlap in a range of areas. Lane ``a * T + t`` is bit ``lane % 64`` of word
    ``lane // 64``.
    """

    images: Array  # ids of all the images that have been seen
    image_ids: Array  # of each detection
    class_ids: Array
    scores: Array
    hits: Array  # (words, detections): lanes in which it is true
    counted: Array  # the same where it is true or false, and not ignored
    classes: Array  # ids of all the classes that have been seen
    positives: Array  # (classes, ranges): truths that count


def _restored(cls: type[DetectionEvaluator], data: bytes) -> DetectionEvaluator:
    return cls.from_bytes(data)


class DetectionEvaluator:
    """Average precision and recall of a stream of images.

    Parameters
    ----------
    convention, fmt, iou_thresholds, recall_thresholds, area_ranges, max_detections, class_agnostic, images, classes
        As in :func:`fastgeo.mean_average_precision`.

    Raises
    ------
    ValueError, TypeError
        As :func:`fastgeo.mean_average_precision`; from ``update`` and ``merge`` also for an image that has been seen,
        the state then being as before; from ``from_bytes`` for anything but the bytes of an evaluator.

    See Also
    --------
    mean_average_precision : the same of tables that are at hand.

    Notes
    -----
    ``update(detections, truth)`` adds the images of two tables, each image whole: one that comes again is an error.
    ``merge(other)`` adds what another evaluator with the same parameters has seen; both return the evaluator itself,
    and ``e1 + e2`` is a new one. ``compute()`` gives the scores of everything seen, as
    :func:`fastgeo.mean_average_precision` returns them: any order and any batching of the images gives the arrays of
    one call, bit for bit. Evaluators pickle, and ``to_bytes()`` and ``from_bytes(data)`` go through a versioned form
    with a checksum, the same on every platform.

    Boxes are matched in ``update`` and are not kept: memory is about 40 bytes for each detection that is within the
    highest limit of its image and class. One evaluator must not be updated from two threads at once: give each its own
    and merge.

    References
    ----------
    .. [1] T.-Y. Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014.

    Examples
    --------
    >>> import fastgeo
    >>> evaluator = fastgeo.DetectionEvaluator()
    >>> for image in (1, 2):
    ...     truth = {"image_id": [image], "class_id": [7], "boxes": [[0, 0, 10, 10]]}
    ...     evaluator = evaluator.update(truth | {"scores": [0.9]}, truth)
    >>> round(evaluator.compute().ap, 3)
    1.0
    """

    def __init__(
        self,
        *,
        convention: str = "coco",
        fmt: str = "xywh",
        iou_thresholds: ArrayLike | None = None,
        recall_thresholds: ArrayLike | None = None,
        area_ranges: Mapping[str, tuple[float, float]] | None = None,
        max_detections: Sequence[int] | None = None,
        class_agnostic: bool = False,
        images: ArrayLike | None = None,
        classes: ArrayLike | None = None,
    ) -> None:
        self._grid = arguments.grid(convention, iou_thresholds, recall_thresholds, area_ranges, max_detections)
        self._fmt = checks.choice("fmt", fmt, checks.FORMATS)
        self._class_agnostic = arguments.flag("class_agnostic", class_agnostic)
        self._images = None if images is None else arguments.distinct_ids("images", images)
        self._classes = None if classes is None else arguments.distinct_ids("classes", classes)
        self._seen: set[Any] = set()
        self._blocks: list[Block] = []  # each at least twice as long as the next

    def update(self: Self, detections: Mapping[str, Any], truth: Mapping[str, Any]) -> Self:
        """Add images, each whole; see :func:`fastgeo.mean_average_precision` for the tables."""
        self._settle()
        self._add(self._block(detections, truth))
        return self

    def merge(self: Self, other: DetectionEvaluator) -> Self:
        """Add what another evaluator with the same parameters has seen."""
        if not isinstance(other, DetectionEvaluator):
            raise TypeError(f"other: expected a DetectionEvaluator, got {type(other).__name__}")
        if self._settings() != other._settings():
            raise ValueError("other: expected an evaluator with the same parameters, got others")
        self._settle()
        other._settle()
        if other._blocks:
            self._add(_joined(other._blocks))
        return self

    def compute(self) -> DetectionScores:
        """The scores of everything seen."""
        self._settle()
        empty: dict[str, Any] = {"image_id": [], "class_id": [], "boxes": [], "scores": []}
        whole = arguments.problem(
            empty, empty, self._grid, self._fmt, False, self._images, self._classes, arguments.code_ids
        )
        block = _joined(self._blocks) if self._blocks else self._matched(whole)
        if self._class_agnostic:
            classes: Array | None = np.array([-1])
        else:
            classes = self._classes
        class_ids, found, _ = self._coder()("class_id", *_alike(block.class_ids, block.classes, classes))
        _, _, places = self._coder()("class_id", *_alike(block.class_ids, block.classes, class_ids))
        image_ids, images, _ = self._coder()("image_id", *_alike(block.image_ids, block.images, self._images))
        positives = np.zeros((len(class_ids), len(self._grid.area_ranges)), np.int64)
        np.add.at(positives, places, block.positives)
        precision, recall, scores, areas = self._accumulated(images, found, len(image_ids), block, positives)
        return DetectionScores(precision, recall, scores, areas, class_ids, image_ids, *self._grid)

    def __add__(self: Self, other: DetectionEvaluator) -> Self:
        if not isinstance(other, DetectionEvaluator):
            return NotImplemented
        return type(self).from_bytes(self.to_bytes()).merge(other)

    def __repr__(self) -> str:
        self._settle()
        found = sum(len(block.scores) for block in self._blocks)
        return f"<DetectionEvaluator: {len(self._seen)} images, {found} detections>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.to_bytes())

    def to_bytes(self) -> bytes:
        """The whole state, in the same bytes on every platform."""
        self._settle()
        settings = json.dumps([self._settings(), bool(self._blocks)]).encode()
        body = io.BytesIO()
        for array in _joined(self._blocks) if self._blocks else ():
            np.lib.format.write_array(body, array.astype(array.dtype.newbyteorder("<")), (1, 0), allow_pickle=False)
        data = HEADER.pack(MAGIC, len(settings)) + settings + body.getvalue()
        return data + CHECKSUM.pack(zlib.crc32(data))

    @classmethod
    def from_bytes(cls: type[Self], data: bytes) -> Self:
        """The evaluator that `to_bytes` has written; anything else raises ValueError."""
        data = bytes(memoryview(data))
        if len(data) < HEADER.size + CHECKSUM.size or data[: len(MAGIC)] != MAGIC:
            raise ValueError("data: expected the bytes of a DetectionEvaluator, version 1, got something else")
        if CHECKSUM.unpack(data[-CHECKSUM.size :])[0] != zlib.crc32(data[: -CHECKSUM.size]):
            raise ValueError("data: expected the bytes of a DetectionEvaluator, got a wrong checksum")
        end = HEADER.size + HEADER.unpack_from(data)[1]
        settings, has_block = json.loads(data[HEADER.size : end])
        evaluator = cls(**settings)
        if has_block:
            body = io.BytesIO(data[end : -CHECKSUM.size])
            arrays = [np.lib.format.read_array(body, allow_pickle=False) for _ in Block._fields]
            evaluator._add(Block(*(array.astype(array.dtype.newbyteorder("=")) for array in arrays)))
        return evaluator

    def _settings(self) -> dict[str, Any]:
        grid = self._grid
        return {
            "fmt": self._fmt,
            "iou_thresholds": grid.iou_thresholds.tolist(),
            "recall_thresholds": grid.recall_thresholds.tolist(),
            "convention": grid.convention,
            "area_ranges": {n: list(r) for n, r in grid.area_ranges.items()} if grid.convention == "coco" else None,
            "max_detections": grid.max_detections.tolist(),
            "class_agnostic": self._class_agnostic,
            "images": None if self._images is None else self._images.tolist(),
            "classes": None if self._classes is None else self._classes.tolist(),
        }

    def _settle(self) -> None:
        """Match what has been put off; here nothing is."""

    def _block(self, detections: Mapping[str, Any], truth: Mapping[str, Any]) -> Block:
        whole = arguments.problem(
            detections, truth, self._grid, self._fmt, self._class_agnostic, self._images, self._classes, self._coder()
        )
        block = self._matched(whole)
        if self._images is None:
            return block
        came = np.unique(np.concatenate([whole.detections.images, whole.truth.images]))  # of the list
        return block._replace(images=whole.images[came])

    def _add(self, block: Block) -> None:
        again = self._seen.intersection(block.images.tolist())
        if again:
            raise ValueError(
                f"detections['image_id']: expected images that have not been seen, got {min(again)!r} again"
            )
        for name in ("images", "classes"):  # raises before anything changes
            _alike_all(name, [*self._blocks, block])
        self._seen.update(block.images.tolist())
        self._push(block)

    def _push(self, block: Block) -> None:
        self._blocks.append(block)
        while len(self._blocks) > 1 and len(self._blocks[-2].scores) < 2 * len(self._blocks[-1].scores) + LANES:
            self._blocks[-2:] = [_joined(self._blocks[-2:])]

    @staticmethod
    def _coder() -> arguments.Coder:
        return arguments.code_ids

    @staticmethod
    def _matched(whole: Problem) -> Block:
        arguments.values(whole)
        ranges = whole.grid.area_ranges.values()
        thresholds = len(whole.grid.iou_thresholds)
        rows: list[tuple[int, int, float, int, int]] = []  # image, class, score, hits, counted
        positives = np.zeros((len(whole.classes), len(ranges)), np.int64)
        for k in range(len(whole.classes)):
            for image in range(len(whole.images)):
                matched = [match_image(whole, k, image, limits) for limits in ranges]
                positives[k] += [one.positives for one in matched]
                for d in range(len(matched[0].found[0])):
                    lanes = [one.found[t][d] for one in matched for t in range(thresholds)]
                    hits = sum(row.is_true << i for i, row in enumerate(lanes))
                    counted = sum((not row.is_ignored) << i for i, row in enumerate(lanes))
                    rows.append((image, k, lanes[0].score, hits, counted))
        words = -(-thresholds * len(ranges) // LANES)
        return Block(
            whole.images,
            whole.images[[row[0] for row in rows]] if rows else whole.images[:0],
            whole.classes[[row[1] for row in rows]] if rows else whole.classes[:0],
            np.array([row[2] for row in rows], np.float64),
            _words([row[3] for row in rows], words),
            _words([row[4] for row in rows], words),
            whole.classes,
            positives,
        )

    def _accumulated(
        self, images: Array, classes: Array, n_images: int, block: Block, positives: Array
    ) -> tuple[Array, Array, Array, Array | None]:
        """Precision, recall, scores, and areas where the convention takes them."""
        grid = self._grid
        shape = grid.shape(len(positives))
        precision, scores = np.full(shape, -1.0), np.full(shape, -1.0)
        recall = np.full((shape[0], *shape[2:]), -1.0)
        areas = np.full(recall.shape, -1.0) if grid.convention == "voc2012" else None
        for k in range(len(positives)):
            own = np.flatnonzero(classes == k)
            own = own[np.argsort(images[own], kind="stable")]
            rank = np.arange(len(own)) - np.searchsorted(images[own], images[own])
            for a, t, m in np.ndindex(shape[3], shape[0], shape[4]):
                word, bit = divmod(a * shape[0] + t, LANES)
                if positives[k, a]:
                    found = [
                        Found(
                            float(block.scores[i]),
                            bool(int(block.hits[word, i]) >> bit & 1),
                            not int(block.counted[word, i]) >> bit & 1,
                        )
                        for i in own[rank < grid.max_detections[m]]
                    ]
                    points, limit = grid.recall_thresholds, arguments.margin(grid.convention)
                    of = curve(found, int(positives[k, a]), points, limit)
                    recall[t, k, a, m], precision[t, :, k, a, m], scores[t, :, k, a, m] = of[:3]
                    if areas is not None:
                        areas[t, k, a, m] = of.area
        return precision, recall, scores, areas


def _words(lanes: list[int], words: int) -> Array:
    mask = 2**LANES - 1
    return np.array([[lane >> LANES * w & mask for lane in lanes] for w in range(words)], np.uint64).reshape(words, -1)


def _alike(found: Array, true: Array, given: Array | None) -> tuple[Array, Array, Array | None]:
    """Arrays of ids for a `Coder`."""
    arrays = arguments.same_kind(["image_id", "image_id", "images"], [found, true] + ([] if given is None else [given]))
    return arrays[0], arrays[1], None if given is None else arrays[2]


def _alike_all(name: str, blocks: list[Block]) -> list[Array]:
    """A column of ids of all blocks, in one type."""
    column = "image_id" if name.startswith("image") else "class_id"
    return arguments.same_kind([f"detections['{column}']"] * len(blocks), [getattr(block, name) for block in blocks])


def _joined(blocks: list[Block]) -> Block:
    """One block of several."""
    if len(blocks) == 1:
        return blocks[0]
    columns = {}
    for name in Block._fields:
        arrays = [getattr(block, name) for block in blocks]
        if name in ("images", "image_ids", "classes", "class_ids"):
            arrays = _alike_all(name, blocks)
        columns[name] = np.concatenate(arrays, axis=1 if name in ("hits", "counted") else 0)
    return Block(**columns)


def as_problem(grid: Grid, images: Array, classes: Array, n_images: int, block: Block, n_classes: int) -> Problem:
    """Matched detections as the detections of a problem, for those who order them."""
    nothing = np.empty((0, 4))
    objects = Objects(images, classes, nothing, None)
    none = np.zeros(0, np.int32)
    return Problem(
        grid,
        "xyxy",
        np.arange(n_images),
        np.arange(n_classes),
        objects,
        block.scores,
        Objects(none, none, nothing, None),
        np.zeros(0, bool),
        np.zeros(0, bool),
    )
