"""Matching detections to truths of many pairs of image and category side by side, by the rules of COCO."""

from __future__ import annotations

from typing import Any

import numpy as np

import fastgeo
from fastgeo.runtime.checks import Array

Pair = tuple[Any, Any]


class Annotations:
    """Truths and detections pair after pair, each pair's detections by descending score and at most `max_det`."""

    def __init__(self, pairs: dict[Pair, tuple[list[Any], list[Any]]], max_det: int) -> None:
        self.pairs = list(pairs)
        self.truths = [g for gt, _ in pairs.values() for g in gt]
        self.gt_counts = np.array([len(gt) for gt, _ in pairs.values()], np.int64)
        self.gt_pair = np.repeat(np.arange(len(pairs)), self.gt_counts)
        self.gt_ids = [g["id"] for g in self.truths]
        self.is_crowd = np.array([int(g["iscrowd"]) for g in self.truths], bool)

        detections = [d for _, dt in pairs.values() for d in dt]
        counts = np.array([len(dt) for _, dt in pairs.values()], np.int64)
        dt_pair = np.repeat(np.arange(len(pairs)), counts)
        order = np.lexsort((-np.array([d["score"] for d in detections], np.float64), dt_pair))
        rank = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
        self.detections = [detections[i] for i in order[rank < max_det].tolist()]
        self.dt_counts = np.minimum(counts, max_det)
        self.rank = rank[rank < max_det]
        self.dt_ids = [d["id"] for d in self.detections]
        self.dt_scores = [d["score"] for d in self.detections]

        self.gt_spans, self.dt_spans = _spans(self.gt_counts), _spans(self.dt_counts)

    def box_overlaps(self) -> dict[Pair, Any]:
        """What ``COCOeval.computeIoU`` returns for each pair."""
        dt = np.array([d["bbox"] for d in self.detections], np.float64).reshape(-1, 4)
        gt = np.array([g["bbox"] for g in self.truths], np.float64).reshape(-1, 4)
        has_crowd = np.zeros(len(self.pairs), bool)
        has_crowd[self.gt_pair[self.is_crowd]] = True
        ious: dict[Pair, Any] = {}
        for pair, (d, e), (g, h), crowded in zip(
            self.pairs, self.dt_spans, self.gt_spans, has_crowd.tolist(), strict=True
        ):
            if d == e or g == h:
                ious[pair] = []
            else:
                crowd = self.is_crowd[g:h] if crowded else None
                ious[pair] = fastgeo.box_iou(dt[d:e], gt[g:h], fmt="xywh", iscrowd=crowd)
        return ious

    def truth_order(self, ignored: Array) -> Array:
        """The truths pair after pair, in each those that are ignored last."""
        order: Array = np.lexsort((ignored, self.gt_pair))
        return order

    def mark_ignored(self, ignored: Array) -> None:
        """Leave the mark that ``COCOeval.evaluateImg`` leaves in the truths."""
        for g, flag in zip(self.truths, ignored.tolist(), strict=True):
            g["_ignore"] = int(flag)

    def candidates(self, ious: list[Any], lowest: float) -> tuple[Array, Array, Array]:
        """Detection, truth and overlap of every couple that overlaps by `lowest` at least."""
        sizes = np.array([np.size(iou) for iou in ious], np.int64)
        full = self.dt_counts * self.gt_counts
        if ((sizes != 0) & (sizes != full)).any():
            raise ValueError("ious: expected an overlap of each detection with each truth, or none")
        values = np.concatenate([np.empty(0), *(np.ravel(iou) for iou in ious)])
        flat = np.flatnonzero(values >= lowest)
        starts = np.cumsum(sizes) - sizes
        pair = np.searchsorted(starts, flat, side="right") - 1
        row, column = np.divmod(flat - starts[pair], self.gt_counts[pair])
        dt_start, gt_start = (np.cumsum(counts) - counts for counts in (self.dt_counts, self.gt_counts))
        return dt_start[pair] + row, gt_start[pair] + column, values[flat]


