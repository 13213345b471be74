"""``COCOeval.evaluate`` and ``COCOeval.accumulate``, for `fastgeo.compat.pycocotools`.

Boxes go to `fastgeo.mean_average_precision` as columns, and the records that pycocotools makes on the way are made when
they are looked at. Masks, keypoints and whatever a subclass computes by itself are matched on whole arrays: a pair of
image and category without annotations costs nothing, and the others are matched side by side, the best detections of
all pairs in one step, then the second best, at all thresholds and in all ranges of areas at once. Either way records
and figures are pycocotools' own, bit for bit.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np

from fastgeo.compat.coco_columns import Later, LaterDict, box_scores, no_collection
from fastgeo.compat.coco_matching import Annotations, match
from fastgeo.evaluation import DetectionScores
from fastgeo.runtime.checks import Array

Record = dict[str, Any]
HOSTS = ("pycocotools.cocoeval", "fastgeo.compat.coco_evaluator")


def evaluate(self: Any) -> None:
    """Fill `self.ious` and `self.evalImgs`, as ``COCOeval.evaluate``."""
    begin = time.time()
    print("Running per image evaluation...")
    p = self.params
    if p.useSegm is not None:
        p.iouType = "segm" if p.useSegm == 1 else "bbox"
        print(f"useSegm (deprecated) is not None. Running {p.iouType} evaluation")
    print(f"Evaluate annotation type *{p.iouType}*")
    p.imgIds = list(np.unique(p.imgIds))
    if p.useCats:
        p.catIds = list(np.unique(p.catIds))
    p.maxDets = sorted(p.maxDets)
    ids = {
        id(values): list(values) for values in (p.imgIds, p.catIds)
    }  # thousands of numbers need no copy of their own
    self._paramsEval = copy.deepcopy(p, ids)
    self._scores = None
    with no_collection():
        if p.iouType == "bbox" and all(_is_own(self, name) for name in ("_prepare", "computeIoU", "evaluateImg")):
            self._scores = box_scores(self.cocoGt, self.cocoDt, self._paramsEval)
        if self._scores is None:
            self._prepare()
            self.ious, self.evalImgs = _matched(self, p)
        else:
            _match_later(self)
    print(f"DONE (t={time.time() - begin:0.2f}s).")


def _is_own(self: Any, name: str) -> bool:
    """Whether a method is that of pycocotools or its stand-in, not of a subclass."""
    owner = next(base for base in type(self).__mro__ if name in vars(base))
    return owner.__name__ == "COCOeval" and owner.__module__ in HOSTS


def _match_later(self: Any) -> None:
    """Records of what has been evaluated, made when they are looked at."""
    done, copied = self._paramsEval, copy.copy(self)
    copied.params = done
    whole = Later(2, partial(_match_copy, copied))
    self.ious = LaterDict(partial(whole.__getitem__, 0))
    n_categories = len(done.catIds) if done.useCats else 1
    self.evalImgs = Later(n_categories * len(done.areaRng) * len(done.imgIds), partial(whole.__getitem__, 1))
    self.eval = {}


def _match_copy(copied: Any) -> list[Any]:
    with no_collection():
        copied._prepare()
        return list(_matched(copied, copied.params))


def _matched(self: Any, p: Any) -> tuple[dict[Any, Any], list[Any]]:
    """`ious` and `evalImgs`."""
    categories = p.catIds if p.useCats else [-1]
    found = Annotations(dict(_annotated_pairs(self, p)), p.maxDets[-1])
    if _is_own(self, "computeIoU") and p.iouType == "bbox":
        ious = found.box_overlaps()
    else:
        compute = self.computeOks if p.iouType == "keypoints" else self.computeIoU
        ious = {pair: compute(*pair) for pair in found.pairs}
    whole = {(image, category): ious.get((image, category), []) for image in p.imgIds for category in categories}
    if _is_own(self, "evaluateImg") and not any(np.isnan(iou).any() for iou in ious.values()):
        return whole, _records(found, list(ious.values()), p, categories)
    self.ious = whole  # a subclass decides for itself, and so does pycocotools about NaN
    return whole, [
        self.evaluateImg(image, category, areas, p.maxDets[-1])
        for category in categories
        for areas in p.areaRng
        for image in p.imgIds
    ]


def _annotated_pairs(self: Any, p: Any) -> Iterator[tuple[tuple[Any, Any], tuple[list[Any], list[Any]]]]:
    """(image, category) and its truths and detections, where there are any; category -1 stands for all."""
    if p.useCats:
        images, categories = set(p.imgIds), set(p.catIds)
        for pair in dict.fromkeys([*self._gts, *self._dts]):
            if pair[0] in images and pair[1] in categories:
                yield pair, (self._gts.get(pair, []), self._dts.get(pair, []))
    else:
        for image in p.imgIds:
            gt, dt = ([x for c in p.catIds for x in of.get((image, c), [])] for of in (self._gts, self._dts))
            if gt or dt:
                yield (image, -1), (gt, dt)


def _records(found: Annotations, ious: list[Any], p: Any, categories: list[Any]) -> list[Record | None]:
    """One record for each category, range of areas and image, in this order; None where nothing is annotated."""
    ranges, n_images = p.areaRng, len(p.imgIds)
    records: list[Record | None] = [None] * (len(categories) * len(ranges) * n_images)
    image_place = {image: place for place, image in enumerate(p.imgIds)}
    category_place = {category: place for place, category in enumerate(categories)}
    dt_matches, dt_ignored, gt_matches, gt_ignored = match(found, ious, np.asarray(p.iouThrs), ranges)
    for a, areas in enumerate(ranges):
        order = found.truth_order(gt_ignored[a])
        ids, flags = [found.gt_ids[i] for i in order.tolist()], gt_ignored[a][order].astype(np.int64)
        dtm, dt_flags, gtm = dt_matches[a], dt_ignored[a], gt_matches[a][:, order]
        for (image, category), (d, e), (g, h) in zip(found.pairs, found.dt_spans, found.gt_spans, strict=True):
            place = image_place[image]
            records[(category_place[category] * len(ranges) + a) * n_images + place] = {
                "image_id": p.imgIds[place],
                "category_id": category,
                "aRng": areas,
                "maxDet": p.maxDets[-1],
                "dtIds": found.dt_ids[d:e],
                "gtIds": ids[g:h],
                "dtMatches": dtm[:, d:e],
                "gtMatches": gtm[:, g:h],
                "dtScores": found.dt_scores[d:e],
                "gtIgnore": flags[g:h] if h > g else np.array([]),
                "dtIgnore": dt_flags[:, d:e],
            }
    if ranges:
        found.mark_ignored(gt_ignored[-1])
    return records


def accumulate(self: Any, p: Any = None) -> None:
    """Precision, recall and scores of the records in `self.evalImgs`, as ``COCOeval.accumulate``."""
    print("Accumulating evaluation results...")
    begin = time.time()
    if not self.evalImgs:
        print("Please run evaluate() first")
    if p is None:
        p = self.params
    p.catIds = p.catIds if p.useCats == 1 else [-1]
    counts, precision, recall, scores = _arrays(self, p)
    self.eval = {
        "params": p,
        "counts": counts,
        "date": datetime.now().strftime("%Y-%m-%d %H:%M:%S"),
        "precision": precision,
        "recall": recall,
        "scores": scores,
    }
    print(f"DONE (t={time.time() - begin:0.2f}s).")


def _arrays(self: Any, p: Any) -> tuple[list[int], Array, Array, Array]:
    """Counts, precision, recall and scores: those that have been evaluated, or those of the records."""
    n_categories = len(p.catIds) if p.useCats else 1
    counts = [len(p.iouThrs), len(p.recThrs), n_categories, len(p.areaRng), len(p.maxDets)]
    evaluated: DetectionScores | None = getattr(self, "_scores", None)
    if evaluated is not None and isinstance(self.evalImgs, Later) and _are_same(p, self._paramsEval):
        return counts, evaluated.precision.copy(), evaluated.recall.copy(), evaluated.scores.copy()
    precision, scores = -np.ones(counts), -np.ones(counts)
    recall = -np.ones([counts[0], *counts[2:]])

    done = self._paramsEval
    categories, areas = set(done.catIds if done.useCats else [-1]), set(map(tuple, done.areaRng))
    limits, images = set(done.maxDets), set(done.imgIds)
    chosen_categories = [n for n, k in enumerate(p.catIds) if k in categories]
    chosen_areas = [n for n, a in enumerate(p.areaRng) if tuple(a) in areas]
    chosen_images = [n for n, i in enumerate(p.imgIds) if i in images]
    max_dets = [m for m in p.maxDets if m in limits]
    for k, category in enumerate(chosen_categories):
        for a, area in enumerate(chosen_areas):
            first = (category * len(done.areaRng) + area) * len(done.imgIds)
            records = [record for i in chosen_images if (record := self.evalImgs[first + i]) is not None]
            for m, curve in _curves(records, max_dets, p.recThrs):
                precision[:, :, k, a, m], recall[:, k, a, m], scores[:, :, k, a, m] = curve
    return counts, precision, recall, scores


def _are_same(p: Any, done: Any) -> bool:
    """Whether all that decides the figures is as it was when they were computed."""
    if p.iouType != done.iouType or bool(p.useCats) != bool(done.useCats):
        return False
    names = ("imgIds", "iouThrs", "recThrs", "maxDets", "areaRng", *(["catIds"] if p.useCats else []))
    return all(np.array_equal(getattr(p, name), getattr(done, name)) for name in names)


def _curves(
    records: list[Record], max_dets: list[int], recall_points: Any
) -> Iterator[tuple[int, tuple[Array, Array, Array]]]:
    """For each limit of detections an image: precision and scores at the points of recall, and the last recall."""
    if not records:
        return
    positives = int(np.count_nonzero(np.concatenate([record["gtIgnore"] for record in records]) == 0))
    if positives == 0:
        return
    all_scores = np.concatenate([record["dtScores"] for record in records])
    matched = np.concatenate([record["dtMatches"] for record in records], axis=1) != 0
    ignored = np.concatenate([record["dtIgnore"] for record in records], axis=1)
    rank = np.concatenate([np.arange(len(record["dtScores"])) for record in records])
    for m, limit in enumerate(max_dets):
        taking_part = np.flatnonzero(rank < limit)
        # pycocotools takes mergesort "to be consistent as Matlab"
        taking_part = taking_part[np.argsort(-all_scores[taking_part], kind="mergesort")]
        hit, counted = matched[:, taking_part], ~ignored[:, taking_part]
        true = np.cumsum(hit & counted, axis=1).astype(float)
        false = np.cumsum(~hit & counted, axis=1).astype(float)
        yield m, _curve(true, false, positives, all_scores[taking_part], recall_points)


def _curve(true: Array, false: Array, positives: int, scores: Array, recall_points: Any) -> tuple[Array, Array, Array]:
    recall, precision = true / positives, true / (false + true + np.spacing(1))
    # the highest precision at this recall or more
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    shape, n = (len(true), len(recall_points)), true.shape[1]
    sampled, sampled_scores = np.zeros(shape), np.zeros(shape)
    for t in range(len(true)):
        places = np.searchsorted(recall[t], recall_points, side="left")
        # pycocotools stops at the first point that is not reached
        places = places[: int(np.argmax(places == n)) if (places == n).any() else None]
        sampled[t, : len(places)], sampled_scores[t, : len(places)] = precision[t, places], scores[places]
    return sampled, recall[:, -1] if n else np.zeros(len(true)), sampled_scores
