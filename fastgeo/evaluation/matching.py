"""Matching and curves as the COCO API and the VOC devkit define them: what the references are made of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fastgeo.boxes.reference import box_iou
from fastgeo.evaluation.arguments import Objects, Problem
from fastgeo.runtime.box_math import corners
from fastgeo.runtime.checks import Array


class Found(NamedTuple):
    """A detection at one threshold of overlap and in one range of areas."""

    score: float
    is_true: bool
    is_ignored: bool


class Matched(NamedTuple):
    """An image and class in one range of areas."""

    positives: int
    found: list[list[Found]]  # for each threshold, by descending score


def match_image(whole: Problem, k: int, image: int, limits: tuple[float, float]) -> Matched:
    """Match the detections of one class in an image at every threshold of overlap."""
    voc = whole.grid.convention != "coco"
    true = np.flatnonzero((whole.truth.images == image) & (whole.truth.classes == k))
    found = np.flatnonzero((whole.detections.images == image) & (whole.detections.classes == k))
    found = found[np.argsort(-whole.scores[found], kind="stable")][: whole.grid.max_detections[-1]]
    ignored = whole.ignored[true] | outside(areas_of(whole.truth, whole.fmt)[true], limits)
    too_big_or_small = outside(areas_of(whole.detections, whole.fmt)[found], limits)
    crowd = np.zeros(len(true), bool) if voc else whole.crowd[true]
    boxes = whole.detections.boxes[found], whole.truth.boxes[true]
    overlaps = box_iou(*boxes, fmt=whole.fmt, offset=int(voc), iscrowd=crowd)
    answer = []
    for threshold in whole.grid.iou_thresholds:
        if voc:
            partners = match_as_voc(overlaps, ignored, threshold)
        else:
            partners = match(overlaps, ignored, crowd, min(threshold, 1 - 1e-10))
        rows = []
        for d, partner in enumerate(partners):
            no_matter = bool(too_big_or_small[d] if partner < 0 else ignored[partner])
            rows.append(Found(float(whole.scores[found[d]]), partner >= 0 and not no_matter, no_matter))
        answer.append(rows)
    return Matched(int(np.count_nonzero(~ignored)), answer)


def match(overlaps: Array, ignored: Array, crowd: Array, threshold: float) -> list[int]:
    """The truth of each detection, or -1. Rows of `overlaps` are detections by descending score."""
    taken: set[int] = set()
    partners = []
    for row in overlaps:
        free = [g for g in range(len(row)) if row[g] >= threshold and (crowd[g] or g not in taken)]
        # those that count come first, then the highest overlap, then the later
        partner = max(free, key=lambda g: (not ignored[g], row[g], g), default=-1)
        taken.add(partner)
        partners.append(partner)
    return partners


def match_as_voc(overlaps: Array, ignored: Array, threshold: float) -> list[int]:
    """The same by the rules of the VOC devkit: the truth of highest overlap, or none where that is taken."""
    taken: set[int] = set()
    partners = []
    for row in overlaps:
        best = int(np.argmax(row)) if len(row) else -1  # the first of equals
        if best < 0 or not row[best] > threshold or best in taken:
            best = -1
        elif not ignored[best]:
            taken.add(best)
        partners.append(best)
    return partners


class Curve(NamedTuple):
    recall: float  # of all detections
    precision: Array  # at each threshold of recall, as the next
    scores: Array
    area: float  # under the whole curve


def curve(found: list[Found], positives: int, recall_thresholds: Array, margin: float) -> Curve:
    """Precision and score at each threshold of recall; `margin` is added to the denominator of precision."""
    found = sorted(found, key=lambda row: -row.score)  # equal scores stay in order
    recalls, precisions = [], []
    true = counted = 0
    for row in found:
        true, counted = true + row.is_true, counted + (not row.is_ignored)
        recalls.append(true / positives)
        precisions.append(true / (counted + margin) if true else 0.0)
    precision, score = np.zeros(len(recall_thresholds)), np.zeros(len(recall_thresholds))
    for r, threshold in enumerate(recall_thresholds):
        first = next((i for i, recall in enumerate(recalls) if recall >= threshold), None)
        if first is None:
            break  # as pycocotools: thresholds after one that is not reached stay at 0
        precision[r], score[r] = max(precisions[first:]), found[first].score
    return Curve(recalls[-1] if found else 0.0, precision, score, area(recalls, precisions))


def area(recalls: list[float], precisions: list[float]) -> float:
    """Under the highest precision at each recall or beyond, summed from the highest recall down."""
    total = highest = 0.0
    for i in reversed(range(len(recalls))):
        highest = max(highest, precisions[i])
        total += highest * (recalls[i] - (recalls[i - 1] if i else 0.0))
    return total


def outside(areas: Array, limits: tuple[float, float]) -> Array:
    return (areas < limits[0]) | (areas > limits[1])


def areas_of(objects: Objects, fmt: str) -> Array:
    return corners(objects.boxes, fmt, 0).area if objects.areas is None else objects.areas