def match(found: Annotations, ious: list[Any], thresholds: Array, ranges: Any) -> tuple[Array, Array, Array, Array]:
    """For each range of areas: the id of the truth of each detection and whether it is ignored, both (thresholds,
    detections); the id of the detection of each truth (thresholds, truths), 0 for none; which truths are ignored.
    """
    limits = np.minimum(thresholds, 1 - 1e-10)
    low, high = np.array(ranges, np.float64).reshape(-1, 2).T[:, :, None]
    gt_area, dt_area = (np.array([x["area"] for x in of], np.float64) for of in (found.truths, found.detections))
    ignored = np.array([bool(g["ignore"]) for g in found.truths], bool) | (gt_area < low) | (gt_area > high)
    outside = (dt_area < low) | (dt_area > high)
    truth_of, detection_of = _greedy(found, ious, limits, ignored)  # (ranges, thresholds, annotations), -1 for none

    dt_matches = np.append(np.array(found.gt_ids, np.float64), 0)[truth_of]
    gt_matches = np.append(np.array(found.dt_ids, np.float64), 0)[detection_of]
    never = np.zeros((len(ignored), 1), bool)
    fell = np.take_along_axis(np.hstack([ignored, never]), truth_of.reshape(len(ignored), -1), axis=1)
    dt_ignored = fell.reshape(truth_of.shape) | ((dt_matches == 0) & outside[:, None])
    return dt_matches, dt_ignored, gt_matches, ignored


def _greedy(found: Annotations, ious: list[Any], limits: Array, ignored: Array) -> tuple[Array, Array]:
    """Truth of each detection and detection of each truth: each detection in turn takes the free truth of highest
    overlap, the last one if they tie, and an ignored one only where no other is left.
    """
    shape = len(ignored), len(limits)
    truth_of = np.full((len(found.detections), *shape), -1, np.int32)
    detection_of = np.full((len(found.truths), *shape), -1, np.int32)
    taken = np.zeros(detection_of.shape, bool)
    # pycocotools takes a truth for free while the id of its detection is not above 0
    holds = np.array(found.dt_ids, np.float64) > 0
    dt, gt, value = found.candidates(ious, limits.min(initial=np.inf))
    best_first = np.lexsort((-gt, -value, dt, found.rank[dt]))
    dt, gt, value = dt[best_first], gt[best_first], value[best_first]
    starts = np.flatnonzero(np.diff(dt, prepend=-1))
    counts = np.diff(starts, append=len(dt))
    # the earlier a candidate of a detection, the higher its preference; above any of an ignored one
    preference = np.repeat(starts + counts, counts) - np.arange(len(dt))
    above = int(counts.max(initial=0)) + 1
    plain = np.where(ignored.T, 0, above)
    turns = np.flatnonzero(np.diff(found.rank[dt[starts]], prepend=-1))
    for first, last in zip(turns, np.append(turns, len(starts))[1:], strict=True):
        begin, end = starts[first], starts[last - 1] + counts[last - 1]
        g = gt[begin:end]
        open_to = ~taken[g] & (value[begin:end, None, None] >= limits)
        worth = np.where(open_to, (preference[begin:end, None] + plain[g])[:, :, None], 0)
        best = np.maximum.reduceat(worth, starts[first:last] - begin, axis=0)
        i, a, t = np.nonzero(best)
        chosen = gt[(starts + counts)[first:last][i] - best[i, a, t] % above]
        detection = dt[starts[first:last]][i]
        truth_of[detection, a, t], detection_of[chosen, a, t] = chosen, detection
        taken[chosen, a, t] = holds[detection] & ~found.is_crowd[chosen]
    return np.ascontiguousarray(np.moveaxis(truth_of, 0, 2)), np.ascontiguousarray(np.moveaxis(detection_of, 0, 2))


def _spans(counts: Array) -> list[tuple[int, int]]:
    ends = np.cumsum(counts)
    return list(zip((ends - counts).tolist(), ends.tolist(), strict=True))
