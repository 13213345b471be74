"""An evaluation of boxes by `fastgeo.mean_average_precision`, for ``COCOeval.evaluate``.

The records that pycocotools makes on the way, ``evalImgs`` and ``ious``, are made when they are looked at.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

import numpy as np

import fastgeo
from fastgeo.evaluation import DetectionScores, dict_columns
from fastgeo.runtime.checks import Array


def box_scores(coco_truth: Any, coco_found: Any, p: Any) -> DetectionScores | None:
    """The scores of an evaluation with the parameters `p`; None where its data need pycocotools' own loops."""
    try:
        if len(set(p.catIds)) != len(p.catIds):
            return None
        truths, detections = (_annotations(coco, p.imgIds) for coco in (coco_truth, coco_found))
        if truths is None or detections is None:
            return None
        truth = _columns(*truths, "iscrowd")
        found = _columns(*detections, "score")
        found["scores"], truth["iscrowd"] = found.pop("score"), truth["iscrowd"] != 0
        scores = fastgeo.mean_average_precision(
            _rows(found, p.catIds),
            _rows(truth, p.catIds),
            iou_thresholds=p.iouThrs,
            recall_thresholds=p.recThrs,
            area_ranges={str(i): limits for i, limits in enumerate(p.areaRng)},
            max_detections=p.maxDets,
            class_agnostic=not p.useCats,
            images=np.arange(len(p.imgIds)),
            classes=np.asarray(p.catIds, np.int64),
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    _mark(truths[0], truth["areas"], truth["iscrowd"], p)
    return scores


def _annotations(coco: Any, images: Sequence[Any]) -> tuple[list[Any], Array] | None:
    """The annotations of the images, and how many each has; None where two share an id."""
    by_image = coco.imgToAnns
    if len(coco.anns) != sum(map(len, by_image.values())):
        return None
    lists = [by_image.get(image, ()) for image in images]
    return list(chain.from_iterable(lists)), np.fromiter(map(len, lists), np.int64, len(lists))


def _columns(annotations: list[Any], counts: Array, last: str) -> dict[str, Array]:
    """Their columns; `last` names one that is this side's own. Ids that are not above 0 raise: they mean "none"."""
    table, boxes = dict_columns(annotations, ("category_id", "area", "id", last), "bbox")
    if not (table[:, 2] > 0).all():
        raise ValueError("id: expected a number above 0")
    classes = table[:, 0].astype(np.int64)
    if not ((classes == table[:, 0]) & (np.abs(classes) < 2**53)).all():
        raise ValueError("category_id: expected a whole number")
    return {
        "image_id": np.repeat(np.arange(len(counts)), counts),
        "class_id": classes,
        "boxes": boxes,
        "areas": table[:, 1].copy(),
        last: table[:, 3].copy(),
    }


def _rows(columns: dict[str, Array], categories: Any) -> dict[str, Array]:
    """Those of the categories that are evaluated."""
    chosen = np.isin(columns["class_id"], np.asarray(categories, np.int64))
    return columns if chosen.all() else {name: column[chosen] for name, column in columns.items()}


def _mark(truths: list[Any], areas: Array, flags: Array, p: Any) -> None:
    """What pycocotools writes into the annotations that it evaluates."""
    categories = set(p.catIds)
    low, high = p.areaRng[-1]
    ignored = flags | (areas < low) | (areas > high)
    for truth, mark in zip(truths, ignored.astype(int).tolist(), strict=True):
        if truth["category_id"] in categories:
            truth["ignore"], truth["_ignore"] = truth["iscrowd"], mark


@contextmanager
def no_collection() -> Iterator[None]:
    """A million new objects and no garbage: the collector would visit every annotation again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class Later(Sequence[Any]):
    """A list that is made when it is looked at."""

    def __init__(self, length: int, make: Callable[[], list[Any]]) -> None:
        self._length, self._make = length, make
        self._made: list[Any] | None = None

    def _list(self) -> list[Any]:
        if self._made is None:
            self._made = self._make()
        return self._made

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: Any) -> Any:
        return self._list()[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._list())

    def __add__(self, other: Any) -> list[Any]:
        return self._list() + list(other)

    def __radd__(self, other: Any) -> list[Any]:
        return list(other) + self._list()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (list, Later)) and self._list() == list(other)

    __hash__ = None  # type: ignore[assignment]


class LaterDict(Mapping[Any, Any]):
    """A dictionary that is made when it is looked at."""

    def __init__(self, make: Callable[[], dict[Any, Any]]) -> None:
        self._make = make
        self._made: dict[Any, Any] | None = None

    def _dict(self) -> dict[Any, Any]:
        if self._made is None:
            self._made = self._make()
        return self._made

    def __len__(self) -> int:
        return len(self._dict())

    def __getitem__(self, key: Any) -> Any:
        return self._dict()[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._dict())
